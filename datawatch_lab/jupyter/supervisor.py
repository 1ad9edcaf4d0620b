"""The engine of a workspace as Jupyter's server has it: found, started, started again, ended.

An engine that is started here is ``datawatch serve`` in a session of its own, so that it outlives
kernels and Jupyter; the lock file beside the workspace leads the next server to it.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.jupyter.owner import Owner, owner_of
from datawatch_lab.service.access import read_token

StateName = Literal["running", "starting", "stopped", "taken", "failed", "refused"]

SERVE = "datawatch serve"
"""What an engine calls itself that may be ended from here."""

_PORT = 3002
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_STEADY_SECONDS = 60.0
_LOG_BYTES = 8_192
_ASKED_TO_END = (0, -signal.SIGTERM, -signal.SIGINT, 130, 143)


@dataclass(frozen=True)
class State:
    """How the engine is.

    Attributes:
        name: ``running``; ``starting``; ``stopped``; ``taken`` by a process that serves nobody;
            ``failed`` to start; ``refused``, when its token belongs to somebody else.
        workspace: path of the file.
        exists: whether the file is there.
        message: what there is to say, a sentence; '' while it runs.
        by: what the process that has it calls itself.
    """

    name: StateName
    workspace: str
    exists: bool
    message: str = ""
    by: str = ""


@dataclass(frozen=True)
class Engine:
    """Where an engine answers.

    Attributes:
        address: of its root, such as ``http://127.0.0.1:3002``.
        token: of its owner; in no repr.
    """

    address: str
    token: str | None

    def __repr__(self) -> str:
        return f"Engine({self.address!r})"


class Supervisor:
    """Finds and starts the engine of one workspace; all methods are for one thread.

    Args:
        path: of the workspace.
        command: that starts an engine; by default ``datawatch serve`` of this release.
        config: a file of settings for an engine that is started here.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        path: Path,
        *,
        command: Sequence[str] | None = None,
        config: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self.config = config
        self._command = command
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._wanted = False
        self._code: int | None = None

    @property
    def log(self) -> Path:
        """Where an engine that is started here writes; mode 0600, since its link is in it."""
        return self.path.with_name(self.path.name + ".log")

    def find(self) -> Engine | None:
        """Where the engine answers; None when there is none.

        Raises:
            WorkspaceError: its token belongs to another user.
        """
        owner = owner_of(self.path)
        if owner is None or not owner.address:
            return None
        return Engine(owner.address.rstrip("/"), read_token(self.path))

    def state(self) -> State:
        """How it is now."""
        owner = owner_of(self.path)
        if owner is not None and owner.address:
            try:
                read_token(self.path)
            except WorkspaceError as error:
                return self._state("refused", str(error), owner.what)
            return self._state("running", by=owner.what)
        if self._is_alive() or (owner is not None and _will_serve(owner)):
            return self._state("starting", "The engine is starting …")
        if owner is not None:
            return self._state(
                "taken",
                f"{self.path.name} is open in {owner.what} (process {owner.pid}), which does not "
                "serve it. Close it there, or restart that kernel.",
                owner.what,
            )
        if self._code not in (None, *_ASKED_TO_END):
            return self._state("failed", self._last_words())
        message = "Nothing is taken in, and no alert judged, until it runs."
        if not self.path.exists():
            message = f"{self.path.name} is not there yet; Start makes it."
        return self._state("stopped", message)

    def _state(self, name: StateName, message: str = "", by: str = "") -> State:
        return State(name, str(self.path), self.path.exists(), message, by)

    def start(self) -> None:
        """Start an engine, unless there is one; returns at once, `state` tells how it goes.

        Raises:
            WorkspaceError: the folder cannot be written to.
        """
        self._wanted = True
        if owner_of(self.path) is not None or self._is_alive():
            return
        try:
            with self._open_log() as log:
                self._process = subprocess.Popen(  # noqa: S603 — our own command
                    self._command or self._serve(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env={**os.environ, "DATAWATCH_WORKSPACE": str(self.path)},
                )
        except OSError as error:
            self._wanted = False
            raise WorkspaceError(
                f"the engine of {self.path.name} cannot be started: {error.strerror or error}.",
                hint="A workspace needs a folder that you may write to.",
            ) from error
        self._code = None
        self._started = self._clock()

    def _serve(self) -> list[str]:
        given = ["--config", str(self.config)] if self.config is not None else []
        port = _PORT if _is_free(_PORT) else 0
        where = ["--workspace", str(self.path), "--port", str(port)]
        return [sys.executable, "-m", "datawatch_lab.cli", "serve", *where, *given]

    def _open_log(self) -> IO[bytes]:
        handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(handle, 0o600)
        return os.fdopen(handle, "wb")

    def stop(self) -> bool:
        """End the engine, if it is a ``datawatch serve``.

        Returns:
            Whether one was told to end; False for one that runs in a terminal under another verb.
        """
        self._wanted = False
        owner = owner_of(self.path)
        if self._is_alive() and self._process is not None:
            self._process.terminate()
            return True
        if owner is None or owner.what != SERVE or not owner.pid:
            return False
        try:
            os.kill(owner.pid, signal.SIGTERM)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def tick(self) -> None:
        """Start an engine of ours again that fell over: after 1 s, 2 s, 4 s … up to a minute."""
        process = self._process
        if process is None or process.poll() is None:
            return
        now = self._clock()
        if self._code is None:
            self._code = process.returncode
            lasted = now - self._started
            self._failures = 1 if lasted > _STEADY_SECONDS else self._failures + 1
            self._started = now
            self._wanted = self._wanted and self._code not in _ASKED_TO_END
        if self._wanted and now - self._started >= pause_after(self._failures):
            self.start()

    def _is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _last_words(self) -> str:
        """The end of the log, without a link's token."""
        try:
            lines = self.log.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        said = [each.strip() for each in lines if each.strip() and "token=" not in each]
        words = " ".join(said[-2:]).removeprefix("Error: ")
        return words or f"The engine ended with status {self._code}; see {self.log.name}."


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row.

    >>> [pause_after(n) for n in (1, 2, 3, 20)]
    [1.0, 2.0, 4.0, 60.0]
    """
    return min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(failures - 1, 30))


def _will_serve(owner: Owner) -> bool:
    return owner.what in (SERVE, "datawatch demo", "datawatch lab", "another process")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True

"""A private server: a program in a folder of its own, on a free port, from start to end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, ClassVar

from tests.services.ports import free_port
from tests.waiting import PATIENCE

_TRIES = 20


class Program:
    """A server that runs while the object is open; its folder outlives a restart.

    Args:
        name: of the folder.
        owner: the user who runs it where the tests run as root, which some servers refuse; nobody
            where there is no such user.

    Attributes:
        port: on 127.0.0.1.
        folder: all that is its own, the log included.
    """

    ends_by: ClassVar[signal.Signals] = signal.SIGTERM
    """What stops it, unless it is to crash."""

    def __init__(self, name: str, owner: str | None = None) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix=f"datawatch-{name}-"))
        self.as_owner: dict[str, Any] = {"cwd": self.folder}
        if owner is not None and os.geteuid() == 0:
            user = _known(owner)
            shutil.chown(self.folder, user)
            self.as_owner |= {"user": user, "group": user, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """The program and its arguments."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes requests."""
        raise NotImplementedError

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (self.folder / "log").read_text(errors="replace")

    def run(self, *command: str) -> None:
        """Run a tool of the server to its end."""
        with (self.folder / "log").open("ab") as log:
            subprocess.run(
                command, check=True, timeout=2 * PATIENCE, stdout=log, stderr=log, **self.as_owner
            )

    def start(self) -> None:
        """Start it and wait until it answers.

        One that ends at once is started again: after a crash, what it held is held for a while.

        Raises:
            RuntimeError: it does not answer; gives the end of the log.
        """
        until = time.monotonic() + PATIENCE
        for _ in range(_TRIES):
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self.command(), stdout=log, stderr=log, start_new_session=True, **self.as_owner
                )
            while self._process.poll() is None and time.monotonic() < until:
                if self.answers():
                    return
                time.sleep(0.1)
            time.sleep(0.2)
        raise RuntimeError(f"the server does not start: {self.log[-2000:]}")

    def open(self) -> None:
        """Start it; leave nothing behind where that fails."""
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def stop(self, how: str = "") -> None:
        """Stop it in its own way; ``kill`` is a crash."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL if how == "kill" else self.ends_by)
            self._process.wait(timeout=2 * PATIENCE)
            self._process = None

    def restart(self, how: str = "") -> None:
        """Stop it that way and start it again on the same port."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop("kill")
        for _ in range(50):  # children of a killed server take a moment to end
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break
            time.sleep(0.1)


def _known(owner: str) -> str:
    try:
        pwd.getpwnam(owner)
    except KeyError:
        return "nobody"
    return owner

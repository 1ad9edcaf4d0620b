"""A real server in a process of its own, its memory, and kill -9."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil

from tests.e2e.conftest import COMMAND
from tests.waiting import eventually

API = "/api/v1/datawatch"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_PATIENCE = 90.0


class Served:
    """``datawatch serve`` without access control, on a free port of this machine.

    Args:
        workspace: path of the file.
        before: run in the process before it starts, to set its limits.
        config: a configuration file.
    """

    def __init__(
        self,
        workspace: Path,
        *,
        before: Callable[[], None] | None = None,
        config: Path | None = None,
    ) -> None:
        more = [] if config is None else ["--config", str(config)]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 — closed by `end`
        self.process = subprocess.Popen(
            [*COMMAND, "serve", "--port", "0", "--no-auth", "--workspace", str(workspace), *more],
            stdout=self._said,
            stderr=subprocess.STDOUT,
            preexec_fn=before,  # noqa: PLW1509 — sets a limit, and this process has no locks held
        )
        try:
            self.address = self._address()
        except BaseException:
            self.process.kill()
            self.process.wait()
            self._said.close()
            raise
        self.client = httpx.Client(base_url=self.address + API, trust_env=False, timeout=120)

    def _address(self) -> str:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            if found := _ADDRESS.search(self.said()):
                return found[0]
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.said()}")
            time.sleep(0.05)
        raise AssertionError(f"the server does not start: {self.said()}")

    def said(self) -> str:
        """What it printed so far."""
        self._said.seek(0)
        return self._said.read().decode(errors="replace")

    def post(self, events: Sequence[Mapping[str, Any]], *, wait: bool = False) -> httpx.Response:
        """Post events, one alone by the path for one."""
        path = "/events" if len(events) == 1 else "/events/batch"
        body = json.dumps(events[0] if len(events) == 1 else list(events))
        query = {"wait": "true"} if wait else {}
        return self.client.post(path, content=body, params=query)

    def get(self, path: str) -> Any:
        """A JSON answer."""
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def count(self, sql: str) -> int:
        """The one number that a query gives."""
        answer = self.client.post("/sql", json={"query": sql})
        assert answer.status_code == 200, answer.text
        ((number,),) = answer.json()["rows"]
        return int(number)

    @property
    def memory(self) -> int:
        """Bytes of memory that it holds now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def settle(self) -> None:
        """Wait until nothing waits to be stored."""
        eventually(
            lambda: not self.get("/health")["backlog"], "the backlog does not shrink", _PATIENCE
        )

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """End it in good order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.client.close()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self.said()[-4_000:])
            self.process.kill()
        self.end()

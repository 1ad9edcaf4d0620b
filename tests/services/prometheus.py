"""A private Prometheus on a free port of 127.0.0.1, with its receiver of remote write on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.services.ports import free_port

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install prometheus)"

_CONFIG = """
global: {scrape_interval: 1h}
storage: {tsdb: {out_of_order_time_window: %s}}
"""


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("prometheus")


class Server:
    """A server that runs while the object is open; it keeps what it has over a restart.

    Attributes:
        version: as the server tells it.
        port: on 127.0.0.1.
    """

    def __init__(self, window: str = "30d") -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datawatch-prometheus-"))
        (self.folder / "prometheus.yml").write_text(_CONFIG % window)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        found = httpx.get(f"{self.url}/api/v1/status/buildinfo").json()
        self.version = str(found["data"]["version"])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self.folder / 'data'}",
                    "--storage.tsdb.retention.time=10y", "--web.enable-remote-write-receiver",
                    f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        _await_answer(f"{self.url}/-/ready", self.folder / "log")

    def stop(self) -> None:
        """End it in order, so that its port is free and its data whole."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=60)
            self._process = None

    def close(self) -> None:
        """Stop it and remove its folder."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)
            self._process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _await_answer(address: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(address, timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server does not start: {log.read_text()[-2000:]}")

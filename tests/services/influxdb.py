"""A private InfluxDB 1.x on a free port of 127.0.0.1, with a user and a password."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import httpx

from tests.services.ports import free_port

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install influxdb)"
PASSWORD = "s3cret"  # noqa: S105 — of private servers only

_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
dir = "{folder}/meta"
[data]
dir = "{folder}/data"
wal-dir = "{folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{port}"
auth-enabled = true
log-enabled = false
[logging]
level = "warn"
"""


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("influxd")


class Server:
    """A server that runs while the object is open; it keeps what it has over a restart.

    Attributes:
        version: as the server tells it.
        port: on 127.0.0.1.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datawatch-influxdb-"))
        text = _CONFIG.format(rpc=free_port(), port=self.port, folder=self.folder)
        (self.folder / "influxdb.conf").write_text(text)
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        self.version = httpx.get(f"{self.url}/ping").headers["X-Influxdb-Version"]
        made = f"CREATE USER ada WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES"
        httpx.post(f"{self.url}/query", data={"q": made}).raise_for_status()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["influxd", "-config", str(self.folder / "influxdb.conf")],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/ping", timeout=2).is_success:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        raise RuntimeError(
            f"the server does not start: {(self.folder / 'log').read_text()[-2000:]}"
        )

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

"""A private InfluxDB 1.x on a free port of 127.0.0.1, with a user and a password."""

from __future__ import annotations

import contextlib
import shutil

import httpx

from tests.services.ports import free_port
from tests.services.program import Program

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


class Server(Program):
    """A server that runs while the object is open; it keeps what it has over a restart.

    Attributes:
        version: as the server tells it.
    """

    def __init__(self) -> None:
        super().__init__("influxdb")
        text = _CONFIG.format(rpc=free_port(), port=self.port, folder=self.folder)
        (self.folder / "influxdb.conf").write_text(text)
        self.open()
        self.version = httpx.get(f"{self.url}/ping").headers["X-Influxdb-Version"]
        made = f"CREATE USER ada WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES"
        httpx.post(f"{self.url}/query", data={"q": made}).raise_for_status()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """With its file of settings."""
        return ["influxd", "-config", str(self.folder / "influxdb.conf")]

    def answers(self) -> bool:
        """Whether it takes requests."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/ping").is_success
        return False

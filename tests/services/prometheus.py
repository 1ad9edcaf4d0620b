"""A private Prometheus on a free port of 127.0.0.1, with its receiver of remote write on."""

from __future__ import annotations

import contextlib
import shutil

import httpx

from tests.services.program import Program

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install prometheus)"

_CONFIG = """
global: {scrape_interval: 1h}
storage: {tsdb: {out_of_order_time_window: %s}}
"""


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("prometheus")


class Server(Program):
    """A server that runs while the object is open; it keeps what it has over a restart.

    Attributes:
        version: as the server tells it.
    """

    def __init__(self, window: str = "30d") -> None:
        super().__init__("prometheus")
        (self.folder / "prometheus.yml").write_text(_CONFIG % window)
        self.open()
        found = httpx.get(f"{self.url}/api/v1/status/buildinfo").json()
        self.version = str(found["data"]["version"])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """With little in its log."""
        return [
            "prometheus", f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=10y", "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn",
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether it is ready."""
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}/-/ready").is_success
        return False

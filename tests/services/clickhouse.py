"""A private ClickHouse server on free ports of 127.0.0.1, that keeps what it has over a restart."""

from __future__ import annotations

import contextlib
import shutil
import signal

import httpx

from tests.services.ports import free_port
from tests.services.program import Program
from tests.waiting import PATIENCE

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install clickhouse-server)"
PASSWORD = "s3cret/pass@word"  # noqa: S105 — of private servers only

_CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <http_port>{http}</http_port>
  <tcp_port>{tcp}</tcp_port>
  <listen_host>127.0.0.1</listen_host>
  <keep_alive_timeout>3</keep_alive_timeout>
  <max_concurrent_queries>20</max_concurrent_queries>
  <uncompressed_cache_size>1048576</uncompressed_cache_size>
  <mark_cache_size>5368709</mark_cache_size>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <user_files_path>{folder}/files/</user_files_path>
  <users_config>users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>Asia/Kathmandu</timezone>
  <mlock_executable>false</mlock_executable>
</yandex>
"""
"""The zone is an odd one, so that a test fails where a statement leaves it to the server."""

_USER = """<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>
<profile>{profile}</profile><quota>default</quota>{more}</{name}>"""

_USERS = """<?xml version="1.0"?>
<yandex>
  <profiles>
    <default><max_memory_usage>1000000000</max_memory_usage></default>
    <readonly><readonly>1</readonly></readonly>
  </profiles>
  <users>{users}</users>
  <quotas><default><interval><duration>3600</duration><queries>0</queries><errors>0</errors>
  <result_rows>0</result_rows><read_rows>0</read_rows><execution_time>0</execution_time>
  </interval></default></quotas>
</yandex>
"""


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("clickhouse-server")


class Server(Program):
    """A server that runs while the object is open.

    Users: ``default`` may do everything, ``reader`` may only read, ``stranger`` sees the database
    ``elsewhere`` only.

    Attributes:
        version: as the server tells it.
        port: of the HTTP interface, on 127.0.0.1.
    """

    ends_by = signal.SIGKILL

    def __init__(self) -> None:
        super().__init__("clickhouse")
        for name in ("data", "tmp", "files"):
            (self.folder / name).mkdir()
        (self.folder / "config.xml").write_text(
            _CONFIG.format(http=self.port, tcp=free_port(), folder=self.folder)
        )
        (self.folder / "users.xml").write_text(_USERS.format(users="".join(_users())))
        self.open()
        self.version = self.query("SELECT version()").strip()

    @property
    def url(self) -> str:
        """Address of the HTTP interface, without user or password."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        """With its file of settings."""
        return ["clickhouse-server", f"--config-file={self.folder / 'config.xml'}"]

    def answers(self) -> bool:
        """Whether it takes requests."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/ping").status_code == 200
        return False

    def query(self, text: str) -> str:
        """Run a statement as ``default``; what it answers."""
        reply = httpx.post(self.url, content=text, auth=("default", PASSWORD), timeout=PATIENCE)
        if reply.status_code != 200:
            raise RuntimeError(reply.text)
        return reply.text


def _users() -> list[str]:
    elsewhere = "<allow_databases><database>elsewhere</database></allow_databases>"
    return [
        _USER.format(name=name, password=PASSWORD, profile=profile, more=more)
        for name, profile, more in (
            ("default", "default", ""),
            ("reader", "readonly", ""),
            ("stranger", "default", elsewhere),
        )
    ]

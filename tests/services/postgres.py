"""A private PostgreSQL server on a free port of 127.0.0.1, in a folder of its own."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]

from tests.services.program import Program
from tests.waiting import eventually

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install postgresql-15)"
PASSWORD = "s3cret/pass@word"  # noqa: S105 — of private servers only
URL_PASSWORD = "s3cret%2Fpass%40word"  # noqa: S105

_SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "wal_level": "logical",
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_replication_slots": "10",
    "max_wal_senders": "10",
    "wal_sender_timeout": "30s",
    "autovacuum": "off",
}


def find() -> Path | None:
    """The folder of the newest server's programs, 13 or later; None when there is none."""
    folders = [Path(found).resolve().parent] if (found := shutil.which("postgres")) else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((each for each in folders if (each / "initdb").exists()), None)


def _version(folder: Path) -> int:
    return int(re.sub(r"\D", "", folder.parent.name) or 0)


class Server(Program):
    """A server that runs while the object is open.

    Args:
        settings: of postgresql.conf, beside those that make it small and quick.

    Attributes:
        version: as the server tells it.
    """

    ends_by = signal.SIGINT

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        programs = find()
        if programs is None:
            raise FileNotFoundError(f"no PostgreSQL here; {HOW_TO_GET_ONE}")
        super().__init__("postgres", owner="postgres")
        self.programs = programs
        self.data = self.folder / "data"
        self._init({**_SETTINGS, **(settings or {})})
        self.open()
        self.version = str(self.query("SHOW server_version")[0][0])

    def _init(self, settings: Mapping[str, str]) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        initdb = str(self.programs / "initdb")
        self.run(initdb, "-D", str(self.data), "--no-sync", f"--pwfile={secret}", *options)
        secret.unlink()
        lines = [f"{name} = {value}" for name, value in settings.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{self.folder}'"]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join([*lines, ""]))

    def command(self) -> list[str]:
        """With its folder of data."""
        return [str(self.programs / "postgres"), "-D", str(self.data)]

    def answers(self) -> bool:
        """Whether one can connect."""
        with contextlib.suppress(psycopg2.OperationalError):
            self.connect().close()
            return True
        return False

    def url(self, user: str = "postgres", database: str = "postgres", password: str = "") -> str:
        """Address with the password in it."""
        secret = password or URL_PASSWORD
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> Any:
        """An autocommit connection."""
        connection = psycopg2.connect(self.url(user, database), connect_timeout=30)
        connection.autocommit = True
        return connection

    def query(
        self, text: str, values: Sequence[Any] | None = None, *, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run statements on a connection of its own and give the rows of the last."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A new database; gives its address. It goes with its slots."""
        self.query(f"CREATE DATABASE {name}")
        try:
            yield self.url(database=name)
        finally:
            self.query(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                "WHERE database = %s AND active",
                [name],
            )
            active = "SELECT 1 FROM pg_replication_slots WHERE database = %s AND active"
            eventually(lambda: not self.query(active, [name]), "a slot stays active")
            self.query(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE database = %s",
                [name],
            )
            self.query(f"DROP DATABASE {name} WITH (FORCE)")

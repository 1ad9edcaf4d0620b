"""A private PostgreSQL server on a free port of 127.0.0.1, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]

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
    "wal_sender_timeout": "5s",
    "autovacuum": "off",
}


def find() -> Path | None:
    """The folder of the newest server's programs, 13 or later; None when there is none."""
    folders = [Path(found).resolve().parent] if (found := shutil.which("postgres")) else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    return next((each for each in folders if (each / "initdb").exists()), None)


def _version(folder: Path) -> int:
    return int(re.sub(r"\D", "", folder.parent.name) or 0)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Server:
    """A server that runs while the object is open.

    Args:
        settings: of postgresql.conf, beside those that make it small and quick.

    Attributes:
        version: as the server tells it.
        port: on 127.0.0.1.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        programs = find()
        if programs is None:
            raise FileNotFoundError(f"no PostgreSQL here; {HOW_TO_GET_ONE}")
        self.programs = programs
        self.port = _free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datawatch-postgres-"))
        self.data = self.folder / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = _unprivileged()
        if self._owner:
            shutil.chown(self.folder, self._owner)
        self._init({**_SETTINGS, **(settings or {})})
        self.start()
        self.version = str(self.query("SHOW server_version")[0][0])

    def _init(self, settings: Mapping[str, str]) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self.data), "--no-sync", f"--pwfile={secret}", *options)
        secret.unlink()
        lines = [f"{name} = {value}" for name, value in settings.items()]
        lines += [f"port = {self.port}", f"unix_socket_directories = '{self.folder}'"]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join([*lines, ""]))

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self.programs / program), *arguments],
            check=True,
            cwd=self.folder,
            user=self._owner,
            group=self._owner,
            extra_groups=[] if self._owner else None,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it and wait until it answers."""
        deadline = time.monotonic() + 60
        while True:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [str(self.programs / "postgres"), "-D", str(self.data)],
                    cwd=self.folder,
                    user=self._owner,
                    group=self._owner,
                    extra_groups=[] if self._owner else None,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            if self._answers(deadline):
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {self.log[-2000:]}")

    def _answers(self, deadline: float) -> bool:
        """Wait for an answer; False when it ended (after a crash its memory is held a while)."""
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                time.sleep(0.2)
                return False
            with contextlib.suppress(psycopg2.OperationalError):
                self.connect().close()
                return True
            time.sleep(0.1)
        return False

    def stop(self, how: str = "fast") -> None:
        """Stop it: ``fast`` ends sessions, ``kill`` is a crash."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGINT)
        self._process.wait(timeout=60)
        self._process = None

    def restart(self, how: str = "fast") -> None:
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

    def url(self, user: str = "postgres", database: str = "postgres", password: str = "") -> str:
        """Address with the password in it."""
        secret = password or URL_PASSWORD
        return f"postgresql://{user}:{secret}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", user: str = "postgres") -> Any:
        """An autocommit connection."""
        connection = psycopg2.connect(self.url(user, database), connect_timeout=5)
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
            deadline = time.monotonic() + 10
            while self.query(
                "SELECT 1 FROM pg_replication_slots WHERE database = %s AND active", [name]
            ):
                assert time.monotonic() < deadline, "a slot stays active"
                time.sleep(0.05)
            self.query(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE database = %s",
                [name],
            )
            self.query(f"DROP DATABASE {name} WITH (FORCE)")


def _unprivileged() -> str | None:
    """Who runs the server: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return "nobody"
    return "postgres"

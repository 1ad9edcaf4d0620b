"""A private MariaDB server on a free port of 127.0.0.1, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pymysql  # type: ignore[import-untyped]

from tests.services.ports import free_port
from tests.services.postgres import PASSWORD, URL_PASSWORD

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install mariadb-server)"

_SETTINGS = {
    "log-bin": "binlog",
    "server-id": "1",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "binlog-row-metadata": "FULL",
    "innodb-flush-log-at-trx-commit": "2",
    "sync-binlog": "0",
    "innodb-buffer-pool-size": "32M",
    "innodb-log-file-size": "8M",
    "performance-schema": "OFF",
    "skip-name-resolve": "ON",
    "bind-address": "127.0.0.1",
    "max-connections": "60",
    "lock-wait-timeout": "20",
}


def find() -> str | None:
    """Path of the server's program; None when there is none."""
    return shutil.which("mariadbd") or shutil.which("mysqld")


class Server:
    """A server that runs while the object is open; its root has the password of `postgres`.

    Args:
        settings: options of the server, beside those that make it small; '' takes one away.

    Attributes:
        version: as the server tells it.
        port: on 127.0.0.1.
        password: of root.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError(f"no MariaDB here; {HOW_TO_GET_ONE}")
        self._program = program
        self._settings = {**_SETTINGS, **(settings or {})}
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="datawatch-mariadb-"))
        self.data = self.folder / "data"
        self._owner = _unprivileged()
        if self._owner:
            shutil.chown(self.folder, self._owner)
        self._process: subprocess.Popen[bytes] | None = None
        self.password = ""
        try:
            self._install()
            self.start()
            for host in ("127.0.0.1", "localhost"):  # the second is the one that is asking
                self.query(f"GRANT ALL ON *.* TO root@'{host}' IDENTIFIED BY '{PASSWORD}' "
                           "WITH GRANT OPTION")  # fmt: skip
            self.password = PASSWORD
        except BaseException:
            self.close()
            raise
        self.version = str(self.query("SELECT version()")[0][0])

    def _install(self) -> None:
        subprocess.run(
            [
                "mariadb-install-db", "--no-defaults", f"--datadir={self.data}",
                "--auth-root-authentication-method=normal", "--skip-test-db",
            ],
            check=True,
            cwd=self.folder,
            user=self._owner,
            group=self._owner,
            extra_groups=[] if self._owner else None,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )  # fmt: skip

    @property
    def log(self) -> str:
        """What the server wrote so far."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [f"--{name}={value}" for name, value in self._settings.items() if value]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._program, "--no-defaults", f"--datadir={self.data}",
                    f"--port={self.port}", f"--socket={self.folder}/socket", *options,
                ],
                cwd=self.folder,
                user=self._owner,
                group=self._owner,
                extra_groups=[] if self._owner else None,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(pymysql.MySQLError, OSError):
                with socket.create_connection(("127.0.0.1", self.port), 5):
                    pass  # the driver leaves a socket behind when nobody listens
                self.connect().close()
                return
            time.sleep(0.1)
        raise RuntimeError(f"the server does not start: {self.log[-2000:]}")

    def stop(self, how: str = "fast") -> None:
        """Stop it: ``fast`` ends sessions, ``kill`` is a crash."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
        self._process.wait(timeout=60)
        self._process = None

    def restart(self, how: str = "fast") -> None:
        """Stop it that way and start it again on the same port."""
        self.stop(how)
        self.start()

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop("kill")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, user: str = "root", database: str = "", password: str = "") -> str:
        """Address with the password in it."""
        secret = password or URL_PASSWORD
        return f"mysql://{user}:{secret}@127.0.0.1:{self.port}/{database}".rstrip("/")

    def connect(self, database: str | None = None, *, autocommit: bool = True) -> Any:
        """A connection as root, times in UTC."""
        return pymysql.connect(
            host="127.0.0.1" if self.password else None,
            unix_socket=None if self.password else str(self.folder / "socket"),
            port=self.port,
            user="root",
            password=self.password,
            database=database,
            autocommit=autocommit,
            charset="utf8mb4",
            init_command="SET time_zone = '+00:00'",
        )

    def query(
        self, text: str, values: Sequence[Any] | None = None, *, database: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement on a connection of its own and give its rows."""
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, values)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def user(self, name: str, *grants: str) -> str:
        """A new user with these rights (``SELECT ON *.*``); gives its address."""
        self.query(f"CREATE OR REPLACE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'")
        for grant in grants:
            self.query(f"GRANT {grant} TO {name}@'%'")
        return self.url(name)

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """A new database; gives its address."""
        self.query(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        try:
            yield self.url(database=name)
        finally:
            self.query(f"DROP DATABASE IF EXISTS {name}")


def _unprivileged() -> str | None:
    """Who runs the server: it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("mysql")
    except KeyError:
        return "nobody"
    return "mysql"

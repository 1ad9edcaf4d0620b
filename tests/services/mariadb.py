"""A private MariaDB server on a free port of 127.0.0.1, in a folder of its own."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pymysql  # type: ignore[import-untyped]

from tests.services.postgres import PASSWORD, URL_PASSWORD
from tests.services.program import Program

HOW_TO_GET_ONE = "install it with tools/services.sh (Debian: apt-get install mariadb-server)"

_INSTALLS = 4  # tries

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


class Server(Program):
    """A server that runs while the object is open; its root has the password of `postgres`.

    Args:
        settings: options of the server, beside those that make it small; '' takes one away.

    Attributes:
        version: as the server tells it.
        password: of root.
    """

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        program = find()
        if program is None:
            raise FileNotFoundError(f"no MariaDB here; {HOW_TO_GET_ONE}")
        super().__init__("mariadb", owner="mysql")
        self._program = program
        self._settings = {**_SETTINGS, **(settings or {})}
        self.data = self.folder / "data"
        self.password = ""
        self.open()
        self.version = str(self.query("SELECT version()")[0][0])

    def open(self) -> None:
        """Make its data, start it, and give root a password."""
        try:
            self._make_data()
            self.start()
            for host in ("127.0.0.1", "localhost"):  # the second is the one that is asking
                self.query(f"GRANT ALL ON *.* TO root@'{host}' IDENTIFIED BY '{PASSWORD}' "
                           "WITH GRANT OPTION")  # fmt: skip
        except BaseException:
            self.close()
            raise
        self.password = PASSWORD

    def _make_data(self) -> None:
        """Make its data; one in a dozen attempts side by side fails here and succeeds if repeated.

        Raises:
            RuntimeError: it cannot be made; gives the end of the log.
        """
        for _ in range(_INSTALLS):
            try:
                self.run(
                    "mariadb-install-db", "--no-defaults", f"--datadir={self.data}",
                    "--auth-root-authentication-method=normal", "--skip-test-db",
                )  # fmt: skip
            except subprocess.CalledProcessError:
                shutil.rmtree(self.data, ignore_errors=True)
            else:
                return
        raise RuntimeError(f"the data of MariaDB cannot be made: {self.log[-2000:]}")

    def command(self) -> list[str]:
        """With its settings as options."""
        options = [f"--{name}={value}" for name, value in self._settings.items() if value]
        return [
            self._program, "--no-defaults", f"--datadir={self.data}",
            f"--port={self.port}", f"--socket={self.folder}/socket", *options,
        ]  # fmt: skip

    def answers(self) -> bool:
        """Whether root can connect."""
        with contextlib.suppress(pymysql.MySQLError, OSError):
            with socket.create_connection(("127.0.0.1", self.port), 5):
                pass  # the driver leaves a socket behind when nobody listens
            self.connect().close()
            return True
        return False

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

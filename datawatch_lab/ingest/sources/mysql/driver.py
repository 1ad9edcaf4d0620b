"""Connections to a MySQL or MariaDB server, and what its refusals mean for the user."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from datawatch_lab.core.errors import MissingPackageError, SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint, Scheme

SCHEME = Scheme(
    names=("mysql", "mariadb"),
    port=3306,
    product="a MySQL or MariaDB server",
    example="mysql://user:password@host:3306/database",
)

LOST = (
    "The server no longer keeps the binary log from there on (binlog_expire_logs_seconds, or it "
    "was reset). Remove the source (`datawatch watch URL --remove`) and watch it again: its tables "
    "are copied anew."
)


def driver() -> Any:
    """The client library.

    Raises:
        MissingPackageError: it, or the reader of binary logs, is not installed.
    """
    return _package("pymysql")


def binlog() -> Any:
    """The reader of binary logs.

    Raises:
        MissingPackageError: it is not installed.
    """
    return _package("pymysqlreplication")


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingPackageError(
            "MySQL and MariaDB need the packages mysql-replication and PyMySQL.",
            hint="pip install 'datawatch-lab[mysql]'",
        ) from error


def parameters(address: Endpoint) -> dict[str, Any]:
    """What the driver needs to connect; with ``ssl_ca`` or ``ssl`` in the address, over TLS."""
    host, port = address.hosts[0]
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "user": address.user or "root",
        "password": address.password,
        "charset": "utf8mb4",
        "connect_timeout": 10,
        "program_name": "datawatch",
    }
    files = ("ssl_ca", "ssl_cert", "ssl_key")
    given |= {name: address.options[name] for name in files if name in address.options}
    if address.options.get("ssl") in ("1", "true", "required") and "ssl_ca" not in given:
        given["ssl"] = {"check_hostname": False}
    return given


def connect(address: Endpoint, **more: Any) -> Any:
    """Open a connection in which times are UTC and texts UTF-8.

    Raises:
        SourceError: the server cannot be reached or refuses; says what to do about it.
    """
    with telling(address):
        connection = driver().connect(**parameters(address), autocommit=True, **more)
        try:
            query(connection, "SET NAMES utf8mb4")
            query(connection, "SET time_zone = '+00:00', sql_mode = '', net_write_timeout = 600")
        except BaseException:
            connection.close()
            raise
    return connection


def query(connection: Any, text: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement; none for one without a result."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall()) if cursor.description else []


def quoted(*names: str) -> str:
    """A name as SQL has it.

    >>> quoted("shop", "odd`name")
    '`shop`.`odd``name`'
    """
    return ".".join("`{}`".format(name.replace("`", "``")) for name in names)


@contextmanager
def telling(address: Endpoint) -> Iterator[None]:
    """Raise what the driver raises as a `SourceError` that says what to do."""
    errors = driver()
    try:
        yield
    except (errors.MySQLError, OSError, EOFError, struct.error) as error:
        raise refusal(address, error) from None  # its own text may hold the address


def refusal(address: Endpoint, error: BaseException) -> SourceError:
    """The error for the user: what failed at which server, and how to fix it."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = error.args[1] if len(error.args) > 1 and code else error
    hint, retry = _HINTS.get(code, ("", code in _BROKEN or not code))
    said = address.clean(str(text)).rstrip(".") or type(error).__name__
    return SourceError(
        f"{address}: {said}.",
        hint=hint.format(user=address.user or "the user"),
        details={"retry": retry, "code": code},
    )


_BROKEN = frozenset({1053, 1152, 1158, 1159, 1160, 1161, 1205, 1213, 1927, 2006, 2013, 2055})
"""The server ended, or a packet did not come through."""

_GRANT = (
    "GRANT REPLICATION SLAVE, REPLICATION CLIENT, SELECT ON *.* TO {user}; `datawatch doctor` "
    "lists what is missing."
)

_SIGN_IN = (
    "Check the user and the password in the address; characters such as @ or / in a password are "
    "written %40 or %2F."
)

_HINTS: Mapping[int, tuple[str, bool]] = {
    1040: ("Raise max_connections.", True),
    1044: (_GRANT, False),
    1045: (_SIGN_IN, False),
    1049: ("Check the name of the database.", False),
    1130: ("Let this host in: CREATE USER {user}@'%' ….", False),
    1142: (_GRANT, False),
    1227: (_GRANT, False),
    1236: (LOST, False),
    1412: ("A table was altered while it was copied; the copy begins again.", True),
    1698: ("This user signs in by a plug-in; give {user} a password of its own.", False),
    2003: (
        "Check the host and the port, and that the server is running and reachable.",
        True,
    ),
    2005: ("Check the name of the host in the address.", False),
    2059: ("pip install 'PyMySQL[rsa]', or make {user} sign in by mysql_native_password.", False),
}
"""By the server's number of an error: what the user can do, and whether trying again may help."""

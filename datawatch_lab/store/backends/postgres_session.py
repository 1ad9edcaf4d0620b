"""One connection to a PostgreSQL server, and what its refusals mean for the user.

It comes back after a cut, and every call ends in time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.addresses import without_password
from datawatch_lab.core.backends import BackendError
from datawatch_lab.core.errors import ConfigError, MissingPackageError

if TYPE_CHECKING:
    import psycopg

Rows = list[tuple[Any, ...]]

_WAIT = "It is tried again; points wait in the workspace."
_DO = {
    "28": "Check user and password in storage.timescale.url.",
    "3D000": "Make the database on that server: CREATE DATABASE …, or correct its name in "
    "storage.timescale.url.",
    "42501": "Grant it: GRANT CREATE ON DATABASE … TO the user of storage.timescale.url before the "
    "first start, or make the user owner of the schema datawatch (ALTER SCHEMA … OWNER TO).",
    "53100": "Its disk is full: give it room; points wait in the workspace.",
    "53300": "It has no connection free: raise max_connections, or end others.",
    "25006": "It is read-only, perhaps a replica: storage.timescale.url has to name the primary.",
}
"""What to do about an error, by the beginning of its SQLSTATE."""

_AT_CONNECTING = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ("starting up", "57"),
    ("shutting down", "57"),
    ("database", "3D000"),
    ("too many clients", "53300"),
)
"""The same by words: an error while connecting carries no SQLSTATE."""


class Session:
    """A connection, made when it is first needed; any thread may run statements, one at a time.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        timeout: seconds that a call takes at most, waiting for others included.
        greet: is given a way to run statements, once on each new connection.

    Raises:
        ConfigError: the address cannot be read; the message does not repeat it.
        MissingPackageError: the driver is not installed.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        greet: Callable[[Callable[[str], Rows]], None],
    ) -> None:
        self._parts = _parts(url)
        self.address = without_password(url)
        self._timeout = timeout
        self._greet = greet
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def run(self, statement: str, values: Sequence[object] | None = None) -> Rows:
        """Run one statement in a transaction of its own; its rows, none for what has no rows.

        Raises:
            BackendError: it failed, or took too long; says what to do.
        """
        if not self._lock.acquire(timeout=self._timeout):
            raise BackendError(f"{self._where} is busy with another question.", hint=_WAIT)
        driver = _driver()
        try:
            return self._execute(self._open(), statement, values)
        except driver.Error as error:
            if self._connection is not None and self._connection.broken:
                self._drop()
            raise self._told(error) from None
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the connection; the next statement makes another."""
        with self._lock:
            self._drop()

    @property
    def _where(self) -> str:
        return (
            f"PostgreSQL at {self._parts.get('host', 'localhost')}:{self._parts.get('port', 5432)}"
        )

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            seconds = max(1, round(self._timeout))
            standard = {
                "connect_timeout": seconds,
                "application_name": "datawatch",
                "tcp_user_timeout": seconds * 1_000,
            }
            made = _driver().connect(
                **standard | self._parts, autocommit=True, prepare_threshold=None
            )
            try:
                self._execute(made, f"SET statement_timeout = {seconds * 1_000}")
                self._execute(made, "SET TimeZone = 'UTC'")
                self._greet(lambda statement: self._execute(made, statement))
            except BaseException:
                made.close()
                raise
            self._connection = made
        return self._connection

    def _execute(
        self,
        connection: psycopg.Connection[Any],
        statement: str,
        values: Sequence[object] | None = None,
    ) -> Rows:
        with _cut_after(connection.fileno(), self._timeout + 1):
            cursor = connection.execute(statement, values)
            return list(cursor.fetchall()) if cursor.description else []

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _told(self, error: psycopg.Error) -> BackendError:
        """The server's words, without the password, and what to do."""
        words = " ".join((error.diag.message_primary or str(error)).split())
        if secret := self._parts.get("password"):
            words = words.replace(str(secret), "…")
        code = error.sqlstate or next((c for text, c in _AT_CONNECTING if text in words), "")
        hint = next((todo for start, todo in _DO.items() if code.startswith(start)), _WAIT)
        if not code:
            hint = "Check that it runs and that storage.timescale.url names it; points wait."
        return BackendError(
            f"{self._where}: {words}", hint=hint, retry=not code.startswith(("22", "23"))
        )


def _parts(url: str) -> dict[str, Any]:
    """An address in parts; one that a stray / or @ of a password cut wrongly is refused."""
    driver = _driver()
    try:
        parts: dict[str, Any] = driver.conninfo.conninfo_to_dict(url)
    except driver.ProgrammingError:
        parts = {"port": "none"}
    port, rest = str(parts.get("port", "")), f"{parts.get('dbname')}{parts.get('host')}"
    if port.replace(",", "0").strip("0123456789") or "@" in rest:
        raise ConfigError(
            "storage.timescale.url is no address of a PostgreSQL server.",
            hint="It looks like postgresql://user:${PW}@host:5432/database; in a password "
            "that stands there, write / as %2F and @ as %40.",
        )
    return parts


@contextlib.contextmanager
def _cut_after(number: int, seconds: float) -> Iterator[None]:
    """Cut a socket that does not answer: the server's own timeout needs a server that runs."""
    twin = socket.socket(fileno=os.dup(number))
    timer = threading.Timer(seconds, _shut, [twin])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        twin.close()


def _shut(twin: socket.socket) -> None:
    with contextlib.suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


def _driver() -> Any:
    """The driver.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingPackageError(
            "TimescaleDB needs the package psycopg.", hint="pip install 'datawatch-lab[timescale]'"
        ) from error
    return psycopg

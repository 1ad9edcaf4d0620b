"""Connections to a PostgreSQL server, and what its refusals mean for the user."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from datawatch_lab.core.errors import MissingPackageError, SourceError
from datawatch_lab.ingest.sources.postgres.address import Address

log = logging.getLogger(__name__)

LOST = (
    "The server no longer keeps what follows the last stored change (max_slot_wal_keep_size, or "
    "the slot was dropped). Remove it (`datawatch watch URL --remove`) and watch it again: that "
    "makes a new slot and copies the tables anew."
)

_PASSING = frozenset({"53300", "55006", "55P03", "40001", "40P01", "25006"})
"""Full, in use, locked for too long, lost to another transaction, a standby: it may pass."""

_NO_SLOT = re.compile(r'replication slot "[^"]*" does not exist')

SESSION = (
    ("DateStyle", "ISO"),
    ("IntervalStyle", "iso_8601"),
    ("TimeZone", "UTC"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "3"),
    ("lc_monetary", "C"),
    ("client_encoding", "UTF8"),
    ("statement_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
)
"""Settings that fix how values are written, whatever the server or the role prefers."""


def psycopg2() -> Any:
    """The driver, with what of it is used loaded.

    Raises:
        MissingPackageError: it is not installed.
    """
    try:
        for part in ("errors", "extensions", "extras", "sql"):
            import_module(f"psycopg2.{part}")
        return import_module("psycopg2")
    except ImportError as error:
        raise MissingPackageError(
            "PostgreSQL needs the package psycopg2-binary.",
            hint="pip install 'datawatch-lab[postgres]'",
        ) from error


def connect(address: Address, *, replication: bool = False, autocommit: bool = True) -> Any:
    """Open a connection whose texts do not depend on settings of the server.

    Raises:
        SourceError: the server cannot be reached or refuses; says what to do about it.
    """
    driver = psycopg2()
    factory = driver.extras.LogicalReplicationConnection if replication else None
    settings = " ".join(f"-c {name}={value}" for name, value in SESSION)
    given = address.parameters
    parameters = {
        "connect_timeout": "10",
        "application_name": "datawatch",
        "keepalives_idle": "30",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        **given,
        "options": f"{given.get('options', '')} {settings}".strip(),
    }
    try:
        connection = driver.connect(connection_factory=factory, **parameters)
    except driver.Error as error:
        raise refusal(address, error) from None  # its own text may hold the address
    if not replication:
        connection.autocommit = autocommit
    return connection


def query(connection: Any, text: Any, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    """All rows of a statement; none for one without a result."""
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return list(cursor.fetchall()) if cursor.description else []


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke, or the server is not up: trying again may help."""
    driver = psycopg2()
    if isinstance(error, SourceError):
        return bool(error.details.get("retry"))
    if not isinstance(error, driver.Error):
        return False
    text = str(error)
    if any(mark in text for marks, _, retry in _HINTS if not retry for mark in marks):
        return False
    state = getattr(error, "pgcode", None)
    if state:
        return state[:2] in ("08", "57") or state in _PASSING
    if isinstance(error, (driver.OperationalError, driver.InterfaceError)):
        return True
    return any(mark in text for marks, _, retry in _HINTS if retry for mark in marks)


def is_busy(error: BaseException) -> bool:
    """Whether another reader has the slot."""
    return "is active for PID" in str(error)


def refusal(address: Address, error: BaseException) -> SourceError:
    """The error for the user: what failed at which server, and how to fix it."""
    text = " ".join(address.clean(str(error)).split())
    hint, retry = next(
        ((hint, retry) for marks, hint, retry in _HINTS if any(mark in text for mark in marks)),
        ("", isinstance(error, psycopg2().OperationalError) or is_lost(error)),
    )
    if _NO_SLOT.search(text):
        hint = LOST
    return SourceError(
        f"{address}: {text.rstrip('.')}.",
        hint=hint.format(user=address.options.get("user", "the role"), name=address.name),
        details={"retry": retry, "sqlstate": getattr(error, "pgcode", None)},
    )


_HINTS: Sequence[tuple[Sequence[str], str, bool]] = (
    (
        ("password authentication failed", "no password supplied"),
        (
            "Check the user and the password in the address; characters such as @ or / in a "
            "password are written %40 or %2F."
        ),
        False,
    ),
    (
        ("no pg_hba.conf entry",),
        (
            "Allow this host for {user} in pg_hba.conf (a line of type host for the database "
            "covers logical replication too) and reload the server; or add ?sslmode=require."
        ),
        False,
    ),
    (
        (
            "must be superuser or replication role",
            "permission denied to start WAL sender",
            "permission denied to use replication slots",
        ),
        (
            "Let the role replicate, as a superuser: ALTER ROLE {user} REPLICATION; "
            "(on managed servers: GRANT rds_replication or the like)."
        ),
        False,
    ),
    (
        ("logical decoding requires wal_level", "wal_level must be", "wal_level >= logical"),
        "ALTER SYSTEM SET wal_level = 'logical'; and restart the server.",
        False,
    ),
    (
        ("all replication slots are in use",),
        (
            "Drop slots that nobody needs (SELECT slot_name FROM pg_replication_slots WHERE NOT "
            "active) or raise max_replication_slots and restart the server."
        ),
        False,
    ),
    (
        ("max_wal_senders",),
        "Raise max_wal_senders and restart the server, or stop other replication.",
        True,
    ),
    (("is active for PID",), "Another reader uses this slot; give this one another name.", True),
    (
        ("permission denied",),
        "Grant the right that the message names; `datawatch doctor` lists what is missing.",
        False,
    ),
    (("could not translate host name",), "Check the name of the host in the address.", False),
    (
        ("Connection refused", "No such file or directory", "timeout expired", "No route to host"),
        "Check the host and the port, and that the server is running and reachable.",
        True,
    ),
    (
        ("read-only transaction",),
        (
            "This server is a standby, or default_transaction_read_only is on; give the address "
            "of the primary. When the standby takes over, reading goes on by itself."
        ),
        True,
    ),
    (("the database system is", "recovery mode", "terminat"), "Try again.", True),
    (("too many clients", "remaining connection slots"), "Raise max_connections.", True),
    (
        ("publication ",),
        (
            "The slot is older than the publication, or it was dropped while the slot waited. Drop "
            "the slot and watch again from a new snapshot."
        ),
        False,
    ),
    (("requested WAL segment", "can no longer get changes", "has been invalidated"), LOST, False),
    (("does not exist",), "Check the name of the database and of the user.", False),
    (
        (
            "server closed the connection",
            "SSL SYSCALL",
            "could not receive",
            "could not send",
            "connection already closed",
            "no COPY in progress",
            "no message from the libpq",
        ),
        "",
        True,
    ),
)
"""What a message holds, what the user can do, and whether trying again may help."""

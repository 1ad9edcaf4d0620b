"""Replication slots: made with a snapshot, found, and the rows as of that snapshot."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres import driver
from datawatch_lab.ingest.sources.postgres.address import Address
from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue, Published
from datawatch_lab.ingest.sources.postgres.pgoutput import lsn_number
from datawatch_lab.ingest.sources.postgres.snapshot import Point


@dataclass(frozen=True)
class Slot:
    """A logical slot of this database.

    Attributes:
        confirmed: what is before is not sent again.
        active: somebody reads it now.
    """

    name: str
    confirmed: int
    active: bool


def find(connection: Any, name: str) -> Slot | None:
    """The slot of that name, or None.

    Raises:
        SourceError: it is no slot that can be read here.
    """
    rows = driver.query(
        connection,
        "SELECT plugin, database = current_database(), confirmed_flush_lsn::text, active, "
        "wal_status FROM pg_replication_slots WHERE slot_name = %s",
        [name],
    )
    if not rows:
        return None
    plugin, here, confirmed, active, status = rows[0]
    if plugin != "pgoutput" or not here:
        raise SourceError(
            f"postgresql: the slot {name!r} is of another database or plug-in ({plugin}).",
            hint="Choose another name for the slot.",
        )
    if status == "lost":
        raise SourceError(f"postgresql: the slot {name!r} is lost.", hint=driver.LOST)
    return Slot(name, lsn_number(confirmed) if confirmed else 0, bool(active))


@contextmanager
def point(address: Address, catalogue: Catalogue, slot: str, *, temporary: bool) -> Iterator[Point]:
    """Make a slot and export its snapshot, which can be imported until the context ends.

    Args:
        address: of the database.
        catalogue: tells the time.
        slot: its name; a temporary one has its own and goes with the context.
        temporary: only the snapshot is wanted.

    Raises:
        psycopg2.Error: the server refuses.
    """
    at = catalogue.now()
    connection = driver.connect(address, replication=True)
    name = f"{slot[:40]}_{secrets.token_hex(4)}" if temporary else slot
    try:
        with connection.cursor() as cursor:
            kind = "TEMPORARY LOGICAL" if temporary else "LOGICAL"
            cursor.execute(f'CREATE_REPLICATION_SLOT "{name}" {kind} pgoutput EXPORT_SNAPSHOT')
            _, lsn, exported, _ = cursor.fetchone()
            yield Point(lsn_number(lsn), exported, at)
    finally:
        connection.close()


@contextmanager
def reading(address: Address, at: Point) -> Iterator[Any]:
    """A connection that sees the rows as of a point."""
    connection = driver.connect(address, autocommit=False)
    try:
        driver.query(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        driver.query(connection, "SET TRANSACTION SNAPSHOT %s", [at.snapshot])
        yield connection
    finally:
        connection.close()


def first_behind(payloads: Sequence[bytes], lsn: int) -> int:
    """Which message begins the first transaction that was committed at ``lsn`` or later.

    Its place, or the number of messages when there is none.
    """
    begins = (
        at
        for at, payload in enumerate(payloads)
        if payload[:1] == b"B" and int.from_bytes(payload[1:9], "big") >= lsn
    )
    return next(begins, len(payloads))


def refuse_unreadable(catalogue: Catalogue, tables: Sequence[Published]) -> None:
    """Say which tables cannot be copied, before anything is.

    Raises:
        SourceError: there are some.
    """
    closed = [".".join(each.table.name) for each in tables if not each.table.readable]
    if closed:
        role = catalogue.setting("session_authorization")
        more = f" and {len(closed) - 5} more" if len(closed) > 5 else ""
        raise SourceError(
            f"postgresql: {role} may not read {', '.join(closed[:5])}{more}.",
            hint=f"GRANT USAGE ON SCHEMA … and GRANT SELECT ON {', '.join(closed)} TO {role}; "
            "or exclude them.",
        )

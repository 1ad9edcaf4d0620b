"""How a database is read, and what is told of the copy while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from datawatch_lab.ingest.sources.postgres.selection import Selection


@dataclass(frozen=True)
class CopyProgress:
    """How far the snapshot is.

    Attributes:
        table: the one that is copied, ``schema.table``.
        rows: copied of it so far.
        expected: about how many it has.
        estimated: whether that is a guess from its size.
        tables_done, tables: of all.
        all_rows, all_expected: the same as ``rows`` and ``expected``, of all tables.
    """

    table: str
    rows: int
    expected: int
    estimated: bool
    tables_done: int
    tables: int
    all_rows: int
    all_expected: int


@dataclass(frozen=True)
class PostgresOptions:
    """How a database is read.

    Attributes:
        name: of the source; by default from host, port and database, never from user or password.
        slot: replication slot; one per reader of a database.
        publication: made unless it is there; see `publication`.
        selection: the tables and columns wanted.
        snapshot: give the rows that are there first; without, changes only.
        event_trigger: where the role is a superuser, let the database tell of DDL itself.
        follow: go on until stopped; without, end at what was written when the stream began.
        batch_rows: messages that make a batch at most.
        copy_bytes: about how much of a snapshot makes a batch.
        buffer_bytes: about how much of the stream waits in memory at most.
    """

    name: str | None = None
    slot: str = "datawatch"
    publication: str = "datawatch"
    selection: Selection = field(default_factory=Selection)
    snapshot: bool = True
    event_trigger: bool = True
    follow: bool = True
    batch_rows: int = 50_000
    copy_bytes: int = 4 * 1024 * 1024
    buffer_bytes: int = 32 * 1024 * 1024

"""How a MySQL or MariaDB server is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from datawatch_lab.ingest.sources.postgres.selection import Selection

Mode = Literal["auto", "gtid", "file"]


@dataclass(frozen=True)
class MysqlOptions:
    """How a server is read.

    Attributes:
        name: of the source; by default from host, port and database, never from user or password.
        slot: tells readers of one server apart: the number that this one registers with is made of
            it.
        selection: the tables and columns wanted, of ``database.table``.
        snapshot: give the rows that are there first; without, changes only.
        follow: go on until stopped; without, end at what was written when the stream began.
        mode: resume by GTID, by file and position, or by GTID where the server has it.
        batch_bytes: of the log that make a batch at most.
        copy_rows: rows of a snapshot that make a batch.
        buffer_bytes: about how much of the stream waits in memory at most.
    """

    name: str | None = None
    slot: str = "datawatch"
    selection: Selection = field(default_factory=Selection)
    snapshot: bool = True
    follow: bool = True
    mode: Mode = "auto"
    batch_bytes: int = 2 * 1024 * 1024
    copy_rows: int = 20_000
    buffer_bytes: int = 32 * 1024 * 1024

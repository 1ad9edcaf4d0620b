"""What a commit changes of one table, and what that does to its current rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from datawatch_lab.core.batches import TableBatch, Transitions
from datawatch_lab.core.storage import LiveChange
from datawatch_lab.core.values import TableInfo

Past = Callable[[], Iterable[TableBatch]]
"""Gives everything that the log holds of a table; called only where it is needed.

An empty tuple when the log is empty; what it gives otherwise reads the log once it is iterated.
"""


@dataclass(frozen=True)
class LiveResult:
    """What a commit's changes of one table do to its current rows.

    Attributes:
        change: for the store.
        transitions: in no order; measures add them up.
        restarted: the key is new, so the transitions tell everything from the first event on.
        clears: the TRUNCATEs among the changes, or None.
    """

    change: LiveChange
    transitions: Sequence[Transitions]
    restarted: bool = False
    clears: pl.DataFrame | None = None


@dataclass(frozen=True)
class Changed:
    """A commit's batches of one table.

    Attributes:
        before: the table as it was understood before these batches.
        table: as it is understood now.
        batches: applied changes, in order of sequence number.
        past: read when the key is new, or when a TRUNCATE comes late.
    """

    before: TableInfo
    table: TableInfo
    batches: Sequence[TableBatch]
    past: Past

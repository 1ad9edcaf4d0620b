"""What the gate is told of a workspace, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from datawatch_lab.core.values import Aggregation, MeasureKind, TableInfo

MASK = "•••"
"""What stands in place of a sensitive value."""

MAX_ROWS = 100_000
"""Rows of an answer; what comes after is cut."""

MAX_BYTES = 256 * 1024 * 1024
"""Bytes of an answer, for rows that are very wide."""


Parameter = str | int | float | bool | datetime | Sequence[str] | None
"""A value that a query names; a time without a zone is in UTC, None is NULL."""


@dataclass(frozen=True)
class MetricStates:
    """Where the values of a metric are stored, split as a query needs it.

    Attributes:
        labels: every label of the metric; each is a column.
        used: the labels that it is split by; the columns of the others are ''.
        groups: the values of ``used``, by group number.
        members: series id -> group number.
        kind: of the measure.
        aggregation: what the metric's name says.
        masked: labels whose values are not shown.
    """

    labels: tuple[str, ...]
    used: tuple[str, ...]
    groups: Sequence[tuple[str, ...]]
    members: Mapping[int, int]
    kind: MeasureKind
    aggregation: Aggregation
    masked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Workspace:
    """What can be asked about.

    Attributes:
        tables: the tables.
        view_name: name of a table's views by its id.
        metrics: labels of each metric, by its name.
        states: finds the states of a metric split by some of its labels; raises an `InputError`
            for labels that do not go together, and for a metric that is not stored.
        now: the moment of asking; the age of the newest value is taken at it.
    """

    tables: Sequence[TableInfo]
    view_name: Callable[[int], str | None]
    metrics: Mapping[str, tuple[str, ...]]
    states: Callable[[str, Sequence[str]], MetricStates]
    now: datetime


@dataclass(frozen=True)
class SqlAnswer:
    """The answer to a query.

    Attributes:
        table: its rows; column names are unique.
        truncated: there were more rows than this.
        limit: in words, when it was cut: at how many rows or bytes.
        elapsed: from asking to the last row.
        masked: columns of the tables asked about that were masked, as ``customers.email``.
    """

    table: pa.Table
    truncated: bool
    limit: str
    elapsed: timedelta
    masked: tuple[str, ...] = ()

"""Roles and sensitive marks on eight well-known databases, as their change events would give them.

The held-out half was labelled before the classifier was run on it, and rules were improved on the
open half alone, so its figure says what to expect of a schema nobody has looked at.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pytest

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.ingest.rows import decode_rows
from datawatch_lab.metrics.evidence import Evidence, observe
from datawatch_lab.metrics.roles import infer
from tests.metrics import sample_databases
from tests.metrics.sample_databases import HELD_OUT, NAMES, OPEN, SampleColumn, SampleTable

LIMIT = 1_000
BATCH = 250
HALVES = {"open": OPEN, "held out": HELD_OUT}


@dataclass(frozen=True)
class Judged:
    """A column with what was inferred of it."""

    table: SampleTable
    wanted: SampleColumn
    found: Column

    @property
    def role_fits(self) -> bool:
        """Whether the inferred role is the analyst's."""
        return self.found.role.value == self.wanted.role

    @property
    def mark_fits(self) -> bool:
        """Whether the inferred sensitive mark is the analyst's."""
        return self.found.sensitive == self.wanted.sensitive

    def __str__(self) -> str:
        wanted = f"{self.wanted.role}{', sensitive' if self.wanted.sensitive else ''}"
        found = f"{self.found.role}{', sensitive' if self.found.sensitive else ''}"
        place = f"{self.table.database}: {self.table.name}.{self.wanted.name}"
        return f"{place}: {found}, not {wanted} ({self.found.reason})"


def batch_of(info: TableInfo, rows: Sequence[dict[str, object]], first: int) -> TableBatch:
    """Inserted rows, decoded from JSON as those of change events are."""
    images = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    after, misfits = decode_rows(images, np.arange(len(rows), dtype=np.int64))
    assert not misfits
    moment = pl.Series([1_767_225_600_000_000] * len(rows)).cast(pl.Datetime("us", "UTC"))
    events = pl.DataFrame(
        {
            "seq": pl.Series(range(first, first + len(rows)), dtype=pl.Int64),
            "op": ["c"] * len(rows),
            "ts": moment,
            "received": moment,
        }
    )
    return TableBatch(table=info, events=events, after=after, before=RowFrame.empty())


@cache
def judged(database: str) -> tuple[Judged, ...]:
    """Every column of a sample database with what is inferred of it, types not declared."""
    found = []
    for table in sample_databases.tables(database):
        info = TableInfo(id=1, schema=database, table=table.name, name=table.name)
        rows, evidence = table.rows(), None
        for at in range(0, len(rows), BATCH):
            evidence = observe(evidence, batch_of(info, rows[at : at + BATCH], at + 1), LIMIT)
        columns = {column.name: column for column in infer(evidence or Evidence())}
        found += [Judged(table, wanted, columns[wanted.name]) for wanted in table.columns]
    return tuple(found)


def share(fits: Iterable[bool]) -> float:
    """Share of true ones, in [0, 1]."""
    flags = list(fits)
    return sum(flags) / len(flags)


def report(databases: Sequence[str]) -> str:
    """Figures of some databases, a line each, and every miss."""
    lines = []
    for database in databases:
        columns = judged(database)
        roles = share(c.role_fits for c in columns)
        marks = share(c.mark_fits for c in columns)
        lines.append(f"{database}: {len(columns)} columns, roles {roles:.1%}, marks {marks:.1%}")
    misses = [c for d in databases for c in judged(d) if not (c.role_fits and c.mark_fits)]
    return "\n".join([*lines, *map(str, misses)])


@pytest.mark.parametrize("half", HALVES)
def test_roles_are_those_of_an_analyst(half: str) -> None:
    """At least 95 of 100 columns get the role that an analyst gave them, on each half."""
    columns = [column for database in HALVES[half] for column in judged(database)]
    assert share(column.role_fits for column in columns) >= 0.95, report(HALVES[half])


@pytest.mark.parametrize("half", HALVES)
def test_personal_and_secret_columns_are_marked(half: str) -> None:
    """At least 98 of 100 marks are right, and of the columns to be masked 19 of 20 are."""
    columns = [column for database in HALVES[half] for column in judged(database)]
    assert share(column.mark_fits for column in columns) >= 0.98, report(HALVES[half])
    masked = [column.found.sensitive for column in columns if column.wanted.sensitive]
    assert share(masked) >= 0.95, report(HALVES[half])


def test_the_fixtures_are_what_they_say() -> None:
    """Eight databases in halves, 60 tables and 500 columns at least, keys unique, roles known."""
    tables = [table for name in NAMES for table in sample_databases.tables(name)]
    assert (len(OPEN), len(HELD_OUT)) == (4, 4)
    assert len(tables) >= 60
    assert sum(len(table.columns) for table in tables) >= 500
    for table in tables:
        rows = table.rows()
        keys = {tuple(str(row[name]) for name in table.key) for row in rows}
        assert len(rows) == len(keys) == table.size, table.name
        assert {column.role for column in table.columns} <= {str(role) for role in Role}


def test_sample_rows_are_the_same_at_every_call() -> None:
    """Figures can be compared: the rows of a table do not change from run to run."""
    table = sample_databases.tables("chinook")[0]
    assert table.rows() == table.rows()
    assert table.rows()[173] == {"AlbumId": 174, "Title": "Sharp Light Night", "ArtistId": 79}

"""Tables that are derived together come out as each would alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.values import Role, TableInfo
from datawatch_lab.metrics import current, stage
from datawatch_lab.metrics.book import SeriesBook
from datawatch_lab.metrics.catalogue import reconcile
from datawatch_lab.metrics.evidence import observe, observe_all
from tests.metrics.changes import Change, batch_of, table_of, transitions_of
from tests.metrics.test_stage import ROLES, SETTINGS, histories

OTHER_ROLES = {"id": Role.ID, "status": Role.NUMERIC, "note": Role.STATUS, "amount": Role.ID}
TABLES = [
    table_of(ROLES),
    table_of(OTHER_ROLES, name="items", id_=2),
    table_of(ROLES, name="returns", id_=3),
]
MEASURES = reconcile(TABLES, [])[0]

several = st.lists(histories(), min_size=3, max_size=3)


def named(appends: MeasureAppends, book: SeriesBook) -> list[tuple[Any, ...]]:
    """Every row of every state, series by measure and labels."""
    series = {each.id: (m.id, each.labels) for m in MEASURES for each in book.of(m.id)}
    rows = [
        (
            kind,
            *series[row["series"]],
            *(str(value) for name, value in row.items() if name != "series"),
        )
        for kind in ("partials", "bins", "registers")
        for row in getattr(appends, kind).to_pylist()
    ]
    return sorted(rows, key=str)


def measures_of(table: TableInfo) -> list[Any]:
    """Those of one table."""
    return [each for each in MEASURES if each.table_id == table.id]


@given(several)
@settings(max_examples=15, deadline=None)
def test_measures(changes: list[list[Change]]) -> None:
    """The same states, bins and registers in the same series."""
    batches = [batch_of(*each) for each in zip(TABLES, changes, strict=True)]
    tasks = [stage.Task(each, measures_of(each.table)) for each in batches]
    whole, single = SeriesBook(), SeriesBook()
    together = named(stage.derive_all(tasks, whole, SETTINGS), whole)
    alone = [
        row
        for each in batches
        for row in named(stage.derive(each, measures_of(each.table), single, SETTINGS), single)
    ]
    assert together == sorted(alone, key=str)


@given(several)
@settings(max_examples=15, deadline=None)
def test_measures_of_the_current_state(changes: list[list[Change]]) -> None:
    """The same for transitions of rows."""
    tasks = [
        current.Task(transitions_of(*each), measures_of(each[0]))
        for each in zip(TABLES, changes, strict=True)
    ]
    whole, single = SeriesBook(), SeriesBook()
    together = named(current.derive_all_current(tasks, whole), whole)
    alone = [
        row
        for each in tasks
        for row in named(current.derive_current(each.transitions, each.measures, single), single)
    ]
    assert together == sorted(alone, key=str)


@given(several)
@settings(max_examples=15, deadline=None)
def test_evidence(changes: list[list[Change]]) -> None:
    """The same evidence of every field."""
    batches = [batch_of(*each) for each in zip(TABLES, changes, strict=True)]
    together = observe_all([None] * 3, batches, 10)
    assert together == [observe(None, each, 10) for each in batches]

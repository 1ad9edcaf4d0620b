"""Closes and first values as they are stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import MeasureAppends
from datawatch_lab.core.storage import CLOSE_SCHEMA, FIRST_SCHEMA, Corrections, FirstStates
from datawatch_lab.store import DuckStore
from tests.store.builders import NOON, appends, make_commit, partial

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def cut(*parts: tuple[int, int, MeasureAppends]) -> MeasureAppends:
    """Appends of several parts as (part, depth, appends)."""

    def joined(name: str) -> pa.Table:
        tables = []
        for number, depth, each in parts:
            table = getattr(each, name)
            table = table.append_column("part", pa.array([number] * table.num_rows, pa.int64()))
            tables.append(
                table.append_column("depth", pa.array([depth] * table.num_rows, pa.int8()))
            )
        return pa.concat_tables(tables)

    return MeasureAppends(joined("partials"), joined("bins"), joined("registers"))


def counts(states: FirstStates) -> dict[tuple[int, int], tuple[int, float | None]]:
    """Rows that correct and sum before, by (level, series)."""
    before = {
        (level, series): total
        for level, series, total in states.partials.select("level", "series", "sum").iter_rows()
    }
    return {
        (level, series): (rows, before.get((level, series)))
        for level, series, rows in states.first.select("level", "series", "rows").iter_rows()
    }


def test_first_states_are_what_came_before_the_first_correction(store: DuckStore) -> None:
    """Stored states and earlier parts of the commit; at each level what was closed there."""
    store.commit(
        make_commit(appends=appends([partial(1, NOON, 10.0, 1), partial(2, NOON, 1.0, 2)]))
    )
    first = store.closing.first_states(
        cut(
            (0, 0, appends([partial(1, NOON, 5.0, 3)])),
            (1, 2, appends([partial(1, NOON, 2.0, 4)])),
            (1, 3, appends([partial(1, NOON + MINUTE, 3.0, 5)])),
            (2, 3, appends([partial(1, NOON, 4.0, 6)])),
        )
    )
    # 1m: two corrections of the minute at noon, one of the next; 5m: all; 1h: without the depth 2
    by_bucket = {
        (level, bucket): (rows, total)
        for level, bucket, rows, total in first.first.join(
            first.partials, on=["level", "series", "bucket"], how="left"
        )
        .select("level", "bucket", "rows", "sum")
        .iter_rows()
    }
    noon = NOON.replace(tzinfo=None)
    assert by_bucket == {
        (1, noon): (2, 15.0),
        (1, noon + MINUTE): (1, None),
        (2, noon): (3, 15.0),
        (3, noon): (2, 17.0),
    }


def test_a_bucket_keeps_its_first_value_and_counts_what_follows(store: DuckStore) -> None:
    """The second correction only adds to the count and moves the last time."""
    row: dict[str, Any] = {"level": 1, "series": 7, "bucket": NOON.replace(tzinfo=None)}
    first = pa.Table.from_pylist([{**row, "n": 2, "sum": 3.5, "rows": 1}], FIRST_SCHEMA)
    states = store.closing.first_states(cut((0, 1, appends([partial(7, NOON, 1.0, 1)]))))
    assert counts(states) == {(1, 7): (1, None)}
    store.commit(make_commit(corrections=Corrections(first, states.again), at=NOON))
    again = store.closing.first_states(cut((0, 1, appends([partial(7, NOON, 1.0, 2)]))))
    assert not again.first.height
    store.commit(make_commit(corrections=Corrections(first[:0], again.again), at=NOON + HOUR))
    found = store.closing.corrections("1m", [7, 8], NOON - HOUR, NOON + HOUR)
    assert found.select("n", "sum", "rows", "corrected_at", "last_corrected_at").rows() == [
        (2, 3.5, 2, NOON, NOON + HOUR)
    ]
    assert not store.closing.corrections("1m", [8], NOON - HOUR, NOON + HOUR).height
    assert not store.closing.corrections("5m", [7], NOON - HOUR, NOON + HOUR).height


def test_closes_are_numbered_over_commits_and_transactions_of_their_own(store: DuckStore) -> None:
    """A reader goes on after the number it stopped at; the newest of each table is remembered."""

    def close(seq: int, table: int, start: int, by: str) -> pa.Table:
        row = (seq, table, NOON + start * MINUTE, NOON + (start + 1) * MINUTE, NOON, by)
        return pa.Table.from_pylist([dict(zip(CLOSE_SCHEMA.names, row, strict=True))], CLOSE_SCHEMA)

    store.commit(make_commit(closes=pa.concat_tables([close(1, 1, 0, "watermark")] * 1)))
    version = store.version
    store.closing.close(pa.concat_tables([close(2, 1, 1, "clock"), close(2, 2, 5, "clock")]))
    store.commit(make_commit(closes=close(4, 1, 2, "watermark")))
    assert store.version == version + 1
    assert store.closing.closes(0)["number"].to_list() == [1, 2, 3, 4]
    assert store.closing.closes(2, 2).select("number", "table_id", "by").rows() == [
        (3, 2, "clock"),
        (4, 1, "watermark"),
    ]
    assert store.closing.closed() == {
        1: (NOON + 3 * MINUTE, NOON + 2 * MINUTE),
        2: (NOON + 6 * MINUTE, NOON + 6 * MINUTE),
    }
    assert isinstance(store.closing.closes(0), pl.DataFrame)

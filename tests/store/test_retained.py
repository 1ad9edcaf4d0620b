"""What is dropped while it has not settled: once, and counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from datawatch_lab.core.values import LevelName, MeasureDef, MeasureKind, SeriesDef
from datawatch_lab.store import DuckStore
from datawatch_lab.store.compaction import Settled
from datawatch_lab.store.measures import LEVELS
from tests.store.builders import ORDERS, appends, make_commit, partial

DAY = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def begin(store: DuckStore, kind: MeasureKind) -> None:
    """A series of a table, with a state of the first day that has settled everywhere."""
    store.commit(
        make_commit(
            tables=[ORDERS],
            measures=[MeasureDef(id=1, table_id=1, kind=kind)],
            series=[SeriesDef(id=1, measure_id=1)],
            appends=appends([partial(1, DAY + 3 * HOUR, 1.0, 1)]),
        )
    )
    for _ in range(8):
        store.compact()


def rows_of_all_time(store: DuckStore) -> int:
    """What the level of days adds up to."""
    rows = store._file.writer.execute(
        "SELECT sum(n)::BIGINT FROM measures.all_partials WHERE level = 4"
    ).fetchall()
    return int(rows[0][0])


@pytest.mark.parametrize("hours", [30, 32, 48, 72])
def test_a_running_total_is_carried_once(store: DuckStore, hours: int) -> None:
    """Wherever the cut lies in the day of a state that came just now."""
    begin(store, MeasureKind.ROWS)
    store.commit(make_commit(appends=appends([partial(1, DAY + 34 * HOUR, 1.0, 2)])))
    for cut in (hours, 72, 96):
        store.retention.drop_before("1d", {1: DAY + cut * HOUR})
        assert rows_of_all_time(store) == 2
        store.compact()
        assert rows_of_all_time(store) == 2


@pytest.mark.parametrize("level", ["1m", "5m", "1h"])
def test_what_expires_is_given_once(store: DuckStore, level: LevelName) -> None:
    """What is archived before it is dropped does not come again, cut off the grid or on it."""
    begin(store, MeasureKind.CHANGES)
    at = DAY + timedelta(hours=5, minutes=8, seconds=10)
    store.commit(make_commit(appends=appends([partial(1, at, 1.0, 2)], [(1, at, 3, 1)])))
    given = []
    for cut in (at - timedelta(seconds=5), at + timedelta(seconds=1), at + 2 * HOUR, at + 3 * HOUR):
        partials, bins, *_ = store.retention.expiring(level, {1: cut})
        given += [(len(partials), len(bins))] if len(partials) else []
        store.retention.drop_before(level, {1: cut})
        store.compact()
    assert sum(partials for partials, _ in given) == 2, "the settled one and the new one"
    assert sum(bins for _, bins in given) == 1


def test_what_is_younger_stays_unsettled(store: DuckStore) -> None:
    """Only what lies before the cut is touched, so a step of retention is as small as that."""
    begin(store, MeasureKind.CHANGES)
    fresh = [partial(1, DAY + 30 * HOUR + timedelta(seconds=n), 1.0, n) for n in range(50)]
    store.commit(make_commit(appends=appends(fresh)))
    store.compact()
    count = "SELECT count(*) FROM measures.new_partials"
    before = store._file.writer.execute(count).fetchall()
    store.retention.drop_before("1s", {1: DAY + 29 * HOUR})
    assert store._file.writer.execute(count).fetchall() == before


@pytest.mark.parametrize("level", LEVELS)
def test_what_did_not_settle_yet_settles_in_parts(store: DuckStore, level: LevelName) -> None:
    """Each part is as small as asked, answers stay the same, and at the end all is dropped."""
    begin(store, MeasureKind.ROWS)
    fresh = [partial(1, DAY + 30 * HOUR + timedelta(seconds=7 * n), 1.0, n) for n in range(90)]
    store.commit(make_commit(appends=appends(fresh, [(1, each["bucket"], 3, 1) for each in fresh])))
    cutoffs = {1: DAY + 72 * HOUR}
    expiring = [each.sort(each.columns) for each in store.retention.expiring(level, cutoffs)]
    parts: list[Settled] = []
    while not parts or not parts[-1].is_all:
        parts.append(store.retention.settle(level, cutoffs, 25, sketches=False))
        found = [each.sort(each.columns) for each in store.retention.expiring(level, cutoffs)]
        assert all(map(pl.DataFrame.equals, found, expiring))
        assert rows_of_all_time(store) == 91
    assert max(each.rows for each in parts) <= 25
    assert sum(each.rows for each in parts) >= 90
    assert store.retention.settle(level, cutoffs, 25, sketches=False) == (0, True)
    store.retention.drop_before(level, cutoffs)
    assert store.retention.oldest_buckets(level, cutoffs) == {}

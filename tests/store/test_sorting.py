"""Settled states in order of series: the same answers, fewer places to look."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from datawatch_lab.core.values import LevelName
from datawatch_lab.store import DuckStore, sorting
from datawatch_lab.store.migrations import available, migrate
from datawatch_lab.store.sorting import Sorting, find_stretch
from tests.store.builders import NOON, appends, make_commit, partial, states_of

SERIES = [1, 2, 3, 4, 5, 6, 7]
LEVELS: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
MINUTE = timedelta(minutes=1)


def settle(store: DuckStore, first: int, count: int) -> None:
    """Minutes of all series, each in a commit of its own; every five minutes settle together."""
    for minute in range(first, first + count):
        if minute % 5 == 0:
            store.compact()
        rows = [
            partial(series, NOON + minute * MINUTE, float(series * minute), minute)
            for series in SERIES
        ]
        store.commit(make_commit(appends=appends(rows)))
    store.compact()
    store.compact()


def stored(store: DuckStore, level: str = "1m") -> list[tuple[int, datetime]]:
    """Series and bucket of the settled states of a level, in the order of the file."""
    return store._file.writer.execute(
        f"SELECT series, bucket FROM measures.partials_{level} ORDER BY rowid"
    ).fetchall()


def newest_of(store: DuckStore) -> datetime:
    """The newest settled minute."""
    return max(bucket for _, bucket in stored(store))


def sort_all(store: DuckStore, least: int) -> int:
    """Sort until no stretch is left; gives the slices it took."""
    slices = 0
    while True:
        with store._file.write() as con:
            stretch = find_stretch(con, least)
        if stretch is None:
            return slices
        work, more = Sorting(stretch), True
        while more:
            slices += 1
            with store._file.write() as con:
                more = work.slice(con)


def test_a_series_stands_together_and_says_the_same(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In slices of whole series; the newest bucket, which may still change, stays where it is."""
    monkeypatch.setattr(sorting, "SLICE_ROWS", 40)
    settle(store, 0, 20)
    before = {level: states_of(store, level, SERIES) for level in LEVELS}
    assert stored(store) != sorted(stored(store))
    assert sort_all(store, 100) == 3
    older = [row for row in stored(store) if row[1] != newest_of(store)]
    assert older == sorted(older)
    assert {level: states_of(store, level, SERIES) for level in LEVELS} == before
    assert sort_all(store, 100) == 0


def test_what_comes_later_is_sorted_later(store: DuckStore) -> None:
    """What is sorted is not touched again, and late states are merged into it all the same."""
    settle(store, 0, 20)
    sort_all(store, 100)
    first = [row for row in stored(store) if row[1] != newest_of(store)]
    settle(store, 20, 20)
    late = [partial(3, NOON + 2 * MINUTE, 5.0, 99)]
    store.commit(make_commit(appends=appends(late)))
    before = {level: states_of(store, level, SERIES) for level in LEVELS}
    store.compact()
    store.compact()
    sort_all(store, 100)
    rows = stored(store)
    assert len(rows) == len(set(rows)) == 40 * len(SERIES)
    late_row = (3, (NOON + 2 * MINUTE).replace(tzinfo=None))
    assert [row for row in rows if row in {*first} - {late_row}] == [
        row for row in first if row != late_row
    ]
    assert {level: states_of(store, level, SERIES) for level in LEVELS} == before


def test_sorting_goes_on_with_compaction(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice at a time within the time that it has; until then there is work left."""
    monkeypatch.setattr(sorting, "SLICE_ROWS", 1)
    settle(store, 0, 20)
    monkeypatch.setattr(
        "datawatch_lab.store.compactor.find_stretch", lambda con: find_stretch(con, 100)
    )
    store.compact(0.0)
    assert store.compaction.under_way
    before = states_of(store, "1m", SERIES)
    calls = 0
    while store.compaction.under_way:
        store.compact(0.0)  # no more than one slice
        calls += 1
        assert states_of(store, "1m", SERIES) == before
    assert calls >= len(SERIES) - 1
    older = [row for row in stored(store) if row[1] != newest_of(store)]
    assert older == sorted(older)


def test_states_of_an_older_file_move_to_their_levels(tmp_path: Path) -> None:
    """Every level's rows are in its own table, and nothing is lost or told twice."""
    path = tmp_path / "old.duckdb"
    steps = available()
    with duckdb.connect(str(path)) as con:
        older = {version: step for version, step in steps.items() if version < 8}
        migrate(con, path.name, NOON, older)
        for level, (series, minute) in enumerate(itertools.product([1, 2], [0, 1])):
            at = (NOON + minute * MINUTE).replace(tzinfo=None)
            row = [level, series, at, 2, 3.5, "3.5", 1.5, 2.0, 2.0, at, 7]
            con.execute(f"INSERT INTO measures.partials VALUES ({', '.join('?' * 11)})", row)
        con.execute("INSERT INTO measures.bins VALUES (3, 1, ?, 4, 2)", [NOON.replace(tzinfo=None)])
        before = con.execute("SELECT * FROM measures.all_partials ORDER BY ALL").fetchall()
        migrate(con, path.name, NOON, steps)
        assert con.execute("SELECT * FROM measures.all_partials ORDER BY ALL").fetchall() == before
        counts = [
            con.execute(f"SELECT count(*) FROM measures.partials_{level}").fetchall()[0][0]
            for level in LEVELS
        ]
        assert counts == [1, 1, 1, 1, 0]
        assert con.execute("SELECT count(*) FROM measures.bins_1h").fetchall() == [(1,)]

"""Questions from many threads, their time limit, and what status pages ask."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from datawatch_lab.core.errors import InputError, WorkspaceError
from datawatch_lab.store import DuckStore, SourceSummary, TableCounts
from datawatch_lab.store.sql import fetch_arrow
from tests.store.builders import (
    NOON,
    appends,
    ledger_rows,
    level_read,
    log_rows,
    make_commit,
    partial,
    quarantine_rows,
)
from tests.waiting import PATIENCE, eventually

SLOW = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"


def test_readers_see_whole_commits_while_the_writer_works(store: DuckStore) -> None:
    """Two series grow together; no reading ever sees one ahead of the other, nor a step back."""
    failures: list[str] = []
    stop = threading.Event()

    def read() -> None:
        newest = 0
        while not stop.is_set():
            frame = store.read_measures(level_read("1d", [1, 2])).partials
            counts = dict(frame.select("group", "n").rows())
            if counts.get(1, 0) != counts.get(2, 0) or counts.get(1, 0) < newest:
                failures.append(f"{counts} after {newest}")
            newest = counts.get(1, 0)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(40):
        rows = [partial(series, NOON, 1.0, n) for series in (1, 2)]
        store.commit(make_commit(appends=appends(rows), log=log_rows(store, [f"e{n}"], n + 1)))
        if n % 10 == 9:
            store.compact()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.read_measures(level_read("1h", [1])).partials["n"].to_list() == [40]


def test_a_query_ends_at_its_timeout(tmp_path: Path) -> None:
    """With the setting's name and what to ask instead; the store works on."""
    limit = timedelta(milliseconds=200)
    with DuckStore.open(tmp_path / "a.duckdb", query_timeout=limit) as store:
        expected = pytest.raises(InputError, match=r"longer than 0\.2s \(query_timeout\)")
        with expected, store._file.readers.cursor() as con:
            con.execute(SLOW).fetchall()
        store._file.readers.timeout = timedelta(seconds=PATIENCE)  # a busy machine may need it
        assert store.ledger() == {}
        assert not store._file.readers._active


def test_closing_ends_running_queries(store: DuckStore) -> None:
    """A question that runs is told why it ended, and the file is free at once."""
    told: list[BaseException] = []
    started = threading.Event()

    def ask() -> None:
        try:
            with store._file.readers.cursor() as con:
                started.set()
                con.execute(SLOW).fetchall()
        except WorkspaceError as error:
            told.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    started.wait()
    threading.Event().wait(0.1)
    store.close()
    thread.join(PATIENCE)
    assert [str(error) for error in told] == ["The workspace was closed during a query."]
    duckdb.connect(str(store.path)).close()


def test_a_timeout_between_two_statements_holds(tmp_path: Path) -> None:
    """An interrupt while nothing runs is repeated, so that the next statement ends as well."""
    limit = timedelta(milliseconds=50)
    with DuckStore.open(tmp_path / "a.duckdb", query_timeout=limit) as store:
        with pytest.raises(InputError, match="query_timeout"), store._file.readers.cursor() as con:
            ask_late(con)
        store._file.readers.timeout = timedelta(seconds=PATIENCE)
        assert store.ledger() == {}


def test_a_shorter_timeout_holds_from_the_next_query_on(tmp_path: Path) -> None:
    """Also while the watch looks at one that has longer."""
    told: list[BaseException] = []

    def ask(store: DuckStore) -> None:
        try:
            with store._file.readers.cursor() as con:
                con.execute(SLOW).fetchall()
        except (InputError, WorkspaceError) as error:
            told.append(error)

    with DuckStore.open(tmp_path / "a.duckdb", query_timeout=timedelta(hours=1)) as store:
        with store._file.readers.cursor():
            eventually(
                lambda: store._file.readers._looks < math.inf
            )  # it waits for this one's hour
            store._file.readers.timeout = timedelta(milliseconds=50)
            thread = threading.Thread(target=ask, args=(store,))
            thread.start()
            thread.join(PATIENCE)
            assert not thread.is_alive()
        assert "longer than 0.05s" in str(told[0])


def ask_late(con: duckdb.DuckDBPyConnection) -> None:
    """A statement that begins after the time is up."""
    threading.Event().wait(0.2)
    con.execute(SLOW).fetchall()


def test_an_abandoned_reading_of_the_log_holds_nothing(store: DuckStore) -> None:
    """Stopping after the first frame leaves no open cursor behind."""
    store.commit(make_commit(log=log_rows(store, [f"e{n}" for n in range(30)], 1)))
    frames = store.read_log(1, chunk=10)
    next(frames)
    assert not store._file.readers._active


def test_status_counts_follow_the_log(opener: Callable[[], DuckStore]) -> None:
    """Counts and newest times by table and source, brought up to date, the same after reopening."""
    store = opener()
    assert store.table_counts() == {}
    store.commit(
        make_commit(
            log=log_rows(store, ["a", "b"], 1),
            ledger=ledger_rows(("http", "orders", 2, 2, 0, 0, 0), ("file", "", 1, 0, 0, 0, 1)),
        )
    )
    assert store.table_counts()[1].events == 2
    store.commit(make_commit(log=log_rows(store, ["c"], 3, table=2, source="file")))
    store.commit(make_commit(log=log_rows(store, ["d"], 4, op="u")))

    def at(seq: int, delay: int = 0) -> datetime:
        return NOON + timedelta(seconds=seq, milliseconds=delay)

    tables = {
        1: TableCounts(events=3, inserts=2, first_ts=at(1), last_ts=at(4), last_received=at(4, 5)),
        2: TableCounts(events=1, inserts=1, first_ts=at(3), last_ts=at(3), last_received=at(3, 5)),
    }
    sources = [
        SourceSummary(
            name="file", events=1, first_received=at(3, 5), last_received=at(3, 5), last_ts=at(3)
        ),
        SourceSummary(
            name="http", events=3, first_received=at(1, 5), last_received=at(4, 5), last_ts=at(4)
        ),
    ]
    for _ in range(2):
        assert store.table_counts() == tables
        assert store.sources() == sources
        assert store.size_bytes() > 10_000
        store.close()
        store = opener()


def test_a_source_with_only_bad_rows_is_listed(store: DuckStore) -> None:
    """Its times are None: nothing of it was applied."""
    store.commit(make_commit(ledger=ledger_rows(("file", "", 1, 0, 0, 0, 1))))
    assert store.sources() == [SourceSummary(name="file")]


def test_the_quarantine_is_counted_by_state(store: DuckStore) -> None:
    """Without reading the rows themselves."""
    store.commit(make_commit(quarantine=quarantine_rows(store, [b"a", b"b", b"c"])))
    store.commit(make_commit(replayed={2: 0}))
    assert (store.quarantine_size(), store.quarantine_size("replayed")) == (2, 1)


def test_arrow_comes_the_same_by_either_way() -> None:
    """Also from a DuckDB that has only the public one."""

    class Public:
        """A connection without the entry that relations use."""

        def __init__(self) -> None:
            self.sql = duckdb.connect().sql

    query = "SELECT $1::INTEGER + range AS n, NULL::TIMESTAMP AS at FROM range(3)"
    with duckdb.connect() as con:
        assert hasattr(con, "_submit")
        found = fetch_arrow(con, query, [4])
    assert found["n"].to_pylist() == [4, 5, 6]
    assert fetch_arrow(Public(), query, [4]).equals(found)  # type: ignore[arg-type]

"""Merging of states: any batching, any compaction, every level; judged by plain Python."""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.batches import PARTIAL_SCHEMA, MeasureAppends
from datawatch_lab.core.storage import MeasureRead, Span, Store
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName
from datawatch_lab.store import DuckStore, compaction, compactor
from tests.store.builders import NOON, appends, make_commit, partial, states_of

LEVELS: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# whole and half numbers: their sums are exact in any order, so rows can be compared bit by bit
Row = tuple[int, int, float, int]  # series, second from the epoch, value, seq
rows_strategy = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.one_of(st.integers(-90_000, 90_000), st.sampled_from([0, 1, 59, 60, 3599, 86_399])),
        st.integers(-2000, 2000).map(lambda n: n / 2),
        st.integers(1, 50),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda row: (row[1], row[3]),
)


def oracle(rows: Iterable[Row], width: int) -> list[tuple[Any, ...]]:
    """The merged partials of a level, computed row by row."""
    buckets: dict[tuple[int, int], list[Row]] = defaultdict(list)
    for row in rows:
        buckets[row[0], row[1] // width * width].append(row)
    merged = []
    for (series, start), members in sorted(buckets.items()):
        values = [row[2] for row in members]
        newest = max(members, key=lambda row: (row[1], row[3]))
        merged.append(
            (
                series,
                EPOCH + timedelta(seconds=start),
                len(values),
                sum(values),
                sum((Decimal(repr(value)) for value in values), Decimal(0)),
                min(values),
                max(values),
                newest[2],
                EPOCH + timedelta(seconds=newest[1]),
                newest[3],
            )
        )
    return merged


def commit_rows(store: Store, rows: Sequence[Row]) -> None:
    """One commit; each row is a partial, a bin (of its value) and a register (of its seq)."""
    moments = [(row, EPOCH + timedelta(seconds=row[1])) for row in rows]
    store.commit(
        make_commit(
            appends=appends(
                [partial(s, at, value, seq) for (s, _, value, seq), at in moments],
                [(s, at, int(value) // 100, 1) for (s, _, value, _), at in moments],
                [(s, at, seq % 4, seq) for (s, _, _, seq), at in moments],
            )
        )
    )


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows_strategy, cuts=st.lists(st.integers(0, 40), max_size=4), compact=st.randoms())
def test_any_batching_and_compaction_gives_the_same_states(
    rows: list[Row], cuts: list[int], compact: random.Random
) -> None:
    """Every level equals the oracle, however rows were cut into commits and compacted between."""
    with tempfile.TemporaryDirectory() as folder:
        store = DuckStore.open(Path(folder) / "a.duckdb", read_threads=1)
        edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
        for start, end in pairwise(edges):
            commit_rows(store, rows[start:end])
            for _ in range(compact.randrange(3)):
                store.compact()
        for level in LEVELS:
            found = states_of(store, level, [1, 2, 3])
            width = LEVEL_SECONDS[level]
            assert found["partials"] == oracle(rows, width)
            bins: dict[tuple[int, int, int], int] = defaultdict(int)
            ranks: dict[tuple[int, int, int], int] = defaultdict(int)
            for series, second, value, seq in rows:
                start = second // width * width
                bins[series, start, int(value) // 100] += 1
                ranks[series, start, seq % 4] = max(ranks[series, start, seq % 4], seq)
            assert found["bins"] == flat(bins)
            assert found["registers"] == flat(ranks)
        store.close()


def flat(counts: dict[tuple[int, int, int], int]) -> list[tuple[Any, ...]]:
    """Counts by (series, second, key) as rows in order."""
    return [
        (series, EPOCH + timedelta(seconds=start), key, value)
        for (series, start, key), value in sorted(counts.items())
    ]


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=rows_strategy, draw=st.data())
def test_a_range_off_the_buckets_reads_the_same_before_and_after_compaction(
    rows: list[Row], draw: st.DataObject
) -> None:
    """Which buckets begin in a span is the same for what was appended and for what has settled.

    Where spans of two levels meet there is a bucket of both, as `metrics.spans.cover` sees to.
    """
    level = draw.draw(st.sampled_from(LEVELS))
    seconds = st.integers(-100_000, 100_000)
    first, middle, last = sorted(draw.draw(st.lists(seconds, min_size=3, max_size=3, unique=True)))
    bounds = [EPOCH + timedelta(seconds=each) for each in (first, middle, last)]
    meet = EPOCH + timedelta(
        seconds=middle // LEVEL_SECONDS[level] // 60 * 60 * LEVEL_SECONDS[level]
    )
    spans = (Span("1m", meet - timedelta(days=1), meet), Span(level, meet, bounds[2]))
    off = (Span(level, bounds[0], bounds[2]),)
    reads = [
        MeasureRead({1: 1, 2: 1, 3: 2}, spans, bins=True, registers=True),
        MeasureRead({1: 1, 2: 2}, off, step=timedelta(seconds=90), registers=True),
        MeasureRead({1: 1, 3: 1}, off, edges=bounds, bins=True),
    ]
    with tempfile.TemporaryDirectory() as folder:
        store = DuckStore.open(Path(folder) / "a.duckdb", read_threads=1)
        commit_rows(store, rows[::2])
        commit_rows(store, rows[1::2])
        before = [answers(store, read) for read in reads], shown(store)
        assert before[1][0] == sorted(shown_by(rows))
        for _ in range(len(LEVELS) + 1):
            store.compact()
            assert ([answers(store, read) for read in reads], shown(store)) == before
        store.close()


def answers(store: Store, read: MeasureRead) -> list[list[tuple[Any, ...]]]:
    """What a read finds, in order."""
    found = store.read_measures(read)
    return [
        frame.sort(frame.columns[:3]).rows()
        for frame in (found.partials, found.bins, found.registers)
    ]


def shown(store: DuckStore) -> list[list[tuple[Any, ...]]]:
    """What the views for SQL show: states by level, series and bucket."""
    return [
        store._file.writer.execute(
            f"SELECT level, series, epoch_us(bucket) // 1000000, {merged}::BIGINT "
            f"FROM measures.all_{name} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        for name, merged in (("partials", "sum(n)"), ("bins", "sum(n)"), ("registers", "max(rank)"))
    ]


def shown_by(rows: Iterable[Row]) -> list[tuple[int, int, int, int]]:
    """The first of these by hand."""
    found: dict[tuple[int, int, int], int] = defaultdict(int)
    for series, second, _, _ in rows:
        for number, level in enumerate(LEVELS):
            width = LEVEL_SECONDS[level]
            found[number, series, second // width * width] += 1
    return [(*key, count) for key, count in found.items()]


def test_a_large_commit_is_merged_on_read_and_by_compaction(store: DuckStore) -> None:
    """A commit appends a row a state, which counts for every level; compaction merges them."""
    generator = np.random.default_rng(4)
    rows: list[Row] = [  # (second, seq) repeat, yet with one value for a key: ties are harmless
        (int(s), int(t), float(v), n % 100)
        for n, (s, t, v) in enumerate(
            zip(
                generator.integers(1, 4, 2500),
                generator.integers(-4000, 4000, 2500),
                generator.integers(0, 100, 2500),
                strict=True,
            )
        )
    ]
    commit_rows(store, rows)
    assert counts(store) == (0, len(rows))
    for _ in range(len(LEVELS) + 2):
        for level in LEVELS:
            states = states_of(store, level, [1, 2, 3])["partials"]
            assert states == oracle(rows, LEVEL_SECONDS[level])
        store.compact()
    kept = sum(len(oracle(rows, LEVEL_SECONDS[level])) for level in LEVELS)
    assert counts(store) == (kept, 0)


def test_exact_sums_are_null_unless_every_part_is_exact(store: DuckStore) -> None:
    """One row without exact digits, or beyond 1e22, leaves the double alone to speak."""
    parts = [partial(1, NOON, 0.1, 1), partial(1, NOON, 0.2, 2), partial(2, NOON, 0.1, 3)]
    parts.append(partial(2, NOON, 0.2, 4, exact=None))
    huge = partial(3, NOON, 9e27, 5)
    store.commit(make_commit(appends=appends([*parts, huge, huge])))
    for _ in range(4):
        rows = {row[0]: row for row in states_of(store, "1d", [1, 2, 3])["partials"]}
        assert rows[1][4] == Decimal("0.3")
        assert rows[2][4] is None
        assert rows[2][3] == pytest.approx(0.3)
        assert (rows[3][3], rows[3][4]) == (1.8e28, None)
        store.compact()


def test_compaction_keeps_one_row_a_bucket(store: DuckStore) -> None:
    """Buckets that stopped changing settle into one row; late data is merged into it."""
    for n in range(5):
        commit_rows(store, [(1, 10, 1.0, n)])
    assert store.compact() > 0
    seen = []
    for _ in LEVELS:
        store.compact()
        seen.append(counts(store))
    assert seen == [(1, 1), (2, 1), (3, 1), (4, 1), (5, 0)]  # a level after the other
    commit_rows(store, [(1, 11, 2.0, 9)])
    late = states_of(store, "1d", [1])
    for _ in range(len(LEVELS) + 1):
        store.compact()
    assert counts(store) == (6, 0)
    assert states_of(store, "1d", [1]) == late


def test_compaction_is_bounded(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice takes the oldest rows up to its limit; repeated calls finish the work."""
    monkeypatch.setattr(compaction, "COMPACT_ROWS", 7)
    monkeypatch.setattr(store.compaction, "_rows", 7)
    for n in range(40):
        commit_rows(store, [(1, 10 + n, 1.0, n)])
    before = {level: states_of(store, level, [1]) for level in LEVELS}
    seen: list[tuple[int, int]] = []
    while not seen or seen[-1][1]:
        store.compact(0.0)  # no more than one slice
        seen.append(counts(store))
        assert {level: states_of(store, level, [1]) for level in LEVELS} == before
    assert seen[0][1] >= 40 - 7
    assert seen[-1] == (40 + 4, 0)


def test_much_that_is_new_settles_when_nothing_more_comes(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little stays where it is; of much, compaction after compaction is worth it until none is."""
    monkeypatch.setattr(compactor, "MUCH", 50)
    commit_rows(store, [(1, second, 1.0, second) for second in range(10)])
    assert not store.compaction.much_is_new
    for _ in range(2):
        store.compact()
        assert not store.compaction.much_is_new
    commit_rows(store, [(1, 5_000 + second, 1.0, second) for second in range(40)])
    store.compact()
    assert store.compaction.much_is_new
    passes = 0
    while store.compaction.much_is_new:
        store.compact()
        passes += 1
    assert passes < 2 * len(LEVELS)
    left = counts(store)[1]
    assert left < 5


def test_compaction_shortens_a_long_write_ahead_log(
    store: DuckStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond its limit the log is check-pointed; the states stay."""
    commit_rows(store, [(1, 10, 1.0, 1)])
    before = states_of(store, "1m", [1])
    store.compact()
    assert store._file.wal_bytes() > 0
    monkeypatch.setattr(compactor, "CHECKPOINT_BYTES", 0)
    store.compact()
    assert store._file.wal_bytes() == 0
    assert states_of(store, "1m", [1]) == before


def counts(store: DuckStore) -> tuple[int, int]:
    """Rows of partials that are settled, and rows that are not."""
    row = store._file.writer.execute(
        "SELECT (SELECT count(*) FROM measures.settled_partials), "
        "(SELECT count(*) FROM measures.new_partials)"
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def test_chunked_arrow_tables_are_taken(store: DuckStore) -> None:
    """A stage may hand over tables of several chunks."""
    one = appends([partial(1, NOON, 1.0, 1)])
    twice = MeasureAppends(pa.concat_tables([one.partials] * 2), one.bins, one.registers)
    assert twice.partials.schema.equals(PARTIAL_SCHEMA)
    store.commit(make_commit(appends=twice))
    assert [row[2] for row in states_of(store, "5m", [1])["partials"]] == [2]


def test_a_commit_writes_no_more_for_what_was_there_before(tmp_path: Path) -> None:
    """DuckDB logs all of a block of lists with each commit that appends to it; we keep none."""
    path = tmp_path / "a.duckdb"
    log = path.with_name("a.duckdb.wal")
    written = []
    with DuckStore.open(path) as store:
        for _ in range(8):
            before = log.stat().st_size if log.exists() else 0
            bins = [(1, NOON, number, 1) for number in range(300)]
            registers = [(2, NOON, number * 7, 1 + number % 5) for number in range(300)]
            store.commit(
                make_commit(
                    appends=appends([partial(1, NOON, 1.0, 1)], bins=bins, registers=registers)
                )
            )
            written.append(log.stat().st_size - before)
    assert max(written[1:]) < 1.2 * min(written)

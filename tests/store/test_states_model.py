"""Partial states against plain lists: any order of commits, compaction, retention, reopenings."""

from __future__ import annotations

import functools
import math
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.storage import MeasureRead, Span
from datawatch_lab.core.values import (
    LEVEL_SECONDS,
    LevelName,
    MeasureDef,
    MeasureKind,
    SeriesDef,
    TableInfo,
)
from datawatch_lab.store import DuckStore, compaction, compactor, sorting
from tests.store.builders import ORDERS, appends, make_commit, partial

LEVELS: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
FOLDED: tuple[LevelName, ...] = ("1m", "5m")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
END = datetime(2100, 1, 1, tzinfo=UTC)
ITEMS = TableInfo(
    id=2, schema="public", table="items", name="items", key=("id",), columns=ORDERS.columns
)
MEASURES = [
    MeasureDef(id=1, table_id=1, kind=MeasureKind.CHANGES),
    MeasureDef(id=2, table_id=1, kind=MeasureKind.ROWS),
    MeasureDef(id=3, table_id=2, kind=MeasureKind.STATE, field="state"),
]
TABLE_OF = {measure.id: measure.table_id for measure in MEASURES}  # a series a measure
RUNNING = {2, 3}
"""Series that are read from the beginning of time."""

MANY = 10_000
"""Rows or calls beyond what any history here has."""

Key = tuple[int, datetime]  # series, bucket
Cuts = dict[int, datetime]  # earliest bucket kept, by table


class Row(NamedTuple):
    """One row that is measured; ``width`` bins and registers come of it."""

    series: int
    second: int
    value: float
    width: int
    seq: int = 0

    @property
    def at(self) -> datetime:
        """When it was."""
        return EPOCH + timedelta(seconds=self.second)

    @property
    def bins(self) -> list[int]:
        """The bins that count it."""
        return [int(self.value) // 100 + number for number in range(self.width)]

    @property
    def registers(self) -> dict[int, int]:
        """The ranks that it has seen."""
        return {(self.seq + number) % 20: 1 + self.seq % 7 for number in range(self.width)}


class Model:
    """Which rows lie in which bucket of which level, as long as it is kept.

    Attributes:
        states: rows by level, series and bucket.
        sketches: the same for bins and registers, which may be dropped earlier.
        finalised: what stands in the place of sketches.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.states: dict[LevelName, dict[Key, list[Row]]] = {level: {} for level in LEVELS}
        self.sketches: dict[LevelName, dict[Key, list[Row]]] = {level: {} for level in LEVELS}
        self.finalised: dict[LevelName, dict[Key, float]] = {level: {} for level in LEVELS}

    def add(self, row: Row) -> None:
        """A row counts for every level, however late it comes."""
        self.rows.append(row)
        for level in LEVELS:
            width = LEVEL_SECONDS[level]
            key = row.series, EPOCH + timedelta(seconds=row.second // width * width)
            self.states[level].setdefault(key, []).append(row)
            if row.width:
                self.sketches[level].setdefault(key, []).append(row)

    def drop(self, level: LevelName, cuts: Cuts) -> None:
        """What is before the cuts is gone; days leave running totals at the beginning of time."""
        for key in expired(self.states[level], cuts):
            gone = self.states[level].pop(key)
            if level == "1d" and key[0] in RUNNING:
                self.states[level].setdefault((key[0], BEGINNING), []).extend(gone)
        for kept in (self.sketches[level], self.finalised[level]):
            for key in expired(kept, cuts):
                del kept[key]

    def fold(self, level: LevelName, cuts: Cuts) -> pa.Table:
        """Sketches before the cuts give way to quantiles, made up here; those stay that are."""
        keys = expired(self.sketches[level], cuts)
        counts = [float(sum(row.width for row in self.sketches[level].pop(key))) for key in keys]
        for key, count in zip(keys, counts, strict=True):
            self.finalised[level].setdefault(key, count)
        return pa.table(
            {
                "series": pa.array([series for series, _ in keys], pa.int32()),
                "bucket": pa.array([at.replace(tzinfo=None) for _, at in keys], pa.timestamp("us")),
            }
            | {
                name: pa.array(counts, pa.float64())
                for name in ("p50", "p90", "p95", "p99", "distinct")
            }
        )


def expired(kept: Mapping[Key, object], cuts: Cuts) -> list[Key]:
    """Keys of buckets that begin before the cut of their table."""
    return [
        (series, bucket)
        for series, bucket in kept
        if BEGINNING < bucket < cuts.get(TABLE_OF[series], BEGINNING)
    ]


def merged(states: Mapping[Key, list[Row]]) -> list[tuple[Any, ...]]:
    """Partial states, row by row."""
    found = []
    for (series, bucket), rows in sorted(states.items()):
        values = [row.value for row in rows]
        newest = max(rows, key=lambda row: (row.second, row.seq))
        exact = sum((Decimal(repr(value)) for value in values), Decimal(0))
        found.append(
            (
                *(series, bucket, len(rows), math.fsum(values), exact, min(values), max(values)),
                *(newest.value, newest.at, newest.seq),
            )
        )
    return found


def counted(sketches: Mapping[Key, list[Row]]) -> list[tuple[Any, ...]]:
    """Bins with what they count."""
    counts = {key: Counter(n for row in rows for n in row.bins) for key, rows in sketches.items()}
    return sorted((*key, *each) for key, found in counts.items() for each in found.items())


def ranked(sketches: Mapping[Key, list[Row]]) -> list[tuple[Any, ...]]:
    """Registers with the largest rank that they saw."""
    ranks: dict[tuple[int, datetime, int], int] = defaultdict(int)
    for key, rows in sketches.items():
        for register, rank in (each for row in rows for each in row.registers.items()):
            ranks[*key, register] = max(ranks[*key, register], rank)
    return sorted((*key, rank) for key, rank in ranks.items())


class Workspace:
    """The store, and what it must hold.

    Attributes:
        young: series and seconds that got rows since the newest pass of compaction began.
        taken: those that got rows between the beginnings of the last two.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = Model()
        self.young: set[tuple[int, int]] = set()
        self.taken: set[tuple[int, int]] = set()
        self.store = DuckStore.open(path, read_threads=1)
        self.store.commit(
            make_commit(
                tables=[ORDERS, ITEMS],
                measures=MEASURES,
                series=[SeriesDef(id=each.id, measure_id=each.id) for each in MEASURES],
            )
        )

    def compact(self, times: int, seconds: float | None = 0.0) -> None:
        """Go on with compaction; what came since the pass before this one does not settle."""
        before = self.settled_seconds()
        for _ in range(times):
            if not self.store.compaction.under_way:
                self.taken, self.young = self.young, set()
            self.store.compaction.run(seconds)
            after = self.settled_seconds()
            for key in self.taken | self.young:
                assert after.get(key) == before.get(key), "a bucket moved while it changed"
            before = after

    def settled_seconds(self) -> dict[tuple[int, int], int]:
        """Rows of each second that settled."""
        found = self.ask("SELECT series, epoch_us(bucket) // 1000000, n FROM measures.partials_1s")
        assert len(found) == len({row[:2] for row in found})
        return {(series, second): n for series, second, n in found}

    def unsettled(self) -> int:
        """Appended rows."""
        with self.store._file.readers.cursor() as con:
            return compaction.appended(con)

    def settle(self, level: LevelName, cuts: Cuts, rows: int, *, sketches: bool) -> None:
        """Do in bounded parts what retention would do at once; then nothing is left of it."""
        kept = self.store.retention
        for _ in range(MANY):
            if kept.settle(level, cuts, rows, sketches=sketches).is_all:
                break
        assert kept.settle(level, cuts, MANY, sketches=sketches) == (0, True)

    def prepare(self, level: LevelName, cuts: Cuts, rows: int, *, sketches: bool) -> None:
        """Settle so many rows at a time, none for 0; what expires is then what the model has."""
        if rows:
            self.settle(level, cuts, rows, sketches=sketches)
        self.expiring_agrees(level, cuts)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        with self.store._file.readers.cursor() as con:
            return con.execute(sql).fetchall()

    def agrees(self) -> None:
        """Reads at every level find what is in the model."""
        for level in LEVELS:
            read = MeasureRead(
                {series: series for series in TABLE_OF},
                [Span(level, BEGINNING, END)],
                step=timedelta(seconds=LEVEL_SECONDS[level]),
                bins=True,
                registers=True,
                finalised=level in FOLDED,
            )
            found, model = self.store.read_measures(read), self.model
            assert sorted(found.partials.rows()) == merged(model.states[level])
            assert sorted(found.bins.rows()) == counted(model.sketches[level])
            assert sorted(found.registers.rows()) == ranked(model.sketches[level])
            if found.finalised is not None:
                done = {(row[0], row[1]): row[2] for row in found.finalised.rows()}
                assert len(done) == found.finalised.height
                assert done == model.finalised[level]

    def expiring_agrees(self, level: LevelName, cuts: Cuts) -> None:
        """What would be archived is what is in the model before the cuts."""
        partials, bins, registers, _ = self.store.retention.expiring(level, cuts)
        states, sketches = (
            {key: kept[level][key] for key in expired(kept[level], cuts)}
            for kept in (self.model.states, self.model.sketches)
        )
        assert sorted(partials.drop("table_id", "kind", "field", "labels").rows()) == _naive(
            merged(states)
        )
        assert sorted(bins.rows()) == _naive(counted(sketches))
        assert sorted(registers.rows()) == _naive(ranked(sketches))

    def comes_to_rest(self) -> None:
        """Compaction after compaction settles all: a row a key, and each row counted once."""
        for _ in range(len(LEVELS) + 2):
            if self.unsettled():
                self.store.compaction.run()
        assert not self.unsettled()
        self.agrees()
        for level in LEVELS:
            sketches = self.model.sketches[level]
            for table, expected in (
                ("partials", len(self.model.states[level])),
                ("bins", len(counted(sketches))),
                ("registers", len(ranked(sketches))),
            ):
                assert self.ask(f"SELECT count(*) FROM measures.{table}_{level}") == [(expected,)]
        finalised = sum(map(len, self.model.finalised.values()))
        assert self.ask("SELECT count(*) FROM measures.quantiles") == [(finalised,)]
        for series in RUNNING:
            read = MeasureRead({series: 0}, [Span("1d", BEGINNING, END)])
            ever = [row for row in self.model.rows if row.series == series]
            assert self.store.read_measures(read).partials["n"].sum() == len(ever)


def _naive(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows whose times do not say that they are UTC."""
    return [
        tuple(each.replace(tzinfo=None) if isinstance(each, datetime) else each for each in row)
        for row in rows
    ]


class Commit(NamedTuple):
    """Rows of any time come together."""

    rows: list[Row]

    def do(self, workspace: Workspace) -> None:
        """Put them into the store and the model."""
        seq = len(workspace.model.rows)
        rows = [row._replace(seq=seq + number) for number, row in enumerate(self.rows, 1)]
        together = sorted(rows, key=lambda row: (row.series, row.second))
        workspace.store.commit(
            make_commit(
                appends=appends(
                    [partial(row.series, row.at, row.value, row.seq) for row in rows],
                    [(row.series, row.at, each, 1) for row in together for each in row.bins],
                    [
                        (row.series, row.at, *each)
                        for row in together
                        for each in row.registers.items()
                    ],
                )
            )
        )
        for row in rows:
            workspace.model.add(row)
        workspace.young |= {(row.series, row.second) for row in rows}


class WholePass(NamedTuple):
    """A pass of compaction from its beginning, or the rest of one that was begun."""

    def do(self, workspace: Workspace) -> None:
        """To its end."""
        if not workspace.store.compaction.under_way:
            workspace.compact(1, seconds=None)
        while workspace.store.compaction.under_way:
            workspace.compact(1)


class Settle(NamedTuple):
    """A part of what retention settles first, and then something else comes between."""

    level: LevelName
    cuts: Cuts
    rows: int
    sketches: bool

    def do(self, workspace: Workspace) -> None:
        """Answers stay."""
        workspace.store.retention.settle(self.level, self.cuts, self.rows, sketches=self.sketches)


class Drop(NamedTuple):
    """Retention of one level; what has not settled does so before, in parts, or with it."""

    level: LevelName
    cuts: Cuts
    rows: int

    def do(self, workspace: Workspace) -> None:
        """What expires is what the model has, and then it is gone."""
        workspace.prepare(self.level, self.cuts, self.rows, sketches=False)
        kept = workspace.store.retention
        kept.drop_before(self.level, self.cuts)
        workspace.model.drop(self.level, self.cuts)
        assert kept.oldest_buckets(self.level, self.cuts) == {}


class Fold(NamedTuple):
    """Retention of the sketches of one level."""

    level: LevelName
    cuts: Cuts
    rows: int

    def do(self, workspace: Workspace) -> None:
        """Partial states stay, quantiles stand in the place of sketches."""
        workspace.prepare(self.level, self.cuts, self.rows, sketches=True)
        kept = workspace.store.retention
        kept.fold_sketches(self.level, self.cuts, workspace.model.fold(self.level, self.cuts))
        assert kept.oldest_buckets(self.level, self.cuts, sketches=True) == {}


class Reopen(NamedTuple):
    """The workspace is closed and opened; a pass that was begun is forgotten."""

    def do(self, workspace: Workspace) -> None:
        """What is stored is all that there is."""
        workspace.store.close()
        workspace.store = DuckStore.open(workspace.path, read_threads=1)


Move = Commit | WholePass | Settle | Drop | Fold | Reopen

# few moments, on both sides of the edges of every level: buckets meet in commits and in cuts
SECONDS = st.builds(
    lambda day, hour, minute, second: day * 86_400 + hour * 3_600 + minute * 60 + second,
    st.integers(-1, 0),
    st.integers(0, 1),
    st.sampled_from([0, 4, 5]),
    st.sampled_from([0, 59]),
)
CUTS = st.builds(
    lambda second, width, more: EPOCH + timedelta(seconds=second // width * width + more),
    SECONDS,
    st.sampled_from([LEVEL_SECONDS[level] for level in LEVELS]),
    st.sampled_from([0, 0, 0, 0.5, 1_800, 90_000]),  # on the grid and off it
)
ROWS = st.builds(
    Row,
    series=st.sampled_from(list(TABLE_OF)),
    second=SECONDS,
    value=st.integers(-800, 800).map(lambda n: n / 4),  # sums are exact in any order
    width=st.sampled_from([0, 1, 3, 11]),  # 11: more than one appended row
)
COMMITS = st.builds(Commit, st.lists(ROWS, min_size=1, max_size=10))
RETENTION = {
    "cuts": st.dictionaries(st.sampled_from([1, 2]), CUTS, min_size=1),
    "rows": st.sampled_from([0, 40, 200]),
}
DROPS = st.builds(Drop, level=st.sampled_from((*LEVELS, "1d")), **RETENTION)
SETTLES = st.builds(
    Settle,
    level=st.sampled_from(LEVELS),
    cuts=RETENTION["cuts"],
    rows=st.integers(1, 20),
    sketches=st.booleans(),
)
FOLDS = st.builds(Fold, level=st.sampled_from(FOLDED), **RETENTION)
MOVES = st.one_of(
    *(COMMITS, COMMITS, COMMITS, DROPS, DROPS, DROPS),
    *(SETTLES, FOLDS, st.just(WholePass()), st.just(Reopen())),
)
SLICES = st.integers(0, 30)


@contextmanager
def small_slices(rows: int) -> Iterator[pytest.MonkeyPatch]:
    """Slices of compaction have so many rows, and so many that have settled are worth sorting."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compactor, "SLICE_ROWS", rows)
        patch.setattr(compaction, "COMPACT_ROWS", rows)
        patch.setattr(compaction, "LEAST_ROWS", rows)
        patch.setattr(
            compactor, "find_stretch", functools.partial(sorting.find_stretch, least=rows)
        )
        patch.setattr(sorting, "SLICE_ROWS", rows)
        yield patch


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=COMMITS,
    moves=st.lists(st.tuples(SLICES, MOVES), min_size=4, max_size=10),
    rows=st.sampled_from([8, 16, 40]),
)
def test_any_history_reads_as_if_nothing_had_been_put_off(
    first: Commit, moves: list[tuple[int, Move]], rows: int
) -> None:
    """Whatever comes between the slices of a pass that is not over, and whatever of it is left."""
    with tempfile.TemporaryDirectory() as folder, small_slices(rows) as patch:
        workspace = Workspace(Path(folder) / "shop.duckdb")
        try:
            first.do(workspace)
            for slices, move in moves:
                workspace.compact(slices)
                move.do(workspace)
                workspace.agrees()
            patch.setattr(compaction, "COMPACT_ROWS", MANY)  # the rest goes in large ones
            workspace.comes_to_rest()
        finally:
            workspace.store.close()

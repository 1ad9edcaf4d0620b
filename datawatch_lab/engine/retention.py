"""Drops what is older than it is kept, a slice at a time, and archives it first where asked.

Runs in the writer's thread between commits. A step is one slice of one level, or of the log, sized
by how long the steps before it took, so that a commit never waits long behind it. What a level
keeps is counted from the newest event of its table; what the log keeps, from receipt.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LEVEL_SECONDS, LevelName
from datawatch_lab.metrics.kept import Kept
from datawatch_lab.metrics.query import QUANTILES
from datawatch_lab.metrics.registers import estimate
from datawatch_lab.metrics.sketch import quantile

if TYPE_CHECKING:
    from datawatch_lab.store.duck import DuckStore
    from datawatch_lab.store.summaries import TableCounts

FOLDED: tuple[LevelName, ...] = ("1m", "5m")
"""Levels whose sketches are dropped before their states."""

STEP_SECONDS = 0.2
"""How long a step may take before the next ones get smaller."""

_REST_SECONDS = 1.0
_LEVELS: tuple[LevelName, ...] = ("1s", "1m", "5m", "1h", "1d")
_LOOK_EVERY = timedelta(minutes=1)
_WEIGH_EVERY = timedelta(minutes=10)
_LEAST_ROWS = 2_000
_FEW_ROWS = 2_000  # below that, statements cost more than rows do
_ROWS = 20_000
_MOST_ROWS = 500_000
_SLACK = 0.98  # of the size that the log may have is left after it grew beyond it


@dataclass
class Pace:
    """Sizes slices by how long they take: doubled while quick or nearly empty, halved when slow."""

    size: float
    least: float
    most: float

    def took(self, seconds: float, rows: int) -> None:
        """Learn from a slice of this size: how long it took and how many rows it had."""
        if rows < _FEW_ROWS or seconds < STEP_SECONDS / 3:
            self.size = min(self.most, self.size * 2)
        elif seconds > STEP_SECONDS:
            self.size = max(self.least, self.size / 2)


def kept_by_level(settings: Settings) -> dict[LevelName, timedelta]:
    """How long each level is kept."""
    return {
        "1s": settings.seconds_kept,
        "1m": settings.minutes_kept,
        "5m": settings.five_minutes_kept,
        "1h": settings.hours_kept,
        "1d": settings.days_kept,
    }


def kept_since(settings: Settings, newest: datetime | None) -> Kept:
    """What a table with this newest event has for sure; what is older may be gone."""
    if newest is None:
        return Kept()
    return Kept(
        {level: _cutoff(level, newest, span) for level, span in kept_by_level(settings).items()},
        _hour(newest - settings.sketches_kept),
    )


def _cutoff(level: LevelName, newest: datetime, span: timedelta) -> datetime:
    """Whole hours for seconds, else whole days, so that there is little to do at a time."""
    try:
        edge = _hour(newest - span)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
    return edge if level == "1s" else edge.replace(hour=0)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


class Retention:
    """Knows what is due. One thread uses it.

    Args:
        store: to drop from.
        settings: how long what is kept, and where the archive is.
        names: workspace name of each table id.

    Attributes:
        dropped: called after states were dropped.
        holds: each gives the sequence number up to which a reader of the log is done; None while it
            reads nothing. The log is kept from there on.
    """

    def __init__(
        self, store: DuckStore, settings: Settings, names: Callable[[], Mapping[int, str]]
    ) -> None:
        self._names = names
        self._store = store
        self._kept = store.retention
        self.dropped: Callable[[], object] = lambda: None
        self.holds: list[Callable[[], int | None]] = []
        self._settings = settings
        self._done: dict[tuple[str, int], datetime] = {}
        self._due: dict[str, dict[int, datetime]] = {}
        self._log_before: datetime | None = None
        self._log_to = 0
        self._log_first = False
        self._looked: datetime | None = None
        self._rests_until = 0.0
        self._weighed: datetime | None = None
        self._row_bytes: float | None = None
        self._rows = Pace(_ROWS, _LEAST_ROWS, _MOST_ROWS)
        self._settling = Pace(_ROWS, _LEAST_ROWS, _MOST_ROWS)
        self._hours = {
            name: Pace(1.0, 1 / 60, 24 * 365) for name in (*_LEVELS, *map(_sketch, FOLDED))
        }

    def look(self, now: datetime, *, force: bool = False) -> None:
        """Find out what is due, once a minute or when ``force``; asks for counts only."""
        if not force and self._looked is not None and now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        counts = self._store.table_counts()
        for name, level, span in self._jobs():
            edges = self._edges(name, level, span, counts)
            if edges:
                self._due[name] = edges
        self._log_before = now - self._settings.raw_kept
        if self._weighed is None or now - self._weighed >= _WEIGH_EVERY:
            self._weighed = now
            self._row_bytes = self._kept.log_row_bytes()

    def _jobs(self) -> list[tuple[str, LevelName, timedelta]]:
        levels = [(level, level, span) for level, span in kept_by_level(self._settings).items()]
        return [*levels, *((_sketch(each), each, self._settings.sketches_kept) for each in FOLDED)]

    def _edges(
        self, name: str, level: LevelName, span: timedelta, counts: Mapping[int, TableCounts]
    ) -> dict[int, datetime]:
        """Cut-offs by table id that moved since they were last met."""
        edges = {}
        for table_id, each in counts.items():
            if each.last_ts is None or not table_id:
                continue
            folded = name != level
            edge = _hour(each.last_ts - span) if folded else _cutoff(level, each.last_ts, span)
            begun = each.first_ts is not None and each.first_ts < edge
            if begun and self._done.get((name, table_id)) != edge:
                edges[table_id] = edge
        return edges

    def run(self, *, idle: bool) -> None:
        """Do a step between two commits, or as many as fit into one's time when nothing waits.

        In a flood of commits, when there was nothing to do, it is not looked for again at once.
        """
        now = time.perf_counter()
        if not idle and now < self._rests_until:
            return
        until = now + STEP_SECONDS
        while (did := self.step()) and idle and time.perf_counter() < until:
            pass
        if not did:
            self._rests_until = now + _REST_SECONDS

    def step(self) -> bool:
        """Do one slice of what is due, levels and the log by turns; gives whether it did any."""
        self._log_first = not self._log_first
        if self._log_first:
            return self._log_step() or self._levels_step()
        return self._levels_step() or self._log_step()

    def _levels_step(self) -> bool:
        while self._due:
            name, cutoffs = next(iter(self._due.items()))
            if self._level_step(name, cutoffs):
                return True
            self._done |= {(name, table): edge for table, edge in cutoffs.items()}
            del self._due[name]
        return False

    def _level_step(self, name: str, cutoffs: Mapping[int, datetime]) -> bool:
        folds = name not in _LEVELS
        level = _level(name)
        oldest = self._kept.oldest_buckets(level, cutoffs, sketches=folds)
        if not oldest:
            return False
        pace = self._hours[name]
        width = max(timedelta(hours=pace.size), timedelta(seconds=LEVEL_SECONDS[level]))
        first = min(oldest.values())
        slices = {
            table: min(cutoffs[table], first + width)
            for table, start in oldest.items()
            if start < first + width
        }
        if not self._settled(level, slices, folds=folds):
            return True
        began = time.perf_counter()
        rows = self._fold(level, slices) if folds else self._drop(level, slices)
        self.dropped()
        pace.took(time.perf_counter() - began, rows)
        return True

    def _settled(self, level: LevelName, slices: Mapping[int, datetime], *, folds: bool) -> bool:
        """Settle some of what a slice has that compaction did not come to; whether that was all."""
        began = time.perf_counter()
        settled = self._kept.settle(level, slices, int(self._settling.size), sketches=folds)
        if settled.rows:
            self._settling.took(time.perf_counter() - began, settled.rows)
        return settled.is_all

    def _fold(self, level: LevelName, slices: Mapping[int, datetime]) -> int:
        finalised = _folded(self._kept.expiring(level, slices))
        return self._kept.fold_sketches(level, slices, finalised)

    def _drop(self, level: LevelName, slices: Mapping[int, datetime]) -> int:
        if not self._settings.archive:
            return self._kept.drop_before(level, slices)
        expiring = self._kept.expiring(level, slices)
        rows = _wide(expiring, self._names())
        with self._kept.archiving(Path(self._settings.archive)) as (archive, step):
            archive.write_measures(level, rows, step)
            return self._kept.drop_before(level, slices, archived=True)

    def _log_step(self) -> bool:
        """Drop or archive the oldest part of the log, as far as every derivation has passed it."""
        first, last = self._kept.log_span()
        if first > last or self._log_before is None:
            return False
        upto = first - 1 + int(self._rows.size)
        began = time.perf_counter()
        to_seq = self._kept.expired_to(upto, self._log_before)
        if self._row_bytes:
            room = int(self._settings.raw_bytes / self._row_bytes)
            if last - first + 1 > room:
                self._log_to = last - int(room * _SLACK)
            to_seq = max(to_seq, min(self._log_to, upto))
        done = (each() for each in tuple(self.holds))
        to_seq = min(to_seq, self._kept.derived_to(), *(seq for seq in done if seq is not None))
        if to_seq < first:
            return False
        if self._settings.archive:
            rows = self._kept.log_prefix(to_seq)
            with self._kept.archiving(Path(self._settings.archive)) as (archive, step):
                archive.write_changes(rows, step)
                self._kept.drop_log(to_seq, archived=True)
        else:
            self._kept.drop_log(to_seq)
        self._rows.took(time.perf_counter() - began, to_seq - first + 1)
        return True


def _sketch(level: str) -> str:
    return f"{level} sketches"


def _level(name: str) -> LevelName:
    return next(level for level in _LEVELS if name in (level, _sketch(level)))


Expiring = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]
_KEY = ["series", "bucket"]
_NAMES = (*(each.value for each in QUANTILES), "distinct")


def _folded(expiring: Expiring) -> pa.Table:
    """Finalised quantiles and distinct counts of buckets that have a sketch."""
    partials, bins, registers, _ = expiring
    keys = pl.concat([bins.select(_KEY), registers.select(_KEY)]).unique(maintain_order=True)
    wide = keys.join(partials.select(*_KEY, "n", "min", "max"), on=_KEY, how="left")
    return _finalised(wide, bins, registers).select(*_KEY, *_NAMES).to_arrow()


def _finalised(wide: pl.DataFrame, bins: pl.DataFrame, registers: pl.DataFrame) -> pl.DataFrame:
    places = wide.select(_KEY).with_row_index("at")
    bins, registers = (each.join(places, on=_KEY) for each in (bins, registers))
    low, high = (wide[name].fill_null(np.nan).to_numpy() for name in ("min", "max"))
    columns = {
        which.value: quantile(
            bins["at"].cast(pl.Int64).to_numpy(),
            bins["bin"].to_numpy(),
            bins["n"].to_numpy(),
            share,
            low,
            high,
        )
        for which, share in QUANTILES.items()
    }
    used, short = np.unique(registers["at"].cast(pl.Int64).to_numpy(), return_inverse=True)
    counts = np.full(wide.height, np.nan)
    found = estimate(
        short.astype(np.int64),
        registers["register"].to_numpy(),
        registers["rank"].to_numpy(),
        len(used),
    )
    counts[used] = np.minimum(np.rint(found), wide["n"].fill_null(0).to_numpy()[used])
    columns["distinct"] = counts
    return wide.with_columns(pl.Series(name, each).fill_nan(None) for name, each in columns.items())


def _wide(expiring: Expiring, names: Mapping[int, str]) -> pl.DataFrame:
    """Rows of an archive: states with finalised sketches, and a column for each label."""
    partials, bins, registers, done = expiring
    rows = _finalised(partials, bins, registers)
    rows = rows.join(done, on=_KEY, how="left", suffix="_done", maintain_order="left")
    rows = rows.with_columns(pl.coalesce(f"{name}_done", name).alias(name) for name in _NAMES)
    labels = _label_columns(rows["labels"].unique(maintain_order=True))
    return (
        rows.join(labels, on="labels", how="left", maintain_order="left")
        .with_columns(
            pl.col("table_id").replace_strict(names, return_dtype=pl.String).alias("table_name"),
            pl.col("bucket").dt.replace_time_zone("UTC"),
        )
        .drop("table_id", "series", "labels", *(f"{name}_done" for name in _NAMES))
    )


def _label_columns(texts: pl.Series) -> pl.DataFrame:
    """``labels`` and one column ``label_<name>`` a name, null where a series has not that label."""
    decoded = [dict(msgspec.json.decode(text, type=list[tuple[str, str]])) for text in texts]
    names = sorted({name for each in decoded for name in each})
    columns = {f"label_{name}": [each.get(name) for each in decoded] for name in names}
    schema = {"labels": pl.String(), **dict.fromkeys(columns, pl.String())}
    return pl.DataFrame({"labels": texts, **columns}, schema=schema)

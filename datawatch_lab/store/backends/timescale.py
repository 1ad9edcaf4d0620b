"""TimescaleDB as a metric back end: a hypertable of states, roll-ups as continuous aggregates.

A PostgreSQL from 14 on without the extension does as well: plain tables, the same answers.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import polars as pl

from datawatch_lab.core.backends import (
    MERGED,
    MINUTE,
    Asked,
    BackendError,
    Capabilities,
    Health,
    KeptFor,
    Points,
    labels_json,
    series_key,
)
from datawatch_lab.core.config.sections import BackendsSection
from datawatch_lab.store.backends import timescale_sql as sql
from datawatch_lab.store.backends.buckets import down, up
from datawatch_lab.store.backends.postgres_session import Rows, Session

_log = logging.getLogger(__name__)
_ROWS = 10_000
_NUL_SHOWN = "\u2400"
_OLDEST_SERVER = 140_000
_NO_EXTENSION = (
    "The extension timescaledb is not installed in the database: plain tables, without roll-ups."
)
_NO_LICENCE = (
    "This TimescaleDB runs under the Apache licence, which has no continuous aggregates: "
    "hypertables without roll-ups."
)
_FILLED = (
    "datawatch.states was filled before the extension was there and stays a plain table; "
    "SELECT create_hypertable('datawatch.states', 'minute', migrate_data => true) changes that."
)


def make(section: BackendsSection) -> Timescale | None:
    """The back end that a configuration describes; None when it names none."""
    return None if section.timescale_url is None else Timescale(section.timescale_url)


class Timescale:
    """Metrics in TimescaleDB, or in plain PostgreSQL.

    Args:
        url: ``postgresql://user:password@host:port/database``.
        timeout: seconds that one statement takes at most.

    Raises:
        ConfigError: the address cannot be read.
        MissingPackageError: the driver is not installed.
    """

    name = "timescale"

    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        self._session = Session(url, timeout=timeout, greet=self._look)
        self._version = ""
        self._extension = self._licensed = False
        self._hypertables: frozenset[str] = frozenset()
        self._roll_ups: frozenset[str] = frozenset()
        self._known: set[int] = set()
        self._swept = 0.0
        self._kept: KeptFor | None = None
        self._writing = threading.Lock()

    def __repr__(self) -> str:
        return f"Timescale({self.address!r})"

    @property
    def address(self) -> str:
        """Where it is, without the password."""
        return self._session.address

    @property
    def target(self) -> str:
        """The address: it names the database too."""
        return self.address

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; notes tell what the server lacks, once it was spoken to."""
        notes: tuple[str, ...] = ()
        if self._version and not self._extension:
            notes = (_NO_EXTENSION,)
        elif self._version and "states" not in self._hypertables:
            notes = (_FILLED,)
        elif self._version and not self._licensed:
            notes = (_NO_LICENCE,)
        return Capabilities(retention="ours", notes=notes)

    def prepare(self) -> None:
        """Make the schema, tables, hypertables and roll-ups that are missing."""
        run = self._session.run
        if not run(sql.HAS_SCHEMA):
            run(sql.MAKE_SCHEMA)
        there = {name for (name,) in run(sql.RELATIONS)}
        for name, statements in sql.TABLES.items():
            if name not in there:
                for each in statements:
                    run(each)
        if self._extension:
            self._prepare_extension()
        self._prepare_sweeps()
        self._session.close()  # the next statement looks anew at what is there

    def _prepare_sweeps(self) -> None:
        """Index the minutes of plain tables, which are swept by us; it goes without, slowly."""
        for table in sql.HYPERTABLES:
            if table not in self._hypertables:
                try:
                    self._session.run(sql.BY_MINUTE.format(table=table))
                except BackendError as error:
                    _log.warning("minutes of datawatch.%s are not indexed: %s", table, error)

    def _prepare_extension(self) -> None:
        run = self._session.run
        for table in sql.HYPERTABLES:
            if table not in self._hypertables and not run(sql.IS_FILLED.format(table=table))[0][0]:
                run(sql.MAKE_HYPERTABLE, [f"datawatch.{table}"])
                self._hypertables |= {table}
        if self._licensed and "states" in self._hypertables:
            for each in sql.ALL_ROLL_UPS:
                if each.name not in self._roll_ups:
                    run(each.view)
                    self._schedule(each, None)

    def _schedule(self, roll_up: sql.RollUp, kept: timedelta | None) -> None:
        """Have the server bring a roll-up up to date, never from minutes that are gone."""
        view = f"datawatch.{roll_up.name}"
        start = None if kept is None else kept - roll_up.width
        end = max(roll_up.width, timedelta(hours=1))
        self._session.run(sql.NO_SCHEDULE, [view])
        if start is None or start >= end + 2 * roll_up.width:
            self._session.run(sql.SCHEDULE, [view, start, end, roll_up.every])

    def write(self, points: Points) -> None:
        """Store points; a minute that was written before is replaced.

        Raises:
            BackendError: the server refuses or does not answer; what was stored before stays, and
                the whole may be written again.
        """
        with self._writing:
            states, values = _stamped(points.states, "measure"), _stamped(points.values, "metric")
            self._write_series(states, "measure")
            self._write_series(values, "metric")
            for part in _together(states):
                for rows in part.iter_slices(_ROWS):
                    self._session.run(sql.WRITE_STATES, [*_lists(rows, _STATE_COLUMNS)])
                self._refresh(part)
            for rows in values.iter_slices(_ROWS):
                self._session.run(sql.WRITE_VALUES, [*_lists(rows, ("id", "minute", "value"))])
            self._sweep()

    def _write_series(self, frame: pl.DataFrame, about: str) -> None:
        fresh = frame.unique("id").filter(~pl.col("id").is_in(list(self._known)))
        if fresh.height:
            texts = fresh.with_columns(
                # PostgreSQL holds no NUL in text; the key still tells such series apart.
                pl.col(about).str.replace_all("\0", _NUL_SHOWN, literal=True),
                pl.Series("labels", [_without_nul(each) for each in fresh["labels"]], pl.String),
            )
            self._session.run(sql.WRITE_SERIES, [*_lists(texts, ("id", about, "labels"))])
            self._known.update(fresh["id"])

    def _refresh(self, written: pl.DataFrame) -> None:
        """Make roll-ups anew where they were stored before these minutes, in order, came."""
        if not self._roll_ups or not written.height:
            return
        minutes = written["minute"]
        first, last = (
            datetime.fromtimestamp(at, UTC) for at in minutes.gather([0, len(minutes) - 1])
        )
        ((function,),) = self._session.run(sql.WATERMARK_FUNCTION)
        stored = self._session.run(sql.WATERMARKS.format(function=function))
        marks = {name: (mark, now) for name, mark, now in stored}
        for each in sql.ALL_ROLL_UPS:
            mark, now = marks.get(each.name, (None, None))
            if mark is None or first.timestamp() * 1e6 >= mark:
                continue
            # what it is made from may be gone before: those buckets stay as they are
            gone = datetime.min.replace(tzinfo=UTC)
            if self._kept is not None:
                gone = now - _goes(self._kept)[each.source] + each.width
            oldest = max(first, gone)
            start, end = down(oldest, each.width), up(last + MINUTE, each.width)
            if start < end:
                self._session.run(sql.REFRESH, [f"datawatch.{each.name}", start, end])

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states; wide steps are read from roll-ups.

        Raises:
            BackendError: the server refuses or does not answer.
        """
        ids = {_signed(key): key for key in asked.series}
        rows = self._session.run(*sql.read(asked, list(ids), self._roll_ups))
        frame = pl.DataFrame(
            rows, schema={**MERGED, "series": pl.Int64()}, orient="row", infer_schema_length=None
        )
        return frame.with_columns(
            pl.col("series").replace_strict(ids, default=None, return_dtype=pl.String())
        )

    def retain(self, kept: KeptFor) -> None:
        """Drop what is older: whole chunks of 7 days by the server, else minutes by us."""
        self._session.run("SELECT 1")  # a new connection looks at what is there
        before, self._kept = self._kept, kept
        if kept == before or not (self._licensed and self._hypertables):
            return
        self._kept = None  # until the server has all of it
        goes = _goes(kept)
        for each in sql.ALL_ROLL_UPS:
            if each.name in self._roll_ups:
                self._schedule(each, goes[each.source])
        for table in sorted(self._hypertables | self._roll_ups):
            self._session.run(sql.NO_RETENTION, [f"datawatch.{table}"])
            self._session.run(sql.RETENTION, [f"datawatch.{table}", goes[table]])
        self._kept = kept

    def shortfall(self, kept: KeptFor) -> str:
        """Nothing: retention is ours."""
        del kept
        return ""

    def _sweep(self) -> None:
        """Delete what is too old where the server does not: a slice a write, until all is gone."""
        if self._kept is None or time.monotonic() < self._swept:
            return
        most = 0
        try:
            for table in sql.HYPERTABLES:
                if not (self._licensed and table in self._hypertables):
                    slice_ = sql.DELETE_SLICE.format(table=table)
                    ((gone,),) = self._session.run(slice_, [self._kept.minutes])
                    most = max(most, gone)
        except BackendError as error:  # what was written is stored all the same
            _log.warning("old minutes are not deleted, it is tried again in an hour: %s", error)
            most = 0
        if most < sql.DELETED_AT_ONCE:
            self._swept = time.monotonic() + 3_600

    def health(self) -> Health:
        """Whether it answers and has our tables."""
        try:
            there = {name for (name,) in self._session.run(sql.RELATIONS)}
        except BackendError as error:
            return Health(ok=False, problem=str(error))
        if missing := sorted(set(sql.TABLES) - there):
            return Health(
                ok=False,
                version=self._version,
                problem=f"{self.address} has no datawatch.{missing[0]} yet; it is made with the "
                "first write.",
                fresh=True,
            )
        return Health(ok=True, version=self._version)

    def close(self) -> None:
        """End the connection."""
        self._session.close()

    def _look(self, run: Callable[[str], Rows]) -> None:
        """See what a new connection leads to."""
        ((version, number, _, extension, licence),) = run(sql.SERVER)
        if number < _OLDEST_SERVER:
            raise BackendError(
                f"PostgreSQL at {self.address} is {version}, which has no date_bin.",
                hint="It takes PostgreSQL 14 or newer.",
                retry=True,
            )
        self._version = f"PostgreSQL {version}"
        self._extension = extension is not None
        self._licensed = licence == "timescale"
        self._known.clear()
        self._hypertables = self._roll_ups = frozenset()
        if self._extension:
            self._version += f", TimescaleDB {extension}"
            self._hypertables = frozenset(name for (name,) in run(sql.IS_HYPERTABLE))
            self._roll_ups = frozenset(name for (name,) in run(sql.ROLL_UPS))


def _goes(kept: KeptFor) -> dict[str, timedelta]:
    """How long each table and roll-up is kept."""
    return {
        "states": kept.minutes,
        "metric_values": kept.minutes,
        "states_5m": kept.five_minutes,
        "states_1h": kept.hours,
        "states_1d": kept.days,
    }


_STATE_COLUMNS = ("id", "minute", "n", "sum", "min", "max", "last", "last_at")


def _signed(key: str) -> int:
    """A series key as the 64-bit integer that the tables have."""
    return int.from_bytes(bytes.fromhex(key), "big", signed=True)


def _without_nul(labels: str) -> str:
    """Labels with NUL shown as a sign, in keys and values."""
    if "\\u0000" not in labels:
        return labels
    known = msgspec.json.decode(labels, type=dict[str, str])
    return labels_json(
        {
            key.replace("\0", _NUL_SHOWN): value.replace("\0", _NUL_SHOWN)
            for key, value in known.items()
        }
    )


def _stamped(frame: pl.DataFrame, about: str) -> pl.DataFrame:
    """With the series' ``id``, minutes as seconds and times as µs since 1970; the last of each."""
    pairs = frame.select(about, "labels").unique()
    ids = [_signed(series_key(name, labels)) for name, labels in pairs.iter_rows()]
    numbered = pairs.with_columns(pl.Series("id", ids, dtype=pl.Int64))
    columns = [pl.col("minute").dt.epoch("s")]
    if "last_at" in frame.columns:
        columns.append(pl.col("last_at").dt.epoch("us"))
    return (
        frame.join(numbered, on=[about, "labels"], how="left")
        .unique(["id", "minute"], keep="last", maintain_order=True)
        .with_columns(columns)
    )


def _together(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Parts whose minutes are less than a day apart: a server refreshes all that lies between."""
    if not frame.height:
        return
    ordered = frame.sort("minute")
    part = (ordered["minute"].diff().fill_null(0) > 86_400).cum_sum()
    yield from ordered.with_columns(part.alias("part")).partition_by("part", maintain_order=True)


def _lists(frame: pl.DataFrame, columns: Iterable[str]) -> Iterator[list[object]]:
    """Columns as the driver takes them."""
    return (frame[name].to_list() for name in columns)

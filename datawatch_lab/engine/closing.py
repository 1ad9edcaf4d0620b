"""Which minutes of a table are over: closed by watermark, or by the clock when it falls silent.

A minute closes when the watermarks of all active sources of its table have passed its end by
``close_delay``. A source is active while it sent something for the table within the last minute;
the source of the event at hand always is. A silent table closes by the clock, a grace later, so
that missing data is seen. Closes of a table go forward only. Each is stored as a control entry with
the sequence number of the event that it came after, so what detectors and alerts saw can be
replayed.

A clock that leaps is not believed at once. After a leap every source has a minute to come back, as
after a restart; when the clock is set back, what it closed of the time to come is open again.

History neither holds back nor closes: back-fills and replays are left out, and an old file (its
newest event was beyond the allowed lateness when received) counts only where nothing live is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from datawatch_lab.core.columns import (
    among,
    kept,
    micros_of,
    micros_or,
    no_rows,
    picked,
    true_where,
)
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import CLOSE_SCHEMA
from datawatch_lab.engine.classify import APPLIED, by_source_and_table, is_backfill_mark

CloseListener = Callable[[int, datetime, datetime], None]
"""Called with (table id, closed from, closed until) once the close is stored."""

ACTIVE_WITHIN = timedelta(minutes=1)
"""A source that sent nothing for a table for this long does not hold back its closing."""

GRACE = timedelta(minutes=1)
"""How much longer than ``close_delay`` the clock waits before it closes for a silent table."""

LEAP = timedelta(minutes=10)
"""The clock went on by more than this between two looks, which are a second apart or a commit: it
was set forward, or the machine slept."""

_MINUTE = timedelta(minutes=1)
_UTC_US = pl.Datetime("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_NEVER = np.iinfo(np.int64).min
_Key = tuple[str, int]


@dataclass(frozen=True)
class Closed:
    """How far a table is closed.

    Attributes:
        until: minutes that start before this are closed.
        by_clock: the same for those that the clock closed; None when it closed none.
    """

    until: datetime
    by_clock: datetime | None = None


@dataclass(frozen=True)
class Advance:
    """What a batch of events closes; `Closing.keep` makes it hold once it is stored.

    Attributes:
        closes: `CLOSE_SCHEMA`, in order of ``after_seq``.
        heard: when each (source, table) last sent something.
    """

    closes: pa.Table
    heard: Mapping[_Key, datetime] = field(default_factory=dict)


class Closing:
    """Knows how far each table is closed. Reads nothing, stores nothing; one thread uses it."""

    def __init__(
        self,
        closed: Mapping[int, Closed],
        watermarks: Mapping[_Key, datetime],
        started: datetime,
        settings: Settings,
    ) -> None:
        self._closed = {id_: _in_order(each) for id_, each in closed.items()}
        self._settings = settings
        self._looked = started
        # after a restart every source has a minute to come back before others close without it
        self._heard = {
            key: started
            for key, mark in watermarks.items()
            if not is_backfill_mark(key[0]) and started - mark <= settings.allowed_lateness
        }
        self._open_again(started)  # the clock may have been set back while nobody looked

    def until(self, table_id: int) -> datetime | None:
        """Minutes of the table that start before this are closed; None before its first event."""
        closed = self._closed.get(table_id)
        return None if closed is None else closed.until

    @property
    def by_clock(self) -> dict[int, datetime]:
        """How far the clock closed, by table id; tables that it never closed are left out."""
        return {id_: each.by_clock for id_, each in self._closed.items() if each.by_clock}

    def advance(self, judged: pl.DataFrame, watermarks: Mapping[_Key, datetime]) -> Advance:
        """What the applied events of a batch close.

        Args:
            judged: source, table_id, seq, ts, received, outcome, replay, newest; in order of seq.
            watermarks: before the batch.
        """
        live = among(judged["outcome"], (APPLIED,)) & ~true_where(judged["replay"])
        live &= judged["table_id"].to_numpy() != 0
        if not live.any():
            return Advance(no_rows(CLOSE_SCHEMA))
        names = ("source", "table_id", "seq", "ts", "received", "newest")
        events = kept(picked(judged, names), live)
        order, bounds, keys = by_source_and_table(events)
        marks = np.maximum(micros_of(events["ts"]), micros_or(events["newest"], _NEVER))
        newest, last = (
            [_EPOCH + each * _MICRO for each in _most(times[order], bounds)]
            for times in (marks, micros_of(events["received"]))
        )
        heard = dict(zip(keys, last, strict=True))
        moving = {
            table for (_, table), ts in zip(keys, newest, strict=True) if self._may_close(table, ts)
        }
        frames = []
        if moving:
            events = events.filter(pl.col("table_id").is_in(sorted(moving)))
            frames = self._closes(events, watermarks, heard)
        return Advance(_arrow(frames), heard)

    def _may_close(self, table_id: int, newest: datetime) -> bool:
        until = self.until(table_id)
        return until is None or newest - self._settings.close_delay - _MINUTE >= until

    def _closes(
        self,
        events: pl.DataFrame,
        watermarks: Mapping[_Key, datetime],
        heard: Mapping[_Key, datetime],
    ) -> list[pl.DataFrame]:
        sources: dict[int, dict[str, datetime | None]] = {}
        since = events["received"].min()
        for source, table in (*self._recent(since), *heard):
            sources.setdefault(table, {})[source] = watermarks.get((source, table))
        several = sorted(table for table, mine in sources.items() if len(mine) > 1)
        single = events.filter(~pl.col("table_id").is_in(several))
        parts = [single.with_columns(pl.max_horizontal("newest", "ts").alias("low"))]
        for table in several:
            part = events.filter(pl.col("table_id") == table)
            if part.height:
                parts.append(part.with_columns(self._low(table, sources[table]).alias("low")))
        return [self._crossings(part) for part in parts if part.height]

    def _recent(self, since: object) -> list[_Key]:
        """Sources that may be active at some time from then on without sending anything more."""
        if not isinstance(since, datetime):
            return []
        return [key for key, at in self._heard.items() if at >= since - ACTIVE_WITHIN]

    def _low(self, table_id: int, sources: Mapping[str, datetime | None]) -> pl.Expr:
        """Least watermark of the sources that count, after each event of one table."""
        counted, active = [], []
        for source, before in sorted(sources.items()):
            mine = pl.col("source") == source
            mark = pl.max_horizontal(
                pl.when(mine).then(pl.max_horizontal("newest", "ts")).forward_fill(),
                pl.lit(before, _UTC_US),
            )
            heard = pl.max_horizontal(
                pl.when(mine).then("received").forward_fill(),
                pl.lit(self._heard.get((source, table_id)), _UTC_US),
            )
            is_active = heard >= pl.col("received") - ACTIVE_WITHIN
            is_live = heard - mark <= self._settings.allowed_lateness
            active.append(pl.when(is_active).then(mark))
            counted.append(pl.when(is_active & is_live).then(mark))
        return pl.coalesce(pl.min_horizontal(counted), pl.min_horizontal(active))

    def _crossings(self, events: pl.DataFrame) -> pl.DataFrame:
        """The events after which more minutes of their table are closed than before."""
        tables = events["table_id"].unique(maintain_order=True).to_list()
        known = pl.DataFrame(
            {"table_id": tables, "start": [self.until(table) for table in tables]},
            schema={"table_id": pl.Int32, "start": _UTC_US},
        )
        first = pl.col("ts").first().over("table_id").dt.truncate("1m")
        until = (pl.col("low") - self._settings.close_delay).dt.truncate("1m")
        running = pl.max_horizontal(until, "start").cum_max().over("table_id")
        before = pl.col("closed_until").shift(1).over("table_id")
        return (
            events.join(known, on="table_id", how="left", maintain_order="left")
            .with_columns(
                (pl.col("start").is_null() & pl.col("table_id").is_first_distinct()).alias(
                    "begins"
                ),
                pl.col("start").fill_null(first),
            )
            .with_columns(running.alias("closed_until"))
            .with_columns(pl.coalesce(before, "start").alias("closed_from"))
            .filter(pl.col("begins") | (pl.col("closed_until") > pl.col("closed_from")))
            .select(
                pl.col("seq").alias("after_seq"),
                "table_id",
                "closed_from",
                "closed_until",
                pl.col("received").alias("at"),
                pl.lit("watermark").alias("by"),
            )
        )

    def due(self, now: datetime, last_seq: int, watermarks: Mapping[_Key, datetime]) -> Advance:
        """What the clock closes: minutes of tables that sent nothing for `GRACE`.

        A table whose newest event is older than the allowed lateness is history; the clock closes
        nothing of it.
        """
        self._mind_leaps(now)
        until = _floor(now - self._settings.close_delay - GRACE)
        rows = []
        for table_id, closed in self._closed.items():
            if closed.until < until and self._is_silent(table_id, now, watermarks):
                rows.append((last_seq, table_id, closed.until, until, now, "clock"))
        if not rows:
            return Advance(no_rows(CLOSE_SCHEMA))
        return Advance(_arrow([pl.DataFrame(rows, schema=_FRAME, orient="row")]))

    def _mind_leaps(self, now: datetime) -> None:
        """After a leap of the clock all sources count as heard now: what came before says nothing.

        One that was set back by less than `GRACE` closed nothing of the time to come.
        """
        last, self._looked = self._looked, now
        if last - GRACE <= now <= last + LEAP:
            return
        self._heard = dict.fromkeys(self._heard, now)
        if now < last:
            self._open_again(now)

    def _open_again(self, now: datetime) -> None:
        """What the clock closed of minutes that are still to come is closed no more."""
        until = _floor(now - self._settings.close_delay - GRACE)
        for table_id, closed in self._closed.items():
            if closed.until == closed.by_clock and closed.until > now:
                self._closed[table_id] = Closed(until, until)

    def _is_silent(self, table_id: int, now: datetime, watermarks: Mapping[_Key, datetime]) -> bool:
        mine = [key for key in self._heard if key[1] == table_id]
        heard = max((self._heard[key] for key in mine), default=None)
        newest = max((watermarks[key] for key in mine if key in watermarks), default=None)
        return (
            heard is not None
            and newest is not None
            and now - heard >= GRACE
            and now - newest <= self._settings.allowed_lateness
        )

    def keep(self, advance: Advance) -> list[tuple[int, datetime, datetime]]:
        """It is stored: remember it, and give what closed, merged to one range a table."""
        for key, at in advance.heard.items():
            self._heard[key] = max(at, self._heard.get(key, at))
        if not advance.closes.num_rows:
            return []
        closed = []
        merged = (
            pl.DataFrame(advance.closes)
            .group_by("table_id", maintain_order=True)
            .agg(
                pl.col("closed_from").min(),
                pl.col("closed_until").max(),
                (pl.col("by") == "clock").any().alias("clock"),
            )
        )
        for table_id, start, end, clock in merged.iter_rows():
            old = self._closed.get(table_id)
            self._closed[table_id] = Closed(end, end if clock else old.by_clock if old else None)
            if start < end:
                closed.append((table_id, start, end))
        return closed


_FRAME = {
    "after_seq": pl.Int64(),
    "table_id": pl.Int32(),
    "closed_from": _UTC_US,
    "closed_until": _UTC_US,
    "at": _UTC_US,
    "by": pl.String(),
}


def _most(times: NDArray[np.int64], bounds: NDArray[np.int64]) -> list[int]:
    """The greatest of each group, given where each begins and all end."""
    greatest: list[int] = np.maximum.reduceat(times, bounds[:-1]).tolist()
    return greatest


def _arrow(frames: list[pl.DataFrame]) -> pa.Table:
    if not frames:
        return no_rows(CLOSE_SCHEMA)
    frame = pl.concat([pl.DataFrame(schema=_FRAME), *frames])
    return frame.sort("after_seq", maintain_order=True).to_arrow().cast(CLOSE_SCHEMA)


def _in_order(closed: Closed) -> Closed:
    """The clock closed no more than is closed: the rest was taken back when it was set back."""
    if closed.by_clock is None or closed.by_clock <= closed.until:
        return closed
    return Closed(closed.until, closed.until)


def _floor(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)

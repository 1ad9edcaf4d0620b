"""What becomes of each event: applied, duplicate, late or from the future; column-wise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.columns import among, kept, micros_of, picked, true_where

APPLIED, DUPLICATE, LATE, FUTURE = "applied", "duplicate", "late", "future"

_WORDS = pl.Series("outcome", [APPLIED, DUPLICATE, FUTURE, LATE])
_MOMENT = pl.Datetime("us", "UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_NEVER = np.iinfo(np.int64).min
_TABLE_BITS = 32
_TABLES = (1 << _TABLE_BITS) - 1

_BACKFILL = " (back-fill)"


def own_mark(source: str) -> str:
    """Name that the watermarks of a source's back-fill go by: they are not those of its stream.

    >>> own_mark("shop")
    'shop (back-fill)'
    """
    return source + _BACKFILL


def is_backfill_mark(name: str) -> bool:
    """Whether a watermark's name is one that `own_mark` made."""
    return name.endswith(_BACKFILL)


def classify(
    events: pl.DataFrame,
    watermarks: Mapping[tuple[str, int], datetime],
    *,
    received: datetime,
    allowed_lateness: timedelta,
    future_tolerance: timedelta,
) -> pl.DataFrame:
    """Add ``outcome`` and ``newest`` to events in input order.

    An event is judged against the newest event of its source and table *before* it, so the outcome
    does not depend on how the stream is cut into batches. Events of replays and back-fills (column
    ``replay``) are never late, and nothing is judged against them. Events without time took the
    time of receipt. ``newest`` is the watermark that an event was judged against; null for none.

    Args:
        events: source, table_id, ts (Datetime[us, UTC], no nulls), seen, replay.
        watermarks: newest event time by (source, table id), from earlier batches.
        received: when the batch was taken in.
        allowed_lateness: how far behind the watermark an event may be.
        future_tolerance: how far ahead of ``received`` an event may be.
    """
    ts, seen = micros_of(events["ts"]), true_where(events["seen"])
    replay = true_where(events["replay"])
    ahead = ts > _micros(received + future_tolerance)
    order, bounds, keys = by_source_and_table(events)
    marks = [_NEVER if (mark := watermarks.get(key)) is None else _micros(mark) for key in keys]
    newest = np.empty_like(ts)
    newest[order] = _newest_before(
        np.where(seen | ahead | replay, _NEVER, ts)[order], bounds, marks
    )
    known = newest != _NEVER
    late = known & ~replay & (ts < newest - allowed_lateness // _MICRO)
    outcome = np.select([seen, ahead, late], [1, 2, 3], 0)
    moments = pl.Series("newest", newest).cast(_MOMENT)
    return events.hstack(
        [
            moments if known.all() else moments.set(pl.Series(~known), None),
            _WORDS[pl.Series(outcome.astype(np.uint32))],
        ]
    )


def by_source_and_table(
    events: pl.DataFrame,
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[tuple[str, int]]]:
    """Events by source and table: their places, where each pair begins and all end, the pairs."""
    sources = events["source"].rechunk().to_arrow().dictionary_encode()
    names = sources.dictionary.to_pylist()
    code = np.asarray(sources.indices, np.int64) << _TABLE_BITS | events["table_id"].to_numpy()
    order = np.argsort(code, kind="stable")
    code = code[order]
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    keys = [(names[each >> _TABLE_BITS], each & _TABLES) for each in code[starts].tolist()]
    return order, np.append(starts, len(code)), keys


def _newest_before(
    times: NDArray[np.int64], bounds: NDArray[np.int64], marks: Sequence[int]
) -> NDArray[np.int64]:
    """The newest time before each event of its group, or the group's mark; ``_NEVER`` for none."""
    newest = np.empty_like(times)
    for (start, end), mark in zip(pairwise(bounds.tolist()), marks, strict=True):
        newest[start] = mark
        newest[start + 1 : end] = times[start : end - 1]
        np.maximum.accumulate(newest[start:end], out=newest[start:end])
    return newest


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICRO


def new_watermarks(
    events: pl.DataFrame, old: Mapping[tuple[str, int], datetime]
) -> dict[tuple[str, int], datetime]:
    """Watermarks that the applied events moved forward.

    Those of a back-fill (column ``backfill``, where there is one) stand under `own_mark`. Events of
    replays move none.
    """
    counted = among(events["outcome"], (APPLIED,))
    backfill = (
        true_where(events["backfill"])
        if "backfill" in events.columns
        else np.zeros(events.height, dtype=np.bool_)
    )
    counted &= ~true_where(events["replay"]) | backfill
    moved: dict[tuple[str, int], datetime] = {}
    for own in (False, True):
        mine = kept(picked(events, ("source", "table_id", "ts")), counted & (backfill == own))
        order, bounds, keys = by_source_and_table(mine)
        if not keys:
            continue
        newest = np.maximum.reduceat(micros_of(mine["ts"])[order], bounds[:-1])
        for (source, table_id), micros in zip(keys, newest.tolist(), strict=True):
            key = (own_mark(source) if own else source, table_id)
            ts = _EPOCH + micros * _MICRO
            if (before := old.get(key)) is None or ts > before:
                moved[key] = ts
    return moved

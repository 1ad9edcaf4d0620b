"""How a series begins to be watched: when there is enough of it, by which step, on what past."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from datawatch_lab.engine.detection.slots import Key, Slot
from datawatch_lab.engine.detection.values import values
from datawatch_lab.metrics.spans import ceil_to, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Floats = NDArray[np.float64]

ENOUGH = timedelta(minutes=60)
"""A series is watched once it is known for so long."""

BUSY, BUSY_COUNT = 1.0, 0.1
"""Rows a minute from which on a series is looked at by the minute; slower ones by the hour."""

HOURS_BACK = 4
"""Series by the hour are trained on so many baseline windows."""

_TEN, _MINUTE = timedelta(minutes=10), timedelta(minutes=1)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_LEAST = timedelta(hours=6)
MOST_ROWS = 12_000_000
"""Buckets of all series that are gone through together; with more series each has fewer."""


def enrolments(
    engine: Engine, slots: Sequence[Slot], start: datetime, end: datetime, window: timedelta
) -> dict[Key, datetime]:
    """When series that are not watched yet can be, in (start, end].

    Args:
        engine: of the workspace.
        slots: those that are not watched.
        start: what closes begins there.
        end: what closes ends there.
        window: how far back is looked.

    Returns:
        By series, a whole ten minutes; those that cannot be by then are left out.
    """
    first, last = floor_to(start, _TEN) + _TEN, floor_to(end, _TEN)
    if not slots or first > last:
        return {}
    begin = floor_to(start - HOURS_BACK * window, _TEN)
    seen = _rows(engine, slots, begin, last, _HOUR if last - begin > 40 * _DAY else _TEN)
    width = (last - begin) / max(seen.shape[1], 1)
    some = seen > 0
    found = {}
    for row, slot in enumerate(slots):
        if some[row].any():
            known = begin + int(some[row].argmax()) * width
            due = max(ceil_to(known + ENOUGH, _TEN), first)
            if due <= last:
                found[slot.key] = due
    return found


def _rows(
    engine: Engine, slots: Sequence[Slot], start: datetime, end: datetime, step: timedelta
) -> Floats:
    """Rows by slot and bucket, 0 for none."""
    counts = [msgspec.structs.replace(each, fold="n", counted=False) for each in slots]
    return np.nan_to_num(values(engine, counts, start, end, step, first=False))


class Training:
    """The history of series that begin to be watched together.

    Args:
        engine: of the workspace.
        slots: the series.
        moment: from when on they are watched; a whole ten minutes.
        window: how much of the past says what is normal.

    Attributes:
        first: start of the hour in which each was first seen.
    """

    def __init__(
        self, engine: Engine, slots: Sequence[Slot], moment: datetime, window: timedelta
    ) -> None:
        self._engine, self._slots, self._moment, self._window = engine, slots, moment, window
        self.first: dict[Key, datetime] = {}
        begin = floor_to(moment - HOURS_BACK * window, _HOUR)
        rows = _rows(engine, slots, begin, floor_to(moment, _HOUR), _HOUR)
        self._rates: dict[Key, float] = {}
        for row, slot in enumerate(slots):
            seen = rows[row] > 0
            if not seen.any():
                self._rates[slot.key] = BUSY  # younger than an hour: what comes fast is seen first
                continue
            place = int(seen.argmax())
            self.first[slot.key] = begin + place * _HOUR
            minutes = (rows.shape[1] - place) * 60
            self._rates[slot.key] = float(rows[row].sum()) / minutes

    def by_width(self) -> dict[timedelta, list[Slot]]:
        """Series by the width of the buckets that suits them; only those that there are."""
        found: dict[timedelta, list[Slot]] = {}
        for each in self._slots:
            least = BUSY_COUNT if each.counted else BUSY
            fast = self._rates[each.key] >= least and not each.is_share
            width = _MINUTE if fast else _HOUR
            found.setdefault(width, []).append(each)
        return found

    def start(self, slots: Sequence[Slot], width: timedelta) -> datetime:
        """Where the history of series that are trained together begins."""
        end = floor_to(self._moment, width)
        back = self._window
        if width == _MINUTE:
            back = min(back, max(MOST_ROWS // max(len(slots), 1) * _MINUTE, _LEAST))
        else:
            back = HOURS_BACK * back
        known = min((self.first.get(s.key, end - ENOUGH) for s in slots), default=end - ENOUGH)
        return floor_to(max(end - back, min(known, end - width)), width)

    def begins(self, slots: Sequence[Slot]) -> Floats:
        """Epoch seconds from which on each is known; what was before is no value."""
        found = (self.first.get(each.key) for each in slots)
        return np.array([-np.inf if each is None else each.timestamp() for each in found])

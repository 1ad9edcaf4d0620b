"""What would have been flagged: a history scored once, and looked at by any sensitivity."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.beneath import Beneath
from datawatch_lab.anomaly.combined import Combined
from datawatch_lab.anomaly.episodes import Episode, Rules, fold
from datawatch_lab.anomaly.evidence import WEIGHTS
from datawatch_lab.anomaly.kinds import weights_of
from datawatch_lab.anomaly.sensitivity import NAMED, Sensitivity, episodes_per_week, threshold
from datawatch_lab.anomaly.whole_history import whole_history
from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.detection.choosing import check_algorithms
from datawatch_lab.engine.detection.rules import gap_of, goes_on_at
from datawatch_lab.engine.detection.slots import Key, Labels, Slot, slot_of
from datawatch_lab.engine.detection.values import grid
from datawatch_lab.engine.detection.wall import Wall
from datawatch_lab.engine.detection.words import BAND, anomaly_of, moment
from datawatch_lab.engine.windows import is_current, span_of
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.anomaly.history import Scored
    from datawatch_lab.engine.engine import Engine

Floats = NDArray[np.float64]

DAYS = 30.0
"""Of history that a preview looks at."""

MOST_DAYS = 400.0
_KEPT = 16
_MOST_ROWS = 2_000_000
"""Of all histories that are kept together, 0.2 GB; the newest is kept whatever its size."""

_BUSY, _BUSY_COUNT = 0.5, 0.09
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class History:
    """A scored history of one series.

    Attributes:
        slot: the series.
        step: width of a bucket.
        starts: of the buckets, epoch seconds.
        x: values; NaN for none.
        scored: of each, by the single row.
        found: of each, altogether.
    """

    slot: Slot
    step: timedelta
    starts: NDArray[np.int64]
    x: Floats
    scored: Scored
    found: Combined

    @property
    def days(self) -> float:
        """How long it is."""
        return len(self.starts) * (self.step / timedelta(days=1))

    def episodes(self, rules: Rules) -> list[Episode]:
        """What would have been flagged."""
        return fold(self.starts.tolist(), self.x, self.found, rules)

    def rules(self, sensitivity: Sensitivity) -> Rules:
        """Rules of a series that somebody chose that sensitivity for.

        Raises:
            InputError: there is no such sensitivity; says which there are.
        """
        opens = threshold(sensitivity)
        return Rules(
            opens=opens,
            goes_on=goes_on_at(opens),
            gap=gap_of(int(self.step.total_seconds())),
        )

    def anomalies(self, episodes: Sequence[Episode], now: datetime) -> list[Anomaly]:
        """Episodes as anomalies, newest first."""
        step = int(self.step.total_seconds())
        return [
            anomaly_of(self.slot, each, step, found=now, past=True, ended=True)
            for each in reversed(episodes)
        ]

    @property
    def band(self) -> tuple[Floats, Floats]:
        """Lower and upper end of what was expected."""
        low = self.found.expected - BAND * self.found.sigma
        if self.slot.counted:
            low = np.maximum(low, 0.0)
        return low, self.found.expected + BAND * self.found.sigma


class Histories:
    """Histories that were asked for last; one per engine, ``engine.beside(Histories)``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], History] = OrderedDict()

    def opened(self) -> list[Key]:
        """Series that somebody looked at lately, the last one first."""
        with self._lock:
            found = [each.slot.key for each in self._known.values()]
        return list(dict.fromkeys(reversed(found)))

    def get(
        self, metric: str, labels: Labels, days: float, algorithms: Sequence[str] | None = None
    ) -> History:
        """A history up to the last closed minute, by some algorithms or those in force."""
        slot = slot_of(self._engine, metric, labels)
        end = _end(self._engine, slot)
        by = _in_force(self._engine, slot) if algorithms is None else tuple(sorted(algorithms))
        name = (metric, labels, days, by)
        key = (*name, end, slot.members)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        made = _made(self._engine, slot, end, timedelta(days=days), by)
        with self._lock:
            for other in [each for each in self._known if each[: len(name)] == name]:
                del self._known[other]  # the same, up to another minute
            self._known[key] = made
            while len(self._known) > 1 and not self._fits():
                self._known.popitem(last=False)
        return made

    def _fits(self) -> bool:
        rows = sum(len(each.x) for each in self._known.values())
        return len(self._known) <= _KEPT and rows <= _MOST_ROWS


def history_of(
    engine: Engine,
    metric: str,
    labels: Mapping[str, str] | None = None,
    days: float = DAYS,
    algorithms: Sequence[str] | None = None,
) -> History:
    """The scored history of a series; scored once, then kept while nothing more has closed.

    Args:
        engine: of the workspace.
        metric: its name.
        labels: of the series; none for the whole metric.
        days: how far back.
        algorithms: that have a say; None for those in force.

    Raises:
        NotFoundError: there is no such metric or series.
        InputError: the metric cannot be scored, the days are out of range, or there is no such
            algorithm.
    """
    if not 0 < days <= MOST_DAYS:
        raise InputError(f"days is {days:g}; it goes up to {MOST_DAYS:g}.")
    check_algorithms(algorithms)
    series = tuple(sorted((labels or {}).items()))
    return engine.beside(Histories).get(metric, series, days, algorithms)


def _end(engine: Engine, slot: Slot) -> datetime:
    """Up to where the minutes of a series are over."""
    table = engine.table(slot.table)
    closed = engine.closing.until(table.id)
    if closed is not None:
        return closed
    last = span_of(engine, slot.table)[1]
    now = engine.clock.now()
    if last is None or is_current(engine, slot.table, now):
        return floor_to(now, _MINUTE)
    return floor_to(last, _MINUTE) + _MINUTE


def _in_force(engine: Engine, slot: Slot) -> tuple[str, ...]:
    """Algorithms that have a say on a series that somebody looks at."""
    from datawatch_lab.engine.detection.stage import Detection

    return tuple(sorted(engine.beside(Detection).algorithms(slot.key)))


def _values(
    engine: Engine, slot: Slot, start: datetime, end: datetime, step: timedelta
) -> tuple[Floats, Beneath | None]:
    """Values of a series, and what they are made of where they are averages."""
    if end - start < step:
        return np.empty(0), None
    found = grid(engine, [slot], start, end, step)
    return found.x[0], found.beneath.series(0) if slot.is_average else None


def _made(
    engine: Engine, slot: Slot, end: datetime, back: timedelta, by: tuple[str, ...]
) -> History:
    start = floor_to(end - back, _MINUTE)
    first = span_of(engine, slot.table)[0]
    if first is not None:
        start = max(start, floor_to(first, _MINUTE))
    step, (x, beneath) = _MINUTE, _values(engine, slot, start, end, _MINUTE)
    busy = np.nan_to_num(x) != 0.0
    if (
        slot.is_share
        or not busy.any()
        or (busy[int(busy.argmax()) :].mean() < (_BUSY_COUNT if slot.counted else _BUSY))
    ):
        step, start, end = _HOUR, floor_to(start, _HOUR), floor_to(end, _HOUR)
        x, beneath = _values(engine, slot, start, end, _HOUR)
    seconds = int(step.total_seconds())
    starts = int((start - EPOCH).total_seconds()) + seconds * np.arange(len(x), dtype=np.int64)
    from datawatch_lab.anomaly.history import score_history  # loads scipy.signal

    times = Wall(engine.settings.timezone).seconds(starts)
    scored = score_history(x, times, joint="ml" in by, weights=weights_of(by, WEIGHTS))
    by_level = step == _MINUTE and "seasonal" in by
    row = (scored.score, scored.expected, scored.sigma)
    found = whole_history(
        x,
        times,
        row,
        counted=slot.counted,
        least=slot.least,
        by_level=by_level,
        beneath=beneath,
    )
    return History(slot, step, starts, x, scored, found)


@dataclass(frozen=True)
class Previewed:
    """What a sensitivity would have flagged.

    Attributes:
        rules: that it means.
        promised: false alarms a week to expect of a quiet series.
    """

    sensitivity: Sensitivity
    rules: Rules
    promised: float
    episodes: list[Episode]


def preview(history: History, sensitivities: Sequence[Sensitivity]) -> list[Previewed]:
    """What each sensitivity would have flagged.

    Raises:
        InputError: there is no such sensitivity; says which there are.
    """
    found = []
    for each in sensitivities:
        rules = history.rules(each)
        promised = episodes_per_week(each, int(history.step.total_seconds()))
        found.append(Previewed(each, rules, promised, history.episodes(rules)))
    return found


def begin_of(history: History) -> datetime:
    """Start of the first bucket."""
    return moment(int(history.starts[0])) if len(history.starts) else EPOCH


__all__ = [
    "DAYS",
    "MOST_DAYS",
    "NAMED",
    "Histories",
    "History",
    "Previewed",
    "history_of",
    "preview",
]

"""The windows of time that conditions look at: now, earlier by the clock, and for baselines.

`Windows` knows the values of all of them for one moment (live), or for every moment of a range
(back-test): the same code decides from both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf, isfinite, nan
from statistics import median
from zoneinfo import ZoneInfo

from datawatch_lab.alerts.conditions import Term
from datawatch_lab.alerts.judging import LEAST_SAMPLES, NOTHING, Value
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.alerting.ahead import ahead
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row, floor, grain_of
from datawatch_lab.engine.alerting.values import Values
from datawatch_lab.engine.signals import SIGNALS
from datawatch_lab.metrics.calendar import same_clock

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_DAYS = {"same_hour_yesterday": 1, "same_hour_last_week": 7}
_BAND_WIDTH = 3.0
_LEAST_SPREAD = 0.02
_MAD = 1.4826  # of a normal distribution: spread by median deviation

Need = tuple[Ask, Term]


@dataclass(frozen=True)
class Span:
    """The moments that are decided: from the first to the last, a step apart."""

    first: datetime
    last: datetime

    @property
    def is_moment(self) -> bool:
        """Whether it is one moment."""
        return self.first == self.last


def ends_of(term: Term, at: datetime, zone: ZoneInfo) -> datetime | None:
    """The end of the window that a term means; None where the clock has no such time."""
    end = floor(at, grain_of(term.over))
    if term.when == "previous_hour":
        return end - _HOUR
    if term.when == "ago":
        return end - floor_span(term.back, grain_of(term.over))
    if term.when in _DAYS:
        return _earlier(end, term.over, _DAYS[term.when], zone)
    return end


def floor_span(span: timedelta, grain: timedelta) -> timedelta:
    """A width in whole grains, at least one."""
    return max(grain, span - span % grain)


def _earlier(end: datetime, over: timedelta, days: int, zone: ZoneInfo) -> datetime | None:
    found = same_clock((end - over, end), days, zone)
    return found[0] + over if found and found[1] - found[0] == over else None


def samples_of(over: timedelta) -> tuple[int, int]:
    """Of how many windows around the same time of a day a sample is made, and how many go before.

    >>> samples_of(timedelta(minutes=5)), samples_of(timedelta(hours=1))
    ((12, 6), (1, 0))
    """
    count = max(1, _HOUR // over)
    return count, count // 2


@dataclass
class Windows:
    """Values of windows, read ahead for a moment or a range.

    Args:
        values: reads them.
        span: the moments that are asked about.
        zone: of the workspace.
        back: how far baselines look back.
    """

    values: Values
    span: Span
    zone: ZoneInfo
    back: timedelta
    _rows: dict[timedelta, list[tuple[Grid, dict[Ask, dict[Labels, Row]]]]] = field(
        default_factory=dict
    )
    _index: dict[tuple[timedelta, datetime], list[tuple[dict[Ask, dict[Labels, Row]], int]]] = (
        field(default_factory=dict)
    )
    _days: dict[tuple[timedelta, datetime, int], list[datetime]] = field(default_factory=dict)
    _ahead: dict[tuple[Ask, timedelta], dict[Labels, Value]] = field(default_factory=dict)

    def prepare(self, needs: Iterable[Need]) -> None:
        """Read what some terms need, many at a time.

        Raises:
            InputError: a metric, label or aggregation does not exist.
        """
        wanted = list(dict.fromkeys(needs))
        wanted = self._without_ahead(wanted)
        if self.span.is_moment:
            self._prepare_moment(wanted)
        else:
            self._prepare_range(wanted)

    def labels(self, ask: Ask, over: timedelta) -> set[Labels]:
        """Label sets that an ask has values for."""
        known = {key for _, data in self._rows.get(over, ()) for key in data.get(ask, {})}
        return known.union(*(data for (each, _), data in self._ahead.items() if each == ask))

    def get(self, ask: Ask, labels: Labels, term: Term, at: datetime) -> Value:
        """The value of a term at a moment."""
        if term.when in ("baseline", "band"):
            return self._baseline(ask, labels, term.over, at)
        if term.when == "ahead":
            return self._ahead[ask, term.back].get(labels, NOTHING)
        end = ends_of(term, at, self.zone)
        return NOTHING if end is None else Value(self._at(ask, labels, term.over, end))

    def points(self, ask: Ask, labels: Labels, over: timedelta) -> list[tuple[datetime, float]]:
        """All values that were read, by end of window; NaN for none."""
        found: dict[datetime, float] = {}
        for grid, data in self._rows.get(over, ()):
            row = data.get(ask, {}).get(labels)
            if row is not None:
                ends = (grid.first + place * grid.stride for place in range(grid.count))
                found |= dict(zip(ends, row.tolist(), strict=True))
        return sorted(found.items())

    # ------------------------------------------------------------------ ahead

    def _without_ahead(self, needs: list[Need]) -> list[Need]:
        """Forecast what is predicted; the other needs.

        Raises:
            InputError: it is about a range of the past.
        """
        for ask, term in needs:
            if term.when != "ahead" or (ask, term.back) in self._ahead:
                continue
            if not self.span.is_moment:
                raise InputError(
                    "predicted values have no history, so such a rule cannot be back-tested.",
                    hint="Back-test the comparison alone: what it would have warned of.",
                )
            self._ahead[ask, term.back] = ahead(self.values.engine, ask, term.back, self.span.first)
        return [each for each in needs if each[1].when != "ahead"]

    # ------------------------------------------------------------------ one moment

    def _prepare_moment(self, needs: list[Need]) -> None:
        at = self.span.first
        by_window: dict[tuple[timedelta, datetime], dict[Ask, None]] = {}
        based: dict[timedelta, dict[Ask, None]] = {}
        for ask, term in needs:
            if term.when in ("baseline", "band"):
                based.setdefault(term.over, {})[ask] = None
                continue
            end = ends_of(term, at, self.zone)
            if end is not None:
                by_window.setdefault((term.over, end), {})[ask] = None
        for (over, end), asks in by_window.items():
            self._read(asks, Grid(over, end, 1, over))
        for over, asks in based.items():
            self._prepare_baselines(asks, over, at)

    def _prepare_baselines(self, asks: Mapping[Ask, None], over: timedelta, at: datetime) -> None:
        """Weekly samples of all, daily ones of those that have too few of these."""
        end = floor(at, grain_of(over))
        self._read_days(asks, over, end, 7)
        few = [ask for ask in asks if self._few(ask, over, end)]
        if few:
            self._read_days(dict.fromkeys(few), over, end, 1)

    def _few(self, ask: Ask, over: timedelta, end: datetime) -> bool:
        every = self.labels(ask, over) or {()}
        return any(
            len(self._samples(ask, labels, over, end, 7)) < LEAST_SAMPLES for labels in every
        )

    def _read_days(
        self, asks: Mapping[Ask, None], over: timedelta, end: datetime, days: int
    ) -> None:
        count, _ = samples_of(over)
        ends = self._sample_ends(over, end, days)
        for place in range(0, len(ends), count):
            self._read(asks, Grid(over, ends[place], count, over))

    # ------------------------------------------------------------------ a range

    def _prepare_range(self, needs: list[Need]) -> None:
        by_over: dict[timedelta, tuple[dict[Ask, None], timedelta]] = {}
        for ask, term in needs:
            asks, far = by_over.get(term.over, ({}, timedelta()))
            asks[ask] = None
            by_over[term.over] = asks, max(far, self._reach(term))
        for over, (asks, far) in by_over.items():
            grain = grain_of(over)
            first = floor(self.span.first - far, grain)
            count = (floor(self.span.last, grain) - first) // grain + 1
            self._read(asks, Grid(over, first, count, grain))

    def _reach(self, term: Term) -> timedelta:
        """How far before a moment the window of a term may end."""
        if term.when in ("baseline", "band"):
            return self.back + 2 * _HOUR
        if term.when in _DAYS:
            return _DAYS[term.when] * _DAY + 2 * _HOUR
        return max(term.back, _HOUR if term.when == "previous_hour" else timedelta())

    # ------------------------------------------------------------------ looking up

    def _read(self, asks: Iterable[Ask], grid: Grid) -> None:
        data = self.values.read(asks, grid)
        self._rows.setdefault(grid.over, []).append((grid, data))
        self._index.clear()

    def _at(self, ask: Ask, labels: Labels, over: timedelta, end: datetime) -> float:
        key = (over, end)
        places = self._index.get(key)
        if places is None:
            places = []
            for grid, data in self._rows.get(over, ()):
                place, rest = divmod(end - grid.first, grid.stride)
                if not rest and 0 <= place < grid.count:
                    places.append((data, place))
            self._index[key] = places
        is_read = False
        for data, place in places:
            rows = data.get(ask)
            row = None if rows is None else rows.get(labels)
            if row is not None:
                return float(row[place])
            is_read = is_read or rows is not None
        return SIGNALS[ask.metric].absent if is_read and ask.metric in SIGNALS else nan

    def _sample_ends(self, over: timedelta, end: datetime, days: int) -> list[datetime]:
        """Ends of the windows of a baseline: around the same clock time, every so many days."""
        key = (over, end, days)
        found = self._days.get(key)
        if found is None:
            count, before = samples_of(over)
            found = self._days[key] = []
            for day in range(days, self.back // _DAY + 1, days):
                middle = _earlier(end, over, day, self.zone)
                if middle is not None:
                    found += [middle + (place - before) * over for place in range(count)]
        return found

    def _samples(
        self, ask: Ask, labels: Labels, over: timedelta, end: datetime, days: int
    ) -> list[float]:
        ends = self._sample_ends(over, end, days)
        known = [self._at(ask, labels, over, each) for each in ends]
        return without_outages([each for each in known if isfinite(each)])

    def _baseline(self, ask: Ask, labels: Labels, over: timedelta, at: datetime) -> Value:
        end = floor(at, grain_of(over))
        found = self._samples(ask, labels, over, end, 7)
        if len(found) < LEAST_SAMPLES:
            found = self._samples(ask, labels, over, end, 1)
        return summary(found)


def without_outages(samples: list[float]) -> list[float]:
    """The samples without zeros, where most are not: nothing came in an outage.

    >>> without_outages([5.0, 0.0, 6.0]), without_outages([0.0, 0.0, 1.0])
    ([5.0, 6.0], [0.0, 0.0, 1.0])
    """
    alive = [each for each in samples if each != 0]
    return alive if 2 * len(alive) > len(samples) else samples


def summary(samples: list[float]) -> Value:
    """Median and band of samples: three times their spread, which is 2 % of the median at least."""
    if not samples:
        return NOTHING
    middle = median(samples)
    spread = _MAD * median(abs(each - middle) for each in samples)
    width = _BAND_WIDTH * max(spread, _LEAST_SPREAD * abs(middle))
    low = middle - width if isfinite(width) else -inf
    return Value(middle, low, middle + width, len(samples))

"""The time ranges of a page: which there are, where they lie, how wide their buckets are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_NICE = tuple(
    timedelta(seconds=each)
    for each in (
        *(1, 5, 10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200),
        *(86_400, 172_800, 604_800, 2_592_000),
    )
)


@dataclass(frozen=True)
class TimeRange:
    """One choice of the selector.

    Attributes:
        key: in links, e.g. ``1h``.
        label: on the button.
        span: its length; None for all that there is.
        previous: what the period before is called.
        line: width of the buckets of lines.
        bars: width of the buckets of bars.
    """

    key: str
    label: str
    span: timedelta | None
    previous: str
    line: timedelta = _MINUTE
    bars: timedelta = _MINUTE


RANGES: tuple[TimeRange, ...] = (
    TimeRange("15m", "15 min", 15 * _MINUTE, "15 min"),
    TimeRange("1h", "1 h", _HOUR, "hour", _MINUTE, 5 * _MINUTE),
    TimeRange("6h", "6 h", 6 * _HOUR, "6 h", 5 * _MINUTE, 15 * _MINUTE),
    TimeRange("24h", "24 h", _DAY, "24 h", 15 * _MINUTE, _HOUR),
    TimeRange("7d", "7 d", 7 * _DAY, "7 days", _HOUR, 6 * _HOUR),
    TimeRange("all", "All", None, ""),
)
KEYS = {each.key: each for each in RANGES}


@dataclass(frozen=True)
class Window:
    """Where a range lies now.

    Attributes:
        start, end: UTC.
        line, bars: widths of buckets.
        before: start of the period that it is compared with; None where there is none.
        previous: what that period is called.
    """

    start: datetime
    end: datetime
    line: timedelta
    bars: timedelta
    before: datetime | None
    previous: str

    @property
    def span(self) -> timedelta:
        """Its length."""
        return self.end - self.start


def default_key(state: str, first: datetime | None, last: datetime | None, now: datetime) -> str:
    """The range that a page opens on: one in which the data is.

    Args:
        state: of the workspace; history opens on all of its own range.
        first: oldest event time.
        last: newest event time.
        now: the present.
    """
    if state == "history" or first is None or last is None:
        return "all" if state == "history" else "1h"
    silence, depth = now - last, now - first
    for each in RANGES:
        if each.span is not None and silence < each.span * 0.8:
            # A page on a few minutes of data starts narrow, on any more with an hour.
            narrow = each.key == "15m" and depth > each.span
            if not narrow:
                return each.key
    return "all"


def window(
    key: str, state: str, first: datetime | None, last: datetime | None, now: datetime
) -> Window:
    """Where a range lies: it ends now, or where history ends.

    Args:
        key: of `KEYS`.
        state: of the workspace.
        first: oldest event time.
        last: newest event time.
        now: the present.
    """
    chosen = KEYS[key]
    end = now
    if state == "history" and last is not None:
        end = last + timedelta(seconds=1)
    if chosen.span is not None:
        before = end - 2 * chosen.span
        known = first is not None and first <= before + chosen.span * 0.05
        return Window(
            end - chosen.span,
            end,
            chosen.line,
            chosen.bars,
            before if known else None,
            chosen.previous,
        )
    start = min(first or end, end - _MINUTE)
    return Window(start, end, nice((end - start) / 120), nice((end - start) / 40), None, "")


def nice(width: timedelta) -> timedelta:
    """The least usual width that is no finer."""
    return next((each for each in _NICE if each >= width), _NICE[-1])

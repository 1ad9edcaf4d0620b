"""Forecasts as values: what is asked, and what is kept of what was said."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

import msgspec

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


class Pace(msgspec.Struct, frozen=True):
    """The step of a forecast, and what goes with it.

    Attributes:
        step: width of a bucket.
        words: the step as questions take it.
        past: how far back the history is read.
        leads: steps ahead whose forecasts are kept beside what happened.
    """

    step: timedelta
    words: str
    past: timedelta
    leads: tuple[int, ...]


MINUTES = Pace(_MINUTE, "1m", timedelta(days=3), (1, 5, 15, 30, 60))
HOURS = Pace(_HOUR, "1h", timedelta(days=60), (2, 6, 12, 24, 48, 168))
DAYS = Pace(_DAY, "1d", timedelta(days=730), (8, 14, 30, 90))

LONGEST = timedelta(days=90)


def pace_of(horizon: timedelta) -> Pace:
    """Minutes up to an hour, hours up to seven days, days beyond.

    >>> pace_of(timedelta(hours=1)).words, pace_of(timedelta(days=7)).words
    ('1m', '1h')
    """
    if horizon <= _HOUR:
        return MINUTES
    return HOURS if horizon <= timedelta(days=7) else DAYS


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a forecast that was given.

    Attributes:
        metric: its name.
        scope: the rest of the question: aggregation and filters, as text.
        labels: of the series, as JSON with sorted names.
        step: seconds of a bucket.
        made: end of the history that it was made from, UTC.
        at: start of the bucket that it is about, UTC.
        lead: how many steps ahead that was, from 1.
        value, low, high: the forecast and its interval.
        level: share of values that should lie inside, in (0, 1).
        model: whose word it was.
    """

    metric: str
    scope: str
    labels: str
    step: int
    made: datetime
    at: datetime
    lead: int
    value: float
    low: float
    high: float
    level: float
    model: str

    @property
    def id(self) -> UUID:
        """The same for the same step of the same series from the same moment on."""
        parts = (self.metric, self.scope, self.labels, self.step, self.made, self.at, self.level)
        return uuid5(NAMESPACE_OID, "\x1f".join(map(str, parts)))

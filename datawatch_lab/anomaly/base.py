"""What every detector is: a River anomaly detector over one series of values and times."""

from __future__ import annotations

import abc
from datetime import datetime
from typing import Any

from river import base

_River: Any = base.AnomalyDetector  # River's types say that a row is a dictionary of features

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 — of naive times, which are taken as UTC


def utc_seconds(t: datetime) -> float:
    """Seconds since 1970; a time without zone is UTC.

    >>> from datetime import UTC
    >>> utc_seconds(datetime(1970, 1, 2)) == utc_seconds(datetime(1970, 1, 2, tzinfo=UTC)) == 86400
    True
    """
    return (t - _EPOCH).total_seconds() if t.tzinfo is None else t.timestamp()


class SeriesDetector(_River):  # type: ignore[misc]  # see _River
    """A detector of one series. Score first, then learn, row by row.

    A River estimator: a constructor takes parameters only, `clone` makes an untrained copy, and
    scores point up (a larger one is stranger).
    """

    @abc.abstractmethod
    def score_one(self, x: float, t: datetime) -> float:
        """How strange a value is, ≥ 0; NaN while warming. Reads only.

        A value that is NaN is no evidence and scores 0; an infinite one is the largest there is.
        """

    @abc.abstractmethod
    def learn_one(self, x: float, t: datetime) -> None:
        """Take note of a value. NaN and infinite ones are left out; time may repeat or go back."""

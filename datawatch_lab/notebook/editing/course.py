"""The course of a metric as arrays, as the pictures of editors take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.service.answers import QueryAnswer

Floats = NDArray[np.float64]


def _none() -> Floats:
    return np.empty(0)


@dataclass(frozen=True)
class Mark:
    """A stretch of time that is told apart.

    Attributes:
        start: ms since 1970, UTC.
        end: the same.
        kind: ``bad`` or ``low``; how it is coloured.
        label: what it is, in words.
    """

    start: float
    end: float
    kind: str
    label: str

    def sent(self) -> dict[str, Any]:
        """As the browser takes it."""
        return {"from": self.start, "to": self.end, "kind": self.kind, "label": self.label}


@dataclass(frozen=True)
class Dot:
    """A point that is told apart; ``at`` in ms since 1970, UTC."""

    at: float
    value: float
    kind: str
    label: str

    def sent(self) -> dict[str, Any]:
        """As the browser takes it."""
        return {"at": self.at, "value": self.value, "kind": self.kind, "label": self.label}


@dataclass(frozen=True)
class Course:
    """Values over time, ascending; NaN where nothing is known. Empty arrays for no data.

    Attributes:
        times: ms since 1970, UTC.
        values: one per time.
        low, high: the expected band, one per time, or empty for none.
        unit: of the values.
    """

    times: Floats = field(default_factory=_none)
    values: Floats = field(default_factory=_none)
    low: Floats = field(default_factory=_none)
    high: Floats = field(default_factory=_none)
    unit: str = ""

    @property
    def span(self) -> tuple[float, float]:
        """First and last time; (0, 0) without data."""
        return (float(self.times[0]), float(self.times[-1])) if self.times.size else (0.0, 0.0)


def course_of(answer: QueryAnswer) -> Course:
    """The first series of an answer, which is the largest, without the bucket that is not over."""
    points = answer.series[0].points if answer.series else []
    closed = [each for each in points if answer.open is None or each[0] < answer.open]
    times = milliseconds([at for at, _ in closed])
    values = np.array([np.nan if value is None else value for _, value in closed], dtype=float)
    return Course(times, values, unit=answer.unit)


def milliseconds(times: Sequence[str]) -> Floats:
    """ISO 8601 times of answers (UTC) as ms since 1970.

    >>> milliseconds(["1970-01-01T00:00:01Z"])
    array([1000.])
    """
    bare = np.array([each.rstrip("Z") for each in times], dtype="datetime64[ms]")
    return bare.astype("int64").astype(float)


def trailing_sums(course: Course, buckets: int) -> Course:
    """Sums over so many buckets up to each, from the first that has so many; NaN where all are.

    >>> steps = Course(np.arange(4.0), np.array([1.0, 2.0, np.nan, 4.0]))
    >>> trailing_sums(steps, 2).values
    array([3., 2., 4.])
    """
    known = np.isfinite(course.values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(known, course.values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    sums, seen = (each[buckets:] - each[:-buckets] for each in (totals, counts))
    times = course.times[buckets - 1 :]
    return Course(times, np.where(seen > 0, sums, np.nan), unit=course.unit)


def named(labels: Mapping[str, str]) -> str:
    """Labels in words: ``status=paid, country=DE``; '' for none."""
    return ", ".join(f"{name}={value}" for name, value in labels.items())

"""What would I have missed: a marked span, and how soon each candidate detector would have seen it.

Detectors are compared fairly: each is given the threshold at which it raises as many false alarms a
week, outside the span, as is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.registry import make
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.detection.preview import Floats, History
from datawatch_lab.engine.detection.words import moment
from datawatch_lab.metrics.spans import EPOCH

CANDIDATES = ("z-score", "mad", "gaussian", "seasonal", "adwin", "page-hinkley")
"""Detectors of single series that are tried beside the default one."""

_SENSITIVITIES = ("low", "medium", "high")
_MOST_ROWS = 10_080
_APART = 15
_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Candidate:
    """How a detector would have done.

    Attributes:
        name: of the detector, and its sensitivity where it has one.
        delay: from the start of the span to the end of the bucket that it would have been seen in;
            None when it would have been missed.
        false_alarms: episodes a week outside the span.
        threshold: of its score.
    """

    name: str
    delay: timedelta | None
    false_alarms: float
    threshold: float


def missed(
    history: History, start: datetime, end: datetime, *, allowed: float = 1.0
) -> list[Candidate]:
    """Candidates, those that see it soonest first.

    Args:
        history: of the series.
        start: of the span that was an incident.
        end: of it.
        allowed: false alarms a week that a detector may raise.

    Raises:
        InputError: no bucket of the history lies in the span.
    """
    first, last = ((each - EPOCH).total_seconds() for each in (start, end))
    inside = (history.starts >= first - history.step.total_seconds() + 1) & (history.starts < last)
    if not inside.any():
        raise InputError(
            f"no bucket of {history.slot.metric} lies between {start:%Y-%m-%d %H:%M} and "
            f"{end:%Y-%m-%d %H:%M}.",
            hint=f"Its history has {history.days:.3g} days.",
        )
    found = [_default(history, each, inside, first) for each in _SENSITIVITIES]
    found += [_other(history, each, inside, first, allowed) for each in CANDIDATES]
    return sorted(
        found, key=lambda each: (each.delay is None, each.delay or _WEEK, each.false_alarms)
    )


def _weeks(history: History, inside: NDArray[np.bool_]) -> float:
    known = int((~np.isnan(history.scored.raw) & ~inside).sum())
    return max(known * history.step / _WEEK, 1e-9)


def _default(
    history: History, sensitivity: str, inside: NDArray[np.bool_], first: float
) -> Candidate:
    rules = history.rules(sensitivity)
    spans = [(each.first, each.last) for each in history.episodes(rules)]
    low = float(history.starts[inside][0])
    high = float(history.starts[inside][-1])
    mine = [max(a, low) for a, b in spans if a <= high and b >= low]
    others = len(spans) - len(mine)
    return Candidate(
        f"metric, {sensitivity}",
        _delay(history, min(mine, default=None), first),
        others / _weeks(history, inside),
        rules.opens,
    )


def _delay(history: History, at: float | None, first: float) -> timedelta | None:
    if at is None:
        return None
    return max(timedelta(seconds=at - first) + history.step, history.step)


def _other(
    history: History, name: str, inside: NDArray[np.bool_], first: float, allowed: float
) -> Candidate:
    """Score the rows up to the end of the span, or the first ones, by another detector."""
    until = max(int(np.flatnonzero(inside)[-1]) + 1, min(len(inside), _MOST_ROWS))
    rows = slice(max(until - _MOST_ROWS, 0), until)
    scores = _scores(name, history.x[rows], history.starts[rows])
    mine = inside[rows]
    weeks = max(int((~np.isnan(scores) & ~mine).sum()) * history.step / _WEEK, 1e-9)
    limit = _limit(scores, mine, max(int(allowed * weeks), 0))
    alarms = np.flatnonzero(np.nan_to_num(scores, nan=-np.inf) > limit)
    seen = [each for each in alarms.tolist() if mine[each]]
    at = float(history.starts[rows][seen[0]]) if seen else None
    false = len(_separate([each for each in alarms.tolist() if not mine[each]]))
    return Candidate(name, _delay(history, at, first), false / weeks, float(limit))


def _scores(name: str, x: Floats, starts: NDArray[np.int64]) -> Floats:
    detector = make(name)
    found = np.full(len(x), np.nan)
    for row, (value, start) in enumerate(zip(x.tolist(), starts.tolist(), strict=True)):
        at = moment(start)
        found[row] = detector.score_one(value, at)
        detector.learn_one(value, at)
    return found


def _limit(scores: Floats, inside: NDArray[np.bool_], allowed: int) -> float:
    """The lowest score above which there are so many separate alarms outside the span at most.

    Found by halving, since fewer rows lie above a higher score; rows that join two alarms to one
    may make it a little higher than need be.
    """
    outside = np.where(inside | np.isnan(scores), -np.inf, scores)
    known = np.unique(outside[outside > 0.0])
    low, high = -1, len(known) - 1
    while low < high:
        middle = (low + high) // 2
        limit = float(known[middle]) if middle >= 0 else 0.0
        if len(_separate(np.flatnonzero(outside > limit).tolist())) <= allowed:
            high = middle
        else:
            low = middle + 1
    return float(known[high]) if high >= 0 else 0.0


def _separate(rows: Sequence[int]) -> list[int]:
    """The first row of each group of rows that lie close together."""
    found: list[int] = []
    last = -_APART - 1
    for each in rows:
        if each - last > _APART:
            found.append(each)
        last = each
    return found

"""A forecast of one series: models tried on its past, the best one's word, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from datawatch_lab.forecast.backtest import Tested, backtest
from datawatch_lab.forecast.base import Floats, Model, Series
from datawatch_lab.forecast.intervals import adapted, conformal

LEAST = 20
"""Known values that a forecast needs."""

LOOK = 24
"""Steps that models are compared over at least: one step alone is mostly luck."""

_SURE_ERRORS = 30


@dataclass(frozen=True)
class Outcome:
    """What is said of a series.

    Attributes:
        values, low, high: one per step ahead; low ≤ value ≤ high.
        model: whose word it is.
        confidence: in [0, 1]: by how much the interval of the last step is narrower than the range
            that as many of the past values lie in; less when few errors are known.
        tested: all models, best first.
    """

    values: Floats
    low: Floats
    high: Floats
    model: str
    confidence: float
    tested: tuple[Tested, ...]

    @property
    def best(self) -> Tested:
        """The back-test of the chosen model."""
        return self.tested[0]


def forecast(series: Series, models: Sequence[Model], horizon: int, level: float) -> Outcome:
    """Try models on the past of a series, and let the best one speak.

    A history that never was below zero is not forecast there; one that never changed stays as it
    is.

    Args:
        series: with at least `LEAST` known values; models are compared over `LOOK` steps where its
            phases reach so far.
        models: at least one.
        horizon: steps ahead, at least 1.
        level: share of values that should lie in the interval, in (0, 1).
    """
    reach = max(horizon, min(LOOK, _foreseen(series)))
    tested = [_cut(each, horizon) for each in backtest(_trimmed(series), models, reach)]
    best = tested[0]
    below, above = conformal(best.errors, adapted(best.errors, level))
    values = best.ahead
    low, high = np.minimum(values + below, values), np.maximum(values + above, values)
    if np.nanmin(series.values) >= 0:
        values, low, high = (np.maximum(each, 0.0) for each in (values, low, high))
    confidence = _confidence(series.values, float(high[-1] - low[-1]), best, level)
    return Outcome(values, low, high, best.model, confidence, tuple(tested))


def _foreseen(series: Series) -> int:
    """Steps ahead that the phases of all seasons reach."""
    ends = [len(each.phases) for each in series.seasons]
    return min(ends, default=len(series.values) + LOOK) - len(series.values)


def _cut(tested: Tested, horizon: int) -> Tested:
    return replace(tested, errors=tested.errors[:, :horizon], ahead=tested.ahead[:horizon])


def _trimmed(series: Series) -> Series:
    """The series without what is unknown before its first value."""
    first = int(np.argmax(np.isfinite(series.values)))
    seasons = tuple(
        replace(each, phases=each.phases[first:])
        for each in series.seasons
        if len(series.values) - first >= 2 * each.length
    )
    return Series(series.values[first:], seasons)


def _confidence(values: Floats, width: float, best: Tested, level: float) -> float:
    known = values[np.isfinite(values)]
    tail = 50 * (1 - level)
    bottom, top = np.percentile(known, [tail, 100 - tail])
    usual = float(top - bottom)
    narrower = 1 - width / usual if usual > 0 else float(width == 0)
    sure = min(max(narrower, 0.0), 1.0)
    errors = int(np.isfinite(best.errors).sum())
    return round(sure * min(errors / _SURE_ERRORS, 1.0), 3)

"""Rolling-origin back-test: what each model would have said, beside what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, isnan

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Model, Series
from datawatch_lab.forecast.seasonal_naive import SeasonalNaive

ORIGINS = 120
_DAY = 24  # steps between origins share no factor with it, so that every hour is met
_LEAST_PAST = 8


@dataclass(frozen=True)
class Tested:
    """A model, in its best variant, on the history of a series.

    Attributes:
        model: its name.
        errors: origins × horizon: what came minus what was said; NaN where nothing came.
        ahead: horizon: what it says from the end of the series on.
        mae: mean size of the errors over the whole horizon; NaN for none.
        mase: `mae` by that of the seasonal naive forecast over the same steps; below 1 is better.
    """

    model: str
    errors: Floats
    ahead: Floats
    mae: float
    mase: float


def origins_of(series: Series, most: int = ORIGINS) -> Ints:
    """Origins in the younger two thirds of the history, evenly; the last is its end.

    The origins before the last have at least one value after them.
    """
    n = len(series.values)
    longest = max((each.length for each in series.seasons), default=0)
    known = np.flatnonzero(np.isfinite(series.values))
    warm = int(known[min(_LEAST_PAST, len(known) - 1)]) + 1
    first = max(min(max(n // 3, 2 * longest), n // 2), warm, 1)
    step = max(1, -(-(n - first) // most))
    while step > 1 and gcd(step, _DAY) > 1:
        step += 1
    return np.unique(np.append(np.arange(n - step, first - 1, -step)[::-1], n)).astype(np.int64)


def came(series: Series, origins: Ints, horizon: int) -> Floats:
    """What came after each origin; NaN beyond the end."""
    padded = np.concatenate([series.values, np.full(horizon, np.nan)])
    found: Floats = padded[origins[:, None] + np.arange(horizon)[None, :]]
    return found


def backtest(series: Series, models: Sequence[Model], horizon: int) -> list[Tested]:
    """Models on the history of a series, best first.

    Args:
        series: to be forecast.
        models: at least one.
        horizon: steps ahead.
    """
    origins = origins_of(series)
    yardstick = SeasonalNaive().forecast(series, origins, horizon)[-1]
    tested = [_test(each, series, origins, yardstick) for each in models]
    return sorted(tested, key=_rank)


def _rank(tested: Tested) -> tuple[bool, float, float]:
    """By MASE, where there is one: not all models were tried from the same origins."""
    worth = tested.mae if isnan(tested.mase) else tested.mase
    return isnan(tested.mae), worth, tested.mae


def _test(model: Model, series: Series, origins: Ints, yardstick: Floats) -> Tested:
    horizon = yardstick.shape[1]
    newest = origins[-model.most_origins - 1 :]
    truth = came(series, newest, horizon)[:-1]
    usual = _size(truth - yardstick[-len(newest) : -1])
    said = model.forecast(series, newest, horizon)
    errors = truth[None] - said[:, :-1]
    known = np.isfinite(truth)
    sizes = np.where(known, np.abs(errors), 0.0).sum(axis=(1, 2)) / max(int(known.sum()), 1)
    best = int(np.argmin(sizes))
    mae = _size(errors[best])
    mase = mae / usual if usual > 0 else (0.0 if mae == 0 else float("nan"))
    return Tested(model.name, errors[best], said[best, -1], mae, mase)


def _size(errors: Floats) -> float:
    sizes = np.abs(errors[np.isfinite(errors)])
    return float(sizes.mean()) if len(sizes) else float("nan")

"""Intervals from what the back-test got wrong: split conformal prediction, lead by lead."""

from __future__ import annotations

import numpy as np

from datawatch_lab.forecast.base import Floats

_ENOUGH = 60  # errors that a quantile is taken from, if there are so many
_WARM = 12  # origins before a level is adapted
_RATE = 0.03
_NARROWER = 0.05  # so much below the level that is meant may be asked for


def conformal(errors: Floats, level: float) -> tuple[Floats, Floats]:
    """How far below and above its forecast a value lies, at each step ahead.

    The errors of a step are pooled with those of steps nearby until there are enough. Quantiles
    carry the correction for their number (Vovk et al. 2005; Lei et al. 2018): so many new values
    as `level` says lie inside, whatever their distribution, as long as the future is like the past.

    Args:
        errors: origins × horizon, what came minus what was said; NaN where nothing came.
        level: share of values that should lie inside, in (0, 1).

    Returns:
        Offsets of the lower and the upper end, one per step, the lower at most the upper, never
        narrower than a step before; zeros when no error is known.
    """
    horizon = errors.shape[1]
    low, high = np.zeros(horizon), np.zeros(horizon)
    for lead in range(horizon):
        found = _near(errors, lead)
        if len(found):
            low[lead], high[lead] = _ends(found, level)
    return np.minimum(low, high), np.maximum(low, high)


def _near(errors: Floats, lead: int) -> Floats:
    """Known errors of a lead, with its neighbours' where these are few."""
    reach = 0
    while True:
        part = errors[:, max(lead - reach, 0) : lead + reach + 1]
        found: Floats = part[np.isfinite(part)]
        if len(found) >= _ENOUGH or reach >= errors.shape[1]:
            return found
        reach += 1


def _ends(found: Floats, level: float) -> tuple[float, float]:
    """Quantiles on both sides, each with its share of the correction for few values."""
    n, tail = len(found), (1 - level) / 2
    ordered = np.sort(found)
    below = int(np.floor((n + 1) * tail)) - 1
    above = int(np.ceil((n + 1) * (1 - tail))) - 1
    return float(ordered[max(below, 0)]), float(ordered[min(above, n - 1)])


def adapted(errors: Floats, level: float) -> float:
    """The level to ask for, so that the share inside is what was meant on the series' own past.

    Adaptive conformal inference (Gibbs and Candès 2021): through the back-test in order of time, an
    interval is made of the errors so far and judged by the next; a miss widens what follows, a hit
    narrows it a little. It makes up for drift and for choosing a model by the same errors.

    Args:
        errors: origins × horizon, as for `conformal`.
        level: that is meant, in (0, 1).

    Returns:
        A level in [level - 0.05, 0.99], the mean over the steps ahead; `level` for too few origins.
    """
    origins = len(errors)
    first = max(_WARM, origins // 4)
    if origins <= first:
        return level
    asked = np.full(errors.shape[1], level)
    trail = []
    for row in range(first, origins):
        low, high = _quantiles(errors[:row], asked)
        known = np.isfinite(errors[row]) & np.isfinite(low)
        missed = (errors[row] < low) | (errors[row] > high)
        step = _RATE * (missed - (1 - level))
        asked = np.clip(np.where(known, asked + step, asked), 0.5, 0.99)
        trail.append(asked)
    late = np.mean(trail[len(trail) // 2 :])
    return float(np.clip(late, level - _NARROWER, 0.99))


def _quantiles(errors: Floats, asked: Floats) -> tuple[Floats, Floats]:
    """Central quantiles of each column, each at a level of its own; NaN for none."""
    ordered = np.sort(errors, axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0)
    top = np.maximum(count - 1, 0)
    columns = np.arange(errors.shape[1])
    low = np.floor((count + 1) * (1 - asked) / 2).astype(int) - 1
    high = np.ceil((count + 1) * (1 + asked) / 2).astype(int) - 1
    return (
        ordered[np.clip(low, 0, top), columns],
        ordered[np.clip(high, 0, top), columns],
    )

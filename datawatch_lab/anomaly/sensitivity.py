"""From a sensitivity to a threshold on the score, and what it costs in false alarms.

A sensitivity is ``low``, ``medium`` or ``high``, a number in [0, 1], or standard deviations
(a number above 1: ``3.0`` flags what is as rare as three of them in a normal distribution).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import erfc, log10, sqrt

from datawatch_lab.core.errors import InputError

NAMED = {"low": 0.25, "medium": 0.5, "high": 0.75}

LOWEST, HIGHEST = 1.2, 3.2
"""Thresholds at sensitivity 1 and 0."""

MOST_SIGMA = 8.0

FALSE_ALARMS = ((1.2, 51.0), (1.7, 9.2), (2.2, 1.4), (2.7, 0.27), (3.2, 0.15))
"""Threshold → alarms a week on a quiet series, the mean over six kinds of simulated ones (Gaussian,
autoregressive, log-normal, seasonal, counts, rare counts) at a row a minute, five minutes, an hour.
At 2.2 the three steps gave 2.0, 1.5 and 0.9."""

EPISODES = {
    60: ((1.2, 30.0), (1.7, 1.9), (2.2, 0.26), (2.7, 0.18), (3.2, 0.09)),
    3_600: ((1.2, 0.14), (1.7, 0.13), (2.2, 0.1), (2.7, 0.08), (3.2, 0.03)),
}
"""Seconds of a bucket → threshold → episodes a week that a workspace raises of such a series.

There a row must also be far off in standard deviations, and hourly baselines have a say. The mean
over the same six kinds, from the second week on (``python -m tests.engine.quiet``); log-normal
series have twice as many, others fewer.
"""

Sensitivity = str | float


def threshold(sensitivity: Sensitivity) -> float:
    """The score from which a row is an anomaly; falls as the sensitivity rises.

    >>> threshold("medium"), threshold(0.5), round(threshold(3.0), 2)
    (2.2, 2.2, 2.57)

    Raises:
        InputError: neither a name, nor in [0, 1], nor standard deviations up to `MOST_SIGMA`.
    """
    number = NAMED.get(sensitivity) if isinstance(sensitivity, str) else float(sensitivity)
    if number is None or not 0.0 <= number <= MOST_SIGMA:
        raise InputError(
            f"sensitivity: {sensitivity!r} is none of low, medium, high, a number from 0 to 1, "
            f"or standard deviations from 1 to {MOST_SIGMA:g}."
        )
    if number > 1.0:
        return -log10(erfc(number / sqrt(2.0)))
    return HIGHEST - number * (HIGHEST - LOWEST)


def false_alarms_per_week(sensitivity: Sensitivity) -> float:
    """Alarms a week to expect of one series in which nothing is wrong, see `FALSE_ALARMS`.

    >>> [round(false_alarms_per_week(name), 1) for name in ("low", "medium", "high")]
    [0.3, 1.4, 9.2]

    Raises:
        InputError: as `threshold`.
    """
    return _between(FALSE_ALARMS, threshold(sensitivity))


def episodes_per_week(sensitivity: Sensitivity, step: int = 60) -> float:
    """Anomalies a week to expect of one series of a workspace in which nothing is wrong.

    Args:
        sensitivity: as in `threshold`.
        step: seconds of a bucket, one of `EPISODES`.

    >>> [round(episodes_per_week(name), 2) for name in ("low", "medium", "high")]
    [0.18, 0.26, 1.9]

    Raises:
        InputError: as `threshold`.
    """
    return _between(EPISODES[step], threshold(sensitivity))


def _between(known: Sequence[tuple[float, float]], wanted: float) -> float:
    """Alarms at a threshold, of those at some; their logarithm is taken as a line between two."""
    if wanted >= known[-1][0]:
        return known[-1][1]
    for (low, many), (high, few) in pairwise(known):
        if wanted < high:
            part = (wanted - low) / (high - low)
            return float(many * (few / many) ** part)
    raise AssertionError(wanted)

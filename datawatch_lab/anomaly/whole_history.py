"""A whole history of one series as previews score it: single rows, shifts of level, silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.arrivals import silence_history, with_silence
from datawatch_lab.anomaly.beneath import Beneath, footing_history
from datawatch_lab.anomaly.combined import Combined, combine
from datawatch_lab.anomaly.level_history import level_history

Floats = NDArray[np.float64]


def whole_history(
    x: Floats,
    t: Any,
    row: tuple[Floats, Floats, Floats],
    *,
    counted: bool,
    least: float = 0.0,
    by_level: bool = True,
    beneath: Beneath | None = None,
) -> Combined:
    """Scores of each row by all that have a say.

    Args:
        x: values; NaN for none.
        t: seconds, see `history.score_history`.
        row: score, expected and sigma of the single row's detector.
        counted: the series is a count.
        least: standard deviation that it has at least.
        by_level: whether hourly baselines have a say: by the minute, where ``seasonal`` has.
        beneath: what averages are made of; None for what is no average.
    """
    silence = silence_history(x)
    silent = silence.strange & counted
    footing = None if beneath is None else footing_history(x, beneath)
    weight = None if footing is None else footing.weight
    shift = None
    if by_level:
        shift = level_history(x, t, counted=counted, silent=silent, weight=weight)
    fresh = None if shift is None else np.isnan(shift.z)
    counts = np.array(counted)
    found = combine(x, row, shift, counts, least, footing)
    return with_silence(found, silence, counts, fresh)

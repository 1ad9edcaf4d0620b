"""A whole history of one series as previews score it: single rows, shifts of level, silence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.arrivals import silence_history, with_silence
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
) -> Combined:
    """Scores of each row by all that have a say.

    Args:
        x: values; NaN for none.
        t: seconds, see `history.score_history`.
        row: score, expected and sigma of the single row's detector.
        counted: the series is a count.
        least: standard deviation that it has at least.
        by_level: whether hourly baselines have a say: by the minute, where ``seasonal`` has.
    """
    silence = silence_history(x)
    silent = silence.strange & counted
    shift = level_history(x, t, counted=counted, silent=silent) if by_level else None
    fresh = None if shift is None else np.isnan(shift.z)
    counts = np.array(counted)
    return with_silence(combine(x, row, shift, counts, least), silence, counts, fresh)

"""A straight line through the newest values: the baseline that others must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datawatch_lab.forecast.base import Floats, Ints, Series, held

_LEAST = 3


@dataclass(frozen=True)
class Linear:
    """Least squares over a window before the origin.

    Right for what fills up or drains steadily; wrong far ahead for what comes and goes. One pass
    over running sums, whatever the number of origins.

    Attributes:
        windows: steps that a line is fitted to; one variant each.

    >>> line = Series(np.arange(40.0))
    >>> Linear((30,)).forecast(line, np.array([40]), 3).round(6).tolist()
    [[[40.0, 41.0, 42.0]]]
    """

    windows: tuple[int, ...] = (20, 60, 240)

    @property
    def name(self) -> str:
        """``linear``."""
        return "linear"

    @property
    def most_origins(self) -> int:
        """120."""
        return 120

    def forecast(self, series: Series, origins: Ints, horizon: int) -> Floats:
        """See `Model.forecast`; fewer than three known values in a window give the last one."""
        known = np.isfinite(series.values)
        y, t = np.where(known, series.values, 0.0), np.arange(len(known), dtype=np.float64)
        sums = [_running(each) for each in (known * 1.0, t * known, y, t * t * known, t * y)]
        last = held(series.values)[origins - 1]
        ahead = origins[:, None] + np.arange(horizon)[None, :]
        made = []
        for window in self.windows:
            begin = np.maximum(origins - window, 0)
            n, st, sy, stt, sty = (each[origins] - each[begin] for each in sums)
            safe = np.maximum(n, 1)
            spread = stt - st * st / safe
            fits = (n >= _LEAST) & (spread > 0)
            slope = np.where(fits, (sty - st * sy / safe) / np.where(spread > 0, spread, 1), 0.0)
            base = np.where(fits, sy / safe - slope * st / safe, last)
            made.append(base[:, None] + slope[:, None] * ahead)
        return np.stack(made)


def _running(values: Floats) -> Floats:
    """Sums of the first 0, 1, 2 … values."""
    return np.concatenate([[0.0], np.cumsum(values)])

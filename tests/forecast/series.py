"""Series whose future is known."""

from __future__ import annotations

import numpy as np

from datawatch_lab.forecast.base import Floats, Season, Series


def hourly(values: Floats, horizon: int = 24) -> Series:
    """Values as hours from a Monday midnight on, with the seasons that they are long enough for."""
    places = np.arange(len(values) + horizon)
    seasons = [Season("day", 24, places % 24), Season("week", 168, places % 168)]
    return Series(values, tuple(each for each in seasons if len(values) >= 2 * each.length))


def waves(steps: int, seed: int = 1, noise: float = 2.0) -> Floats:
    """A day's wave of 20 around 50, with noise."""
    rng = np.random.default_rng(seed)
    found: Floats = 50 + 20 * np.sin(np.arange(steps) / 24 * 2 * np.pi)
    return found + rng.normal(0, noise, steps)

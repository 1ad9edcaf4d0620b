"""Simulated series with planted anomalies, for tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.judge.corpora import Series

Floats = NDArray[np.float64]
STEP = 300
START = 1_767_571_200  # a Monday


def daily(rows: int, seed: int, step: int = STEP) -> tuple[Floats, NDArray[np.int64]]:
    """A noisy series with a day and a quieter weekend in it, and its times."""
    rng = np.random.default_rng(seed)
    times = START + step * np.arange(rows, dtype=np.int64)
    day = 1.0 + 0.5 * np.sin(2 * np.pi * (times % 86_400) / 86_400)
    week = np.where((times // 86_400) % 7 < 2, 0.7, 1.0)
    return 200.0 * day * week * np.exp(0.05 * rng.standard_normal(rows)), times


def planted(seed: int, rows: int = 8_000) -> Series:
    """A daily series with a spike, an outage and a shift of level."""
    values, times = daily(rows, seed)
    labels = np.zeros(rows, dtype=bool)
    for first, last, factor in ((5_000, 5_003, 4.0), (6_200, 6_220, 0.02), (7_300, 7_360, 2.0)):
        values[first : last + 1] *= factor
        labels[first : last + 1] = True
    return Series(f"planted/{seed}.csv", times, values, labels)

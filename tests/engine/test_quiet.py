"""The false alarms that a sensitivity is said to cost are those that quiet series raise."""

from __future__ import annotations

import numpy as np
import pytest

from datawatch_lab.anomaly.sensitivity import EPISODES, episodes_per_week
from tests.engine.quiet import THRESHOLDS, measured


def _mean(weeks: int, seeds: range, step: int) -> dict[float, float]:
    rows = [found for _, _, found in measured(weeks, seeds, (step,))]
    return dict(zip(THRESHOLDS, np.mean(rows, axis=0).tolist(), strict=True))


def test_high_raises_as_many_as_said() -> None:
    """By the minute, on seeds that nothing was measured on, to a factor of two."""
    found = _mean(3, range(70, 71), 60)
    for opens in (1.2, 1.7):
        said = dict(EPISODES[60])[opens]
        assert said / 2 < found[opens] < said * 2


def test_what_is_said_falls_with_the_threshold() -> None:
    """Between the measured thresholds too; by the hour alarms are fewer at every sensitivity."""
    said = [episodes_per_week(each / 20) for each in range(21)]
    assert said == sorted(said)
    hourly = [episodes_per_week(each / 20, 3_600) for each in range(21)]
    assert all(hour <= minute for hour, minute in zip(hourly, said, strict=True))


@pytest.mark.soak
@pytest.mark.parametrize(("step", "weeks"), [(60, 12), (3_600, 12)])
def test_every_sensitivity_raises_as_many_as_said(step: int, weeks: int) -> None:
    """At low, medium and high the mean over kinds is what is said, to a factor of two."""
    found = _mean(weeks, range(80, 86), step)
    for opens in (1.7, 2.2, 2.7):
        said = dict(EPISODES[step])[opens]
        assert said / 2 <= found[opens] <= said * 2, opens

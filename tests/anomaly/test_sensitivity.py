from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.bank import Bank
from datawatch_lab.anomaly.sensitivity import false_alarms_per_week, threshold
from datawatch_lab.core.errors import InputError


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_sensitive_is_a_lower_threshold(a: float, b: float) -> None:
    """Thresholds fall and expected false alarms rise with the sensitivity."""
    low, high = sorted((a, b))
    assert threshold(low) >= threshold(high)
    assert false_alarms_per_week(low) <= false_alarms_per_week(high)


def test_sigmas_are_tail_probabilities() -> None:
    """Three standard deviations are as rare as 0.27 %, two as 4.55 %."""
    assert threshold(3.0) == pytest.approx(2.569, abs=0.001)
    assert threshold(2.0) == pytest.approx(1.342, abs=0.001)


@pytest.mark.parametrize("wrong", ["loud", -0.1, 9.0, float("nan")])
def test_a_wrong_sensitivity_is_refused(wrong: str | float) -> None:
    """The error says what a sensitivity may be."""
    with pytest.raises(InputError, match="low, medium, high"):
        threshold(wrong)


@pytest.mark.parametrize(("sensitivity", "most"), [("medium", 2.0), ("low", 2.5)])
def test_false_alarms_are_as_many_as_said(sensitivity: str, most: float) -> None:
    """On quiet simulated series alarms a week are the number that is said, to a factor."""
    rng = np.random.default_rng(3)
    series, rows, step = 90, 1_500, 3_600
    bank, alarms, before = Bank(series), 0, np.zeros(series, dtype=bool)
    kind = np.arange(series) % 3
    for row in range(rows):
        at = 1_767_571_200 + row * step
        noise = rng.standard_normal(series)
        day = 1.0 + 0.4 * np.sin(2 * np.pi * at / 86_400)
        x = np.where(kind == 0, 100 + 10 * noise, np.exp(3 + 0.4 * noise))
        x = np.where(kind == 2, 100 * day + 5 * noise, x)
        now = bank.step(np.arange(series), x, np.full(series, at)).score >= threshold(sensitivity)
        alarms += int((now & ~before).sum()) if row >= 400 else 0
        before = now
    weeks = series * (rows - 400) * step / (7 * 86_400)
    said = false_alarms_per_week(sensitivity)
    assert said / most < alarms / weeks < said * most

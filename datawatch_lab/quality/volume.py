"""``volume``: rows inserted in a window, against bounds or against what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality.ranges import between
from datawatch_lab.quality.windows import Judged

LEAST_WINDOWS = 3
"""Windows that what is usual rests on, at least."""


def judge_volume(rule: Rule, rows: float, usual: Sequence[float]) -> Judged:
    """Whether a window has as many rows as it should.

    Args:
        rule: of the kind ``volume``.
        rows: inserted in the window.
        usual: rows of windows of the same time of day before, for a rule with a baseline.
    """
    if not rule.baseline:
        ok = bool(between(rule, np.array([rows]))[0])
        return Judged(ok, rows, f"{rows:,.0f} rows in {rule.window or '1h'}{_bounds(rule, '')}")
    if len(usual) < LEAST_WINDOWS:
        return Judged(None, rows, "too few windows to say what is usual")
    normal = median(usual)
    if not normal:
        return Judged(None, rows, "no rows are usual at this time")
    ok = bool(between(rule, np.array([rows / normal]))[0])
    words = f"{rows:,.0f} rows in {rule.window or '1h'}, {rows / normal:.0%} of the usual"
    return Judged(ok, rows, f"{words} {normal:,.0f}{_bounds(rule, 'ratio')}")


def _bounds(rule: Rule, unit: str) -> str:
    shown = [
        f"{word} {value:.0%}" if unit else f"{word} {value:,.0f}"
        for word, value in (("at least", rule.min), ("at most", rule.max))
        if isinstance(value, int | float)
    ]
    return f" (should be {' and '.join(shown)})"

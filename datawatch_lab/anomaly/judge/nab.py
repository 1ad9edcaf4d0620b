"""The scoring of the Numenta Anomaly Benchmark, v1.1.

A detection inside a labelled window earns more the earlier it comes; one outside costs, and costs
less just after a window; a window without a detection costs. One threshold for the whole corpus is
chosen per profile, and the result is set between the null detector (0) and a perfect one (100).
Source: Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms", ICMLA 2015.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.judge.corpora import Floats, Series

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Profile:
    """What a false positive and a missed window cost; a hit earns 1."""

    false_positive: float
    miss: float


PROFILES = {
    "standard": Profile(0.11, 1.0),
    "low_fp": Profile(0.22, 1.0),
    "low_fn": Profile(0.11, 2.0),
}

PROBATION_SHARE = 0.15
PROBATION_ROWS = 750


def probation(rows: int) -> int:
    """Rows at the start of a series that are not judged."""
    return int(min(PROBATION_SHARE * rows, PROBATION_ROWS))


def weight(position: Floats) -> Floats:
    """Worth of a detection at a position relative to a window's end, in (−1, 1).

    −1 is the start of the window, 0 its end, 1 one window's width after it; beyond 3 it is −1.
    """
    near = np.minimum(position, 3.0)
    return np.where(position > 3.0, -1.0, 2.0 / (1.0 + np.exp(5.0 * near)) - 1.0)


_BEST = float(weight(np.array([-1.0]))[0])


@dataclass(frozen=True)
class Judged:
    """The rows of a corpus that count, in one sequence.

    Attributes:
        scores: of the detector.
        worth: of a detection at the row, before the profile: in (0, 1] inside a window.
        window: number of the window that the row is in, −1 outside.
        windows: how many windows there are.
    """

    scores: Floats
    worth: Floats
    window: Ints
    windows: int


def worths(series: Series) -> tuple[Floats, Ints]:
    """Worth of a detection at each row, and the number of the window it is in (−1: none)."""
    rows = np.arange(len(series), dtype=np.float64)
    worth = np.full(len(series), -1.0)
    window = np.full(len(series), -1, dtype=np.int64)
    for number, (first, last) in enumerate(series.windows):
        width = last - first + 1
        inside = slice(first, last + 1)
        worth[inside] = weight(-(last - rows[inside] + 1) / width) / _BEST
        window[inside] = number
        after = slice(last + 1, _next_start(series, number))
        worth[after] = weight((rows[after] - last) / max(width - 1, 1))
    return worth, window


def _next_start(series: Series, number: int) -> int:
    later = series.windows[number + 1 :]
    return later[0][0] if later else len(series)


def prepare(corpus: Sequence[Series], scores: Sequence[Floats]) -> Judged:
    """The rows that count: after probation, with a finite score or none (NaN counts as −∞)."""
    kept: list[tuple[Floats, Floats, Ints]] = []
    windows = 0
    for series, scored in zip(corpus, scores, strict=True):
        worth, window = worths(series)
        numbered = np.where(window >= 0, window + windows, -1)
        start = probation(len(series))
        known = np.where(np.isfinite(scored), scored, -np.inf)
        kept.append((known[start:], worth[start:], numbered[start:]))
        windows += len(series.windows)
    columns = [np.concatenate(parts) for parts in zip(*kept, strict=True)]
    return Judged(columns[0], columns[1], columns[2].astype(np.int64), windows)


def gains(judged: Judged, profile: Profile) -> tuple[Floats, Floats]:
    """Distinct scores, falling, and what the corpus earns with each as threshold."""
    order = np.argsort(-judged.scores, kind="stable")
    scores, worth, window = judged.scores[order], judged.worth[order], judged.window[order]
    step = np.where(window < 0, worth * profile.false_positive, 0.0)
    inside = np.flatnonzero(window >= 0)
    by_window = inside[np.argsort(window[inside], kind="stable")]
    best = -profile.miss
    before = -1
    for row, number, value in zip(
        by_window.tolist(), window[by_window].tolist(), worth[by_window].tolist(), strict=True
    ):
        if number != before:
            before, best = number, -profile.miss
        if value > best:
            step[row] = value - best
            best = value
    total = np.cumsum(step) - profile.miss * judged.windows
    last = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    last = last[scores[last] > -np.inf]
    return scores[last], total[last]


@dataclass(frozen=True)
class NabScore:
    """The normalised result of a profile and the threshold that reaches it (∞: never alarm)."""

    score: float
    threshold: float


def normalise(gained: float, windows: int, profile: Profile) -> float:
    """A corpus' earnings on the scale of null detector 0, perfect detector 100."""
    null = -profile.miss * windows
    return 100.0 * (gained - null) / (windows - null)


def nab_score(judged: Judged, profile: Profile) -> NabScore:
    """The result with the best threshold; 0 for a detector that had better be silent.

    A corpus without windows has no scale; its result is NaN.
    """
    if not judged.windows:
        return NabScore(float("nan"), float("inf"))
    thresholds, earned = gains(judged, profile)
    null = -profile.miss * judged.windows
    best = int(np.argmax(earned)) if len(earned) else -1
    if best < 0 or earned[best] <= null:
        return NabScore(0.0, float("inf"))
    return NabScore(
        normalise(float(earned[best]), judged.windows, profile), float(thresholds[best])
    )


def nab_score_at(judged: Judged, profile: Profile, threshold: float) -> float:
    """The normalised result with a given threshold; NaN for a corpus without windows."""
    if not judged.windows:
        return float("nan")
    thresholds, earned = gains(judged, profile)
    taken = int(np.searchsorted(-thresholds, -threshold, side="right"))
    null = -profile.miss * judged.windows
    return normalise(float(earned[taken - 1]) if taken else null, judged.windows, profile)

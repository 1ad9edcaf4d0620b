"""A detector run over a corpus, and how sure its figures are."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat

import numpy as np

from datawatch_lab.anomaly.judge import events, nab
from datawatch_lab.anomaly.judge.corpora import Floats, Series
from datawatch_lab.anomaly.registry import make
from datawatch_lab.core.errors import InputError

DRAWS = 1_000
SEED = 1
COVERAGE = 0.9

Progress = Callable[[int, int, str], None]
"""Called with series done, series in all, and the name of the one that is done."""


def scores_of(series: Series, detector: str, *, raw: bool = False) -> Floats:
    """Scores of a new detector over a series, row by row, score first; NaN while warming.

    Args:
        series: in the order of its rows.
        detector: a name of `registry.DETECTORS`.
        raw: without the alert policy.

    Raises:
        InputError: ``raw`` of a detector that has no policy.
        NotFoundError: there is no detector of that name.
    """
    model = make(detector)
    score = getattr(model, "raw_score_one", None) if raw else model.score_one
    if score is None:
        raise InputError(f"detector {detector!r} has no alert policy, so no raw score beside it.")
    times = [datetime.fromtimestamp(second, UTC) for second in series.times.tolist()]
    found = np.empty(len(series))
    for row, (x, t) in enumerate(zip(series.values.tolist(), times, strict=True)):
        found[row] = score(x, t)
        model.learn_one(x, t)
    return found


def score_corpus(
    corpus: Sequence[Series],
    detector: str,
    *,
    raw: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> list[Floats]:
    """Scores for each series of a corpus, see `scores_of`; ``jobs`` processes, 0 for one a core."""
    make(detector)  # a wrong name is said before processes start
    if (workers := min(jobs or os.cpu_count() or 1, len(corpus))) <= 1:
        return [_told(n, corpus, detector, raw=raw, progress=progress) for n in range(len(corpus))]
    found: list[Floats] = []
    with ProcessPoolExecutor(workers) as pool:
        for scores in pool.map(_scores, corpus, repeat(detector), repeat(raw)):
            found.append(scores)
            if progress:
                progress(len(found), len(corpus), corpus[len(found) - 1].name)
    return found


def _told(
    n: int, corpus: Sequence[Series], detector: str, *, raw: bool, progress: Progress | None
) -> Floats:
    scores = scores_of(corpus[n], detector, raw=raw)
    if progress:
        progress(n + 1, len(corpus), corpus[n].name)
    return scores


def _scores(series: Series, detector: str, raw: bool) -> Floats:  # noqa: FBT001 — for `map`
    return scores_of(series, detector, raw=raw)


@dataclass(frozen=True)
class Interval:
    """The middle 90 % of a figure when series are drawn anew."""

    low: float
    high: float


@dataclass(frozen=True)
class Half:
    """A half of the series judged with the threshold that was best on the other half."""

    threshold: float
    nab_standard: float
    precision: float
    recall: float
    f1: float


def halves(corpus: Sequence[Series], scores: Sequence[Floats]) -> list[Half]:
    """Every second series judged with the threshold of the others, both ways.

    The threshold is the best of the standard profile where there are windows, else of F1.
    """
    found = []
    for start in (0, 1):
        other, others = corpus[1 - start :: 2], scores[1 - start :: 2]
        if not other:
            return []
        found.append(_half(corpus[start::2], scores[start::2], best_threshold(other, others)))
    return found


def _half(corpus: Sequence[Series], scores: Sequence[Floats], threshold: float) -> Half:
    judged = nab.prepare(corpus, scores)
    got = events.outcome(events.mark(corpus, scores), threshold)
    standard = nab.nab_score_at(judged, nab.PROFILES["standard"], threshold)
    return Half(threshold, standard, got.precision, got.recall, got.f1)


def best_threshold(corpus: Sequence[Series], scores: Sequence[Floats]) -> float:
    """The threshold of the best standard score where there are windows, else of the best F1."""
    judged = nab.prepare(corpus, scores)
    if judged.windows:
        return nab.nab_score(judged, nab.PROFILES["standard"]).threshold
    return events.event_score(events.mark(corpus, scores)).best.threshold


def bootstrap_f1(corpus: Sequence[Series], scores: Sequence[Floats], threshold: float) -> Interval:
    """Where F1 at a threshold lies when series are drawn anew with replacement."""
    each = [events.outcome(events.mark([s], [z]), threshold) for s, z in _pairs(corpus, scores)]
    counts = np.array([(one.caught, one.false_alarms, one.events) for one in each], dtype=float)
    caught, false, real = _drawn(counts)
    wanted = caught + false + real
    return _middle(np.divide(2 * caught, wanted, out=np.zeros_like(caught), where=wanted > 0))


def bootstrap_nab(corpus: Sequence[Series], scores: Sequence[Floats], threshold: float) -> Interval:
    """Where the standard score at a threshold lies when series are drawn anew."""
    profile = nab.PROFILES["standard"]
    each = []
    for series, found in _pairs(corpus, scores):
        thresholds, earned = nab.gains(nab.prepare([series], [found]), profile)
        taken = int(np.searchsorted(-thresholds, -threshold, side="right"))
        null = -profile.miss * len(series.windows)
        each.append((float(earned[taken - 1]) if taken else null, len(series.windows)))
    earned, windows = _drawn(np.array(each, dtype=float))
    null = -profile.miss * windows
    scale = windows - null
    known = scale > 0
    return _middle(100.0 * (earned[known] - null[known]) / scale[known])


def _pairs(corpus: Sequence[Series], scores: Sequence[Floats]) -> list[tuple[Series, Floats]]:
    return list(zip(corpus, scores, strict=True))


def _drawn(counts: Floats) -> Floats:
    """Sums over `DRAWS` draws of as many rows as there are, with replacement; one row a column."""
    rng = np.random.default_rng(SEED)
    chosen = rng.integers(0, len(counts), size=(DRAWS, len(counts)))
    total: Floats = counts[chosen].sum(axis=1).T
    return total


def _middle(figures: Floats) -> Interval:
    if not len(figures):
        return Interval(float("nan"), float("nan"))
    rest = (1.0 - COVERAGE) / 2.0
    low, high = np.quantile(figures, [rest, 1.0 - rest])
    return Interval(float(low), float(high))

"""The evaluation of a detector on a corpus: figures, their certainty, hits and misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datawatch_lab.anomaly.judge import events, nab, trials
from datawatch_lab.anomaly.judge.corpora import Floats, Series, read_corpus
from datawatch_lab.anomaly.judge.trials import Half, Interval, Progress

SETS = ("nab", "cloud")


@dataclass(frozen=True)
class NabFigures:
    """Normalised scores by profile, the best threshold of the standard one, and its interval."""

    standard: float
    low_fp: float
    low_fn: float
    threshold: float
    interval: Interval


@dataclass(frozen=True)
class EventFigures:
    """The best outcome by F1, see `events`, and its interval."""

    precision: float
    recall: float
    f1: float
    recall_at_p85: float
    in_time_recall: float
    false_alarms_per_1k: float
    flagged: float
    threshold: float
    events: int
    interval: Interval


@dataclass(frozen=True)
class SeriesOutcome:
    """What became of one series at the threshold of the set.

    Attributes:
        name: of the series.
        rows: how many.
        spans: first and last row of each window or event.
        caught: whether each of them has an alarm.
        hits: rows of alarms inside spans, the first of each.
        false_rows: first rows of runs of alarms elsewhere.
        false_alarms: how many they count for.
    """

    name: str
    rows: int
    spans: list[tuple[int, int]]
    caught: list[bool]
    hits: list[int]
    false_rows: list[int]
    false_alarms: int


@dataclass(frozen=True)
class Checks:
    """What trivial detectors get; a harness that rewards them is wrong."""

    never: float
    always: float
    perfect: float


@dataclass(frozen=True)
class Evaluation:
    """Everything about one run.

    Attributes:
        set: name of the corpus.
        detector: its name, with ``raw`` scores or those after the alert policy.
        nab: figures by windows; None for a corpus labelled by row.
        events: figures by events.
        checks: main figure (NAB standard, else F1) of trivial detectors.
        halves: each half with the other's threshold.
        series: hits and misses.
    """

    set: str
    detector: str
    raw: bool
    nab: NabFigures | None
    events: EventFigures
    checks: Checks
    halves: list[Half]
    series: list[SeriesOutcome] = field(default_factory=list)


def evaluate(
    name: str,
    data: Path,
    *,
    detector: str = "metric",
    raw: bool = False,
    jobs: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """Run a detector over a set and judge it.

    Args:
        name: of the set, as the report calls it.
        data: the folder of the set, or one that holds a folder of that name.
        detector: a name of `registry.DETECTORS`.
        raw: judge the score without the alert policy.
        jobs: processes; 0 for one a core.
        progress: told of each series that is done.

    Raises:
        InputError: the folder holds no such set.
        NotFoundError: there is no detector of that name.
    """
    corpus = read_corpus(data / name if (data / name).is_dir() else data)
    scores = trials.score_corpus(corpus, detector, raw=raw, jobs=jobs, progress=progress)
    return judge(name, corpus, scores, detector=detector, raw=raw)


def judge(
    name: str,
    corpus: Sequence[Series],
    scores: Sequence[Floats],
    *,
    detector: str = "metric",
    raw: bool = False,
) -> Evaluation:
    """Judge scores by both rules; the hits and misses are those at the set's own threshold."""
    windows = _nab(corpus, scores)
    found = _events(corpus, scores)
    threshold = windows.threshold if windows else found.threshold
    return Evaluation(
        set=name,
        detector=detector,
        raw=raw,
        nab=windows,
        events=found,
        checks=_checks(corpus),
        halves=trials.halves(corpus, scores),
        series=[_outcome(s, z, threshold) for s, z in zip(corpus, scores, strict=True)],
    )


def _nab(corpus: Sequence[Series], scores: Sequence[Floats]) -> NabFigures | None:
    judged = nab.prepare(corpus, scores)
    if not judged.windows:
        return None
    found = {key: nab.nab_score(judged, profile) for key, profile in nab.PROFILES.items()}
    best = found["standard"].threshold
    return NabFigures(
        **{key: each.score for key, each in found.items()},
        threshold=best,
        interval=trials.bootstrap_nab(corpus, scores, best),
    )


def _events(corpus: Sequence[Series], scores: Sequence[Floats]) -> EventFigures:
    score = events.event_score(events.mark(corpus, scores))
    best = score.best
    return EventFigures(
        precision=best.precision,
        recall=best.recall,
        f1=best.f1,
        recall_at_p85=score.recall_at_p85,
        in_time_recall=best.in_time_recall,
        false_alarms_per_1k=best.false_alarms_per_1k,
        flagged=best.flagged,
        threshold=best.threshold,
        events=best.events,
        interval=trials.bootstrap_f1(corpus, scores, best.threshold),
    )


def _checks(corpus: Sequence[Series]) -> Checks:
    silent = [np.full(len(series), np.nan) for series in corpus]
    loud = [np.ones(len(series)) for series in corpus]
    right = [_onsets(series) for series in corpus]
    return Checks(_main(corpus, silent), _main(corpus, loud), _main(corpus, right))


def _onsets(series: Series) -> Floats:
    """A detector that alarms once, at the first row of each window or event."""
    scores = np.zeros(len(series))
    scores[[first for first, _ in series.windows or events.events_of(series.labels)]] = 1.0
    return scores


def _main(corpus: Sequence[Series], scores: Sequence[Floats]) -> float:
    judged = nab.prepare(corpus, scores)
    if judged.windows:
        return nab.nab_score(judged, nab.PROFILES["standard"]).score
    return events.event_score(events.mark(corpus, scores)).best.f1


def _outcome(series: Series, scores: Floats, threshold: float) -> SeriesOutcome:
    """Hits and misses: in windows as they stand, or in events with their margin."""
    alarm = np.isfinite(scores) & (scores >= threshold)
    spans, margin = list(series.windows), 0
    if spans:
        alarm[: nab.probation(len(series))] = False
    else:
        spans, margin = events.events_of(series.labels), events.MARGIN_ROWS
    elsewhere = alarm.copy()
    hits: list[int] = []
    caught: list[bool] = []
    for first, last in spans:
        start = max(first - margin, 0)
        inside = np.flatnonzero(alarm[start : last + margin + 1])
        elsewhere[start : last + margin + 1] = False
        caught.append(bool(len(inside)))
        hits += [start + int(inside[0])] if len(inside) else []
    edges = np.flatnonzero(np.diff(elsewhere.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    counted = int(elsewhere.sum()) if series.windows else int((-(-lengths // 10)).sum())
    return SeriesOutcome(
        series.name, len(series), spans, caught, hits, edges[::2].tolist(), counted
    )

"""Event-wise judgement: one global threshold, no point adjustment.

Labelled rows closer than `MERGE_ROWS` are one event. An event is caught when an alarm row lies
within it or `MARGIN_ROWS` of it. Alarm rows elsewhere form runs, and a run of L rows counts as
ceil(L / `RUN_ROWS`) false alarms, so a detector that is always on is not rewarded.
Precision is caught / (caught + false alarms).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.judge.corpora import Bools, Floats, Series

Ints = NDArray[np.int64]

MERGE_ROWS = 5
MARGIN_ROWS = 3
RUN_ROWS = 10
IN_TIME_ROWS = 7
PRECISE = 0.85

_GRID = 200


def events_of(labels: Bools) -> list[tuple[int, int]]:
    """First and last row of each event, in order."""
    rows = np.flatnonzero(labels)
    if not len(rows):
        return []
    breaks = np.flatnonzero(np.diff(rows) >= MERGE_ROWS)
    firsts = rows[np.r_[0, breaks + 1]]
    lasts = rows[np.r_[breaks, len(rows) - 1]]
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


@dataclass(frozen=True)
class Marked:
    """The rows of a corpus in one sequence, series apart by a row that is never an alarm.

    Attributes:
        scores: of the detector; −∞ where it has none.
        elsewhere: whether an alarm at the row is a false one.
        starts, stops: rows of each event with its margin, stop exclusive.
        onsets: row from which an alarm catches the event in time, see `IN_TIME_ROWS`, exclusive.
        peaks: highest score within each event and its margin.
        rows: how many rows there are, and how many of them are normal.
    """

    scores: Floats
    elsewhere: Bools
    starts: Ints
    stops: Ints
    onsets: Ints
    peaks: Floats
    rows: int
    normal: int


def mark(corpus: Sequence[Series], scores: Sequence[Floats]) -> Marked:
    """Lay the series of a corpus side by side and mark where alarms are right."""
    parts: list[Floats] = []
    elsewhere: list[Bools] = []
    spans: list[tuple[int, int, int]] = []
    offset = 0
    for series, scored in zip(corpus, scores, strict=True):
        size = len(series)
        wrong = np.ones(size + 1, dtype=bool)
        for first, last in events_of(series.labels):
            start, stop = max(first - MARGIN_ROWS, 0), min(last + MARGIN_ROWS + 1, size)
            wrong[start:stop] = False
            late = min(first + IN_TIME_ROWS + 1, stop)
            spans.append((offset + start, offset + stop, offset + late))
        parts.append(np.r_[np.where(np.isfinite(scored), scored, -np.inf), -np.inf])
        elsewhere.append(wrong)
        offset += size + 1
    joined = np.concatenate(parts)
    bounds = np.array(spans, dtype=np.int64).reshape(-1, 3)
    peaks = np.array([joined[start:stop].max() for start, stop, _ in spans], dtype=np.float64)
    normal = sum(int((~series.labels).sum()) for series in corpus)
    return Marked(
        joined,
        np.concatenate(elsewhere),
        *(bounds[:, 0], bounds[:, 1], bounds[:, 2]),
        peaks,
        offset - len(parts),
        normal,
    )


@dataclass(frozen=True)
class Outcome:
    """What one threshold gives.

    Attributes:
        threshold: rows with a score of at least this are alarms.
        events, caught, in_time: events, those caught, those caught within 7 rows of their onset.
        false_alarms: runs of alarms elsewhere, long ones counted several times.
        rows: of the corpus.
        flagged: share of normal rows that are alarms.
    """

    threshold: float
    events: int
    caught: int
    in_time: int
    false_alarms: int
    rows: int
    flagged: float

    @property
    def precision(self) -> float:
        """Caught of caught and false alarms; 1 without any alarm."""
        raised = self.caught + self.false_alarms
        return self.caught / raised if raised else 1.0

    @property
    def recall(self) -> float:
        """Share of events caught; NaN without events."""
        return self.caught / self.events if self.events else float("nan")

    @property
    def in_time_recall(self) -> float:
        """Share of events caught within 7 rows of their onset; NaN without events."""
        return self.in_time / self.events if self.events else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 when nothing is caught."""
        wanted = self.caught + self.false_alarms + self.events
        return 2 * self.caught / wanted if wanted else 0.0

    @property
    def false_alarms_per_1k(self) -> float:
        """False alarms per 1,000 rows."""
        return 1_000 * self.false_alarms / self.rows if self.rows else 0.0


def outcome(marked: Marked, threshold: float) -> Outcome:
    """What the alarms of one threshold catch and cost."""
    alarm = marked.scores >= threshold
    if threshold == -np.inf:
        alarm = np.isfinite(marked.scores)
    wrong = alarm & marked.elsewhere
    edges = np.flatnonzero(np.diff(wrong.astype(np.int8), prepend=0, append=0))
    lengths = edges[1::2] - edges[::2]
    seen = np.r_[0, np.cumsum(alarm)]
    caught = seen[marked.stops] > seen[marked.starts]
    in_time = seen[marked.onsets] > seen[marked.starts]
    return Outcome(
        threshold=threshold,
        events=len(caught),
        caught=int(caught.sum()),
        in_time=int(in_time.sum()),
        false_alarms=int((-(-lengths // RUN_ROWS)).sum()),
        rows=marked.rows,
        flagged=float(wrong.sum() / marked.normal) if marked.normal else 0.0,
    )


def sweep(marked: Marked) -> list[Outcome]:
    """Outcomes over thresholds, falling: the peaks of events, where recall rises, and a grid."""
    finite = marked.scores[np.isfinite(marked.scores)]
    if not len(finite):
        return [outcome(marked, float("inf"))]
    ranks = np.unique(np.geomspace(1, len(finite), _GRID).astype(np.int64)) - 1
    grid = -np.sort(-finite)[ranks]
    peaks = marked.peaks[np.isfinite(marked.peaks)]
    thresholds = np.unique(np.r_[grid, peaks])[::-1]
    return [outcome(marked, float(threshold)) for threshold in thresholds]


@dataclass(frozen=True)
class EventScore:
    """The best outcome by F1, and how far recall goes while precision stays at `PRECISE`."""

    best: Outcome
    recall_at_p85: float


def event_score(marked: Marked) -> EventScore:
    """Judge a corpus; without events F1 is 0 and recall NaN."""
    outcomes = sweep(marked)
    best = max(outcomes, key=lambda each: (each.f1, each.threshold))
    precise = [each.recall for each in outcomes if each.precision >= PRECISE and each.caught]
    return EventScore(best, max(precise, default=0.0))

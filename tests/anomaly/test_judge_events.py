from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.judge import events
from datawatch_lab.anomaly.judge.corpora import Floats, Series


def labelled(rows: int, anomalous: Iterable[int]) -> Series:
    """A series of zeros with labelled rows."""
    labels = np.zeros(rows, dtype=bool)
    labels[list(anomalous)] = True
    return Series("s.csv", 60 * np.arange(rows), np.zeros(rows), labels)


def judged(series: Series, alarm: Iterable[int]) -> events.Outcome:
    """The outcome of alarms at the given rows."""
    scores = np.zeros(len(series))
    scores[list(alarm)] = 1.0
    return events.outcome(events.mark([series], [scores]), 1.0)


SERIES = labelled(200, [50, 51, 52, 120])


def test_rows_closer_than_five_are_one_event() -> None:
    """A gap of four rows joins, one of five parts."""
    assert events.events_of(labelled(50, [10, 14, 19]).labels) == [(10, 14), (19, 19)]
    assert events.events_of(labelled(50, []).labels) == []


def test_an_alarm_within_three_rows_catches() -> None:
    """From three rows before an event to three after it an alarm is right; a fourth is not."""
    assert judged(SERIES, [47, 123]).caught == 2
    wrong = judged(SERIES, [46, 124])
    assert (wrong.caught, wrong.false_alarms) == (0, 2)


def test_a_run_of_false_rows_counts_by_tens() -> None:
    """A run of L rows elsewhere is ceil(L / 10) false alarms; each run counts for itself."""
    assert judged(SERIES, range(10)).false_alarms == 1
    assert judged(SERIES, range(11)).false_alarms == 2
    assert judged(SERIES, [0, 2, 4]).false_alarms == 3


def test_a_run_that_passes_an_event_is_cut_by_it() -> None:
    """Rows within the margin are right, and the run goes on anew after them."""
    got = judged(SERIES, range(44, 60))
    assert (got.caught, got.false_alarms) == (1, 2)


def test_runs_do_not_cross_from_series_to_series() -> None:
    """An alarm on the last row of one series and the first of the next are two."""
    corpus = [labelled(20, []), labelled(20, [])]
    scores = [np.zeros(20), np.zeros(20)]
    scores[0][-1] = scores[1][0] = 1.0
    assert events.outcome(events.mark(corpus, scores), 1.0).false_alarms == 2


def test_late_is_caught_but_not_in_time() -> None:
    """Eight rows after the onset of a long event is caught; in time it would be up to seven."""
    series = labelled(100, range(40, 60))
    assert (judged(series, [48]).caught, judged(series, [48]).in_time) == (1, 0)
    assert judged(series, [47]).in_time == 1


def test_always_on_is_not_rewarded_and_never_on_is_nothing() -> None:
    """Always on catches all and has next to no precision; never on has no alarm at all."""
    always = events.event_score(events.mark([SERIES], [np.ones(200)]))
    assert always.best.recall == 1.0
    assert always.best.precision < 0.1
    assert always.recall_at_p85 == 0.0
    never = events.event_score(events.mark([SERIES], [np.full(200, np.nan)]))
    assert (never.best.f1, never.best.false_alarms, never.recall_at_p85) == (0.0, 0, 0.0)


def test_a_perfect_detector_is_1() -> None:
    """An alarm at each onset and nowhere else gives F1 1 and full recall at any precision."""
    scores: Floats = np.zeros(200)
    scores[[50, 120]] = 1.0
    got = events.event_score(events.mark([SERIES], [scores]))
    assert (got.best.f1, got.recall_at_p85, got.best.in_time_recall) == (1.0, 1.0, 1.0)


def _naive(series: Series, scores: Floats, threshold: float) -> tuple[int, int]:
    """Caught events and false alarms, row by row."""
    spans = [(a - 3, b + 3) for a, b in events.events_of(series.labels)]
    alarm = [row for row in range(len(series)) if scores[row] >= threshold]
    caught = sum(any(a <= row <= b for row in alarm) for a, b in spans)
    wrong = {row for row in alarm if not any(a <= row <= b for a, b in spans)}
    false = 0
    for row in sorted(wrong):
        if row - 1 not in wrong:
            length = 1
            while row + length in wrong:
                length += 1
            false += -(-length // 10)
    return caught, false


@given(st.integers(0, 2**32 - 1))
def test_outcomes_are_those_of_counting_by_hand(seed: int) -> None:
    """For any labels, scores and threshold the counts are those of a loop over rows."""
    rng = np.random.default_rng(seed)
    series = labelled(150, np.flatnonzero(rng.random(150) < 0.05).tolist())
    scores = np.round(rng.exponential(1.0, 150), 1)
    for threshold in (0.0, 0.5, 2.0, 9.0):
        got = events.outcome(events.mark([series], [scores]), threshold)
        assert (got.caught, got.false_alarms) == _naive(series, scores, threshold)

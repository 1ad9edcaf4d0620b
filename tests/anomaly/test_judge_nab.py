from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.anomaly.judge import nab
from datawatch_lab.anomaly.judge.corpora import Floats, Series


def windowed(rows: int, *windows: tuple[int, int]) -> Series:
    """A series of zeros with labelled windows."""
    labels = np.zeros(rows, dtype=bool)
    for first, last in windows:
        labels[first : last + 1] = True
    return Series("s.csv", 60 * np.arange(rows), np.zeros(rows), labels, windows)


CORPUS = [windowed(1_000, (300, 399), (700, 749)), windowed(500), windowed(400, (200, 239))]


def alarms(*rows: list[int]) -> list[Floats]:
    """Scores that are 1 at the given rows of each series of the corpus."""
    found = [np.zeros(len(series)) for series in CORPUS]
    for scores, at in zip(found, rows, strict=True):
        scores[at] = 1.0
    return found


def standard(scores: list[Floats]) -> float:
    """The standard score of a corpus."""
    return nab.nab_score(nab.prepare(CORPUS, scores), nab.PROFILES["standard"]).score


@pytest.mark.parametrize("profile", nab.PROFILES)
def test_silence_is_0_and_the_first_row_of_each_window_is_100(profile: str) -> None:
    """The null detector and the perfect one are the ends of the scale, in every profile."""
    perfect = nab.prepare(CORPUS, alarms([300, 700], [], [200]))
    silent = nab.prepare(CORPUS, [np.full(len(series), np.nan) for series in CORPUS])
    assert nab.nab_score(perfect, nab.PROFILES[profile]).score == pytest.approx(100.0)
    assert nab.nab_score(silent, nab.PROFILES[profile]).score == 0.0


def test_a_detector_that_is_always_on_earns_nothing() -> None:
    """With one score for all rows the best threshold is silence."""
    assert standard([np.ones(len(series)) for series in CORPUS]) == 0.0


def test_earlier_in_a_window_is_worth_more() -> None:
    """The worth falls from 1 at the start of a window to nearly 0 at its end."""
    worth, window = nab.worths(CORPUS[0])
    inside = worth[window == 0]
    assert inside[0] == pytest.approx(1.0)
    assert np.all(np.diff(inside) < 0)
    assert 0 < inside[-1] < 0.03


def test_just_after_a_window_costs_less_than_far_from_it() -> None:
    """A late alarm is forgiven in part; before the first window and far after it costs 1."""
    worth, window = nab.worths(CORPUS[0])
    assert worth[0] == -1.0
    assert -0.2 < worth[400] < 0
    assert worth[500] == pytest.approx(-1.0, abs=0.02)
    assert np.all(worth[window < 0] >= -1.0)


def test_a_false_alarm_costs_what_the_profile_says() -> None:
    """One far false alarm beside a perfect detector costs 0.11 of the 6 that are to be had."""
    scores = alarms([300, 600, 700], [], [200])
    assert standard(scores) == pytest.approx(100 - 100 * 0.11 / 6, abs=0.01)


def test_a_window_counts_once() -> None:
    """More alarms in a window earn nothing beside the best of them."""
    assert standard(alarms([300, 310, 350, 700], [], [200])) == pytest.approx(100.0)


def test_probation_is_not_judged() -> None:
    """The first 15 % of a series, at most 750 rows, neither earn nor cost."""
    assert (nab.probation(1_000), nab.probation(20_000)) == (150, 750)
    early = alarms([*range(150), 300, 700], [*range(75)], [200])
    assert standard(early) == pytest.approx(100.0)


def test_a_corpus_without_windows_has_no_score() -> None:
    """There is no scale between null and perfect when nothing is to be found."""
    judged = nab.prepare([windowed(100)], [np.zeros(100)])
    assert np.isnan(nab.nab_score(judged, nab.PROFILES["standard"]).score)


def _naive(scores: list[Floats], profile: nab.Profile, threshold: float) -> float:
    """What alarms earn, window by window and row by row."""
    earned, windows = 0.0, 0
    for series, scored in zip(CORPUS, scores, strict=True):
        worth, window = nab.worths(series)
        judged = range(nab.probation(len(series)), len(series))
        alarm = [row for row in judged if scored[row] >= threshold]
        earned += sum(worth[row] * profile.false_positive for row in alarm if window[row] < 0)
        for number in range(len(series.windows)):
            inside = [worth[row] for row in alarm if window[row] == number]
            earned += max(inside) if inside else -profile.miss
            windows += 1
    return 100.0 * (earned + profile.miss * windows) / (windows * (1 + profile.miss))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(nab.PROFILES)))
def test_the_sweep_is_judging_each_threshold(seed: int, profile: str) -> None:
    """The best of the sweep is the best of judging every threshold on its own, ties and all."""
    rng = np.random.default_rng(seed)
    scores = [np.round(rng.exponential(1.0, len(series)), 1) ** 2 for series in CORPUS]
    judged = nab.prepare(CORPUS, scores)
    every = np.unique(np.concatenate(scores))
    best = max(0.0, *(_naive(scores, nab.PROFILES[profile], each) for each in every))
    found = nab.nab_score(judged, nab.PROFILES[profile])
    assert found.score == pytest.approx(best)
    if np.isfinite(found.threshold):
        again = nab.nab_score_at(judged, nab.PROFILES[profile], found.threshold)
        assert again == pytest.approx(best)

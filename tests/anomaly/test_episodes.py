"""Episodes are a fold: however buckets are cut, and whatever they hold."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.combined import Combined
from datawatch_lab.anomaly.episodes import Bucket, Episode, Rules, advance, fold, revise

RULES = Rules(opens=2.0, goes_on=1.0, gap=2)
_scores = st.lists(st.sampled_from([0.0, 1.5, 2.5]), max_size=40)
_signs = st.lists(st.sampled_from([-1.0, 1.0]), min_size=40, max_size=40)


def buckets(scores: list[float], signs: list[float]) -> list[Bucket]:
    """Buckets with those scores, above or below what was expected."""
    return [
        Bucket(60 * n, 10.0 + 5.0 * sign, 10.0, 1.0, score)
        for n, (score, sign) in enumerate(zip(scores, signs, strict=False))
    ]


def run(given_: list[Bucket], rules: Rules = RULES) -> list[Episode]:
    """All episodes, the open one too."""
    found: list[Episode] = []
    current: Episode | None = None
    for each in given_:
        current, over = advance(current, each, rules)
        found += [over] if over else []
    return found + ([current] if current else [])


@given(_scores, _signs)
def test_episodes_are_apart_and_begin_loud(scores: list[float], signs: list[float]) -> None:
    """Each opens at the threshold, holds strange buckets of one side, and ends before the next."""
    found = run(buckets(scores, signs))
    for each in found:
        assert each.buckets[0].score >= RULES.opens
        assert len({np.sign(b.deviation) for b in each.buckets}) == 1
        assert each.count == len(each.buckets)
        assert each.first <= each.peak.start <= each.last
    for one, next_ in pairwise(found):
        assert next_.first > one.last


@given(st.lists(st.sampled_from([0.0, 2.5]), max_size=40))
def test_what_is_loud_is_in_an_episode(scores: list[float]) -> None:
    """On one side, every loud bucket is in exactly one episode, and gaps are bridged."""
    found = run(buckets(scores, [1.0] * 40))
    inside = [bucket.start for each in found for bucket in each.buckets]
    assert inside == [60 * n for n, score in enumerate(scores) if score]
    starts = np.array(inside)
    apart = int((np.diff(starts) > 60 * (RULES.gap + 1)).sum()) + bool(len(starts))
    assert len(found) == apart


@given(_scores, _signs)
def test_the_fold_over_arrays_is_the_same(scores: list[float], signs: list[float]) -> None:
    """A history folded at once gives what bucket by bucket gives."""
    rows = buckets(scores, signs)
    x = np.array([each.value for each in rows])
    ones = np.ones(len(rows))
    scored = Combined(np.array([each.score for each in rows]), 10.0 * ones, ones, 0.0 * ones)
    at_once = fold([each.start for each in rows], x, scored, RULES)
    key = [(each.first, each.last, each.count) for each in at_once]
    assert key == [(each.first, each.last, each.count) for each in run(rows)]


@given(_scores, _signs, st.integers(0, 39), st.floats(-20, 40))
def test_revising_keeps_what_is_strange(
    scores: list[float], signs: list[float], place: int, value: float
) -> None:
    """A new value near what was expected takes the bucket out; the last one takes the episode."""
    for each in run(buckets(scores, signs)):
        known = {bucket.start for bucket in each.buckets}
        left = revise(each, 60 * place, value)
        if 60 * place not in known:
            assert left == each
        elif (value - 10.0) * each.strongest < abs(each.strongest):
            assert left is None or left.count == each.count - 1
        else:
            assert left is not None
            assert left.count == each.count


def test_a_series_that_stops_ends_its_episode() -> None:
    """NaN values are ordinary buckets."""
    loud = buckets([2.5], [1.0])
    quiet = [Bucket(60 * n, float("nan"), 10.0, 1.0, 0.0) for n in range(1, 4)]
    current = advance(None, loud[0], RULES)[0]
    for each in quiet[:2]:
        current, over = advance(current, each, RULES)
        assert current is not None
        assert over is None
    assert advance(current, quiet[2], RULES)[0] is None

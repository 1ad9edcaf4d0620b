from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.policy import (
    ALARM,
    BEYOND_DOUBT,
    COOL_ROWS,
    COOL_SECONDS,
    MEMORY_SECONDS,
    AlertPolicy,
)

LOUD = (ALARM + BEYOND_DOUBT) / 2


def alarmed() -> AlertPolicy:
    """A policy that let an alarm through at time 0."""
    policy = AlertPolicy()
    policy.learn(LOUD, 0.0)
    return policy


def test_the_first_alarm_passes_unchanged() -> None:
    """A policy that remembers nothing takes nothing off."""
    assert AlertPolicy().adjust(LOUD, 0.0) == LOUD


def test_a_second_one_is_hushed_for_hours() -> None:
    """Right after an alarm a score as loud stays below an alarm; after rest it passes again."""
    policy = alarmed()
    assert policy.adjust(LOUD, 60.0) < ALARM
    for row in range(COOL_ROWS):
        policy.learn(0.0, 60.0 * row)
    assert policy.adjust(LOUD, COOL_SECONDS - 1) < ALARM
    assert policy.adjust(LOUD, COOL_SECONDS + 1) > ALARM


def test_what_is_beyond_doubt_always_passes() -> None:
    """Neither cool-down nor fatigue take anything off a score beyond doubt."""
    policy = alarmed()
    assert policy.adjust(BEYOND_DOUBT, 1.0) == BEYOND_DOUBT


def test_many_alarms_tire_and_time_heals() -> None:
    """Alarms make the next one harder; a year later it is as if there had been none."""
    policy = AlertPolicy()
    for day in range(10):
        for row in range(COOL_ROWS):
            policy.learn(0.0, 86_400.0 * day + row)
        policy.learn(BEYOND_DOUBT, 86_400.0 * day + 20_000.0)
    later = 86_400.0 * 10 + 40_000.0
    for _ in range(COOL_ROWS):
        policy.learn(0.0, later)
    assert policy.adjust(LOUD, later) < LOUD - 0.3
    assert policy.adjust(LOUD, later + 30 * MEMORY_SECONDS) > LOUD - 0.01


@given(
    st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(-1e9, 1e10)), max_size=60),
    st.floats(0.0, 10.0),
    st.floats(-1e9, 1e10),
)
def test_it_only_ever_takes_away(rows: list[tuple[float, float]], score: float, now: float) -> None:
    """Whatever came before, in whatever order of time, the result lies in [0, score]."""
    policy = AlertPolicy()
    for each, at in rows:
        policy.learn(each, at)
    assert 0.0 <= policy.adjust(score, now) <= score

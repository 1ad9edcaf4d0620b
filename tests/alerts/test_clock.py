"""Clocks: both changes of summer time in two zones, and clocks that are set forward and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.alerts.conditions import Term
from datawatch_lab.alerts.machine import Timing, rewound, step
from datawatch_lab.alerts.routing.mute import in_timing
from datawatch_lab.alerts.routing.repeat import repeat_of
from datawatch_lab.core.alerting import Alert, MuteTiming, Routing, Standing
from datawatch_lab.engine.alerting import actions
from datawatch_lab.engine.alerting.windows import ends_of
from tests.alerts.bench import MINUTE, NOW, Bench

HOUR = timedelta(hours=1)
CHANGES = (
    ("Europe/Berlin", datetime(2026, 3, 29, 1, tzinfo=UTC), HOUR),
    ("Europe/Berlin", datetime(2026, 10, 25, 1, tzinfo=UTC), -HOUR),
    ("America/New_York", datetime(2026, 3, 8, 7, tzinfo=UTC), HOUR),
    ("America/New_York", datetime(2026, 11, 1, 6, tzinfo=UTC), -HOUR),
)
"""Zone, moment of the change, how far its clock goes forward."""

changes = pytest.mark.parametrize(
    ("zone", "moment", "forward"), CHANGES, ids=[f"{z} {m:%b}" for z, m, _ in CHANGES]
)


@changes
def test_the_same_hour_of_another_day_is_that_of_the_wall_clock(
    zone: str, moment: datetime, forward: timedelta
) -> None:
    """A window means the one that the clock showed a day or a week before; none where it had none.

    So within a week of the change the windows are not 24 hours apart; but for the hour that the
    clock left out, which no window may mean, all have a counterpart.
    """
    place = ZoneInfo(zone)
    for name, days in (("same_hour_yesterday", 1), ("same_hour_last_week", 7)):
        term = Term(metric="m", aggregation="", over=5 * MINUTE, when=name)  # type: ignore[arg-type]  # one of its words
        missing = 0
        for number in range(-24 * 4, 24 * 4 * 8):
            at = moment + number * 15 * MINUTE
            end = ends_of(term, at, place)
            if end is None:
                missing += 1
                continue
            now, then = ((each - term.over).astimezone(place) for each in (at, end))
            assert (now.date() - then.date()).days == days
            assert (now.hour, now.minute) == (then.hour, then.minute)
        assert missing <= 4
        assert bool(missing) <= (forward > timedelta())


@changes
def test_a_night_is_muted_for_as_long_as_the_clock_shows_it(
    zone: str, moment: datetime, forward: timedelta
) -> None:
    """From ten to six is seven hours in the night of spring and nine in that of autumn."""
    night = MuteTiming(name="night", start=22 * 60, end=6 * 60)
    minutes = [moment + n * MINUTE for n in range(-12 * 60, 12 * 60)]
    muted = [at for at in minutes if in_timing(night, at, ZoneInfo(zone))]
    assert len(muted) * MINUTE == 8 * HOUR - forward
    assert muted[-1] - muted[0] == (len(muted) - 1) * MINUTE  # without a gap


def _bench(path: Path, zone: str, moment: datetime, routing: Routing | None = None) -> Bench:
    """A bench in a zone, whose clock stands at a moment."""
    bench = Bench(path / "w.duckdb", routing, zone)
    bench.clock.set(moment)
    return bench


@pytest.mark.parametrize(("zone", "moment", "forward"), [CHANGES[0], CHANGES[3]])
def test_a_rule_lasts_as_long_over_the_change_as_ever(
    tmp_path: Path, zone: str, moment: datetime, forward: timedelta
) -> None:
    """``for: 6m`` over the change is six minutes, each minute is decided once, and told once."""
    del forward
    bench = _bench(tmp_path, zone, moment - 6 * MINUTE)
    bench.minutes(5, 5)
    rule = bench.rule("over 1m > 10", lasting=6 * MINUTE)
    bench.alerting.evaluate_due()
    steps = 0
    for count in (5, 20, 20, 20, 20, 20, 20, 20, 20, 20, 5, 5, 5):
        bench.orders(count)
        steps += bench.alerting.evaluate_due()
        bench.telling.round()
    assert steps == 13
    (alert,) = bench.engine.store.alerts.history(None, rule, 10)
    begun = moment - 2 * MINUTE
    assert (alert.started, alert.fired) == (begun, begun + 6 * MINUTE)
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]
    bench.close()


@pytest.mark.parametrize(("zone", "moment", "forward"), [CHANGES[1], CHANGES[2]])
def test_what_a_night_or_a_silence_keeps_back_is_told_once_when_it_is_over(
    tmp_path: Path, zone: str, moment: datetime, forward: timedelta
) -> None:
    """At six by the wall clock, or when a silence of eight hours is over, whatever clocks show."""
    night = MuteTiming(name="night", start=22 * 60, end=6 * 60, matchers=(("rule", "Rule"),))
    routing = Routing(group_wait=timedelta(0), group_interval=timedelta(0), mute=(night,))
    bench = _bench(tmp_path, zone, moment - 2 * HOUR, routing)
    silence_ends = bench.clock.now() + 8 * HOUR
    actions.silence(
        bench.alerting, {"rule": "Other"}, bench.clock.now(), silence_ends, "ada", "known"
    )
    bench.minutes(5, 5)
    bench.rule("over 1m > 10")
    bench.rule("over 1m > 11", name="Other", channels=("other",))
    bench.minutes(20, 20)
    told: dict[str, datetime] = {}
    while bench.clock.now() < moment + 12 * HOUR:
        bench.clock.advance(10 * MINUTE)
        bench.clock.set(bench.clock.now().replace(minute=bench.clock.now().minute // 10 * 10))
        bench.telling.round()
        for channel, kind in bench.told:
            if kind == "firing":
                told.setdefault(channel, bench.clock.now())
    assert [each for each in bench.told if each[1] == "firing"] == [
        each for each in (("hook", "firing"), ("other", "firing")) if each in bench.told
    ]
    local = moment.astimezone(ZoneInfo(zone)).date()
    assert told["hook"] == datetime(
        local.year, local.month, local.day, 6, tzinfo=ZoneInfo(zone)
    ).astimezone(UTC)
    assert told["other"] == silence_ends
    assert told["hook"] != silence_ends
    assert abs(forward) == HOUR
    bench.close()


# ------------------------------------------------------------------ clocks that are set


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own with a rule on orders of a minute."""
    made = Bench(tmp_path / "w.duckdb")
    made.minutes(5, 5, 5)
    made.rule("over 1m > 10")
    made.minutes(5)
    yield made
    made.close()


def _upkeep(bench: Bench) -> None:
    """What the writer does when it is idle: close by the clock what is silent."""
    bench.engine._writer.run(lambda: bench.engine._upkeep.run(True))


@pytest.mark.parametrize(
    "jump",
    [
        timedelta(minutes=20),
        pytest.param(timedelta(hours=2), marks=pytest.mark.soak),
        timedelta(days=3),
    ],
)
def test_a_clock_that_ran_ahead_and_was_set_back_loses_no_alert(
    bench: Bench, jump: timedelta
) -> None:
    """Minutes closed by a wrong clock are decided again from their data, and told once."""
    bench.clock.advance(jump)
    _upkeep(bench)
    bench.alerting.evaluate_due()
    bench.telling.round()
    bench.clock.advance(-jump)
    bench.minutes(20, 20, 20, 5, 5, 5, 5)
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]
    bench.restart()
    bench.minutes(5, 20, 20, 20, 5, 5, 5, 5)
    assert bench.told == [("hook", "firing"), ("hook", "resolved")] * 2
    assert len(bench.engine.store.alerts.history(None, "", 9)) == 2


def test_an_open_alert_is_told_once_whatever_the_clock_does(bench: Bench) -> None:
    """Set back and right again while it is open, it stays open, neither repeated nor lost.

    (One that is set forward by more than a minute finds silence, and so the end of an alert on
    many orders.)
    """
    bench.minutes(20, 20, 20)
    assert bench.told == [("hook", "firing")]
    little = timedelta(seconds=5)
    for jump in (-2 * HOUR, 2 * HOUR, -3 * MINUTE, 3 * MINUTE, little, -little, -HOUR, HOUR):
        bench.clock.advance(jump)
        bench.alerting.evaluate_due()
        bench.telling.round()
        assert bench.told == [("hook", "firing")]
        assert len(bench.alerting.active()) == 1
    bench.minutes(20, 20, 5, 5, 5, 5)
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]


@given(
    states=st.lists(st.booleans(), min_size=1, max_size=30),
    back=st.integers(0, 60),
    after=st.lists(st.booleans(), min_size=8, max_size=20),
)
@settings(max_examples=60)
def test_a_state_of_the_future_is_forgotten_but_for_what_fired(
    states: list[bool], back: int, after: list[bool]
) -> None:
    """After the clock was set back a rule goes on as a new one does, or as one that fired before.

    So it fires when the condition has held for as long as it must, whatever it was said before.
    """
    timing = Timing(lasting=3 * MINUTE, keep=2 * MINUTE)
    standing = Standing()
    for number, holds in enumerate(states):
        standing, _ = step(standing, holds, NOW + number * MINUTE, timing)
    at = NOW + (len(states) - 1 - back) * MINUTE
    known = rewound(standing, at)
    assert known.fired == standing.fired
    is_of_the_future = standing.since is not None and standing.since > at
    fresh = Standing() if is_of_the_future and known.fired is None else known
    for number, holds in enumerate(after):
        known, one = step(rewound(known, at + number * MINUTE), holds, at + number * MINUTE, timing)
        fresh, other = step(fresh, holds, at + number * MINUTE, timing)
        assert (one, known.state in ("firing", "recovering")) == (
            other,
            fresh.state in ("firing", "recovering"),
        )
    if all(after[-4:]):
        assert known.fired is not None


@given(st.integers(-400, 400), st.integers(1, 300))
def test_a_repeat_is_due_after_its_interval_by_a_clock_set_back_too(gone: int, wait: int) -> None:
    """Not at once when the clock goes back a little, and not never when it goes back far."""
    alert = Alert(
        id="a",
        rule_id="r",
        rule="R",
        severity="info",
        labels=(),
        started=NOW,
        fired=NOW,
        reading="",
        metric="m",
    )
    found = repeat_of(alert, "hook", NOW, NOW + gone * MINUTE, wait * MINUTE)
    assert (found is not None) == (abs(gone) >= wait)
    acknowledged = msgspec.structs.replace(alert, status="acknowledged")
    assert repeat_of(acknowledged, "hook", NOW, NOW + gone * MINUTE, wait * MINUTE) is None

"""From notices to deliveries: routing, pace, retry, what is due exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.alerts.routing.mute import in_timing
from datawatch_lab.alerts.routing.retry import pause
from datawatch_lab.alerts.sending import Outcome
from datawatch_lab.core.alerting import AlertSettings, Inhibition, MuteTiming, Notice, Routing
from datawatch_lab.engine.alerting import Alerting, actions
from tests.alerts.bench import MINUTE, Bench

HOUR = timedelta(hours=1)
DOWN = Outcome(ok=False, detail="HTTP 503", retryable=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace of its own with an order or five a minute."""
    made = Bench(tmp_path / "w.duckdb")
    made.minutes(5, 5)
    yield made
    made.close()


def _fire(bench: Bench) -> None:
    bench.orders(20)
    bench.alerting.evaluate_due()
    bench.orders(20)
    bench.alerting.evaluate_due()


def test_flapping_keeps_the_pace_of_its_group(bench: Bench) -> None:
    """An alert that comes and goes every minute is told at the pace of its group, not each time."""
    bench.alerting.settings = _with(
        bench, Routing(group_wait=timedelta(0), group_interval=5 * MINUTE)
    )
    bench.rule("over 1m > 10")
    for _ in range(8):
        bench.minutes(20, 5)
    assert len(bench.engine.store.alerts.history(None, "", 100)) >= 7
    assert 2 <= len(bench.sent) <= 4


def test_a_receiver_that_is_down_gets_everything_later(bench: Bench) -> None:
    """Down for an hour, tried with growing pauses, then told once; each attempt is on record."""
    bench.rule("over 1m > 10")
    bench.answers = [DOWN] * 1_000
    _fire(bench)
    began = bench.clock.now()
    while bench.clock.now() - began < HOUR:
        bench.telling.round()
        bench.clock.advance(timedelta(seconds=20))
    tried = 1_000 - len(bench.answers)
    assert 10 <= tried <= 40
    bench.answers = []
    bench.clock.advance(10 * MINUTE)
    bench.restart()
    bench.telling.round()
    assert bench.told == [("hook", "firing")]
    (alert,) = bench.alerting.active()
    *_, attempts = bench.engine.store.alerts.trace(alert.id, "")
    assert [each.ok for each in attempts] == [False] * tried + [True]


def test_what_is_over_does_not_overtake_what_waits_to_be_tried_again(bench: Bench) -> None:
    """That it fires is told before that it is over, also when the first attempt failed."""
    bench.rule("over 1m > 10")
    bench.answers = [DOWN]
    _fire(bench)
    bench.telling.round()
    for _ in range(2):
        bench.orders(5)
        bench.alerting.evaluate_due()
    (waits,) = bench.telling._deliveries.values()
    later = bench.clock.now() + MINUTE
    bench.telling._deliveries[waits.id] = msgspec.structs.replace(waits, due=later)
    bench.telling.round()
    assert bench.told == []
    bench.clock.set(later)
    bench.telling.round()
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]


def test_what_waits_for_a_channel_that_was_removed_is_given_up(bench: Bench) -> None:
    """In the end it counts as failed, says why, and waits no longer."""
    bench.rule("over 1m > 10")
    bench.answers = [DOWN]
    _fire(bench)
    bench.telling.round()
    settings = bench.alerting.settings
    bench.alerting.settings = msgspec.structs.replace(settings, channels=())
    bench.clock.advance(HOUR)
    bench.telling.round()
    assert len(bench.telling._deliveries) == 1
    bench.clock.advance(settings.routing.give_up_after)
    bench.telling.round()
    assert bench.telling._deliveries == {}
    (alert,) = bench.alerting.active()
    _, _, (delivery,), _ = bench.engine.store.alerts.trace(alert.id, "")
    assert (delivery.state, delivery.detail) == ("failed", "there is no channel 'hook' any more")


def test_what_cannot_help_is_not_tried_again(bench: Bench) -> None:
    """A refusal for good ends the delivery, and the trace says why."""
    bench.rule("over 1m > 10")
    bench.answers = [Outcome(ok=False, detail="HTTP 404")]
    _fire(bench)
    bench.telling.round()
    bench.clock.advance(HOUR)
    bench.telling.round()
    assert bench.sent == []
    (alert,) = bench.alerting.active()
    assert any(each.detail == "HTTP 404" for each in actions.trace(bench.alerting, alert.id))


@pytest.mark.parametrize("jump", [timedelta(days=3), timedelta(days=-3)])
def test_a_clock_that_jumps_loses_and_repeats_nothing(bench: Bench, jump: timedelta) -> None:
    """After the clock was set, forward or back, what waits is told, once."""
    bench.alerting.settings = _with(bench, Routing(group_wait=MINUTE, repeat_interval=timedelta(0)))
    bench.rule("over 1m > 10")
    bench.answers = [DOWN]
    _fire(bench)
    bench.clock.advance(2 * MINUTE)
    bench.telling.round()
    bench.clock.advance(jump)
    for _ in range(10):
        bench.telling.round()
        bench.clock.advance(MINUTE)
    assert bench.told == [("hook", "firing")]


def test_a_silence_hides_reminds_and_ends(bench: Bench) -> None:
    """Silenced alerts wait; before the end somebody is reminded; after it the alert is told."""
    bench.rule("over 1m > 10")
    now = bench.clock.now()
    made = actions.silence(bench.alerting, {"rule": "Ru*"}, now, now + HOUR, "ada", "known")
    _fire(bench)
    bench.telling.round()
    assert bench.sent == []
    (alert,) = bench.alerting.active()
    waits = [each.detail for each in actions.trace(bench.alerting, alert.id)]
    assert any("silenced by ada" in each for each in waits)
    assert len(actions.would_have_hidden(bench.alerting, made)) == 1
    bench.clock.set(now + timedelta(minutes=50))
    for _ in range(3):
        bench.telling.round()
    assert bench.told == [("hook", "silence_expiring")]
    assert "it hides 1 open alert" in bench.sent[0][1].note
    bench.clock.set(now + HOUR)
    bench.telling.round()
    assert bench.told == [("hook", "silence_expiring"), ("hook", "firing")]


def test_an_alert_keeps_others_back(bench: Bench) -> None:
    """While a critical alert is open, the warnings that it causes wait, then are not needed."""
    routing = Routing(
        group_wait=timedelta(0),
        inhibit=(
            Inhibition(source=(("severity", "critical"),), target=(("severity", "warning"),)),
        ),
    )
    bench.alerting.settings = _with(bench, routing)
    bench.rule("over 1m > 10", name="Cause", severity="critical")
    bench.rule("over 1m > 12", name="Effect", channels=("other",))
    _fire(bench)
    bench.telling.round()
    assert bench.told == [("hook", "firing")]
    assert "inhibited by 'Cause'" in [each.reason for each in bench.telling.waiting()]


def test_alerts_that_are_cause_and_effect_do_not_keep_one_another_back(bench: Bench) -> None:
    """Two alerts that a rule of inhibition means on both sides are both told."""
    severe = Inhibition(source=(("rule", "*"),), target=(("severity", "*"),))
    routing = Routing(group_wait=timedelta(0), group_interval=timedelta(0), inhibit=(severe,))
    bench.alerting.settings = _with(bench, routing)
    bench.rule("over 1m > 10", name="One")
    bench.rule("over 1m > 12", name="Two", channels=("other",))
    _fire(bench)
    bench.telling.round()
    assert sorted(bench.told) == [("hook", "firing"), ("other", "firing")]


def test_an_open_alert_is_told_again_until_somebody_looks(bench: Bench) -> None:
    """Each repeat interval tells it again; acknowledged it is told no more."""
    bench.rule("over 1m > 10")
    _fire(bench)
    for _ in range(10):
        bench.telling.round()
        bench.clock.advance(HOUR)
    assert bench.told == [("hook", "firing"), ("hook", "repeat"), ("hook", "repeat")]
    (alert,) = bench.alerting.active()
    actions.acknowledge(bench.alerting, alert.id, "ada")
    bench.clock.advance(9 * HOUR)
    bench.telling.round()
    assert len(bench.sent) == 3


@pytest.mark.parametrize("interval", [timedelta(0), 4 * HOUR])
def test_what_was_told_and_snoozed_is_told_again_when_the_snooze_ends(
    bench: Bench, interval: timedelta
) -> None:
    """At once, and then at the pace of repeats; a repeat that waits outlives the snooze."""
    bench.alerting.settings = _with(
        bench, Routing(group_wait=timedelta(0), repeat_interval=interval)
    )
    bench.rule("over 1m > 10")
    _fire(bench)
    bench.telling.round()
    (alert,) = bench.alerting.active()
    until = bench.clock.now() + HOUR
    actions.snooze(bench.alerting, alert.id, "ada", until)
    bench.clock.set(until - MINUTE)
    bench.telling.round()
    assert bench.told == [("hook", "firing")]
    bench.clock.set(until)
    bench.restart()
    bench.alerting.settings = _with(
        bench, Routing(group_wait=timedelta(0), repeat_interval=interval)
    )
    for _ in range(7):
        bench.telling.round()
        bench.clock.advance(HOUR)
    assert bench.told == [("hook", "firing"), *[("hook", "repeat")] * (2 if interval else 1)]
    actions.acknowledge(bench.alerting, alert.id, "ada")
    bench.clock.advance(9 * HOUR)
    bench.telling.round()
    assert len(bench.sent) == (3 if interval else 2)


def test_an_alert_that_ends_is_not_forgotten_before_its_notices_are_known(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round that comes while a change is noted does not lose that an alert is over."""
    bench.rule("over 1m > 10")
    _fire(bench)
    bench.telling.round()
    telling, note = bench.telling, bench.telling.note

    def forget() -> None:
        if telling._noting.acquire(blocking=False):
            telling._noting.release()
            telling._forget()

    class Interrupted(list[Notice]):
        def __iter__(self) -> Iterator[Notice]:
            thread = Thread(target=forget)
            thread.start()
            thread.join()
            return super().__iter__()

    monkeypatch.setattr(
        telling, "note", lambda each: note(replace(each, notices=Interrupted(each.notices)))
    )
    for _ in range(2):
        bench.orders(5)
        bench.alerting.evaluate_due()
    bench.telling.round()
    assert bench.told == [("hook", "firing"), ("hook", "resolved")]


def test_a_message_knows_whether_others_of_its_group_go_on(bench: Bench) -> None:
    """What is over of a group beside what goes on, and beside what was told to another channel."""
    bench.alerting.settings = _with(
        bench, Routing(group_by=(), group_wait=timedelta(0), group_interval=timedelta(0))
    )
    bench.rule("over 1m > 30", name="Ends")
    bench.rule("over 1m > 10", name="Goes on")
    bench.rule("over 1m > 10", name="Elsewhere", channels=("other",))
    bench.minutes(40, 40, 20, 20, 5, 5)
    mine = [each for channel, each in bench.sent if channel == "hook"]
    said = [(each.kind, each.alerts[0].alert.rule, each.still_open) for each in mine]
    assert said == [
        ("firing", "Ends", False),
        ("resolved", "Ends", True),
        ("resolved", "Goes on", False),
    ]


def test_a_group_shares_a_message(bench: Bench) -> None:
    """Alerts of one group within its wait are one message, the gravest first."""
    bench.alerting.settings = _with(bench, Routing(group_by=(), group_wait=MINUTE))
    bench.rule("over 1m > 10", name="One")
    bench.rule("over 1m > 11", name="Two", severity="critical")
    _fire(bench)
    bench.clock.advance(2 * MINUTE)
    bench.telling.round()
    ((_, message),) = bench.sent
    assert [each.alert.rule for each in message.alerts] == ["Two", "One"]


def test_a_channel_that_is_not_there_is_waited_for(bench: Bench) -> None:
    """A notice to a channel of another configuration waits and says so."""
    bench.rule("over 1m > 10", channels=("pager",))
    _fire(bench)
    bench.telling.round()
    assert [each.reason for each in bench.telling.waiting()] == ["there is no channel 'pager'"]


BERLIN = ZoneInfo("Europe/Berlin")


def test_mute_timings_go_by_the_wall_clock_across_dst() -> None:
    """22:00 to 06:00 in Berlin is that on both sides of the night in which the clock changes."""
    night = MuteTiming(name="night", start=22 * 60, end=6 * 60)
    for moment, muted in (
        (datetime(2026, 3, 28, 20, 59, tzinfo=UTC), False),  # 21:59 CET
        (datetime(2026, 3, 28, 21, 0, tzinfo=UTC), True),  # 22:00 CET
        (datetime(2026, 3, 29, 3, 59, tzinfo=UTC), True),  # 05:59 CEST
        (datetime(2026, 3, 29, 4, 0, tzinfo=UTC), False),  # 06:00 CEST, an hour earlier in UTC
        (datetime(2026, 3, 29, 20, 0, tzinfo=UTC), True),  # 22:00 CEST
    ):
        assert in_timing(night, moment, BERLIN) is muted


@given(st.integers(0, 1_440), st.integers(0, 1_439), st.sets(st.integers(0, 6)))
def test_a_timing_and_the_rest_of_the_day_are_the_whole_day(
    start: int, end: int, days: set[int]
) -> None:
    """Every minute is in a timing or in the one that goes on where it ends, never in both."""
    if start in (end, 1_440) or end == 0:
        return
    one = MuteTiming(name="a", start=start, end=end)
    rest = MuteTiming(name="b", start=end, end=start)
    for minute in range(0, 1_440, 37):
        at = datetime(2026, 6, 1, minute // 60, minute % 60, tzinfo=UTC)
        assert in_timing(one, at, ZoneInfo("UTC")) != in_timing(rest, at, ZoneInfo("UTC"))


@given(st.integers(1, 100), st.text(max_size=8))
def test_pauses_grow_to_a_limit(attempts: int, key: str) -> None:
    """Back-off never shrinks below its start and never passes its limit with its spread."""
    span = pause(attempts, key)
    assert timedelta(seconds=5) <= span <= timedelta(minutes=5) * 1.25
    assert pause(attempts, key) == span


def _with(bench: Bench, routing: Routing) -> AlertSettings:
    import msgspec

    return msgspec.structs.replace(bench.alerting.settings, routing=routing)


def test_what_fires_without_a_configuration_waits_for_its_channels(bench: Bench) -> None:
    """Opened by a notebook, it goes by the routing that was last given; secrets are not kept."""
    routing = Routing(group_wait=timedelta(0), severities={"critical": ("hook",)})
    given = _with(bench, routing)
    bench.alerting.start(msgspec.structs.replace(given, enabled=False))
    assert bench.engine.store.alerts.settings() == AlertSettings(enabled=False, routing=routing)
    bench.alerting.start(given)
    bench.alerting.close()
    bench.alerting = Alerting(bench.engine)
    bench.telling = bench.alerting.telling
    bench.telling.sending.sender = bench._take
    assert bench.alerting.settings.channels == ()
    bench.rule("over 1m > 10", channels=(), severity="critical")
    _fire(bench)
    bench.telling.round()
    assert [each.reason for each in bench.telling.waiting()] == ["there is no channel 'hook'"]
    bench.restart()
    bench.alerting.settings = given
    bench.telling.round()
    assert bench.told == [("hook", "firing")]

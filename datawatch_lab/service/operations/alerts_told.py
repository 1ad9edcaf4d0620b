"""Where alerts are told: channels, test messages, silences."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.alerting import Silence
from datawatch_lab.core.durations import parse_duration, parse_time, shifted
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting, actions
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, Nothing, operation


class ChannelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, without its secrets.

    Attributes:
        waiting: messages that wait for it.
    """

    name: str
    kind: str
    waiting: int


@operation("GET", f"{API}/alerts/channels")
def alert_channels(engine: Engine, ask: Nothing) -> list[ChannelAnswer]:
    """The channels of the configuration, without addresses and secrets."""
    del ask
    alerting = engine.beside(Alerting)
    waiting = [each.channel for each in alerting.telling.waiting()]
    return [
        ChannelAnswer(name=each.name, kind=each.kind, waiting=waiting.count(each.name))
        for each in alerting.settings.channels
    ]


class TestAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which channels; none for all of them."""

    __test__ = False

    channels: list[str] = []


@operation("POST", f"{API}/alerts/test", role="editor")
def test_alert(engine: Engine, ask: TestAsk) -> list[actions.Tried]:
    """Send a test message to channels now, and say what became of it."""
    alerting = engine.beside(Alerting)
    names = ask.channels or [each.name for each in alerting.settings.channels]
    return actions.try_channels(alerting, names)


class SilenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A silence.

    Attributes:
        hides: open alerts that it keeps back.
        would_have_hidden: alerts of the last 7 days that it would have kept back.
    """

    id: str
    matchers: dict[str, str]
    starts: str | None
    ends: str | None
    by: str
    comment: str
    hides: int
    would_have_hidden: int


def _answer(alerting: Alerting, silence: Silence) -> SilenceAnswer:
    past = actions.would_have_hidden(alerting, silence)
    return SilenceAnswer(
        id=silence.id,
        matchers=dict(silence.matchers),
        starts=iso(silence.starts),
        ends=iso(silence.ends),
        by=silence.by,
        comment=silence.comment,
        hides=len([each for each in past if each.is_open]),
        would_have_hidden=len(past),
    )


@operation("GET", f"{API}/alerts/silences")
def silences(engine: Engine, ask: Nothing) -> list[SilenceAnswer]:
    """Silences that are not over, the one that ends first in front."""
    del ask
    alerting = engine.beside(Alerting)
    return [_answer(alerting, each) for each in alerting.telling.silences()]


class SilenceBody(msgspec.Struct, frozen=True, kw_only=True):
    """A silence to be made.

    Attributes:
        matchers: value by name: rule, severity, metric or a label; ``*`` stands for any letters.
        lasting: ``for`` in JSON; how long.
        start: when it begins, ``from`` in JSON.
        comment: why.
    """

    matchers: dict[str, str]
    lasting: str = msgspec.field(default="1h", name="for")
    start: str = msgspec.field(default="now", name="from")
    comment: str = ""


@operation("POST", f"{API}/alerts/silences", role="editor", status=201)
def add_silence(engine: Engine, ask: SilenceBody) -> SilenceAnswer:
    """Keep back alerts that match, for a while; says what it would have hidden lately."""
    alerting = engine.beside(Alerting)
    starts = parse_time(ask.start, engine.clock.now(), engine.settings.timezone)
    made = actions.silence(
        alerting,
        ask.matchers,
        starts,
        shifted(starts, parse_duration(ask.lasting)),
        current_who().name,
        ask.comment,
    )
    return _answer(alerting, made)


class SilenceAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which silence."""

    id: str


def _before(engine: Engine, ask: SilenceAsk) -> SilenceAnswer:
    """The silence before it ends."""
    alerting = engine.beside(Alerting)
    return _answer(alerting, alerting.telling.silence(ask.id))


@operation("DELETE", f"{API}/alerts/silences", role="editor", before=_before)
def end_silence(engine: Engine, ask: SilenceAsk) -> SilenceAnswer:
    """End a silence now."""
    alerting = engine.beside(Alerting)
    return _answer(alerting, actions.end_silence(alerting, ask.id))

"""What people do with alerts: acknowledge, resolve, snooze, silence, try a channel out, ask why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.alerts.message import Message, Told
from datawatch_lab.alerts.routing.matching import read_matchers
from datawatch_lab.alerts.routing.silence import hidden_by
from datawatch_lab.core.alerting import (
    Alert,
    Attempt,
    Happening,
    Labels,
    Notice,
    Silence,
    Standing,
    id_of,
)
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.alerting.episodes import Changes
from datawatch_lab.store.alerting import AlertChange

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.stage import Alerting

PREVIEW = timedelta(days=7)
"""How far back it is told what a silence would have hidden."""

_MOST = 1_000


def acknowledge(alerting: Alerting, id_: str, by: str, note: str = "") -> Alert:
    """Somebody looks after it: it is not told again until it is over.

    Raises:
        NotFoundError: there is no such alert.
        InputError: it is over.
    """
    return _change(alerting, id_, "acknowledged", by, note)


def snooze(alerting: Alerting, id_: str, by: str, until: datetime, note: str = "") -> Alert:
    """Keep an alert back until a moment; if it is open then, it is told again.

    Raises:
        NotFoundError: there is no such alert.
        InputError: it is over, or the moment is.
    """
    now = alerting.engine.clock.now()
    if until <= now:
        raise InputError("an alert is snoozed until a moment to come.", hint="Such as for: 1h.")
    return _change(alerting, id_, "snoozed", by, note, until)


def _change(
    alerting: Alerting,
    id_: str,
    what: str,
    by: str,
    note: str,
    until: datetime | None = None,
) -> Alert:
    with alerting.exclusive():
        alert = _open(alerting, id_)
        now = alerting.engine.clock.now()
        changed = msgspec.structs.replace(
            alert, status=what, by=by, at=now, note=note, snoozed_until=until
        )
        change = Changes(alerting, now)
        ending = f" until {until:%Y-%m-%d %H:%MZ}" if until else ""
        change.status(changed, f"{what} by {by}{ending}", note)
        alerting.commit(change.stored)
    return changed


def resolve(alerting: Alerting, id_: str, by: str, note: str = "") -> Alert:
    """End an alert by hand; while its condition holds, a new one may fire.

    Raises:
        NotFoundError: there is no such alert.
        InputError: it is over.
    """
    with alerting.exclusive():
        alert = _open(alerting, id_)
        now = alerting.engine.clock.now()
        change = Changes(alerting, now)
        change.end(msgspec.structs.replace(alert, by=by, at=now, note=note), now, by=by)
        change.stored.standings[alert.rule_id, alert.labels] = Standing(state="normal", since=now)
        alerting.commit(change.stored)
    return change.stored.alerts[-1]


def _open(alerting: Alerting, id_: str) -> Alert:
    alert = alerting.alert(id_)
    if not alert.is_open:
        raise InputError(
            f"the alert {alert.rule!r} is over since {alert.resolved:%Y-%m-%d %H:%MZ}."
        )
    return alert


def silence(
    alerting: Alerting,
    matchers: dict[str, str],
    starts: datetime,
    ends: datetime,
    by: str,
    comment: str,
) -> Silence:
    """Keep back alerts that match, from one moment to another.

    Raises:
        InputError: there are no matchers, or it ends before it begins.
    """
    wanted = read_matchers(matchers)
    if ends <= max(starts, alerting.engine.clock.now()):
        raise InputError("a silence ends after it begins, and in the future.", hint="Such as 2h.")
    made = Silence(
        id=id_of("silence", wanted, starts.isoformat(), ends.isoformat(), by),
        matchers=wanted,
        starts=starts,
        ends=ends,
        by=by,
        comment=comment,
    )
    alerting.commit(AlertChange(silences=[made]))
    return made


def end_silence(alerting: Alerting, id_: str) -> Silence:
    """End a silence now.

    Raises:
        NotFoundError: there is none of that id.
    """
    found = alerting.telling.silence(id_)
    now = alerting.engine.clock.now()
    ended = msgspec.structs.replace(found, ends=min(found.ends, now))
    alerting.commit(AlertChange(silences=[ended]))
    return ended


def would_have_hidden(alerting: Alerting, made: Silence) -> list[Alert]:
    """Alerts of the last days that a silence would have hidden, newest first."""
    since = alerting.engine.clock.now() - PREVIEW
    return hidden_by(made, alerting.engine.store.alerts.history(since, "", _MOST))


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a test message."""

    channel: str
    ok: bool
    detail: str


def try_channels(alerting: Alerting, names: Iterable[str]) -> list[Tried]:
    """Send a test message to some channels at once, past all routing.

    Raises:
        NotFoundError: there is no channel of that name.
    """
    telling, now = alerting.telling, alerting.engine.clock.now()
    found = []
    for channel in [telling.channel(name) for name in names]:
        key = id_of("test", channel.name, now.isoformat())
        outcome = telling.sending.sender(_test_message(key, now, alerting.user()), channel)
        found.append(Tried(channel=channel.name, ok=outcome.ok, detail=outcome.detail))
    return found


def _test_message(key: str, now: datetime, by: str) -> Message:
    alert = Alert(
        id=key,
        rule_id=key,
        rule="Test alert",
        severity="info",
        labels=(),
        started=now,
        fired=now,
        reading="this is how alerts of this workspace arrive",
        metric="example",
        value=42.0,
        last_value=42.0,
        low=10.0,
        high=20.0,
        description=f"Sent by {by}.",
    )
    begin = now.timestamp()
    points = tuple((begin - 60.0 * (30 - n), 15.0 + n % 3 + 24 * (n == 30)) for n in range(31))
    told = (Told(event="test", alert=alert),)
    return Message(key=key, kind="test", made=now, alerts=told, points=points, low=10.0, high=20.0)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a trace: when, what happened, and why."""

    at: datetime
    what: str
    detail: str = ""


def trace(
    alerting: Alerting,
    alert: str = "",
    rule: str = "",
    shown: Callable[[Mapping[str, str]], Mapping[str, str]] = dict,
) -> list[Line]:
    """Why an alert was told to its channels, or not; for a rule, how its states changed.

    Args:
        alerting: the stage.
        alert: its id, or '' to ask for a rule.
        rule: its id or name.
        shown: labels as they may be shown.

    Raises:
        NotFoundError: there is no such alert or rule.
    """
    if alert:
        found = alerting.alert(alert)
        steps, notices, deliveries, attempts = alerting.engine.store.alerts.trace(found.id, "")
        lines = [_step(each, shown) for each in steps]
        if not found.channels:
            lines.append(Line(at=found.fired, what="told nobody", detail=_NO_CHANNELS))
        channels = {each.id: each.channel for each in deliveries}
        lines += [_notice(each) for each in notices]
        lines += [_attempt(each, channels.get(each.delivery, "")) for each in attempts]
        return sorted(lines, key=lambda each: each.at)
    stored = alerting.rule(rule)
    steps, *_ = alerting.engine.store.alerts.trace("", stored.id)
    lines = [_step(each, shown) for each in steps]
    state, reason = alerting.state_of(stored)
    now = alerting.engine.clock.now()
    why = reason if stored.rule.is_enabled else "the rule is switched off"
    return [*lines, Line(at=now, what=f"it is {state}", detail=why)]


_NO_CHANNELS = "the rule names no channels, and there are none for its severity"


def _step(each: Happening, shown: Callable[[Mapping[str, str]], Mapping[str, str]]) -> Line:
    labels = _words(tuple(shown(dict(each.labels)).items()))
    return Line(at=each.at, what=f"{each.what}{labels}", detail=each.detail)


def _words(labels: Labels) -> str:
    return f" ({', '.join(f'{name}={value}' for name, value in labels)})" if labels else ""


def _notice(each: Notice) -> Line:
    what = {
        "told": f"{each.event}: told to {each.channel}",
        "dropped": f"{each.event}: not told to {each.channel}",
        "waiting": f"{each.event}: waits to be told to {each.channel}",
    }[each.state]
    return Line(at=each.made, what=what, detail=each.reason)


def _attempt(each: Attempt, channel: str) -> Line:
    outcome = "taken" if each.ok else "failed"
    return Line(
        at=each.at, what=f"attempt {each.number} at {channel}: {outcome}", detail=each.detail
    )

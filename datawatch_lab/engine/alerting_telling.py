"""Telling: notices go through the routing stages into deliveries, and those over the wire.

A notice is stored with what it tells. A round puts those that are due into deliveries, in one
transaction, and then sends: an engine that is killed in between sends again with the same key. Each
attempt is on record. Everything here goes by the clock, none of it by event time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.alerts.channels import compose
from datawatch_lab.alerts.message import Message, Told, listed
from datawatch_lab.alerts.routing.dedupe import obsolete
from datawatch_lab.alerts.routing.group import due, group_of
from datawatch_lab.alerts.routing.hold import held
from datawatch_lab.alerts.routing.inhibit import inhibited
from datawatch_lab.alerts.routing.mute import muted
from datawatch_lab.alerts.routing.repeat import repeat_of
from datawatch_lab.alerts.routing.retry import is_due, is_given_up, pause
from datawatch_lab.alerts.routing.silence import expiring, hidden_by, silenced
from datawatch_lab.alerts.sending import Outcome, send
from datawatch_lab.core.alerting import (
    Alert,
    AlertRule,
    Attempt,
    ChannelSettings,
    Delivery,
    Notice,
    Silence,
    id_of,
)
from datawatch_lab.core.errors import DataWatchError, not_found
from datawatch_lab.engine.alerting_past import lead_up
from datawatch_lab.store.alerting import AlertChange, AlertState

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting import Alerting

log = logging.getLogger(__name__)

_REST_SECONDS = 1.0
_AT_ONCE = 4  # channels that are told at a time

Sender = Callable[[Message, ChannelSettings], Outcome]


def deliver(message: Message, channel: ChannelSettings) -> Outcome:
    """Compose a message for a channel and send it once."""
    try:
        return send(compose(message, channel), allow_private=channel.allow_private)
    except DataWatchError as error:
        return Outcome(False, str(error))


class Telling:
    """Notices, silences and deliveries of a workspace; any thread may call it.

    Args:
        alerting: whose alerts are told.
        state: as it was stored.

    Attributes:
        sender: sends a message; a test may put another in its place.
    """

    def __init__(self, alerting: Alerting, state: AlertState) -> None:
        self._alerting = alerting
        self._engine = alerting.engine
        self.sender: Sender = deliver
        self._waiting = {each.id: each for each in state.waiting}
        self._deliveries = {each.id: each for each in state.deliveries}
        self._silences = {each.id: each for each in state.silences}
        self._alerts: dict[str, Alert] = {each.id: each for each in state.alerts}
        self._told: dict[tuple[str, str], datetime] = dict(state.told)
        self._last: dict[tuple[str, str], datetime] = dict(state.last_of_group)
        self._round = threading.RLock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------ running

    def start(self) -> None:
        """Tell from now on."""
        self._thread = threading.Thread(target=self._run, name="datawatch-tell", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop after what is being sent; what waits is told after the next opening."""
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closed:
            busy = self._waiting or self._deliveries or self._alerts or self._silences
            self._wake.wait(_REST_SECONDS if busy else None)
            self._wake.clear()
            if self._closed:
                return
            try:
                self.round()
            except Exception:
                log.exception("alerts could not be told; they are tried again")

    def note(self, change: AlertChange) -> None:
        """A change is stored: remember what concerns telling."""
        for alert in change.alerts:
            self._alerts[alert.id] = alert
        for notice in change.notices:
            if notice.state == "waiting":
                self._waiting[notice.id] = notice
            else:
                self._waiting.pop(notice.id, None)
        for delivery in change.deliveries:
            if delivery.state == "waiting":
                self._deliveries[delivery.id] = delivery
            else:
                self._deliveries.pop(delivery.id, None)
        for silence in change.silences:
            self._silences[silence.id] = silence
        self._wake.set()

    # ------------------------------------------------------------------ what there is

    def channels_of(self, rule: AlertRule) -> tuple[str, ...]:
        """Names of the channels of a rule: its own, else those of its severity."""
        routing = self._alerting.settings.routing
        return rule.channels or tuple(routing.severities.get(rule.severity, ()))

    def channel(self, name: str) -> ChannelSettings:
        """A channel by name; a `NotFoundError` otherwise."""
        every = {each.name: each for each in self._alerting.settings.channels}
        if name not in every:
            raise not_found("channel", name, every)
        return every[name]

    def silences(self) -> list[Silence]:
        """Silences that are not over, the one that ends first in front."""
        now = self._engine.clock.now()
        found = [each for each in list(self._silences.values()) if each.ends > now]
        return sorted(found, key=lambda each: each.ends)

    def silence(self, id_: str) -> Silence:
        """A silence by id; a `NotFoundError` otherwise."""
        found = [each for each in self._silences.values() if id_ in (each.id, each.id[:8])]
        if len(found) != 1:
            raise not_found("silence", id_, self._silences)
        return found[0]

    def waiting(self) -> list[Notice]:
        """Notices that wait, with why."""
        return list(self._waiting.values())

    # ------------------------------------------------------------------ a round

    def round(self) -> int:
        """Route what is due and send what is due; gives the attempts made."""
        with self._round:
            now = self._engine.clock.now()
            self._remind(now)
            self._route(now)
            return self._send(now)

    def _remind(self, now: datetime) -> None:
        """Repeats that are due, and silences that end soon while they hide alerts."""
        routing, made = self._alerting.settings.routing, []
        alerts = {each.id: each for each in self._alerting.active()}
        for (id_, channel), last in list(self._told.items()):
            alert = alerts.get(id_)
            if alert is None:
                continue
            notice = repeat_of(alert, channel, last, now, routing.repeat_interval)
            if notice is not None and notice.id not in self._waiting:
                made.append(notice)
        for silence in self.silences():
            if not expiring(silence, now, routing.remind_before):
                continue
            hidden = hidden_by(silence, alerts.values())
            for channel in dict.fromkeys(name for each in hidden for name in each.channels):
                id_ = id_of("notice", silence.id, "silence_expiring", channel)
                if (silence.id, channel) not in self._told and id_ not in self._waiting:
                    made.append(_expiring(id_, silence, channel, now))
        if made:
            self._alerting.commit(AlertChange(notices=made))

    def _route(self, now: datetime) -> None:
        """Put notices that may go out into deliveries; drop those that are obsolete."""
        change = AlertChange()
        for (channel, group), notices in self._sorted_out(change, now).items():
            self._flush(channel, group, notices, now, change)
        if change.notices:
            self._alerting.commit(change)
            for delivery in change.deliveries:
                self._last[delivery.channel, delivery.group] = now
            for notice in change.notices:
                if notice.state == "told":
                    self._remember(notice, now)
        self._forget()

    def _sorted_out(
        self, change: AlertChange, now: datetime
    ) -> dict[tuple[str, str], list[Notice]]:
        """Notices that nothing holds back, by channel and group; the others say why."""
        groups: dict[tuple[str, str], list[Notice]] = {}
        open_alerts = self._alerting.active()
        for notice in list(self._waiting.values()):
            reason, is_final = self._kept_back(notice, open_alerts, now)
            if is_final:
                change.notices.append(_with(notice, state="dropped", reason=reason))
            elif not reason:
                groups.setdefault(self._group(notice), []).append(notice)
            elif reason != notice.reason:
                change.notices.append(_with(notice, reason=reason))
        return groups

    def _flush(
        self,
        channel: str,
        group: str,
        notices: list[Notice],
        now: datetime,
        change: AlertChange,
    ) -> None:
        """Make the message of a group, if it is time for it."""
        routing = self._alerting.settings.routing
        at = due(notices, self._last.get((channel, group)), now, routing)
        if at <= now:
            self._make(channel, group, notices, now, change)
            return
        reason = f"waits with its group until {at:%H:%M:%S}Z"
        change.notices += [_with(n, reason=reason) for n in notices if n.reason != reason]

    def _remember(self, notice: Notice, now: datetime) -> None:
        if notice.event == "resolved":
            self._told.pop((notice.subject, notice.channel), None)
        else:
            self._told[notice.subject, notice.channel] = now

    def _forget(self) -> None:
        """Let go of alerts that are over and told."""
        waited = {each.subject for each in self._waiting.values()}
        for id_, alert in list(self._alerts.items()):
            if not alert.is_open and id_ not in waited:
                del self._alerts[id_]
                for key in [key for key in self._told if key[0] == id_]:
                    del self._told[key]

    def _kept_back(
        self, notice: Notice, open_alerts: Sequence[Alert], now: datetime
    ) -> tuple[str, bool]:
        """Why a notice does not go out now ('' when it may), and whether it never will."""
        if notice.event == "silence_expiring":
            return "", False
        alert = self._alerts.get(notice.subject)
        if alert is None:
            return "its alert is not known any more", True
        told = (notice.subject, notice.channel) in self._told
        final = obsolete(notice, alert, told=told)
        if final:
            return final, True
        settings = self._alerting.settings
        if notice.channel not in {each.name for each in settings.channels}:
            return f"there is no channel {notice.channel!r}", False
        zone = ZoneInfo(self._engine.settings.timezone)
        reason = (
            silenced(alert, self._silences.values(), now)
            or muted(alert, settings.routing.mute, now, zone)
            or held(alert, now)
        )
        if not reason and notice.event != "resolved":
            reason = inhibited(alert, open_alerts, settings.routing.inhibit)
        return reason, False

    def _group(self, notice: Notice) -> tuple[str, str]:
        if notice.event == "silence_expiring":
            return notice.channel, f"silence={notice.subject}"
        alert = self._alerts[notice.subject]
        return notice.channel, group_of(alert, self._alerting.settings.routing.group_by)

    def _make(
        self,
        channel: str,
        group: str,
        notices: list[Notice],
        now: datetime,
        change: AlertChange,
    ) -> None:
        """A delivery of some notices: its id, and so its key, is made of theirs."""
        id_ = id_of("delivery", channel, *sorted(each.id for each in notices))
        message = self._message(id_, group, notices, now)
        change.deliveries.append(
            Delivery(
                id=id_,
                channel=channel,
                group=group,
                notices=tuple(each.id for each in notices),
                created=now,
                due=now,
                body=msgspec.json.encode(message),
            )
        )
        change.notices += [_with(n, state="told", reason="", delivery=id_) for n in notices]

    def _message(self, key: str, group: str, notices: Sequence[Notice], now: datetime) -> Message:
        if notices[0].event == "silence_expiring":
            return self._of_silence(key, group, notices[0], now)
        newest: dict[str, Told] = {}
        for each in notices:
            newest[each.subject] = Told(event=each.event, alert=self._current(each.subject))
        told, more = listed(list(newest.values()))
        first = told[0].alert
        events = {each.event for each in told}
        return Message(
            key=key,
            kind=next(kind for kind in ("firing", "repeat", "resolved") if kind in events),
            made=now,
            alerts=told,
            more=more,
            points=lead_up(self._alerting, first),
            low=first.low,
            high=first.high,
            link=self._link(),
            group=group,
        )

    def _current(self, id_: str) -> Alert:
        """An alert with its newest value."""
        live = next((each for each in self._alerting.active() if each.id == id_), None)
        return live or self._alerts[id_]

    def _of_silence(self, key: str, group: str, notice: Notice, now: datetime) -> Message:
        silence = self._silences[notice.subject]
        hidden = hidden_by(silence, self._alerting.active())
        told, more = listed([Told(event="silence_expiring", alert=each) for each in hidden])
        matched = ", ".join(f"{name}={value}" for name, value in silence.matchers)
        count = f"{len(hidden)} open alert{'s' * (len(hidden) != 1)}"
        note = (
            f"The silence of {matched} ends at {silence.ends:%Y-%m-%d %H:%M} UTC; it hides {count}."
        )
        return Message(
            key=key,
            kind="silence_expiring",
            made=now,
            alerts=told,
            more=more,
            note=note,
            link=self._link(),
            group=group,
        )

    def _link(self) -> str:
        address = self._alerting.settings.address or self._engine.address or ""
        return f"{address.rstrip('/')}/datawatch/alerts" if address else ""

    # ------------------------------------------------------------------ over the wire

    def _send(self, now: datetime) -> int:
        """Try deliveries that are due: in order within a channel, some channels at a time."""
        by_channel: dict[str, list[Delivery]] = {}
        for each in sorted(self._deliveries.values(), key=lambda each: each.created):
            if is_due(each, now):
                by_channel.setdefault(each.channel, []).append(each)
        if not by_channel:
            return 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="datawatch-send") as pool:
            return sum(pool.map(self._send_all, by_channel.values()))

    def _send_all(self, deliveries: Iterable[Delivery]) -> int:
        attempts = 0
        for each in deliveries:
            if self._closed:
                return attempts
            attempts += 1
            if not self._send_one(each):
                return attempts  # the channel is down; its other messages wait as well
        return attempts

    def _send_one(self, delivery: Delivery) -> bool:
        """Try once and put it on record; False when the channel seems to be down."""
        settings = self._alerting.settings
        channel = next((c for c in settings.channels if c.name == delivery.channel), None)
        if channel is None:
            return True
        try:
            outcome = self.sender(msgspec.json.decode(delivery.body, type=Message), channel)
        except Exception as error:
            log.exception("a message to %s could not be made", delivery.channel)
            outcome = Outcome(False, f"{type(error).__name__}: it could not be made")
        now = self._engine.clock.now()
        number = delivery.attempts + 1
        again = not outcome.ok and outcome.retryable
        if again and is_given_up(delivery, now, settings.routing.give_up_after):
            again = False
        after = msgspec.structs.replace(
            delivery,
            attempts=number,
            state="sent" if outcome.ok else "waiting" if again else "failed",
            due=now + pause(number, delivery.id, outcome.retry_after) if again else now,
            detail=outcome.detail,
        )
        attempt = Attempt(
            delivery=delivery.id, number=number, at=now, ok=outcome.ok, detail=outcome.detail
        )
        self._alerting.commit(AlertChange(deliveries=[after], attempts=[attempt]))
        if after.state == "failed":
            log.error("alerts could not be told to %s: %s", delivery.channel, outcome.detail)
        return not again


def _with(notice: Notice, **changes: object) -> Notice:
    return msgspec.structs.replace(notice, **changes)


def _expiring(id_: str, silence: Silence, channel: str, now: datetime) -> Notice:
    return Notice(id=id_, event="silence_expiring", subject=silence.id, channel=channel, made=now)

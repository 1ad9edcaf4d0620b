"""Telling: notices go through the routing stages into deliveries, and those over the wire.

A notice is stored with what it tells. A round puts those that are due into deliveries, in one
transaction, and then sends: an engine that is killed in between sends again with the same key. Each
attempt is on record. Everything here goes by the clock, none of it by event time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.alerts.routing.dedupe import obsolete
from datawatch_lab.alerts.routing.group import due, group_of
from datawatch_lab.alerts.routing.hold import held
from datawatch_lab.alerts.routing.inhibit import inhibited
from datawatch_lab.alerts.routing.mute import muted
from datawatch_lab.alerts.routing.repeat import repeat_of
from datawatch_lab.alerts.routing.silence import expiring, hidden_by, silenced
from datawatch_lab.core.alerting import (
    Alert,
    AlertRule,
    ChannelSettings,
    Delivery,
    Notice,
    Silence,
    id_of,
)
from datawatch_lab.core.errors import not_found
from datawatch_lab.engine.alerting.messages import message_of, reminder_of
from datawatch_lab.engine.alerting.sending import Sending
from datawatch_lab.store.alerting import AlertChange, AlertState

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.stage import Alerting

log = logging.getLogger(__name__)

_REST_SECONDS = 1.0
_PRUNE_EVERY = timedelta(hours=1)


class Telling:
    """Notices, silences and deliveries of a workspace; any thread may call it.

    Args:
        alerting: whose alerts are told.
        state: as it was stored.

    Attributes:
        sending: sends what is told.
    """

    def __init__(self, alerting: Alerting, state: AlertState) -> None:
        self._alerting = alerting
        self._engine = alerting.engine
        self.sending = Sending(alerting)
        self._waiting = {each.id: each for each in state.waiting}
        self._deliveries = {each.id: each for each in state.deliveries}
        self._silences = {each.id: each for each in state.silences}
        self._alerts: dict[str, Alert] = {each.id: each for each in state.alerts}
        self._told: dict[tuple[str, str], datetime] = dict(state.told)
        self._last: dict[tuple[str, str], datetime] = dict(state.last_of_group)
        self._pruned: datetime | None = None
        self._round = threading.RLock()
        self._noting = threading.Lock()  # an alert that ended is never here without its notices
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
        self.sending.close()
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
                if self._alerting.settings.enabled:
                    self.round()
            except Exception:
                log.exception("alerts could not be told; they are tried again")

    def note(self, change: AlertChange) -> None:
        """A change is stored: remember what concerns telling."""
        with self._noting:
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
            self._prune(now)
            return self.sending.send(list(self._deliveries.values()), now)

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

    def _prune(self, now: datetime) -> None:
        """Drop what is over for longer than it is kept, now and then."""
        if self._pruned is not None and now - self._pruned < _PRUNE_EVERY:
            return
        self._pruned = now
        before = now - self._alerting.settings.history
        self._engine.store.alerts.prune(before)
        gone = [id_ for id_, each in self._silences.items() if each.ends < before]
        for id_ in gone:
            del self._silences[id_]

    def _remember(self, notice: Notice, now: datetime) -> None:
        if notice.event == "resolved":
            self._told.pop((notice.subject, notice.channel), None)
        else:
            self._told[notice.subject, notice.channel] = now

    def _forget(self) -> None:
        """Let go of alerts that are over and told."""
        with self._noting:
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
        first = notices[0]
        if first.event == "silence_expiring":
            silence = self._silences[first.subject]
            message = reminder_of(self._alerting, id_, group, silence, now)
        else:
            message = message_of(
                self._alerting,
                id_,
                group,
                notices,
                self._alerts,
                now,
                still_open=self._goes_on(channel, group, {each.subject for each in notices}),
            )
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

    def _goes_on(self, channel: str, group: str, but: Collection[str]) -> bool:
        """Whether a channel was told of open alerts of a group beside some."""
        names = self._alerting.settings.routing.group_by
        return any(
            each.id not in but
            and (each.id, channel) in self._told
            and group_of(each, names) == group
            for each in self._alerting.active()
        )


def _with(notice: Notice, **changes: object) -> Notice:
    return msgspec.structs.replace(notice, **changes)


def _expiring(id_: str, silence: Silence, channel: str, now: datetime) -> Notice:
    return Notice(id=id_, event="silence_expiring", subject=silence.id, channel=channel, made=now)

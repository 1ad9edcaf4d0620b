"""Sending: deliveries that are due go over the wire, and each attempt is put on record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.alerts.channels import compose
from datawatch_lab.alerts.message import Message
from datawatch_lab.alerts.routing.retry import is_due, is_given_up, pause
from datawatch_lab.alerts.sending import Outcome, send
from datawatch_lab.core.alerting import Attempt, ChannelSettings, Delivery
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.store.alerting import AlertChange

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.stage import Alerting

log = logging.getLogger(__name__)

_AT_ONCE = 4  # channels that are told at a time

Sender = Callable[[Message, ChannelSettings], Outcome]


def deliver(message: Message, channel: ChannelSettings) -> Outcome:
    """Compose a message for a channel and send it once."""
    try:
        return send(compose(message, channel), allow_private=channel.allow_private)
    except DataWatchError as error:
        return Outcome(False, str(error))


class Sending:
    """Tries deliveries: in order within a channel, some channels at a time.

    Args:
        alerting: whose channels they go to.

    Attributes:
        sender: sends a message; a test may put another in its place.
    """

    def __init__(self, alerting: Alerting) -> None:
        self._alerting = alerting
        self.sender: Sender = deliver
        self._is_closed = False

    def close(self) -> None:
        """Send nothing after what is being sent."""
        self._is_closed = True

    def send(self, deliveries: Iterable[Delivery], now: datetime) -> int:
        """Try those of the channels whose oldest is due; gives the attempts made.

        Nothing overtakes a delivery of its channel that waits to be tried again, so what is told
        last is what was so last.
        """
        by_channel: dict[str, list[Delivery]] = {}
        for each in sorted(deliveries, key=lambda each: each.created):
            by_channel.setdefault(each.channel, []).append(each)
        due = [mine for mine in by_channel.values() if is_due(mine[0], now)]
        if not due:
            return 0
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="datawatch-send") as pool:
            return sum(pool.map(self._send_all, due))

    def _send_all(self, deliveries: Iterable[Delivery]) -> int:
        attempts = 0
        for each in deliveries:
            if self._is_closed:
                return attempts
            attempts += 1
            if not self._send_one(each):
                return attempts  # the channel is down; its other messages wait as well
        return attempts

    def _has_left(self, delivery: Delivery) -> bool:
        """Let a delivery to a channel that was removed wait, and in the end give it up."""
        now = self._alerting.engine.clock.now()
        if is_given_up(delivery, now, self._alerting.settings.routing.give_up_after):
            detail = f"there is no channel {delivery.channel!r} any more"
            failed = msgspec.structs.replace(delivery, state="failed", due=now, detail=detail)
            self._alerting.commit(AlertChange(deliveries=[failed]))
            log.error("alerts could not be told to %s: %s", delivery.channel, detail)
        return True

    def _send_one(self, delivery: Delivery) -> bool:
        """Try once and put it on record; False when the channel seems to be down."""
        settings = self._alerting.settings
        channel = next((c for c in settings.channels if c.name == delivery.channel), None)
        if channel is None:
            return self._has_left(delivery)
        try:
            outcome = self.sender(msgspec.json.decode(delivery.body, type=Message), channel)
        except Exception as error:
            log.exception("a message to %s could not be made", delivery.channel)
            outcome = Outcome(False, f"{type(error).__name__}: it could not be made")
        now = self._alerting.engine.clock.now()
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

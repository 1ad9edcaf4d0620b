"""Carrying one batch to the server, and counting what became of each of its events."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from datawatch_lab.client.stats import Rejection, Stats
from datawatch_lab.client.transport import Delivered, Later, Refused, Transport
from datawatch_lab.service.answers import EventOutcome, EventsAnswer

log = logging.getLogger("datawatch_lab.client")

_QUIET_SECONDS = 10.0

OnRejected = Callable[[Rejection], None]


@dataclass
class Tally:
    """What became of a batch.

    Attributes:
        done: events from its start that are settled.
        accepted, duplicate: of these.
        rejections: of these, the others.
        failure: why not all are settled; None when they are.
    """

    done: int = 0
    accepted: int = 0
    duplicate: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    failure: Later | None = None


def deliver(transport: Transport, lines: Sequence[bytes]) -> Tally:
    """Send lines; a body that the server refuses is halved until the guilty event is alone."""
    tally = Tally()
    waiting = [lines]
    while waiting and tally.failure is None:
        part = waiting.pop()
        match transport.post(part):
            case Delivered(answer):
                _take(tally, part, answer)
            case Later() as later:
                tally.failure = later
            case Refused(reason) if len(part) == 1:
                tally.done += 1
                tally.rejections.append(Rejection(part[0], "refused", reason))
            case Refused():
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
    return tally


def _take(tally: Tally, lines: Sequence[bytes], answer: EventsAnswer) -> None:
    """Add an answer. A line may hold several events, then it is one of them that speaks for it."""
    by_line = answer.received == len(lines)
    outcomes = answer.events if by_line else answer.events[: len(lines)]
    rejections = [
        Rejection(lines[place] if by_line else each.id.encode(), outcome, each.reason)
        for place, each in enumerate(outcomes)
        if (outcome := _rejected(each)) is not None
    ]
    duplicate = min(answer.duplicate, len(lines) - len(rejections))
    tally.done += len(lines)
    tally.duplicate += duplicate
    tally.accepted += len(lines) - duplicate - len(rejections)
    tally.rejections += rejections


def _rejected(outcome: EventOutcome) -> Literal["quarantined", "late"] | None:
    match outcome.outcome:
        case "quarantined" | "late" as rejected:
            return rejected
        case _:
            return None


class Counter:
    """The counts of a sender. Its caller serialises, except for `tell`.

    Attributes:
        settled: events of this run that need no more work: sent or dropped.
    """

    def __init__(self, on_rejected: OnRejected | None = None) -> None:
        self.queued = self.recovered = self.settled = 0
        self.accepted = self.duplicate = self.rejected = self.dropped = 0
        self.spooled = self.retries = 0
        self._on_rejected = on_rejected
        self._quiet_until = 0.0
        self._unsaid = 0

    def stats(self) -> Stats:
        """As they are now."""
        sent = self.accepted + self.duplicate + self.rejected
        return Stats(
            queued=self.queued,
            recovered=self.recovered,
            sent=sent,
            accepted=self.accepted,
            duplicate=self.duplicate,
            rejected=self.rejected,
            dropped=self.dropped,
            waiting=self.queued + self.recovered - sent - self.dropped,
            spooled=self.spooled,
            retries=self.retries,
        )

    def add(self, tally: Tally, *, ours: bool) -> None:
        """Count what became of a batch; ``ours`` when it is not an earlier run's."""
        self.accepted += tally.accepted
        self.duplicate += tally.duplicate
        self.rejected += len(tally.rejections)
        if ours:
            self.settled += tally.done

    def drop(self, lines: Sequence[bytes], reason: str) -> list[Rejection]:
        """Count events that are lost here; gives what is to be told of them."""
        self.dropped += len(lines)
        self.settled += len(lines)
        return [Rejection(line, "dropped", reason) for line in lines]

    def tell(self, rejections: Iterable[Rejection]) -> None:
        """Say which events are lost, and why; in the log at most every ten seconds."""
        for each in rejections:
            self._unsaid += 1
            if time.monotonic() >= self._quiet_until:
                said = (self._unsaid, each.outcome, each.reason)
                log.warning("%d events were not taken in; %s: %s", *said)
                self._quiet_until = time.monotonic() + _QUIET_SECONDS
                self._unsaid = 0
            if self._on_rejected is not None:
                try:
                    self._on_rejected(each)
                except Exception:
                    log.exception("on_rejected failed")

"""The demo source: weeks of a made-up shop's history in seconds, then its live traffic."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import numpy as np

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.clock import Clock
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.sources.demo_simulator import Shop, Simulator, Stretch
from datawatch_lab.ingest.sources.demo_truth import Truth

Progress = Callable[[float, float, int], None]
"""Called during history with seconds of it done, seconds in all, and events so far."""


_CAUGHT_UP = timedelta(seconds=1)


class Decode(Protocol):
    """Turns items into a batch; `datawatch_lab.ingest.decode.decode` is one."""

    def __call__(
        self,
        items: Sequence[bytes],
        lines: Sequence[int] | np.ndarray,
        offsets: Sequence[int] | np.ndarray,
        *,
        source: str,
        offset: Offset | None = None,
    ) -> DecodedBatch:
        """Decode items of input."""
        ...


@dataclass(frozen=True)
class Pace:
    """How the shop goes on after its history.

    Attributes:
        replay: length of the youngest history that is played at ``speed`` and not at once.
        speed: shop time per clock time, above 0, while behind the clock; it never gets ahead.
        interval: clock time between live batches.
    """

    replay: timedelta = timedelta()
    speed: float = 1.0
    interval: timedelta = timedelta(milliseconds=250)


class DemoSource:
    """Gives the simulated shop's history up to the present, then its events as they fall due.

    Resuming continues the same shop from the arrival time reached: the offset holds its options and
    start too, and another shop is refused, since its rows would not fit those stored.

    Args:
        clock: tells the present.
        shop: what is simulated.
        history: how far before the present a new shop opens.
        live: the pace after history; None ends the source there.
        progress: told of history as it is made.
        decode: makes batches of lines.
        sleep: waits that many seconds; by default until then or `stop`.

    Raises:
        InputError: the speed is not above 0.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        shop: Shop | None = None,
        history: timedelta = timedelta(days=7),
        live: Pace | None = Pace(),
        progress: Progress | None = None,
        decode: Decode | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        if live is not None and live.speed <= 0:
            raise InputError(f"demo: speed {live.speed:g} is not above 0; 1 is real time.")
        self.clock = clock
        self.shop = shop or Shop()
        self.history = history
        self.live = live
        self.progress = progress
        self.decode = decode
        self.sleep = sleep
        self._stopped = threading.Event()
        self._simulator: Simulator | None = None
        self._reached: datetime | None = None

    @property
    def name(self) -> str:
        """Always ``demo``."""
        return "demo"

    def stop(self) -> None:
        """End after the batch at hand."""
        self._stopped.set()

    def truth(self) -> Truth | None:
        """What was planted in all that was given so far, also before a resume; None before any."""
        if self._simulator is None or self._reached is None:
            return None
        return self._simulator.truth(self._simulator.start, self._reached)

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """History first, then live; see the class.

        Raises:
            SourceError: ``resume`` is of another shop, or is no position of this source.
        """
        now = self.clock.now()
        start, reached = _position(resume, self.shop) or (now - self.history, now - self.history)
        simulator = self.shop.opened(start)
        self._simulator, reached = simulator, max(reached, simulator.start)
        until = now - self.live.replay if self.live else now
        yield from self._past(simulator, reached, max(reached, until))
        if self.live is not None:
            yield from self._meanwhile(simulator, self.live)
            yield from self._present(simulator, self.live)

    def _meanwhile(self, shop: Simulator, pace: Pace) -> Iterator[DecodedBatch]:
        """What fell due while the history was taken in, so that live starts at the present."""
        while not self._stopped.is_set():
            start, until = self._reached or shop.start, self.clock.now() - pace.replay
            if until - start < _CAUGHT_UP:
                return
            yield from self._past(shop, start, until)

    def _past(self, shop: Simulator, start: datetime, end: datetime) -> Iterator[DecodedBatch]:
        total, events = (end - start).total_seconds(), 0
        self._reached = start
        for stretch in shop.stretches(start, end):
            if self._stopped.is_set():
                return
            events += len(stretch.lines)
            yield replace(self._batch(shop, stretch), backfill=True)
            if self.progress is not None:
                self.progress((stretch.end - start).total_seconds(), total, events)

    def _present(self, shop: Simulator, pace: Pace) -> Iterator[DecodedBatch]:
        """Events as they fall due, until stopped."""
        wait = self.sleep or self._stopped.wait
        began, origin = self.clock.now(), self._reached or shop.start
        while not self._stopped.is_set():
            now = self.clock.now()
            due = min(now, origin + (now - began) * pace.speed)
            stretch = shop.live_stretch(due)
            if stretch.lines:
                yield self._batch(shop, stretch)
            wait(pace.interval.total_seconds())

    def _batch(self, shop: Simulator, stretch: Stretch) -> DecodedBatch:
        decode = self.decode or _default_decode()
        self._reached = stretch.end
        position = {
            "shop": _plain(self.shop),
            "start": shop.start.isoformat(),
            "reached": stretch.end.isoformat(),
        }
        lines = np.zeros(len(stretch.lines), dtype=np.int64)
        offset = Offset(self.name, position)
        return decode(stretch.lines, lines, stretch.offsets, source=self.name, offset=offset)


def _default_decode() -> Decode:
    from datawatch_lab.ingest.decode import decode

    return decode


def _position(resume: Mapping[str, object] | None, shop: Shop) -> tuple[datetime, datetime] | None:
    """Start and arrival time reached, from an offset; None when there is none."""
    if resume is None:
        return None
    stored, asked = resume.get("shop"), _plain(shop)
    try:
        start, reached = (datetime.fromisoformat(str(resume[key])) for key in ("start", "reached"))
    except (KeyError, ValueError) as error:
        raise SourceError(f"demo: {dict(resume)} is no position of the demo source.") from error
    if stored != asked:
        raise SourceError(
            f"demo: this workspace holds another shop: {stored}, not {asked}.",
            hint="Use the same options, or another workspace.",
        )
    return start.astimezone(UTC), reached.astimezone(UTC)


def _plain(shop: Shop) -> object:
    """A shop as it comes back from JSON, so that stored and asked compare equal."""
    plain: object = msgspec.json.decode(msgspec.json.encode(shop))
    return plain

"""How many bytes of request bodies the server holds at once, whoever sends them.

A body counts by what has arrived of it, so that announcing much takes nothing from others. Where
room is short, bodies that come too slowly are given up, so that holding back the last byte does not
either.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from datawatch_lab.core.errors import BusyError

LEAST_PACE = 256 * 1024
"""Bytes a second at which a body has to come to be kept while others need its room."""

GRACE_SECONDS = 5.0
"""How long a body may come more slowly than that, or not at all."""


class Bodies:
    """Counts bytes of bodies; used in the server's one thread.

    Args:
        most: bytes that are held at once. One body alone may always come.
        now: tells seconds; for tests.
    """

    def __init__(self, most: int, now: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self.held = 0
        self.now = now
        self._coming: dict[Body, None] = {}  # in order of their first bytes

    def one(self, given_up: Callable[[], None] | None = None) -> Body:
        """The count of one more body.

        Args:
            given_up: called when it comes too slowly for others; its bytes count no more then.
        """
        return Body(self, given_up or _nothing)

    def take(self, body: Body, more: int) -> None:
        """Count more bytes for a body; see `Body.grow`."""
        self._make_room(body, body.size + more)
        self.held += more
        self._coming[body] = None

    def check(self, body: Body, size: int) -> None:
        """Refuse a body that would not fit by now; see `Body.check`."""
        self._make_room(body, size)

    def leave(self, body: Body) -> None:
        """Forget a body that is complete, or counts no more; again is harmless."""
        self._coming.pop(body, None)

    def _make_room(self, body: Body, size: int) -> None:
        """Give up slow bodies until one of a size fits, together with those of others.

        Raises:
            BusyError: others that are quick enough hold all the room there is.
        """
        now = self.now()
        slow = (each for each in list(self._coming) if each is not body and each.is_slow(now))
        while (others := self.held - body.size) and others + size > self.most:
            found = next(slow, None)
            if found is None:
                raise BusyError(
                    "other requests are being received and fill the memory set aside for bodies.",
                    hint="Send it again in a moment, or in smaller parts.",
                )
            found.give_up()


class Body:
    """The bytes of one body.

    Attributes:
        size: bytes of it that count.
    """

    def __init__(self, bodies: Bodies, given_up: Callable[[], None]) -> None:
        self._bodies = bodies
        self._given_up = given_up
        self._patience = 0.0  # until when it is not slow
        self.size = 0

    def check(self, size: int) -> None:
        """Refuse a body of a size that there is no room for now; nothing is set aside for it.

        Raises:
            BusyError: 429: other bodies hold all the room there is.
        """
        self._bodies.check(self, size)

    def grow(self, more: int) -> None:
        """Count bytes that have arrived.

        Raises:
            BusyError: 429: other bodies hold all the room there is; this one counts as before.
        """
        self._bodies.take(self, more)
        now = self._bodies.now()
        most = now + GRACE_SECONDS
        known = self._patience if self.size else most
        self._patience = min(max(known, now) + more / LEAST_PACE, most)
        self.size += more

    def is_slow(self, now: float) -> bool:
        """Whether it comes too slowly to be kept while others need its room."""
        return now >= self._patience

    def arrived(self) -> None:
        """All of it is there; what is carried out is not given up."""
        self._bodies.leave(self)

    def give_up(self) -> None:
        """Count nothing for it any more, and say so to who receives it."""
        self.release()
        self._given_up()

    def release(self) -> None:
        """Count nothing for this body any more; again is harmless."""
        self._bodies.held -= self.size
        self._bodies.leave(self)
        self.size = 0


def _nothing() -> None:
    """For a body that nobody waits for."""

"""How many bytes of request bodies the server holds at once, whoever sends them."""

from __future__ import annotations

from datawatch_lab.core.errors import BusyError


class Bodies:
    """Counts bytes of bodies; used in the server's one thread.

    Args:
        most: bytes that are held at once. One body alone may always come.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.held = 0

    def one(self) -> Body:
        """The count of one more body."""
        return Body(self)


class Body:
    """The bytes of one body."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self._size = 0

    def grow(self, size: int) -> None:
        """Count so many bytes for this body from now on; it never shrinks before it is released.

        Raises:
            BusyError: 429: other bodies hold all the room there is.
        """
        more = size - self._size
        if more <= 0:
            return
        others = self._bodies.held - self._size
        if others and others + size > self._bodies.most:
            raise BusyError(
                "other requests are being received and fill the memory set aside for bodies.",
                hint="Send it again in a moment, or in smaller parts.",
            )
        self._bodies.held += more
        self._size = size

    def release(self) -> None:
        """Count nothing for this body any more; again is harmless."""
        self._bodies.held -= self._size
        self._size = 0

"""What a commit brought, for the stages that take its batches after it is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from datawatch_lab.core.batches import TableBatch


@dataclass(frozen=True)
class Part:
    """The row changes of a commit.

    Attributes:
        after, upto: it has the sequence numbers after the one and up to the other.
        batches: of row changes, those of one table in order of sequence number.
    """

    after: int
    upto: int
    batches: Sequence[TableBatch]

    @property
    def events(self) -> int:
        """How many row changes it brings; DDL and marks are none."""
        return sum(each.events.height for each in self.batches)


class Backlog:
    """Parts that wait for one reader; what there is no room for, it finds in the log.

    One thread puts, another takes.

    Args:
        most_events: sequence numbers that wait at most, but for a single part that has more.
        most_parts: parts that wait at most.
    """

    def __init__(self, most_events: int, most_parts: int) -> None:
        self.most_events = most_events
        self.most_parts = most_parts
        self._lock = Lock()
        self._parts: deque[Part] = deque()
        self._held = 0

    def put(self, part: Part) -> bool:
        """Keep a part, which comes after all that wait; false when there is no room for it."""
        size = part.upto - part.after
        with self._lock:
            is_full = self._held + size > self.most_events and self._held
            if is_full or len(self._parts) >= self.most_parts:
                return False
            self._parts.append(part)
            self._held += size
            return True

    def take(self, after: int) -> tuple[Part | None, int | None]:
        """The part that begins after a sequence number, or where the first one behind begins.

        What begins before is forgotten.

        Args:
            after: how far the reader is.

        Returns:
            The part, no longer kept, and None; or None and after which number the first one behind
            begins, None for no such.
        """
        with self._lock:
            while self._parts and self._parts[0].after < after:
                self._drop()
            if not self._parts:
                return None, None
            first = self._parts[0]
            if first.after > after:
                return None, first.after
            self._drop()
            return first, None

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._parts.clear()
            self._held = 0

    def _drop(self) -> None:
        part = self._parts.popleft()
        self._held -= part.upto - part.after

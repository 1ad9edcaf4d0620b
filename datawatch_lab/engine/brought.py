"""What a commit brought, for the stages that take its batches after it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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

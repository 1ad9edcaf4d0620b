"""What quality is handed by commits, and what it hands to listeners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from datawatch_lab.core.batches import TableBatch
from datawatch_lab.core.quality import StoredRule


@dataclass(frozen=True)
class Part:
    """What a commit brought: events after one sequence number and up to another."""

    after: int
    upto: int
    batches: Sequence[TableBatch]

    @property
    def events(self) -> int:
        """Events of its batches."""
        return sum(each.events.height for each in self.batches)


@dataclass(frozen=True)
class Found:
    """New violations of one evaluation, for who listens: rule, table, number and first words."""

    rule: StoredRule
    count: int
    at: datetime

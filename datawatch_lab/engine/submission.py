"""A decoded batch on its way to the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from datawatch_lab.core.batches import DecodedBatch

JOURNAL = "(journal)"
"""Name of the offset that says which record of the journal is stored."""


@dataclass(frozen=True)
class Submission:
    """A decoded batch, and how it came.

    Attributes:
        batch: what was read.
        received: when it was taken in.
        replay: quarantine ids by (line) for replays, else empty. Replayed events are never late.
        own: identities (hi, lo) that a replay may have although they are known.
        journal: number of its record in the journal; 0 when it is in none.
    """

    batch: DecodedBatch
    received: datetime
    replay: Mapping[int, int] = field(default_factory=dict)
    own: frozenset[tuple[int, int]] = frozenset()
    journal: int = 0

"""A decoded batch on its way to the store, and single events that become one on their way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        journal: number of its record in the journal; 0 when it is in none. Of several records that
            became one batch, the last.
        moments: when each event was taken in, where they came one by one; else empty.
    """

    batch: DecodedBatch
    received: datetime
    replay: Mapping[int, int] = field(default_factory=dict)
    own: frozenset[tuple[int, int]] = frozenset()
    journal: int = 0
    moments: Sequence[datetime] = ()


@dataclass(frozen=True)
class Single:
    """An event that came alone, of which all that was answered is certain; not decoded yet.

    Attributes:
        item: its JSON text.
        offset: where that begins in the body.
        id: that was given to it; '' where it brings one.
        received: when it was taken in.
        journal: number of its record in the journal.
    """

    item: bytes
    offset: int
    id: str
    received: datetime
    journal: int

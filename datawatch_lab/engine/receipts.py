"""What a submitter is told about its batch."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from datawatch_lab.core.values import LedgerCounts


@dataclass(frozen=True)
class Receipt:
    """What became of one submitted batch; it is given once the batch is durable.

    Attributes:
        counts: received = applied + duplicate + late + quarantined.
        outcomes: one row an event or malformed event, ordered by (line, offset): line, offset,
            event_id, table, outcome (applied, duplicate, late, quarantined), reason ('' when
            applied or duplicate).
        version: data version from which on queries see it; 0 when that is not known yet, since it
            waits in the journal (they see it within 500 ms).
    """

    counts: LedgerCounts
    outcomes: pl.DataFrame
    version: int


def counts_of(outcomes: pl.DataFrame) -> LedgerCounts:
    """The four counts of outcomes."""
    found = dict(outcomes.group_by("outcome").len().iter_rows())
    return LedgerCounts(
        received=outcomes.height,
        applied=found.get("applied", 0),
        duplicate=found.get("duplicate", 0),
        late=found.get("late", 0),
        quarantined=found.get("quarantined", 0),
    )

"""What a submitter is told about its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.columns import among, constant, picked
from datawatch_lab.core.storage import LEDGER_SCHEMA
from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine.classify import APPLIED, DUPLICATE, FUTURE, LATE

QUARANTINED = "quarantined"
WORDS = (APPLIED, DUPLICATE, LATE, QUARANTINED)
"""What may become of an event, in the order of `LedgerCounts`."""

_TOLD = ("batch", "line", "offset", "event_id")
OUTCOMES = {
    "line": pl.Int64(),
    "offset": pl.Int64(),
    "event_id": pl.String(),
    "table": pl.String(),
    "outcome": pl.String(),
    "reason": pl.String(),
}
"""Columns of `Receipt.outcomes`."""

Told = tuple[str, str, Any, str]
"""Identity, table, outcome and reason of an event, as `Receipt.outcomes` has them."""


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

    def told(self) -> list[Told]:
        """What became of each event, in order."""
        return self.outcomes.select("event_id", "table", "outcome", "reason").rows()


@dataclass(frozen=True)
class OneApplied:
    """The receipt of one event that is sure to be applied; it waits in the journal.

    Attributes:
        event_id: its identity.
        table: as its envelope has it.
        offset: where it begins in its body.
        counts, version: as of a `Receipt`.
    """

    event_id: str
    table: str
    offset: int = 0
    counts: ClassVar[LedgerCounts] = LedgerCounts(received=1, applied=1)
    version: ClassVar[int] = 0

    @property
    def outcomes(self) -> pl.DataFrame:
        """As of a `Receipt`; made when asked for, which costs more than all else."""
        row = (1, self.offset, self.event_id, self.table, APPLIED, "")
        return pl.DataFrame([row], schema=OUTCOMES, orient="row")

    def told(self) -> list[Told]:
        """What became of it."""
        return [(self.event_id, self.table, APPLIED, "")]


def outcomes_of(events: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """What became of each event of several submissions, ordered by (batch, line, offset).

    Args:
        events: judged, as `classify` gives them.
        bad: as `gathering.bad_of` gives them, with ``seen``.

    Returns:
        batch (index of the submission) and the columns of `Receipt.outcomes`.
    """
    if not bad.height and among(events["outcome"], (APPLIED, DUPLICATE)).all():
        usual = picked(events, (*_TOLD, "name", "outcome")).rename({"name": "table"})
        if _in_order(usual):
            return usual.hstack([constant("reason", "", usual.height)])
    ahead = pl.col("outcome") == FUTURE
    outcomes = events.select(
        *_TOLD,
        pl.col("name").alias("table"),
        pl.when(ahead).then(pl.lit(QUARANTINED)).otherwise("outcome").alias("outcome"),
        pl.when(ahead)
        .then(pl.lit("its time is ahead of the clock"))
        .when(pl.col("outcome") == LATE)
        .then(pl.lit("older than the allowed lateness of its source"))
        .otherwise(pl.lit(""))
        .alias("reason"),
    )
    if bad.height:
        malformed = bad.select(
            *_TOLD,
            pl.col("name").alias("table"),
            pl.when("seen").then(pl.lit(DUPLICATE)).otherwise(pl.lit(QUARANTINED)).alias("outcome"),
            pl.when("seen").then(pl.lit("")).otherwise("reason").alias("reason"),
        )
        outcomes = pl.concat([outcomes, malformed])
    return outcomes.sort("batch", "line", "offset", maintain_order=True)


def _in_order(outcomes: pl.DataFrame) -> bool:
    """Whether rows are ordered by (batch, line, offset) as they are."""
    if any(outcomes[name].null_count() for name in ("line", "offset")):
        return False
    batch, line, offset = (
        np.diff(outcomes[name].to_numpy().astype(np.int64)) for name in ("batch", "line", "offset")
    )
    ahead = (batch > 0) | ((batch == 0) & ((line > 0) | ((line == 0) & (offset >= 0))))
    return bool(ahead.all())


def receipts_of(outcomes: pl.DataFrame, submissions: int, version: int) -> list[Receipt]:
    """A receipt for each submission, from what `outcomes_of` gave."""
    batch = outcomes["batch"].to_numpy()
    counts = np.stack(
        [
            np.bincount(batch[among(outcomes["outcome"], (word,))], minlength=submissions)
            for word in WORDS
        ]
    ).T.tolist()
    bounds = np.searchsorted(batch, np.arange(submissions + 1)).tolist()
    told = outcomes.drop("batch")
    return [
        Receipt(LedgerCounts(end - start, *mine), told[start:end], version)
        for (start, end), mine in zip(pairwise(bounds), counts, strict=True)
    ]


def ledger_of(outcomes: pl.DataFrame, sources: Sequence[str]) -> pa.Table:
    """Increments of the four counts by source and table, in the form of `LEDGER_SCHEMA`.

    Args:
        outcomes: as `outcomes_of` gives them.
        sources: of each submission.
    """
    of_row = pl.Series(sources, dtype=pl.String)[outcomes["batch"]]
    codes, names = [], []
    for column in (of_row, outcomes["table"], outcomes["outcome"]):
        coded = column.rechunk().to_arrow().dictionary_encode()
        codes.append(np.asarray(coded.indices, np.int64))
        names.append(coded.dictionary.to_pylist())
    width = len(names[1])
    place, of_event = np.unique(codes[0] * width + codes[1], return_inverse=True)
    shape = (len(place), len(names[2]))
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, (of_event, codes[2]), 1)
    found = dict(zip(names[2], counts.T, strict=True))
    nothing = np.zeros(len(place), np.int64)
    columns = {
        "source": [names[0][each // width] for each in place.tolist()],
        "table": [names[1][each % width] for each in place.tolist()],
        "received": counts.sum(axis=1),
        **{word: found.get(word, nothing) for word in WORDS},
    }
    return pa.table({name: columns[name] for name in LEDGER_SCHEMA.names}, schema=LEDGER_SCHEMA)

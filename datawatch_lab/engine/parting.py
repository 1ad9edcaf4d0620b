"""Storing a batch in parts: one event that no stage expected must not hold up all that come after.

Decoding sets aside what is malformed. Should a well-formed event still make a derivation or the
store fail, its batch is halved until what fails is one event, and that one goes to the quarantine.
The parts are commits of their own. The offset goes with the last, so after a crash in between the
source gives the whole batch again, and what was stored of it comes as duplicates.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from datawatch_lab.core.batches import BAD_SCHEMA, TableRows
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.engine.planner import pick
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.submission import Submission

log = logging.getLogger(__name__)

_FAULTS = (Exception, pl.exceptions.PanicException)  # a panic of polars is no Exception

Store = Callable[[Sequence[Submission]], Sequence[Receipt]]
"""Stores submissions in one transaction and gives their receipts."""


def is_of_data(error: BaseException) -> bool:
    """Whether an error lies in what was to be stored; not in the disk, the memory or the clock.

    >>> is_of_data(ValueError("no such column")), is_of_data(OSError("no space"))
    (True, False)
    """
    if isinstance(error, DataWatchError):
        return bool(error.details.get("statement"))
    return isinstance(error, _FAULTS) and not isinstance(error, OSError | MemoryError)


def store_in_parts(submission: Submission, store: Store, set_aside: Store) -> Receipt:
    """Store what can be stored of a batch that fails as a whole, and set the rest aside.

    Args:
        submission: the batch.
        store: stores it, or raises.
        set_aside: puts its events into the quarantine.

    Raises:
        Exception: what is at fault is not the data; parts may be stored, the offset is not.
    """
    tried = _tried(submission, store)
    if isinstance(tried, Receipt):
        return tried
    count = submission.batch.events.num_rows
    if not is_of_data(tried) or not count:
        raise tried
    if count > 1:
        return _joined([store_in_parts(half, store, set_aside) for half in halves(submission)])
    table = submission.batch.events["table"][0].as_py()
    log.error("an event of %s fails as a change; it is set aside", table, exc_info=tried)
    (receipt,) = set_aside([submission])
    return receipt


def _tried(submission: Submission, store: Store) -> Receipt | BaseException:
    """The receipt, or why there is none; no one is in its ``except``, so traces stay short."""
    try:
        (receipt,) = store([submission])
    except _FAULTS as fault:
        return fault
    return receipt


def halves(submission: Submission) -> tuple[Submission, Submission]:
    """A batch of two or more events in two; what is malformed goes with the first half."""
    batch = submission.batch
    middle = batch.events.num_rows // 2
    first = replace(
        batch,
        events=batch.events.slice(0, middle),
        rows=_part(batch.rows, 0, middle),
        offset=None,
    )
    second = replace(
        batch,
        events=batch.events.slice(middle),
        rows=_part(batch.rows, middle, batch.events.num_rows),
        bad=BAD_SCHEMA.empty_table(),
        fresh=False,
    )
    moments = submission.moments
    return (
        replace(submission, batch=first, journal=0, moments=moments[:middle]),
        replace(submission, batch=second, moments=moments[middle:]),
    )


def _part(
    rows: Mapping[tuple[str, str], TableRows], start: int, stop: int
) -> dict[tuple[str, str], TableRows]:
    positions = np.arange(start, stop, dtype=np.int64)
    parts = {
        key: TableRows(pick(each.after, positions), pick(each.before, positions))
        for key, each in rows.items()
    }
    return {
        key: each for key, each in parts.items() if len(each.after.rows) + len(each.before.rows)
    }


def _joined(receipts: Sequence[Receipt]) -> Receipt:
    first, second = receipts
    outcomes = pl.concat([first.outcomes, second.outcomes])
    return Receipt(
        first.counts + second.counts,
        outcomes.sort("line", "offset", maintain_order=True),
        second.version,
    )

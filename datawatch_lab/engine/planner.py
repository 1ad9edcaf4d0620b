"""From decoded batches to one commit: who is new, what is stored, what is derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch, Offset, RowFrame, TableBatch
from datawatch_lab.core.columns import kept, picked
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import LOG_SCHEMA, Commit, Identities, Store
from datawatch_lab.engine.aside import quarantine_of
from datawatch_lab.engine.classify import APPLIED, classify, new_watermarks
from datawatch_lab.engine.gathering import bad_of, events_of, note_declared
from datawatch_lab.engine.history import with_order
from datawatch_lab.engine.merging import merged
from datawatch_lab.engine.receipts import Receipt, ledger_of, outcomes_of, receipts_of
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.submission import JOURNAL, Submission

_ROW_OPS = ("c", "u", "d", "r", "t")
_CHANGE = ("seq", "op", "ts", "received", "ordinal", "sub")
_GROUP = ("batch", "table_id", "schema", "table")


@dataclass(frozen=True)
class Plan:
    """One commit, what follows from it, and what to tell each submitter."""

    submissions: int
    commit: Commit
    registry: TableRegistry
    watermarks: dict[tuple[str, int], datetime]
    table_batches: list[TableBatch]
    outcomes: pl.DataFrame  # as `receipts.outcomes_of` gives them
    judged: pl.DataFrame  # all events in input order: source, table_id, seq, ts, outcome, newest …

    def receipts(self, version: int) -> list[Receipt]:
        """Receipts in the order of the submissions."""
        return receipts_of(self.outcomes, self.submissions, version)


def make_plan(
    submissions: Sequence[Submission],
    *,
    store: Store,
    registry: TableRegistry,
    watermarks: Mapping[tuple[str, int], datetime],
    last_seq: int,
    now: datetime,
    settings: Settings,
) -> Plan:
    """Judge the events of several batches and lay out the commit (without derivations)."""
    registry = registry.copy()
    marks = _fresh_marks(watermarks, submissions)
    events = events_of(submissions, registry)
    note_declared(submissions, registry)
    bad = bad_of(submissions, registry)
    ids = store.identify(
        pa.chunked_array([events["origin"].to_arrow(), bad["origin"].to_arrow()]).combine_chunks(),
        pa.chunked_array([events["key"].to_arrow(), bad["key"].to_arrow()]).combine_chunks(),
        pa.chunked_array(
            [events["event_id"].to_arrow(), bad["event_id"].to_arrow()]
        ).combine_chunks(),
    )
    events = _identified(events, ids, 0, submissions)
    bad = _identified(bad, ids, events.height, submissions)
    events = classify(
        events,
        marks,
        received=now,
        allowed_lateness=settings.allowed_lateness,
        future_tolerance=settings.future_tolerance,
    )
    applied = (pl.col("outcome") == APPLIED).cast(pl.Int64)
    events = events.with_columns((applied.cum_sum() + last_seq).alias("seq"))
    moved = new_watermarks(events, marks)
    outcomes = outcomes_of(events, bad)
    commit = Commit(
        log=_log(events),
        quarantine=quarantine_of(events, bad, settings),
        ledger=ledger_of(outcomes, [each.batch.source for each in submissions]),
        at=now,
        offsets=_offsets(submissions),
        watermarks=moved,
        ordered=sorted({each.batch.source for each in submissions if each.batch.ordered}),
    )
    return Plan(
        submissions=len(submissions),
        commit=commit,
        registry=registry,
        watermarks=marks | moved,
        table_batches=_table_batches(events, submissions, registry),
        outcomes=outcomes,
        judged=events,
    )


def _fresh_marks(
    watermarks: Mapping[tuple[str, int], datetime], submissions: Sequence[Submission]
) -> dict[tuple[str, int], datetime]:
    fresh = {each.batch.source for each in submissions if each.batch.fresh}
    return {key: mark for key, mark in watermarks.items() if key[0] not in fresh}


def _offsets(submissions: Sequence[Submission]) -> tuple[Offset, ...]:
    """The furthest offset of each source and of the journal; both come in order."""
    furthest = {
        each.batch.offset.source: each.batch.offset for each in submissions if each.batch.offset
    }
    journaled = max((each.journal for each in submissions), default=0)
    if journaled:
        furthest[JOURNAL] = Offset(JOURNAL, {"number": journaled})
    return tuple(furthest.values())


def _identified(
    frame: pl.DataFrame, ids: Identities, start: int, submissions: Sequence[Submission]
) -> pl.DataFrame:
    part = slice(start, start + frame.height)
    seen = ids.seen[part].copy()
    own = frozenset().union(*(each.own for each in submissions))
    if own:
        pairs = zip(ids.hi[part].tolist(), ids.lo[part].tolist(), strict=True)
        seen &= ~np.fromiter((pair in own for pair in pairs), dtype=bool, count=frame.height)
    return frame.hstack(
        [
            pl.Series("identity_hi", ids.hi[part], dtype=pl.UInt64),
            pl.Series("identity_lo", ids.lo[part], dtype=pl.UInt64),
            pl.Series("seen", seen, dtype=pl.Boolean),
        ]
    )


def _log(events: pl.DataFrame) -> pa.Table:
    applied = events.filter(pl.col("outcome") == APPLIED)
    return applied.select(LOG_SCHEMA.names).to_arrow().cast(LOG_SCHEMA)


def _table_batches(
    events: pl.DataFrame, submissions: Sequence[Submission], registry: TableRegistry
) -> list[TableBatch]:
    """Applied row changes by table, with their images; see `merging` for when one has several."""
    made: list[tuple[str, TableBatch]] = []
    changed = with_order(
        events.filter((pl.col("outcome") == APPLIED) & pl.col("op").is_in(_ROW_OPS))
    )
    ordered = np.array([each.batch.ordered for each in submissions], dtype=np.bool_)
    changed = changed.select(*_GROUP, "position_in_batch", *_CHANGE).with_columns(
        pl.Series("ordered", ordered[changed["batch"].to_numpy()], dtype=pl.Boolean)
    )
    for part in changed.partition_by(_GROUP, maintain_order=True):
        number, table_id, schema, name = (part[column][0] for column in _GROUP)
        batch = submissions[number].batch
        images = batch.rows.get((schema, name))
        positions = part["position_in_batch"].to_numpy().astype(np.int64)
        one = TableBatch(
            table=registry[table_id],
            events=picked(part, (*_CHANGE, "ordered")),
            after=pick(images.after, positions) if images else RowFrame.empty(),
            before=pick(images.before, positions) if images else RowFrame.empty(),
            backfill=batch.backfill,
        )
        made.append((batch.source, one))
    # Sources have watermarks of their own, so what is late, and so first values, is told by source.
    runs = groupby(made, itemgetter(0))
    return [one for _, run in runs for one in merged(each for _, each in run)]


def pick(frame: RowFrame, positions: np.ndarray) -> RowFrame:
    """The images of the events at ``positions`` (ascending), renumbered to index those events."""
    if frame.rows.size == positions.size and np.array_equal(frame.rows, positions):
        return replace(frame, rows=np.arange(positions.size, dtype=np.int64))
    place = np.searchsorted(positions, frame.rows)
    inside = place < positions.size
    inside[inside] = positions[place[inside]] == frame.rows[inside]
    keep = pl.Series(inside)
    return RowFrame(
        rows=place[inside].astype(np.int64),
        columns=kept(frame.columns, inside) if frame.columns.width else frame.columns,
        absent={name: mask.filter(keep) for name, mask in frame.absent.items()},
        json=frame.json,
    )


def identities_of(
    batch: DecodedBatch, registry: TableRegistry, store: Store, lines: frozenset[int]
) -> frozenset[tuple[int, int]]:
    """Identities (hi, lo) of the events of some lines."""
    if not lines:
        return frozenset()
    submission = Submission(batch, datetime(1970, 1, 1, tzinfo=UTC))
    events = events_of([submission], registry.copy()).filter(pl.col("line").is_in(sorted(lines)))
    ids = store.identify(*(events[name].to_arrow() for name in ("origin", "key", "event_id")))
    return frozenset(zip(ids.hi.tolist(), ids.lo.tolist(), strict=True))

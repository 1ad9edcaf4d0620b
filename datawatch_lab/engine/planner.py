"""From decoded batches to one commit: who is new, what is stored, what is derived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby, pairwise
from operator import itemgetter

import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import DecodedBatch, Offset, RowFrame, TableBatch
from datawatch_lab.core.columns import among, arrow_of, kept, picked, taken
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
    applied = among(events["outcome"], (APPLIED,))
    events = events.hstack([pl.Series("seq", np.cumsum(applied, dtype=np.int64) + last_seq)])
    moved = new_watermarks(events, marks)
    outcomes = outcomes_of(events, bad)
    commit = Commit(
        log=_log(kept(events, applied)),
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
        table_batches=_table_batches(kept(events, applied), submissions, registry),
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


def _log(applied: pl.DataFrame) -> pa.Table:
    return arrow_of(picked(applied, LOG_SCHEMA.names)).cast(LOG_SCHEMA)


def _table_batches(
    applied: pl.DataFrame, submissions: Sequence[Submission], registry: TableRegistry
) -> list[TableBatch]:
    """Applied row changes by table, with their images; see `merging` for when one has several."""
    made: list[tuple[str, TableBatch]] = []
    changed = with_order(kept(applied, among(applied["op"], _ROW_OPS)))
    ordered = np.array([each.batch.ordered for each in submissions], dtype=np.bool_)
    of_rows = pl.Series("ordered", ordered[changed["batch"].to_numpy()], dtype=pl.Boolean)
    changed = picked(changed, (*_GROUP, "position_in_batch", *_CHANGE)).hstack([of_rows])
    for part in _by_group(changed):
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


def _by_group(changed: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The rows of each submission and table, those that come first first, in their order."""
    if not changed.height:
        return
    code = np.zeros(changed.height, dtype=np.int64)
    for column in _GROUP:
        values = changed[column]
        if values.dtype == pl.String:
            found = np.asarray(values.rechunk().to_arrow().dictionary_encode().indices, np.int64)
        else:
            found = values.to_numpy().astype(np.int64)
        code = np.unique(code * (int(found.max()) + 1) + found, return_inverse=True)[1]
    _, first = np.unique(code, return_index=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    code = rank[code]
    if (code[1:] >= code[:-1]).all():
        ordered = changed
    else:
        order = np.argsort(code, kind="stable")
        ordered, code = taken(changed, order), code[order]
    bounds = np.flatnonzero(np.diff(code, prepend=-1, append=len(first)))
    for start, end in pairwise(bounds.tolist()):
        yield ordered[start:end]


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

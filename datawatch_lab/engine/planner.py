"""From decoded batches to one commit: who is new, what is stored, what is derived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import (
    BAD_SCHEMA,
    EVENT_SCHEMA,
    DecodedBatch,
    Offset,
    RowFrame,
    TableBatch,
)
from datawatch_lab.core.columns import kept, picked
from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import (
    LEDGER_SCHEMA,
    LOG_SCHEMA,
    QUARANTINE_SCHEMA,
    Commit,
    Identities,
    Store,
)
from datawatch_lab.core.values import Op
from datawatch_lab.engine.classify import APPLIED, DUPLICATE, FUTURE, LATE, classify, new_watermarks
from datawatch_lab.engine.history import with_order
from datawatch_lab.engine.merging import merged
from datawatch_lab.engine.receipts import Receipt, counts_of
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.understanding import with_declared

TRANSACTIONS = "(transactions)"
"""Ledger name of begin and commit marks, which belong to no table."""

UNREADABLE = "(unreadable)"
"""Ledger name of malformed input whose table could not be read."""

JOURNAL = "(journal)"
"""Name of the offset that says which record of the journal is stored."""

_MARKS = (Op.BEGIN.value, Op.COMMIT.value)
_ROW_OPS = ("c", "u", "d", "r", "t")
_CHANGE = ("seq", "op", "ts", "received", "ordinal", "sub")
_GROUP = ("batch", "table_id", "schema", "table")
_NO_TABLE = 0
_ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Submission:
    """A decoded batch on its way to the store.

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


@dataclass(frozen=True)
class Plan:
    """One commit, what follows from it, and what to tell each submitter."""

    commit: Commit
    registry: TableRegistry
    watermarks: dict[tuple[str, int], datetime]
    table_batches: list[TableBatch]
    outcomes: list[pl.DataFrame]
    judged: pl.DataFrame  # all events in input order: source, table_id, seq, ts, outcome, newest …

    def receipts(self, version: int) -> list[Receipt]:
        """Receipts in the order of the submissions."""
        return [Receipt(counts_of(each), each, version) for each in self.outcomes]


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
    events = _events(submissions, registry)
    _note_declared(submissions, registry)
    bad = _bad(submissions, registry)
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
    quarantine = pl.concat([_aside(events, settings), _malformed(bad)])
    outcomes = _outcomes(events, bad, len(submissions))
    commit = Commit(
        log=_log(events),
        quarantine=_cast(quarantine, QUARANTINE_SCHEMA),
        ledger=_cast(_ledger(outcomes, submissions), LEDGER_SCHEMA),
        at=now,
        offsets=_offsets(submissions),
        watermarks=moved,
        ordered=sorted({each.batch.source for each in submissions if each.batch.ordered}),
    )
    return Plan(
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


def _events(submissions: Sequence[Submission], registry: TableRegistry) -> pl.DataFrame:
    """All events of all batches, with source, table id and name, in input order."""
    frames = []
    for number, each in enumerate(submissions):
        frame = pl.DataFrame(each.batch.events)
        tables = _resolve(frame, registry)
        frames.append(
            frame.with_row_index("position_in_batch")
            .join(tables, on=["schema", "table"], how="left", maintain_order="left")
            .with_columns(
                pl.lit(number, dtype=pl.Int32).alias("batch"),
                pl.lit(each.batch.source).alias("source"),
                pl.lit(bool(each.replay) or each.batch.backfill).alias("replay"),
                pl.lit(each.batch.backfill).alias("backfill"),
                pl.lit(each.received).cast(pl.Datetime("us", "UTC")).alias("received"),
                pl.col("ts").fill_null(pl.lit(each.received).cast(pl.Datetime("us", "UTC"))),
            )
        )
    return pl.concat(frames)


def _note_declared(submissions: Sequence[Submission], registry: TableRegistry) -> None:
    """Keep what sources declare of their tables; one that has no rows yet is a table too."""
    for each in submissions:
        for (schema, name), declared in each.batch.declared.items():
            table, _ = registry.resolve(schema, name)
            registry.replace(with_declared(table, declared))


def _resolve(frame: pl.DataFrame, registry: TableRegistry) -> pl.DataFrame:
    """schema, table -> table_id, name, key (the qualified name that identities are made of)."""
    named = frame.select("schema", "table", marks=pl.col("op").is_in(_MARKS)).unique(
        maintain_order=True
    )
    rows = []
    for schema, table, is_mark in named.iter_rows():
        if is_mark and not table:
            rows.append((schema, table, _NO_TABLE, TRANSACTIONS, ""))
            continue
        info, _ = registry.resolve(schema, table)
        rows.append((schema, table, info.id, info.name, f"{info.schema}.{info.table}"))
    return pl.DataFrame(
        rows,
        schema={
            "schema": pl.String,
            "table": pl.String,
            "table_id": pl.Int32,
            "name": pl.String,
            "key": pl.String,
        },
        orient="row",
    ).unique(["schema", "table"], maintain_order=True)


def _bad(submissions: Sequence[Submission], registry: TableRegistry) -> pl.DataFrame:
    frames = []
    for number, each in enumerate(submissions):
        frame = pl.DataFrame(each.batch.bad)
        names = {
            (schema, table): (found.name if (found := registry.find(schema, table)) else table)
            or UNREADABLE
            for schema, table in frame.select("schema", "table").unique().iter_rows()
        }
        frames.append(
            frame.with_columns(
                pl.Series(
                    "name",
                    [names[key] for key in frame.select("schema", "table").iter_rows()],
                    dtype=pl.String,
                ),
                pl.lit(number, dtype=pl.Int32).alias("batch"),
                pl.lit(each.batch.source).alias("source"),
                pl.lit("").alias("origin"),
                pl.lit("\x1dmalformed").alias("key"),
                pl.lit(each.received).cast(pl.Datetime("us", "UTC")).alias("received"),
            )
        )
    return pl.concat(frames)


def _identified(
    frame: pl.DataFrame, ids: Identities, start: int, submissions: Sequence[Submission]
) -> pl.DataFrame:
    part = slice(start, start + frame.height)
    seen = ids.seen[part].copy()
    own = frozenset().union(*(each.own for each in submissions))
    if own:
        pairs = zip(ids.hi[part].tolist(), ids.lo[part].tolist(), strict=True)
        seen &= ~np.fromiter((pair in own for pair in pairs), dtype=bool, count=frame.height)
    return frame.with_columns(
        pl.Series("identity_hi", ids.hi[part], dtype=pl.UInt64),
        pl.Series("identity_lo", ids.lo[part], dtype=pl.UInt64),
        pl.Series("seen", seen, dtype=pl.Boolean),
    )


def _cast(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    return frame.select(schema.names).to_arrow().cast(schema)


def _log(events: pl.DataFrame) -> pa.Table:
    return _cast(events.filter(pl.col("outcome") == APPLIED), LOG_SCHEMA)


def _aside(events: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Late and future events as quarantine rows."""
    aside = events.filter(pl.col("outcome").is_in([LATE, FUTURE]))
    raws = [rebuild_event(row) for row in aside.iter_rows(named=True)]
    at, now = (pl.col(name).dt.strftime(_ISO) for name in ("ts", "received"))
    ahead = pl.format("from the future: its time {} is ahead of the clock at {}.", at, now)
    lateness = format_duration(settings.allowed_lateness)
    behind = pl.format(
        "too late: its time {} is more than {} (allowed_lateness) behind the newest event of its "
        "table and source.",
        at,
        pl.lit(lateness),
    )
    return aside.select(
        "source",
        pl.col("name").alias("table"),
        pl.when(pl.col("outcome") == LATE)
        .then(pl.lit("late"))
        .otherwise(pl.lit("future"))
        .alias("kind"),
        pl.when(pl.col("outcome") == LATE).then(behind).otherwise(ahead).alias("reason"),
        "line",
        "offset",
        pl.Series("raw", raws, dtype=pl.Binary),
        "received",
        "identity_hi",
        "identity_lo",
    )


def rebuild_event(row: Mapping[str, object]) -> bytes:
    """A DataWatch event with the same images, for an event whose envelope is no longer at hand."""
    kinds = {"c": "INSERT", "u": "UPDATE", "d": "DELETE", "r": "SNAPSHOT", "t": "TRUNCATE"}
    ts = row["ts"]
    event: dict[str, object] = {
        "id": row["event_id"],
        "source": row["origin"] or None,
        "schema": row["schema"] or None,
        "table": row["table"],
        "type": kinds.get(str(row["op"]), str(row["op"]).upper()),
        "timestamp": ts.isoformat() if isinstance(ts, datetime) else None,
        "transaction_id": row["txid"],
    }
    kept: dict[str, object] = {key: value for key, value in event.items() if value is not None}
    if row["extra"]:
        kept |= msgspec.json.decode(str(row["extra"]), type=dict[str, msgspec.Raw])
    for key in ("before", "after"):
        if row[key]:
            kept[key] = msgspec.Raw(str(row[key]).encode())
    position = _position(row)
    return msgspec.json.encode(kept if position is None else kept | {"position": position})


def _position(row: Mapping[str, object]) -> object:
    """The position of an event; with its order in the transaction, where it does not tell that."""
    raw, order = row["position"], row.get("tx_order")
    if order is None:
        return msgspec.Raw(str(raw).encode()) if raw else None
    position = msgspec.json.decode(str(raw)) if raw else {}
    return {"sequence": order} | position if isinstance(position, dict) else position


def set_aside(submission: Submission, reason: str) -> Submission:
    """The same events as bad rows, for the quarantine: they could not be stored as changes."""
    batch = submission.batch
    rows = pl.DataFrame(batch.events).with_columns(
        pl.col("ts").fill_null(pl.lit(submission.received).cast(pl.Datetime("us", "UTC")))
    )
    bad = rows.select("line", "offset", "schema", "table", "event_id").with_columns(
        pl.lit(reason).alias("reason"),
        pl.Series("raw", [rebuild_event(row) for row in rows.iter_rows(named=True)], pl.Binary),
    )
    made = replace(
        batch,
        events=EVENT_SCHEMA.empty_table(),
        rows={},
        bad=pa.concat_tables([batch.bad, _cast(bad, BAD_SCHEMA)]),
    )
    return replace(submission, batch=made)


def _malformed(bad: pl.DataFrame) -> pl.DataFrame:
    return bad.filter(~pl.col("seen")).select(
        "source",
        pl.col("name").alias("table"),
        pl.lit("malformed").alias("kind"),
        "reason",
        "line",
        "offset",
        pl.col("raw").cast(pl.Binary),
        "received",
        "identity_hi",
        "identity_lo",
    )


def _outcomes(events: pl.DataFrame, bad: pl.DataFrame, batches: int) -> list[pl.DataFrame]:
    """Per submission, what became of each event, in input order."""
    set_aside = pl.col("outcome") == FUTURE
    judged = pl.concat(
        [
            events.select(
                "batch",
                "line",
                "offset",
                "event_id",
                pl.col("name").alias("table"),
                pl.when(set_aside)
                .then(pl.lit("quarantined"))
                .otherwise("outcome")
                .alias("outcome"),
                pl.when(set_aside)
                .then(pl.lit("its time is ahead of the clock"))
                .when(pl.col("outcome") == LATE)
                .then(pl.lit("older than the allowed lateness of its source"))
                .otherwise(pl.lit(""))
                .alias("reason"),
            ),
            bad.select(
                "batch",
                "line",
                "offset",
                "event_id",
                pl.col("name").alias("table"),
                pl.when("seen")
                .then(pl.lit(DUPLICATE))
                .otherwise(pl.lit("quarantined"))
                .alias("outcome"),
                pl.when("seen").then(pl.lit("")).otherwise("reason").alias("reason"),
            ),
        ]
    ).sort("batch", "line", "offset", maintain_order=True)
    if batches == 1:
        return [judged.drop("batch")]
    return [judged.filter(pl.col("batch") == number).drop("batch") for number in range(batches)]


def _ledger(outcomes: Sequence[pl.DataFrame], submissions: Sequence[Submission]) -> pl.DataFrame:
    """Increments of the four counts by source and table."""
    labelled = pl.concat(
        [
            frame.select("table", "outcome", pl.lit(each.batch.source).alias("source"))
            for frame, each in zip(outcomes, submissions, strict=True)
        ]
    )
    counts = {
        name: (pl.col("outcome") == name).sum().cast(pl.Int64)
        for name in ("applied", "duplicate", "late", "quarantined")
    }
    return labelled.group_by("source", "table", maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("received"), **counts
    )


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
    events = _events([submission], registry.copy()).filter(pl.col("line").is_in(sorted(lines)))
    ids = store.identify(*(events[name].to_arrow() for name in ("origin", "key", "event_id")))
    return frozenset(zip(ids.hi.tolist(), ids.lo.tolist(), strict=True))

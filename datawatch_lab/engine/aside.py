"""What goes to the quarantine: events that are too late or ahead of the clock, and bad input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import msgspec
import polars as pl
import pyarrow as pa

from datawatch_lab.core.batches import BAD_SCHEMA, EVENT_SCHEMA
from datawatch_lab.core.columns import among, kept
from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import QUARANTINE_SCHEMA
from datawatch_lab.engine.classify import FUTURE, LATE
from datawatch_lab.engine.submission import Submission

_ISO = "%Y-%m-%dT%H:%M:%SZ"


def quarantine_of(events: pl.DataFrame, bad: pl.DataFrame, settings: Settings) -> pa.Table:
    """Rows of `QUARANTINE_SCHEMA`: judged events that are late or from the future, and bad rows.

    Args:
        events: as `classify` gives them.
        bad: as `gathering.bad_of` gives them, with ``seen``; what was seen is not kept again.
        settings: say how late is too late.
    """
    parts = []
    late = among(events["outcome"], (LATE, FUTURE))
    if late.any():
        aside = kept(events, late)
        parts.append(_of_time(aside, settings))
    if bad.height:
        parts.append(_malformed(bad))
    if not parts:
        return QUARANTINE_SCHEMA.empty_table()
    return pl.concat(parts).select(QUARANTINE_SCHEMA.names).to_arrow().cast(QUARANTINE_SCHEMA)


def _of_time(aside: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Late and future events as quarantine rows."""
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
    told: dict[str, object] = {key: value for key, value in event.items() if value is not None}
    if row["extra"]:
        told |= msgspec.json.decode(str(row["extra"]), type=dict[str, msgspec.Raw])
    for key in ("before", "after"):
        if row[key]:
            told[key] = msgspec.Raw(str(row[key]).encode())
    position = _position(row)
    return msgspec.json.encode(told if position is None else told | {"position": position})


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
        bad=pa.concat_tables([batch.bad, bad.select(BAD_SCHEMA.names).to_arrow().cast(BAD_SCHEMA)]),
    )
    return replace(submission, batch=made)

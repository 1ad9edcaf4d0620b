"""Telemetry streams in the engine: taking posted rows in, and reading rows that are stored."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import Aggregation, CustomMetric, TableInfo
from datawatch_lab.engine.intake import take_decoded
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.ingest.telemetry.bodies import decode_posted
from datawatch_lab.ingest.telemetry.streams import SCHEMA, STREAMS
from datawatch_lab.metrics.sketch import bins_of, quantile

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_BACK_STEP = 20_000
_WIDEST = 640_000


def take_rows(
    engine: Engine,
    stream: str,
    body: bytes,
    *,
    content_type: str = "",
    content_encoding: str = "",
    wait: bool = False,
) -> Receipt:
    """Store the rows of a posted body; answered as `intake.take_http` answers.

    Args:
        engine: takes them.
        stream: a name of `STREAMS`.
        body: as received.
        content_type: as received.
        content_encoding: as received.
        wait: wait for room and for the metrics.
    """
    return take_decoded(
        engine,
        len(body),
        lambda: decode_posted(
            STREAMS[stream],
            body,
            content_type=content_type,
            content_encoding=content_encoding,
            id_factory=lambda: uuid.uuid4().hex,
        ),
        wait=wait,
    )


MEASURED = "measurement_values"
"""The metric of measurements by name and service; made when the first names a service."""


def define_measured(engine: Engine) -> bool:
    """Make the metric `MEASURED` where it can be and is not; gives whether it is there."""
    table = stream_table(engine, "measurements")
    if table is None or table.column("service") is None:
        return False
    if MEASURED in engine.measures.custom.names:
        return True
    metric = CustomMetric(
        name=MEASURED,
        table=table.name,
        aggregation=Aggregation.AVG,
        expression="value",
        group_by=("name", "service"),
        description="Values of measurements by name and service.",
    )
    try:
        engine.measures.custom.define(engine, metric, backfill=True)
    except InputError:  # another request was first, or somebody has a metric of that name
        return MEASURED in engine.measures.custom.names
    return True


def stream_table(engine: Engine, stream: str) -> TableInfo | None:
    """The table of a stream; None while it has no row."""
    return next((t for t in engine.tables() if (t.schema, t.table) == (SCHEMA, stream)), None)


def rows_after(engine: Engine, stream: str, seq: int, upto: int) -> Iterator[pl.DataFrame]:
    """Rows of a stream between two sequence numbers, the second included.

    Yields:
        ``seq``, ``ts`` (Datetime[us, UTC]) and the fields of the rows, typed as in `RowFrame`; in
        order of ``seq``.
    """
    table = stream_table(engine, stream)
    if table is None:
        return
    for batch in engine.measures.history.batches(table, seq, upto):
        rows = batch.after
        if rows.rows.size:
            heads = batch.events.select(_seq=pl.col("seq"), _ts=pl.col("ts"))
            yield pl.concat([heads[rows.rows], rows.columns], how="horizontal")


def newest_rows(
    engine: Engine,
    stream: str,
    wanted: Callable[[pl.DataFrame], pl.DataFrame],
    limit: int,
) -> list[dict[str, object]]:
    """The newest rows that pass a filter, newest first, as they came.

    Reads the log backwards in steps that grow, so the common case looks at its end only.

    Args:
        engine: of the workspace.
        stream: a name of `STREAMS`.
        wanted: keeps some rows of ``event_id``, ``ts``, ``seq`` and ``after`` (JSON text).
        limit: most rows.
    """
    table = stream_table(engine, stream)
    if table is None or limit < 1:
        return []
    found: list[pl.DataFrame] = []
    upto, first, step = engine.last_seq, engine.store.first_seq(), _BACK_STEP
    while upto >= first and sum(each.height for each in found) < limit:
        low = max(first - 1, upto - step)
        frames = list(engine.store.read_log(table.id, after_seq=low, to_seq=upto))
        if frames:
            rows = pl.concat(frames).select("event_id", "ts", "seq", "after").drop_nulls("after")
            found.append(wanted(rows).sort("seq", descending=True))
        upto, step = low, min(2 * step, _WIDEST)
    return pl.concat(found).head(limit).to_dicts() if found else []


__all__ = [
    "MEASURED",
    "SCHEMA",
    "STREAMS",
    "bins_of",
    "define_measured",
    "newest_rows",
    "quantile",
    "rows_after",
    "stream_table",
    "take_rows",
]

"""Parts of the answers: rows of tables as the shapes of `shapes`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from datawatch_lab.engine.telemetry import stream_table
from datawatch_lab.service.access.masking import MASK
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.telemetry import shapes, status
from datawatch_lab.service.telemetry.calls import PERFORMANCE, SERVED
from datawatch_lab.service.telemetry.cells import QUANTILES, quantiles, totals

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

TOP = 10
"""Entries of a list of the most frequent."""

PERIOD = "1m"
"""Width of the buckets of aggregations."""

SECONDS = 60
"""The same in seconds."""

_NAMESPACE = uuid.UUID("5e6f0a36-0f0c-4b34-8f1e-6a0d4c6a7a11")


def sensitive_fields(engine: Engine, *streams: str) -> frozenset[str]:
    """Fields of some streams that displays mask."""
    tables = [found for each in streams if (found := stream_table(engine, each)) is not None]
    return frozenset(c.name for table in tables for c in table.columns if c.sensitive)


def posted_event(
    engine: Engine,
    stream: str,
    row: Mapping[str, object],
    fields: Mapping[str, Any],
    *,
    masked: bool = True,
) -> dict[str, Any]:
    """A row of a stream as it was posted, with id and timestamp; ``fields`` where it lacks some."""
    given: dict[str, Any] = msgspec.json.decode(str(row["after"]))
    hidden = sensitive_fields(engine, stream) if masked else frozenset()
    shown = {
        name: MASK if name in hidden and value is not None else value
        for name, value in given.items()
    }
    ts = row["ts"]
    whole = {"id": row["event_id"], **fields, **shown}
    return whole | {"timestamp": iso(ts) if isinstance(ts, datetime) else None}


def rate(state: status.ServiceState) -> float:
    """Errors of a service per request, in [0, 1]."""
    return status.Figures(state.requests, state.errors).error_rate


def service(state: status.ServiceState) -> shapes.Service:
    """A service as the dashboard lists it."""
    return shapes.Service(
        name=state.name,
        status=state.status,
        uptime_hours=state.uptime / timedelta(hours=1),
        request_count=round(state.requests),
        error_count=round(state.errors),
        avg_latency_ms=state.average or 0.0,
        last_heartbeat=iso(state.heartbeat),
    )


def endpoints(cells: pl.DataFrame) -> list[shapes.Endpoint]:
    """The endpoints with most requests."""
    top = (
        totals(cells.filter(pl.col("kind").is_in(SERVED) & (pl.col("name") != "")), ["name"])
        .sort(["n", "name"], descending=[True, False])
        .head(TOP)
    )
    return [
        shapes.Endpoint(
            row["name"], round(row["n"]), row["sum"] / row["timed"] if row["timed"] else 0.0
        )
        for row in top.iter_rows(named=True)
    ]


def latencies(cells: pl.DataFrame, bins: pl.DataFrame) -> dict[str, float]:
    """Quantiles of all requests of some cells; empty when none told a time."""
    served = pl.col("kind") != PERFORMANCE
    one = pl.lit("all").alias("service")
    found = quantiles(
        cells.filter(served).with_columns(one), bins.filter(served).with_columns(one), ["service"]
    )
    return found.select(list(QUANTILES)).to_dicts()[0] if found.height else {}


def aggregation(row: Mapping[str, Any]) -> shapes.AggregationRow:
    """A service over a minute, from merged cells with their quantiles."""
    at, service, n = row["at"], row["service"], row["n"]
    share = status.Figures(n, row["errors"]).error_rate
    return shapes.AggregationRow(
        id=str(uuid.uuid5(_NAMESPACE, f"{service}\x1f{PERIOD}\x1f{iso(at)}")),
        timestamp=iso(at) or "",
        service_id=service,
        period=PERIOD,
        event_count=round(n),
        avg_latency=row["sum"] / row["timed"] if row["timed"] else None,
        p50_latency=row["p50"],
        p95_latency=row["p95"],
        p99_latency=row["p99"],
        error_count=round(row["errors"]),
        error_rate=share,
        success_rate=1 - share,
        throughput=n / SECONDS,
    )

"""Errors of services as signals, from the stream ``events``: how many, and which share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.values import Aggregation
from datawatch_lab.engine.alerting.grid import Ask, Grid, Labels, Row
from datawatch_lab.engine.signals.base import Signal, described
from datawatch_lab.engine.signals.made import make
from datawatch_lab.engine.telemetry import stream_table

if TYPE_CHECKING:
    from datawatch_lab.engine.alerting.values import Values
    from datawatch_lab.engine.engine import Engine

ERRORS, REQUESTS = "service_errors_total", "service_requests_total"
"""Metrics that are made for these signals, when the first rule asks for them."""


def failing(columns: Iterable[str]) -> str:
    """The condition for rows of ``events`` that failed, over the columns that there are.

    >>> failing(["type", "status_code"])
    "type = 'error' or (type = 'request' and (status_code >= 500))"
    """
    has = set(columns)
    parts = [
        text
        for name, text in (("status_code", "status_code >= 500"), ("success", "success = false"))
        if name in has
    ]
    failed = f" or (type = 'request' and ({' or '.join(parts)}))" if parts else ""
    return f"type = 'error'{failed}"


def _ready(engine: Engine) -> None:
    """Make the metrics, or make the errors anew when a column that tells of them has come."""
    table = stream_table(engine, "events")
    if table is None:
        return
    names = [each.name for each in table.columns]
    served = f"type = 'request' or ({failing(names)})"
    make(engine, table, ERRORS, condition=failing(names), by=("service",))
    make(engine, table, REQUESTS, condition=served, by=("service",))


def _count(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    return _of(values, ERRORS, ask, grid)


def _of(values: Values, name: str, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    if name not in values.engine.metrics():
        return {} if ask.group_by else {(): np.full(grid.count, np.nan)}
    mine = Ask(name, "count", ask.filters, ask.group_by)
    return values.read([mine], grid)[mine]


def _rate(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    """Share of calls that failed, in [0, 1]; 0 without any once there was one."""
    errors, served = _of(values, ERRORS, ask, grid), _of(values, REQUESTS, ask, grid)
    found = {}
    for labels, row in served.items():
        bad = np.nan_to_num(errors.get(labels, np.zeros(grid.count)))
        share = np.where(row > 0, bad / np.where(row > 0, row, 1.0), 0.0)
        found[labels] = np.where(np.isnan(row), np.nan, share)
    return found


def _tables(engine: Engine, ask: Ask) -> Iterable[str]:
    del ask
    table = stream_table(engine, "events")
    return ("",) if table is None else (table.name,)


def _words(engine: Engine, ask: Ask, labels: Labels, start: datetime, end: datetime) -> str:
    from datawatch_lab.engine.alerting.values import Values

    narrowed = Ask(ask.metric, "", (*ask.filters, *labels), ("service",))
    found = _count(Values(engine), narrowed, Grid(end - start, end, 1, end - start))
    worst = sorted(((row[0], dict(key)["service"]) for key, row in found.items() if row[0] > 0))
    return "; ".join(f"{service}: {count:,.0f} errors" for count, service in worst[:-4:-1])


_LABELS = ("service",)

SIGNALS = (
    Signal(
        described("errors.rate", "ratio", _LABELS, "Share of requests that failed."),
        _rate,
        _tables,
        ready=_ready,
        words=_words,
    ),
    Signal(
        described("errors.count", "1", _LABELS, "Errors of services.", Aggregation.COUNT),
        _count,
        _tables,
        ready=_ready,
        words=_words,
    ),
)

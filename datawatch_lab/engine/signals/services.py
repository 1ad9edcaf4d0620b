"""Services as a signal: the worst that one said of itself in a window, or that it was silent."""

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

BEATS = "service_heartbeats_total"
"""The metric that counts heartbeats by service and status."""

HEALTHY, DEGRADED, UNHEALTHY, SILENT = 0.0, 1.0, 2.0, 3.0

WORDS = {
    DEGRADED: ("degraded", "warning", "warn", "slow", "partial"),
    UNHEALTHY: ("unhealthy", "down", "error", "failed", "failing", "critical", "offline"),
}
"""What heartbeats say, by what it means; other words are healthy."""

_NAMES = {DEGRADED: "degraded", UNHEALTHY: "unhealthy", SILENT: "silent"}


def rank_of(word: str) -> float:
    """How grave a heartbeat's word is.

    >>> rank_of("Down"), rank_of("ok")
    (2.0, 0.0)
    """
    return next((rank for rank, words in WORDS.items() if word.lower() in words), HEALTHY)


def _ready(engine: Engine) -> None:
    """Make the metric that it is read from, once there are heartbeats."""
    table = stream_table(engine, "heartbeats")
    if table is not None:
        make(engine, table, BEATS, by=("service", "status"))


def _by_service(values: Values, ask: Ask, grid: Grid) -> dict[str, Row]:
    """The status of each service that was ever heard of."""
    metric = values.engine.metrics().get(BEATS)
    if metric is None:
        return {}
    beats = values.read([Ask(BEATS, "count", ask.filters, metric.labels)], grid)
    ranks: dict[str, list[tuple[float, Row]]] = {}
    for found in beats.values():
        for key, row in found.items():
            has = dict(key)
            ranks.setdefault(has.get("service", ""), []).append(
                (rank_of(has.get("status", "")), row)
            )
    return {service: _status(mine) for service, mine in sorted(ranks.items())}


def _status(mine: Iterable[tuple[float, Row]]) -> Row:
    """The worst of what was said; silent without a word, NaN before the first of any service."""
    listed = list(mine)
    worst = np.full(len(listed[0][1]), -1.0)
    known = np.zeros(len(worst), dtype=bool)
    for rank, row in listed:
        worst = np.where(np.nan_to_num(row) > 0, np.maximum(worst, rank), worst)
        known |= ~np.isnan(row)
    return np.where(worst >= 0, worst, np.where(known, SILENT, np.nan))


def _read(values: Values, ask: Ask, grid: Grid) -> dict[Labels, Row]:
    services = _by_service(values, ask, grid)
    if ask.group_by:
        return {(("service", name),): row for name, row in services.items()}
    if not services:
        return {(): np.full(grid.count, np.nan)}
    rows = np.array(list(services.values()))
    worst = np.where(np.isnan(rows), -1.0, rows).max(axis=0)
    return {(): np.where(worst >= 0, worst, np.nan)}


def _tables(engine: Engine, ask: Ask) -> Iterable[str]:
    del ask
    table = stream_table(engine, "heartbeats")
    return ("",) if table is None else (table.name,)


def _words(engine: Engine, ask: Ask, labels: Labels, start: datetime, end: datetime) -> str:
    from datawatch_lab.engine.alerting.values import Values

    over = end - start
    narrowed = Ask(ask.metric, "", (*ask.filters, *labels), ask.group_by)
    found = _by_service(Values(engine), narrowed, Grid(over, end, 1, over))
    return "; ".join(f"{name} is {_NAMES[row[0]]}" for name, row in found.items() if row[0] > 0)


SIGNALS = (
    Signal(
        described(
            "service.status",
            "",
            ("service",),
            "0 healthy, 1 degraded, 2 unhealthy, 3 silent: the worst of a window.",
            Aggregation.MAX,
        ),
        _read,
        _tables,
        ready=_ready,
        words=_words,
    ),
)

"""How services do: from heartbeats, calls and thresholds; the worst word counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from datawatch_lab.core.settings import Settings
from datawatch_lab.service.telemetry.calls import PERFORMANCE, SERVED
from datawatch_lab.service.telemetry.window import Window

HEALTHY, DEGRADED, UNHEALTHY, STALE = "healthy", "degraded", "unhealthy", "stale"

RECENT = timedelta(minutes=5)
"""Calls that a service is judged by."""

_REPORTED = {
    DEGRADED: ("degraded", "warning", "warn", "slow", "partial"),
    UNHEALTHY: ("unhealthy", "down", "error", "failed", "failing", "critical", "offline"),
}
_ORDER = (HEALTHY, DEGRADED, UNHEALTHY)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Figures:
    """What calls say over a stretch of time.

    Attributes:
        requests, errors: how many.
        average: milliseconds of a request; None when none told a time.
    """

    requests: float = 0.0
    errors: float = 0.0
    average: float | None = None

    @property
    def error_rate(self) -> float:
        """Share of requests that failed, in [0, 1]; 0 without any.

        Errors that come without their request count as one each.
        """
        whole = max(self.requests, self.errors)
        return self.errors / whole if whole else 0.0


@dataclass(frozen=True)
class ServiceState:
    """One service now.

    Attributes:
        name: of the service.
        status: healthy, degraded, unhealthy or stale.
        requests, errors: as its heartbeat says, else counted over the window.
        counted: over the window.
        average: milliseconds; None when nothing tells.
        uptime: as its heartbeat says, else since it was first heard of in the window.
        heartbeat: the newest; None for a service that sends none.
    """

    name: str
    status: str = HEALTHY
    requests: float = 0.0
    errors: float = 0.0
    counted: Figures = field(default_factory=Figures)
    average: float | None = None
    uptime: timedelta = timedelta(0)
    heartbeat: datetime | None = None


def figures(cells: pl.DataFrame) -> Figures:
    """Figures of all cells together; those of ``performance`` are not requests."""
    made = by_service(cells.with_columns(service=pl.lit("all")))
    return made.get("all", Figures())


def by_service(cells: pl.DataFrame) -> dict[str, Figures]:
    """Figures by service; see `cells.Cells`."""
    served = pl.col("kind").is_in(SERVED)
    merged = (
        cells.filter(pl.col("kind") != PERFORMANCE)
        .group_by("service")
        .agg(
            n=pl.col("n").filter(served).sum(),
            errors=pl.col("errors").sum(),
            timed=pl.col("timed").filter(served).sum(),
            sum=pl.col("sum").filter(served).sum(),
        )
    )
    return {
        service: Figures(n, errors, spent / timed if timed else None)
        for service, n, errors, timed, spent in merged.select(
            "service", "n", "errors", "timed", "sum"
        ).iter_rows()
    }


def services(window: Window, settings: Settings, now: datetime) -> dict[str, ServiceState]:
    """Every service that was heard of in the window, by name; call it under the window's lock."""
    since = window.since(now)
    cells = window.cells.minutes.filter(pl.col("at") >= since)
    whole = by_service(cells)
    recent = by_service(window.cells.seconds.filter(pl.col("at") > now - RECENT))
    heard = _heard(cells)
    beats = {} if window.heartbeats is None else _rows(window.heartbeats, "service")
    reported = {} if window.service_metrics is None else _rows(window.service_metrics, "service_id")
    for name, row in reported.items():
        first, last = heard.get(name, (row["first"], row["at"]))
        heard[name] = (min(first, row["first"]), max(last, row["at"]))
    found: dict[str, ServiceState] = {}
    for name in sorted({*heard, *beats} - {""}):
        base = ServiceState(name, counted=whole.get(name, Figures()))
        if name in beats:
            state = _with_heartbeat(base, beats[name])
            last = beats[name]["at"]
        else:
            state = _without_heartbeat(base, heard[name])
            last = heard[name][1]
        word = str(beats[name].get("status") or "") if name in beats else ""
        silent = now - last > settings.service_stale_after
        status = STALE if silent else judge(state, recent.get(name), word, settings)
        found[name] = replace(state, status=status)
    return found


def overall(cells: pl.DataFrame, found: Mapping[str, ServiceState]) -> Figures:
    """Figures of all services: calls, and what those say that send heartbeats only."""
    told = [each for each in found.values() if each.heartbeat and not each.counted.requests]
    names = [each.name for each in told]
    mine = cells.filter((pl.col("kind") != PERFORMANCE) & ~pl.col("service").is_in(names))
    served = mine.filter(pl.col("kind").is_in(SERVED))
    weights = [each.requests if each.average else 0.0 for each in told]
    spent = float(served["sum"].sum()) + sum(
        weight * (each.average or 0.0) for weight, each in zip(weights, told, strict=True)
    )
    timed = float(served["timed"].sum()) + sum(weights)
    return Figures(
        requests=float(served["n"].sum()) + sum(each.requests for each in told),
        errors=float(mine["errors"].sum()) + sum(each.errors for each in told),
        average=spent / timed if timed else None,
    )


def judge(state: ServiceState, recent: Figures | None, reported: str, settings: Settings) -> str:
    """The worst of what a service says of itself, its errors and its latency.

    Args:
        state: with what its heartbeat says.
        recent: its calls of the last minutes; None for none: then what the heartbeat says.
        reported: its own word for how it does.
        settings: with the thresholds.
    """
    shown = recent or Figures(state.requests, state.errors, state.average)
    average = timedelta(milliseconds=shown.average or 0.0)
    percent = 100 * shown.error_rate
    worst = HEALTHY
    limits: Mapping[str, tuple[int, timedelta]] = {
        DEGRADED: (settings.degraded_error_percent, settings.degraded_latency),
        UNHEALTHY: (settings.unhealthy_error_percent, settings.unhealthy_latency),
    }
    for status, (errors, latency) in limits.items():
        if reported.lower() in _REPORTED[status] or percent >= errors or average >= latency:
            worst = status
    return worst


def _with_heartbeat(state: ServiceState, beat: Mapping[str, Any]) -> ServiceState:
    requests, errors, average = (
        beat.get(name) for name in ("request_count", "error_count", "avg_latency")
    )
    at, first, uptime = beat["at"], beat["first"], beat.get("uptime")
    return replace(
        state,
        requests=_or(requests, state.counted.requests),
        errors=_or(errors, state.counted.errors),
        average=_or(average, state.counted.average),
        uptime=timedelta(seconds=uptime) if isinstance(uptime, float) else at - first,
        heartbeat=at,
    )


def _without_heartbeat(state: ServiceState, heard: tuple[datetime, datetime]) -> ServiceState:
    counted = state.counted
    return replace(
        state,
        requests=counted.requests,
        errors=counted.errors,
        average=counted.average,
        uptime=heard[1] - heard[0],
    )


def _or(value: object, other: float | None) -> float:
    return float(value) if isinstance(value, int | float) else other or 0.0


def _heard(cells: pl.DataFrame) -> dict[str, tuple[datetime, datetime]]:
    """First and last minute with a call, by service."""
    spans = cells.group_by("service").agg(first=pl.col("at").min(), last=pl.col("at").max())
    return {name: (first, last) for name, first, last in spans.iter_rows()}


def _rows(table: pl.DataFrame, key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in table.iter_rows(named=True)}


__all__ = [
    "DEGRADED",
    "HEALTHY",
    "STALE",
    "UNHEALTHY",
    "Figures",
    "ServiceState",
    "by_service",
    "figures",
    "judge",
    "overall",
    "services",
]

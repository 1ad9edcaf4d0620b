"""The dashboards of telemetry, made once for all who ask.

`dashboard_snapshot` and `analytics_snapshot` give what ``GET /dashboard`` and
``GET /api/v1/analytics/dashboard`` answer; both cost next to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from datawatch_lab.core.errors import not_found
from datawatch_lab.service.access.masking import MASK
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.telemetry import lists, shapes, status
from datawatch_lab.service.telemetry.behaviour import behaviour
from datawatch_lab.service.telemetry.calls import MEASURED
from datawatch_lab.service.telemetry.cells import quantiles, totals
from datawatch_lab.service.telemetry.connections import Connections
from datawatch_lab.service.telemetry.outlook import Predictions, service_anomalies
from datawatch_lab.service.telemetry.refresh import Refreshed
from datawatch_lab.service.telemetry.tasks import tasks
from datawatch_lab.service.telemetry.window import Window

if TYPE_CHECKING:
    from datawatch_lab.engine import Engine

ACTIVE = timedelta(minutes=5)
"""A user is active for so long after an action."""

AGGREGATIONS = 100
"""Minutes and services, and anomalies, that the dashboard of analytics lists."""

_MINUTE = timedelta(minutes=1)
_EVENT: dict[str, Any] = {"type": None, "service": None, "user_id": None, "data": {}, "tags": {}}


class Telemetry:
    """The window of an engine and what is made of it; one per engine, ``engine.beside(Telemetry)``.

    Attributes:
        dashboard, analytics: kept fresh while they are asked for.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.window = Window(engine)
        self.dashboard = Refreshed(self.make_dashboard, lambda: engine.version)
        self.analytics = Refreshed(self.make_analytics, lambda: engine.version)

    def close(self) -> None:
        """Keep nothing fresh any more."""
        self.dashboard.close()
        self.analytics.close()

    # ------------------------------------------------------------------ made at once

    def make_dashboard(self) -> shapes.Dashboard:
        """The dashboard as of now."""
        now = self._now()
        with self.window.lock:
            self.window.update(now)
            found = status.services(self.window, self._engine.settings, now)
            cells = self._cells(now)
            whole, minute = status.overall(cells, found), status.figures(self._last_minute(now))
            return shapes.Dashboard(
                overview=shapes.Overview(
                    total_requests=round(self._total_requests(cells, found)),
                    active_users=self._active_users(now),
                    average_latency_ms=whole.average or 0.0,
                    error_rate=100 * whole.error_rate,
                    requests_per_second=minute.requests / lists.SECONDS,
                ),
                services={name: lists.service(each) for name, each in found.items()},
                realtime_stats=shapes.Realtime(
                    requests_last_1min=round(minute.requests),
                    errors_last_1min=round(minute.errors),
                    active_connections=self._engine.beside(Connections).open,
                    top_endpoints=lists.endpoints(cells),
                    recent_events=[self.event(each) for each in self.window.recent],
                ),
                updated_at=iso(now) or "",
            )

    def make_analytics(self) -> shapes.Analytics:
        """The dashboard of analytics as of now; sensitive values are masked, for all see it."""
        now = self._now()
        anomalies = service_anomalies(self._engine, "", AGGREGATIONS, masked=True)
        with self.window.lock:
            self.window.update(now)
            found = status.services(self.window, self._engine.settings, now)
            return shapes.Analytics(
                timestamp=iso(now) or "",
                service_metrics=self._service_metrics(),
                aggregations=self._aggregations(now, None, AGGREGATIONS),
                anomalies=anomalies,
                predictions=self._engine.beside(Predictions).get(),
                top_errors=self._top_errors(now),
                top_users=self._top_users(now),
                system_health=self._health(found, now),
            )

    def aggregations(self, service: str | None, limit: int) -> list[shapes.AggregationRow]:
        """Services by minute, newest first, over the window."""
        now = self._now()
        with self.window.lock:
            self.window.update(now)
            return self._aggregations(now, service, limit)

    def services(self) -> list[shapes.Service]:
        """Every service that was heard of in the window, by name."""
        now = self._now()
        with self.window.lock:
            self.window.update(now)
            found = status.services(self.window, self._engine.settings, now)
        return [lists.service(each) for each in found.values()]

    def service(self, name: str) -> shapes.ServiceDetail:
        """One service in full.

        Raises:
            NotFoundError: it was not heard of in the window; names the nearest that was.
        """
        now = self._now()
        with self.window.lock:
            self.window.update(now)
            found = status.services(self.window, self._engine.settings, now)
            if name not in found:
                raise not_found("service", name, found)
            mine = pl.col("service") == name
            cells = self._cells(now).filter(mine)
            minute = status.figures(self._last_minute(now).filter(mine))
            times = lists.latencies(cells, self._bins(now).filter(mine))
            state = found[name]
            return shapes.ServiceDetail(
                service=name,
                status=state.status,
                uptime_hours=state.uptime / timedelta(hours=1),
                request_count=round(state.requests),
                error_count=round(state.errors),
                error_rate=100 * lists.rate(state),
                avg_latency_ms=state.average or 0.0,
                p50_latency_ms=times.get("p50"),
                p95_latency_ms=times.get("p95"),
                p99_latency_ms=times.get("p99"),
                requests_last_1min=round(minute.requests),
                errors_last_1min=round(minute.errors),
                last_heartbeat=iso(state.heartbeat),
                top_endpoints=lists.endpoints(cells),
                metrics=self._service_metrics().get(name, {}),
                measurements=self._measurements(name),
            )

    def behaviour(self) -> shapes.Behaviour:
        """What users do, over the window."""
        now, settings = self._now(), self._engine.settings
        with self.window.lock:
            self.window.update(now)
            actions = self.window.actions
        if actions is None:
            return shapes.Behaviour(0, 0, None, shapes.Sessions(), [], [], None)
        mine = actions.filter(pl.col("at") >= self.window.since(now))
        return behaviour(mine, settings.session_gap, settings.timezone)

    def tasks(self) -> shapes.Tasks:
        """How task runs go, over the window."""
        now = self._now()
        with self.window.lock:
            self.window.update(now)
            reports = self.window.reports
        if reports is None:
            return shapes.Tasks(0, 0, 0, 0, None, None, None, None, [], [])
        return tasks(reports.filter(pl.col("at") >= self.window.since(now)))

    def measured_names(self) -> frozenset[str]:
        """Names of the measurements that were heard of."""
        with self.window.lock:
            self.window.update(self._now())
            table = self.window.measurements
        return frozenset() if table is None else frozenset(table["name"].to_list())

    def event(self, row: Mapping[str, object], *, masked: bool = True) -> dict[str, Any]:
        """An event as clients know it: its own fields, with id and timestamp.

        Args:
            row: event_id, ts and after (JSON text).
            masked: sensitive values are masked.
        """
        return lists.posted_event(self._engine, "events", row, _EVENT, masked=masked)

    # ------------------------------------------------------------------ parts

    def _now(self) -> datetime:
        return self._engine.clock.now()

    def _cells(self, now: datetime) -> pl.DataFrame:
        return self.window.cells.minutes.filter(pl.col("at") >= self.window.since(now))

    def _bins(self, now: datetime) -> pl.DataFrame:
        return self.window.cells.bins.filter(pl.col("at") >= self.window.since(now))

    def _last_minute(self, now: datetime) -> pl.DataFrame:
        """Cells of the last sixty whole seconds, the present one included."""
        at = pl.col("at")
        return self.window.cells.seconds.filter((at > now - _MINUTE) & (at <= now))

    def _total_requests(
        self, cells: pl.DataFrame, found: Mapping[str, status.ServiceState]
    ) -> float:
        """Counted requests, and what services say that send heartbeats only."""
        measured = float(cells.filter(pl.col("kind") == MEASURED)["n"].sum())
        told = sum(
            each.requests
            for each in found.values()
            if each.heartbeat is not None and not each.counted.requests
        )
        return self.window.requests + measured + told

    def _active_users(self, now: datetime) -> int:
        users = self.window.users
        if users is None:
            return 0
        return users.filter(pl.col("last") > now - ACTIVE)["user"].n_unique()

    def _service_metrics(self) -> dict[str, dict[str, Any]]:
        table = self.window.service_metrics
        if table is None:
            return {}
        fields = [name for name in table.columns if name not in ("at", "first", "seq")]
        return {
            row["service_id"]: {name: row[name] for name in fields if name != "service_id"}
            | {"timestamp": iso(row["at"])}
            for row in table.sort("service_id").iter_rows(named=True)
        }

    def _measurements(self, service: str) -> dict[str, Any]:
        table = self.window.measurements
        if table is None:
            return {}
        mine = table.filter(pl.col("service") == service).sort("name")
        return {
            row["name"]: {
                "value": row["value"],
                "unit": row["unit"],
                "timestamp": iso(row["at"]),
            }
            for row in mine.iter_rows(named=True)
        }

    def _aggregations(
        self, now: datetime, service: str | None, limit: int
    ) -> list[shapes.AggregationRow]:
        wanted = (pl.col("kind") != MEASURED) & (pl.col("service") != "")
        if service is not None:
            wanted &= pl.col("service") == service
        by = ["at", "service"]
        cells = self._cells(now).filter(wanted)
        rows = totals(cells, by).sort(by, descending=[True, False]).head(limit)
        bins = self._bins(now).filter(wanted).join(rows.select(by), on=by, how="semi")
        mine = cells.join(rows.select(by), on=by, how="semi")
        whole = rows.join(quantiles(mine, bins, by), on=by, how="left", maintain_order="left")
        return [lists.aggregation(row) for row in whole.iter_rows(named=True)]

    def _top_errors(self, now: datetime) -> list[shapes.TopError]:
        table = self.window.failures
        if table is None:
            return []
        top = (
            table.filter(pl.col("at") >= self.window.since(now))
            .group_by("error", "service")
            .agg(pl.col("n").sum(), pl.col("last").max())
            .sort(["n", "error", "service"], descending=[True, False, False])
            .head(lists.TOP)
        )
        return [
            shapes.TopError(error, service, count, iso(last) or "")
            for error, service, count, last in top.iter_rows()
        ]

    def _top_users(self, now: datetime) -> list[shapes.TopUser]:
        table = self.window.users
        if table is None:
            return []
        top = (
            table.filter(pl.col("at") >= self.window.since(now))
            .group_by("user")
            .agg(pl.col("n", "errors").sum(), pl.col("last").max())
            .sort(["n", "user"], descending=[True, False])
            .head(lists.TOP)
        )
        hidden = "user_id" in lists.sensitive_fields(self._engine, "events", "user_actions")
        return [
            shapes.TopUser(MASK if hidden else user, round(n), round(errors), iso(last) or "")
            for user, n, errors, last in top.iter_rows()
        ]

    def _health(self, found: Mapping[str, status.ServiceState], now: datetime) -> shapes.Health:
        words = [each.status for each in found.values()]
        counts = {word: words.count(word) for word in dict.fromkeys(words)}
        bad = counts.get(status.UNHEALTHY, 0) + counts.get(status.STALE, 0)
        worst = status.UNHEALTHY if bad else status.DEGRADED
        whole = status.HEALTHY if words and set(words) == {status.HEALTHY} else worst
        recent = self.window.cells.seconds.filter(pl.col("at") > now - status.RECENT)
        hosts = self._service_metrics().values()
        highest = {
            name: max((v for each in hosts if (v := each.get(name)) is not None), default=None)
            for name in ("cpu_usage", "memory_usage", "disk_usage")
        }
        return shapes.Health(
            status=whole if words else "unknown",
            score=100 * counts.get(status.HEALTHY, 0) / len(words) if words else None,
            healthy=counts.get(status.HEALTHY, 0),
            degraded=counts.get(status.DEGRADED, 0),
            unhealthy=counts.get(status.UNHEALTHY, 0),
            stale=counts.get(status.STALE, 0),
            error_rate=status.figures(recent).error_rate,
            requests_per_second=status.figures(self._last_minute(now)).requests / lists.SECONDS,
            **highest,
        )


def dashboard_snapshot(engine: Engine) -> shapes.Dashboard:
    """What ``GET /dashboard`` answers; at most about a second old, made once for all who ask."""
    return engine.beside(Telemetry).dashboard.get()


def analytics_snapshot(engine: Engine) -> shapes.Analytics:
    """What ``GET /api/v1/analytics/dashboard`` answers; see `dashboard_snapshot`."""
    return engine.beside(Telemetry).analytics.get()

"""The server's own state for Prometheus, at ``GET /metrics`` for those who ask for text.

A browser, curl or a client of the older service that asks for JSON, or for anything, gets the list
of measurements. Prometheus asks for OpenMetrics or text.
"""

from __future__ import annotations

from collections.abc import Iterator

import prometheus_client
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from tornado.ioloop import IOLoop

from datawatch_lab.api import exposition_servers as servers
from datawatch_lab.api.handlers import OperationHandler, Shared
from datawatch_lab.service.operation import Nothing
from datawatch_lab.service.operations import named
from datawatch_lab.service.telemetry.vitals import Vitals

EXPOSED = "/metrics"
"""The path that answers measurements or the exposition, by Accept."""

_OPENMETRICS = "application/openmetrics-text"
_TEXT = "text/plain"
_COUNTS = ("received", "applied", "duplicate", "late", "quarantined")


def wants_exposition(accept: str) -> str:
    """What kind of exposition is asked for: a media type, or '' for none.

    >>> wants_exposition("application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1")
    'application/openmetrics-text'
    >>> wants_exposition("text/plain"), wants_exposition("application/json, text/plain, */*")
    ('text/plain', '')
    >>> wants_exposition("*/*"), wants_exposition("text/html,*/*")
    ('', '')
    """
    kinds = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    if "application/json" in kinds:
        return ""
    return next((kind for kind in (_OPENMETRICS, _TEXT) if kind in kinds), "")


class ExpositionHandler(OperationHandler):
    """Serves the operations of its path; ``GET`` for text answers the exposition."""

    async def serve(self, **path: str) -> None:
        """Answer with the exposition, or as the operation does."""
        kind = wants_exposition(self.request.headers.get("Accept", ""))
        if not kind or self.operation.method != "GET":
            await super().serve(**path)
            return
        text, content_type = await IOLoop.current().run_in_executor(
            self.shared.readers, exposition, self.shared, kind
        )
        self.add_header("Vary", "Accept")
        self.set_header("Content-Type", content_type)
        self.finish(text)

    get = head = post = serve


def exposition(shared: Shared, kind: str) -> tuple[bytes, str]:
    """The exposition and its content type.

    Args:
        shared: of the server.
        kind: a media type of `wants_exposition`.
    """
    vitals: Vitals = shared.caller.call(named("server_vitals"), Nothing())
    registry = CollectorRegistry()
    registry.register(_Vitals(vitals))
    registry.register(_Known(shared.times.registry))
    ProcessCollector(registry=registry)
    if kind == _OPENMETRICS:
        text: bytes = openmetrics_exposition.generate_latest(registry)  # type: ignore[no-untyped-call]
        return text, openmetrics_exposition.CONTENT_TYPE_LATEST
    return prometheus_client.generate_latest(registry), prometheus_client.CONTENT_TYPE_LATEST


class _Known:
    """The metrics of another registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        """Give them."""
        yield from self._registry.collect()


class _Vitals:
    """The state of an engine as metrics of Prometheus."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Metric]:
        """Give the metrics."""
        yield from self._gauges()
        yield from self._ledger()
        yield from self._commits()
        yield from servers.watched(self._vitals)
        yield from servers.written_to(self._vitals)

    def _gauges(self) -> Iterator[Metric]:
        found = self._vitals
        release = GaugeMetricFamily(
            "datawatch_build_info", "The release that runs.", labels=["release"]
        )
        release.add_metric([found.release], 1)
        yield release
        values: tuple[tuple[str, str, float], ...] = (
            ("up", "Whether the last commit could be stored.", float(found.healthy)),
            ("uptime_seconds", "Since the engine was opened.", found.uptime_seconds),
            ("backlog_events", "Events that wait to be stored.", found.backlog),
            ("workspace_bytes", "Size of the workspace on disk.", found.size_bytes),
            ("quarantine_rows", "Rows that wait in the quarantine.", found.quarantine),
            ("tables", "Tables found so far.", found.tables),
            ("metrics", "Metrics that can be queried.", found.metrics),
            ("connections", "Open WebSockets.", found.connections),
            ("data_version", "Commits so far.", found.version),
            ("last_sequence", "Number of the last event in the log.", found.last_seq),
        )
        for name, words, value in values:
            yield GaugeMetricFamily(f"datawatch_{name}", words, value=value)

    def _ledger(self) -> Iterator[Metric]:
        events = CounterMetricFamily(
            "datawatch_events",
            "Events by source, table and what became of them; see the ledger.",
            labels=["source", "table", "outcome"],
        )
        for each in self._vitals.ledger:
            for outcome in _COUNTS:
                events.add_metric([each.source, each.table, outcome], getattr(each, outcome))
        yield events

    def _commits(self) -> Iterator[Metric]:
        found = self._vitals.commits
        total, buckets = 0, []
        for bound, count in zip([*map(str, found.bounds), "+Inf"], found.counts, strict=True):
            total += count
            buckets.append((bound, float(total)))
        yield HistogramMetricFamily(
            "datawatch_commit_seconds",
            "Time that a commit took.",
            buckets=buckets,
            sum_value=found.seconds,
        )
        yield CounterMetricFamily(
            "datawatch_commits_failed", "Commits that failed.", value=found.failed
        )
        yield CounterMetricFamily(
            "datawatch_committed_events", "Events received with commits.", value=found.events
        )

"""Watched servers and metric back ends as metrics of Prometheus: whether they are up, their lag."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from datawatch_lab.service.telemetry.vitals import Vitals

_SOURCES = (
    ("lag_bytes", "Bytes of the server's log that are not stored yet."),
    ("lag_events", "Messages of the broker that are not stored yet."),
    ("retained_bytes", "Bytes of log that the server keeps for the reader."),
)
_BACKENDS = (
    ("points", "Rows that the back end took."),
    ("refused", "Rows that it refused for good."),
    ("errors", "Writes that failed since the workspace was opened."),
)


def watched(vitals: Vitals) -> Iterator[Metric]:
    """Metrics by source; what is not known of one is left out."""
    up = GaugeMetricFamily(
        "datawatch_source_up", "Whether a watched server is read now.", labels=["source"]
    )
    rows = CounterMetricFamily(
        "datawatch_source_rows", "Rows stored since it was connected.", labels=["source"]
    )
    for each in vitals.sources:
        up.add_metric([each.name], float(each.up))
        rows.add_metric([each.name], each.rows)
    yield up
    yield rows
    for name, words in _SOURCES:
        gauge = GaugeMetricFamily(f"datawatch_source_{name}", words, labels=["source"])
        for each in vitals.sources:
            if (value := getattr(each, name)) is not None:
                gauge.add_metric([each.name], value)
        yield gauge


def written_to(vitals: Vitals) -> Iterator[Metric]:
    """Metrics by back end."""
    up = GaugeMetricFamily(
        "datawatch_backend_up", "Whether a metric back end takes points now.", labels=["backend"]
    )
    behind = GaugeMetricFamily(
        "datawatch_backend_behind_seconds",
        "Closed minutes that wait to be sent, of the table with the most.",
        labels=["backend"],
    )
    for each in vitals.backends:
        up.add_metric([each.name], float(each.up))
        behind.add_metric([each.name], each.behind_seconds)
    yield up
    yield behind
    for name, words in _BACKENDS:
        counter = CounterMetricFamily(f"datawatch_backend_{name}", words, labels=["backend"])
        for each in vitals.backends:
            counter.add_metric([each.name], getattr(each, name))
        yield counter

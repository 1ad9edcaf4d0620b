"""Sections of the configuration beside the settings of the engine, one value each."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from datawatch_lab.core.alerting import Routing


class MetricsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``metrics``.

    Attributes:
        enabled: whether there are automatic metrics; false is `auto_discover: false`.
        storage: where metrics are written to beside the workspace: embedded (nowhere else),
            prometheus, influxdb, timescale, clickhouse.
    """

    enabled: bool = True
    storage: str = "embedded"


class AnomalySection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``anomaly``.

    Attributes:
        enabled: whether anomalies are looked for.
        algorithms: statistical, seasonal, ml.
        sensitivity: low, medium, high, a number from 0 to 1, or standard deviations such as 2.5.
        baseline_window: how much of the past says what is normal.
    """

    enabled: bool = True
    algorithms: tuple[str, ...] = ("statistical", "seasonal", "ml")
    sensitivity: str | float = "medium"
    baseline_window: timedelta = timedelta(days=7)


class QualitySection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``quality``.

    Attributes:
        enabled: whether the quality of data is checked.
        default_rules: whether rules are proposed from the data.
        score_threshold: score in percent below which a table is shown as bad.
    """

    enabled: bool = True
    default_rules: bool = True
    score_threshold: float = 90.0


class SchemaSection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``schema``.

    Attributes:
        enabled: whether there is a history of schemas; false is `track_schema: false`.
    """

    enabled: bool = True


class AlertsSection(msgspec.Struct, frozen=True, kw_only=True):
    """The section ``alerts``.

    Attributes:
        enabled: whether rules are evaluated.
        evaluation_interval: how often rules are evaluated.
        private_targets: whether webhooks may go to private addresses.
        routing: how alerts are grouped, paced and kept back, see docs/alerts.md.
    """

    enabled: bool = True
    evaluation_interval: timedelta = timedelta(minutes=1)
    private_targets: bool = False
    routing: Routing = Routing()


class BackendsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Servers that metrics can be written to; in no repr, for it holds secrets.

    Attributes:
        enabled: whether any other server is written to; the workspace itself always is.
        prometheus_url: address of Prometheus, where PromQL is asked.
        prometheus_remote_write: whether metrics are written to it, or the address to write to.
        influxdb_url: address of InfluxDB, 1.x or 2.x.
        influxdb_database: database of InfluxDB 1.x.
        influxdb_username, influxdb_password: to sign in to InfluxDB 1.x.
        influxdb_token, influxdb_org, influxdb_bucket: to write to InfluxDB 2.x.
        timescale_url: address of TimescaleDB, such as postgresql://user:${PW}@host/database.
        clickhouse_url: address of the HTTP interface of ClickHouse.
        clickhouse_database: that metrics are written to.
        clickhouse_username, clickhouse_password: to sign in with.
    """

    enabled: bool = True
    prometheus_url: str | None = None
    prometheus_remote_write: bool | str = False
    influxdb_url: str | None = None
    influxdb_database: str | None = None
    influxdb_username: str | None = None
    influxdb_password: str | None = None
    influxdb_token: str | None = None
    influxdb_org: str | None = None
    influxdb_bucket: str | None = None
    timescale_url: str | None = None
    clickhouse_url: str | None = None
    clickhouse_database: str | None = None
    clickhouse_username: str | None = None
    clickhouse_password: str | None = None

    def __repr__(self) -> str:
        return f"BackendsSection(enabled={self.enabled})"

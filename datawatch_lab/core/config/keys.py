"""The table of all keys of the configuration, and the value that they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import msgspec

from datawatch_lab.core.config import readers as read
from datawatch_lab.core.config.alerts import read_routing
from datawatch_lab.core.config.channels import Channel, read_channels
from datawatch_lab.core.config.readers import Reader
from datawatch_lab.core.config.reports import read_objectives, read_reports
from datawatch_lab.core.config.rules import (
    AlertRuleConfig,
    QualityRuleConfig,
    read_alert_rules,
    read_quality_rules,
)
from datawatch_lab.core.config.sections import (
    AlertsSection,
    AnomalySection,
    BackendsSection,
    MetricsSection,
    QualitySection,
    SchemaSection,
)
from datawatch_lab.core.config.sources import read_sources
from datawatch_lab.core.config.tables import read_tables
from datawatch_lab.core.docstrings import attributes_of
from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import ConfigError, TimeError
from datawatch_lab.core.reports import ReportSchedule
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.sizes import format_size
from datawatch_lab.core.watching import WatchSettings

DEFAULT_PORT = 3002
DEFAULT_HOST = "127.0.0.1"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What a server is told.

    Attributes:
        enabled: false: `datawatch serve` says so and ends.
        server_enabled: the same, for the server alone.
        host: address to bind to; others than this machine's own need users.
        port: port to bind to; 0 for any free one.
        environment: development, staging or production; named in the log when that is JSON.
        auth: whether callers must sign in; false on loopback only.
        names: names that the server is asked by, beside those of its machine.
        cors: origins whose pages may read and write here, such as https://app.example.org; none
            by default.
        rate_limit: requests of one user or token, such as 6000/minute; '' for no limit.
        login_limit: attempts to sign in from one address.
        webhook_secret: secret that deliveries of events are signed with; none by default.
        webhook_window: how far the time of a delivery may be from now.
        log_level: DEBUG, INFO, WARNING or ERROR.
        log_format: text, or json with one object a line.
        workspace: path of the workspace file; by default ./datawatch.duckdb.
        objects: Python file of the Panel and HoloViews objects that tiles show; it is run as the
            server begins, with all its rights; see docs/board.md. Empty for none.
        settings: of the workspace's engine.
        cache_enabled: whether answers are kept.
        metrics, anomaly, quality, schema, alerts, backends: sections, see `core.config.sections`.
        channels: where alerts are sent; `alerts.channels` and `notification_channels` are one list,
            merged by name. Kinds: slack, pagerduty, email, webhook, teams, discord, apprise.
        sources: databases to watch.
        data_quality_rules: rules by table and dimension.
        alert_rules: a list of rules with name, metric and condition.
        reports: notebooks that the server runs by itself; see docs/reports.md.
    """

    enabled: bool = True
    server_enabled: bool = True
    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    environment: str = "production"
    auth: bool = True
    names: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    rate_limit: str = "6000/minute"
    login_limit: str = "10/minute"
    webhook_secret: str | None = None
    webhook_window: timedelta = timedelta(minutes=5)
    log_level: str = "info"
    log_format: str = "text"
    workspace: str | None = None
    objects: str = ""
    settings: Settings = Settings()
    cache_enabled: bool = True
    metrics: MetricsSection = MetricsSection()
    anomaly: AnomalySection = AnomalySection()
    quality: QualitySection = QualitySection()
    schema: SchemaSection = SchemaSection()
    alerts: AlertsSection = AlertsSection()
    backends: BackendsSection = BackendsSection()
    channels: tuple[Channel, ...] = ()
    sources: tuple[WatchSettings, ...] = ()
    data_quality_rules: tuple[QualityRuleConfig, ...] = ()
    alert_rules: tuple[AlertRuleConfig, ...] = ()
    reports: tuple[ReportSchedule, ...] = ()


@dataclass(frozen=True)
class Key:
    """A key of the configuration.

    Attributes:
        name: dotted, as in the file.
        read: makes its value from what the file or the environment says; a ValueError refuses it.
        field: of `Config`, or of its ``part``.
        part: a field of `Config` that holds the value; '' for `Config` itself.
        also: a further variable of the environment that sets it.
        same_as: the key that says the same, and wins; '' for none.
        is_secret: its value is in no message.
    """

    name: str
    read: Reader
    field: str
    part: str = ""
    also: str | None = None
    same_as: str = ""
    is_secret: bool = False

    @property
    def is_setting(self) -> bool:
        """Whether it is a field of `Settings`."""
        return self.part == "settings"

    @property
    def is_channels(self) -> bool:
        """Whether it is one of the two sections of channels, which are merged."""
        return self.read is read_channels

    @property
    def variable(self) -> str:
        """The variable of the environment that sets it.

        >>> Key("server.port", str, "port").variable
        'DATAWATCH_SERVER_PORT'
        """
        return "DATAWATCH_" + self.name.replace(".", "_").upper()

    @property
    def default(self) -> str:
        """What holds without it, as it would be written; '' for nothing."""
        owner = Config() if not self.part else getattr(Config(), self.part)
        value = getattr(owner, self.field)
        if self.read is read.size:
            return format_size(int(value))
        if isinstance(value, tuple):
            return f"[{', '.join(map(str, value))}]"
        if isinstance(value, timedelta):
            return format_duration(value)
        if self.read is read.percent:
            return f"{value:g}%"
        if isinstance(value, bool):
            return str(value).lower()
        return "{}" if value == {} else "" if value is None else str(value)

    @cached_property
    def says(self) -> str:
        """What it means, from the docstring of the value that it is part of."""
        owner = Config if not self.part else type(getattr(Config(), self.part))
        return attributes_of(owner).get(self.field, "")


_READERS: Mapping[str, Reader] = {
    "timezone": read.zone,
    "raw_bytes": read.size,
    "cache_bytes": read.size,
    "archive": read.folder,
    "plan": read.plan,
    "objectives": read_objectives,
}
CACHE_KEYS = {name: f"cache_{name}" for name in ("live", "aggregates", "dashboards", "bytes")}
"""Keys of ``cache`` and the settings that they are."""

RETENTION_LEVELS = {
    "raw": "raw_kept",
    "raw_size": "raw_bytes",
    "1s": "seconds_kept",
    "1m": "minutes_kept",
    "5m": "five_minutes_kept",
    "1h": "hours_kept",
    "1d": "days_kept",
    "sketches": "sketches_kept",
}
"""Keys of ``metrics.retention_levels`` and the settings that they are."""


_IN_SECTIONS = {
    "alerts.history": "alerts_kept",
    "metrics.archive": "archive",
    "metrics.auto_discover": "auto_discover",
    "schema.track_changes": "track_schema",
    "schema.alert_on_breaking": "alert_on_breaking",
}
"""Keys of other sections and the settings that they are."""


def _reader(name: str, default: object) -> Reader:
    if name in _READERS:
        return _READERS[name]
    if name.endswith("_kept"):
        return read.kept
    if isinstance(default, bool):
        return read.switch
    if isinstance(default, timedelta):
        return read.duration
    if isinstance(default, dict):
        return read_tables
    return read.count if isinstance(default, int) else read.text


def _settings() -> Iterator[Key]:
    """The settings of the engine under their own names, then under those of the sections."""
    levels = {f"metrics.retention_levels.{key}": name for key, name in RETENTION_LEVELS.items()}
    named = {f"cache.{key}": name for key, name in CACHE_KEYS.items()}
    named |= _IN_SECTIONS
    wins = {name: key for key, name in (named | levels).items()}
    for each in msgspec.structs.fields(Settings):
        reader = _reader(each.name, getattr(Settings(), each.name))
        yield Key(each.name, reader, each.name, "settings", same_as=wins.get(each.name, ""))
    for key, name in named.items():
        yield Key(key, _reader(name, getattr(Settings(), name)), name, "settings")
    level = "metrics.retention_levels.1m"
    yield Key("metrics.retention", read.kept, "minutes_kept", "settings", same_as=level)
    for key, name in levels.items():
        yield Key(key, _reader(name, timedelta()), name, "settings")


_BACKENDS = ("prometheus", "influxdb", "timescale", "clickhouse")
_ALGORITHMS = ("statistical", "seasonal", "ml")
_SECRETS = ("influxdb_password", "influxdb_token", "clickhouse_password", "timescale_url")


def _backends() -> Iterator[Key]:
    yield Key("storage.enabled", read.switch, "enabled", "backends")
    remote = "prometheus_remote_write"
    wins = "storage.prometheus.remote_write"
    yield Key("storage.remote_write", read.remote_write, remote, "backends", same_as=wins)
    for each in msgspec.structs.fields(BackendsSection):
        backend, _, rest = each.name.partition("_")
        if backend not in _BACKENDS:
            continue
        reader = read.remote_write if each.name == remote else read.address
        yield Key(
            f"storage.{backend}.{rest}",
            reader,
            each.name,
            "backends",
            is_secret=each.name in _SECRETS or rest == "url",
        )


KEYS: tuple[Key, ...] = (
    Key("enabled", read.switch, "enabled"),
    Key("server.enabled", read.switch, "server_enabled"),
    Key("server.host", read.text, "host"),
    Key("server.port", read.port, "port", also="PORT"),
    Key("server.environment", read.one_of("development", "staging", "production"), "environment"),
    Key("server.auth", read.switch, "auth"),
    Key("server.names", read.names, "names"),
    Key("server.cors", read.origins, "cors"),
    Key("server.rate_limit", read.rate, "rate_limit"),
    Key("server.login_limit", read.rate, "login_limit"),
    Key("server.webhook_secret", read.text, "webhook_secret", is_secret=True),
    Key("server.webhook_window", read.duration, "webhook_window"),
    Key(
        "server.log_level",
        read.one_of("debug", "info", "warning", "error"),
        "log_level",
        also="LOG_LEVEL",
    ),
    Key("server.log_format", read.one_of("text", "json"), "log_format", also="LOG_FORMAT"),
    Key("storage.embedded.path", read.text, "workspace", also="DATAWATCH_WORKSPACE"),
    *_backends(),
    Key("metrics.enabled", read.switch, "enabled", "metrics"),
    Key("metrics.storage", read.one_of("embedded", *_BACKENDS), "storage", "metrics"),
    *_settings(),
    Key("cache.enabled", read.switch, "cache_enabled"),
    Key("anomaly.enabled", read.switch, "enabled", "anomaly"),
    Key("anomaly.algorithms", read.some_of(*_ALGORITHMS), "algorithms", "anomaly"),
    Key("anomaly.sensitivity", read.sensitivity, "sensitivity", "anomaly"),
    Key("anomaly.baseline_window", read.kept, "baseline_window", "anomaly"),
    Key("quality.enabled", read.switch, "enabled", "quality"),
    Key("quality.default_rules", read.switch, "default_rules", "quality"),
    Key("quality.score_threshold", read.percent, "score_threshold", "quality"),
    Key("schema.enabled", read.switch, "enabled", "schema"),
    Key("alerts.enabled", read.switch, "enabled", "alerts"),
    Key("alerts.evaluation_interval", read.kept, "evaluation_interval", "alerts"),
    Key("alerts.private_targets", read.switch, "private_targets", "alerts"),
    Key("alerts.routing", read_routing, "routing", "alerts"),
    Key("alerts.channels", read_channels, "channels", is_secret=True),
    Key("notification_channels", read_channels, "channels", is_secret=True),
    Key("sources", read_sources, "sources", is_secret=True),
    Key("data_quality_rules", read_quality_rules, "data_quality_rules", is_secret=True),
    Key("alert_rules", read_alert_rules, "alert_rules", is_secret=True),
    Key("objects", read.folder, "objects"),
    Key("reports", read_reports, "reports"),
)
"""Every key of this release. Of keys that mean the same, the later one wins."""


def value_of(key: Key, given: object, where: str) -> Any:
    """What a key is set to.

    Args:
        key: that is set.
        given: what the file or the environment says.
        where: it says so, for messages.

    Raises:
        ConfigError: the value is wrong; says where and why, and quotes it unless it is a secret.
    """
    try:
        return key.read(given)
    except (TimeError, ConfigError) as error:
        raise ConfigError(f"{where}: {error.message}", hint=error.hint) from None
    except ValueError as error:
        shown = ":" if key.is_secret else f" is {given!r};"
        raise ConfigError(f"{where}{shown} {error}.") from None

"""What looks wrong in a configuration that can be read: addresses, keys, paths, names of metrics.

Nothing is connected to, opened or written.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from datawatch_lab.core.config.channels import Channel
from datawatch_lab.core.config.keys import Config

_SUFFIXES = (
    "_total",
    "_rate",
    "_rows",
    "_sum",
    "_avg",
    "_min",
    "_max",
    "_p50",
    "_p95",
    "_p99",
    "_cardinality",
    "_seconds",
    "_ratio",
)
_WORKSPACE_METRICS = ("anomalies_active", "dq_score", "alerts_triggered")
_PREFIXES = ("dq_score_",)
_HOOKS = {
    "slack": (r"https://hooks\.slack(-gov)?\.com/(services|workflows|triggers)/.+", "Slack"),
    "discord": (r"https://(\w+\.)?discord(app)?\.com/api/webhooks/.+", "Discord"),
    "teams": (r"https://.+(office|microsoft|azure|powerplatform)\S*\.com(:\d+)?/.+", "Teams"),
}
_MAIL = re.compile(r"[^@\s]+@[^@\s.]+\.[^@\s]+")
_PAGERDUTY = re.compile(r"[0-9a-zA-Z]{32}")
_SHORT_SECRET = 16


class Doubt(msgspec.Struct, frozen=True):
    """Something that may be wrong.

    Attributes:
        key: of the configuration.
        message: a sentence; it holds no secret.
    """

    key: str
    message: str


def doubts(config: Config) -> list[Doubt]:
    """What may be wrong, in the order of the sections; [] for nothing."""
    return [
        Doubt(key, message)
        for part in (_server, _storage, _sources, _channels, _alert_rules)
        for key, message in part(config)
    ]


Found = Iterator[tuple[str, str]]


def _server(config: Config) -> Found:
    if not config.enabled or not config.server_enabled:
        yield ("enabled" if not config.enabled else "server.enabled"), "serve will not start."
    if config.webhook_secret is not None and len(config.webhook_secret) < _SHORT_SECRET:
        yield "server.webhook_secret", f"it is shorter than {_SHORT_SECRET} characters."
    if not config.auth and config.host not in ("127.0.0.1", "localhost", "::1"):
        yield "server.auth", f"serve refuses to do without on {config.host}: others can reach it."
    if config.objects and not Path(config.objects).is_file():
        yield "objects", f"there is no file {config.objects}."
    for origin in config.cors:
        if origin.startswith("http://") and not _is_private(_host(origin)):
            yield "server.cors", f"{origin} is not encrypted; anybody on the way can speak for it."


def _storage(config: Config) -> Found:
    if config.workspace and not Path(config.workspace).expanduser().absolute().parent.is_dir():
        yield "storage.embedded.path", f"there is no folder {Path(config.workspace).parent}."
    archive = config.settings.archive
    if archive and not Path(archive).is_dir():
        yield "metrics.archive", f"there is no folder {archive} yet."
    backends = config.backends
    for name, schemes in (
        ("prometheus", ("http", "https")),
        ("influxdb", ("http", "https")),
        ("timescale", ("postgresql", "postgres")),
        ("clickhouse", ("http", "https")),
    ):
        url = getattr(backends, f"{name}_url")
        if url is not None and (fault := _fault(url, schemes)):
            yield f"storage.{name}.url", fault
        if config.metrics.storage == name and url is None and not _writes(config, name):
            yield "metrics.storage", f"it is {name}, but storage.{name}.url is not given."
    remote = backends.prometheus_remote_write
    if isinstance(remote, str) and (fault := _fault(remote, ("http", "https"))):
        yield "storage.prometheus.remote_write", fault
    if remote is True and backends.prometheus_url is None:
        yield "storage.prometheus.remote_write", "it needs storage.prometheus.url."


def _writes(config: Config, name: str) -> bool:
    return name == "prometheus" and isinstance(config.backends.prometheus_remote_write, str)


def _sources(config: Config) -> Found:
    known = ("postgresql", "postgres", "mysql", "mariadb", "kafka", "redis", "rediss", "system")
    for number, source in enumerate(config.sources, 1):
        name = source.name or f"entry {number}"
        if source.url.startswith("${") or (" " in source.url and "=" in source.url):
            continue  # it is in the environment, or written as words
        if fault := _fault(source.url, known):
            yield "sources", f"{name}: {fault}"


def _channels(config: Config) -> Found:
    for channel in config.channels:
        for option, fault in _channel(channel, private=config.alerts.private_targets):
            yield f"notification_channels.{channel.name}.{option}", fault


def _channel(channel: Channel, *, private: bool) -> Found:
    options = channel.options
    url = str(options.get("webhook_url", options.get("url", "")))
    if channel.kind in _HOOKS and url:
        pattern, name = _HOOKS[channel.kind]
        if not re.fullmatch(pattern, url):
            yield "webhook_url", f"it does not look like an address of {name}."
    if channel.kind == "webhook" and url:
        yield from _webhook(url, str(options.get("secret", "")), private=private)
    if channel.kind == "apprise" and url and "://" not in url:
        yield "url", "it is no address such as ntfy://topic."
    key = str(options.get("service_key", ""))
    if key and not _PAGERDUTY.fullmatch(key):
        yield "service_key", "keys of PagerDuty have 32 letters and digits."
    for address in options.get("recipients", ()):
        if not _MAIL.fullmatch(address):
            yield "recipients", f"{address} does not look like an address."


def _webhook(url: str, secret: str, *, private: bool) -> Found:
    if fault := _fault(url, ("http", "https")):
        yield "url", fault
    elif _is_private(_host(url)) and not private:
        yield "url", "it is a private address, which needs alerts.private_targets: true."
    if secret and len(secret) < _SHORT_SECRET:
        yield "secret", f"it is shorter than {_SHORT_SECRET} characters."


def _alert_rules(config: Config) -> Found:
    names = {each.name for each in config.channels}
    for rule in config.alert_rules:
        for channel in (each for each in rule.channels if each not in names):
            listed = ", ".join(sorted(names)) or "none"
            yield "alert_rules", f"{rule.name}: there is no channel {channel}. Channels: {listed}."
        is_metric = rule.options.get("type", "metric") == "metric"
        if is_metric and not _is_automatic(rule.metric):
            words = f"{rule.metric} is not named like an automatic metric; define it first."
            yield "alert_rules", f"{rule.name}: {words}"


def _is_automatic(metric: str) -> bool:
    """Whether a metric is named as automatic ones are: ``orders_amount_sum``, ``dq_score``."""
    named = metric in _WORKSPACE_METRICS or metric.startswith(_PREFIXES) or "_by_" in metric
    return named or metric.endswith(_SUFFIXES)


def _fault(url: str, schemes: tuple[str, ...]) -> str:
    """What is wrong with an address; '' for nothing. It quotes nothing but the scheme."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "its host or port cannot be read."
    if parts.scheme not in schemes:
        return f"it must begin with {' or '.join(f'{each}://' for each in schemes)}."
    return "" if parts.hostname or parts.scheme == "system" else "it has no host."


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_private(host: str) -> bool:
    """Whether an address is of this machine or of a private network, as far as its text tells."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))

"""Sections of later stages, channels, rules, the file that is begun, and what is doubted."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.config import KEYS, Config, load_config
from datawatch_lab.core.config import readers as read
from datawatch_lab.core.config.channels import merged, read_channels
from datawatch_lab.core.config.check import doubts
from datawatch_lab.core.config.template import default_file
from datawatch_lab.core.errors import ConfigError
from tests.core.test_config import written

WHOLE = """
datawatch:
  enabled: true
  server: {port: 3002, environment: staging, auth: true}
  metrics: {auto_discover: true, retention: 30d, storage: prometheus}
  anomaly:
    enabled: true
    algorithms: [statistical, seasonal]
    sensitivity: high
    baseline_window: 14d
  quality: {enabled: false, default_rules: true, score_threshold: 95%}
  schema: {track_changes: true, alert_on_breaking: false}
  alerts:
    evaluation_interval: 30s
    channels:
      slack: {webhook_url: '${HOOK}', channel: '#alerts'}
      pagerduty: {service_key: '${KEY:-0123456789abcdef0123456789abcdef}'}
  storage:
    embedded: {path: ./datawatch.duckdb}
    prometheus: {url: 'http://localhost:9090', remote_write: true}
    influxdb: {url: 'http://localhost:8086', token: t, org: o, bucket: b}
    timescale: 'postgresql://localhost/metrics'
    clickhouse: {url: 'http://localhost:8123', database: metrics}
  cache: {enabled: false}
  timezone: Europe/Berlin
  plan: pro
data_quality_rules:
  orders:
    completeness:
      - {field: customer_id, rule: not_null, threshold: 99.9%}
      - {field: email, rule: not_empty, threshold: 95%}
    validity:
      - {field: amount, rule: positive, alert_on: any_violation, description: no free orders}
      - {field: status, rule: in_set, values: [pending, paid]}
    freshness:
      - {rule: max_age, threshold: 5m}
    consistency:
      - {rule: referential_integrity, field: customer_id, references: customers.id}
alert_rules:
  - {name: "Order Spike", metric: orders_created_rate, condition: "> 200% of baseline", for: 5m,
     severity: warning, channels: [slack, email]}
notification_channels:
  slack: {channel: '#ops'}
  email: {recipients: [ops@example.org], smtp_host: mail.example.org, smtp_port: 587, from: a@b.org}
"""
HOOK = "https://hooks.slack.com/services/T/B/x"


def test_every_section_is_read_and_kept(tmp_path: Path) -> None:
    """A file with all sections, some beside the outer key, gives typed values."""
    found = load_config(written(tmp_path, WHOLE), {"HOOK": HOOK})
    assert (found.environment, found.metrics.storage) == ("staging", "prometheus")
    assert found.anomaly.algorithms == ("statistical", "seasonal")
    assert (found.anomaly.sensitivity, found.anomaly.baseline_window.days) == ("high", 14)
    assert (found.quality.enabled, found.quality.score_threshold) == (False, 95.0)
    assert not found.settings.alert_on_breaking
    assert found.alerts.evaluation_interval == timedelta(seconds=30)
    assert found.backends.prometheus_remote_write is True
    assert found.backends.timescale_url == "postgresql://localhost/metrics"
    assert found.settings.minutes_kept == timedelta(days=30)
    rules = found.data_quality_rules
    assert [each.rule for each in rules][-2:] == ["max_age", "referential_integrity"]
    assert rules[0].threshold == 99.9
    assert rules[4].threshold == timedelta(minutes=5)
    assert rules[3].options["values"] == ["pending", "paid"]
    (alert,) = found.alert_rules
    assert (alert.lasting, alert.channels) == (timedelta(minutes=5), ("slack", "email"))


def test_both_sections_of_channels_are_one_list(tmp_path: Path) -> None:
    """Channels merge by name; a value of notification_channels wins; nothing secret is shown."""
    found = load_config(written(tmp_path, WHOLE), {"HOOK": HOOK})
    by_name = {each.name: each for each in found.channels}
    assert set(by_name) == {"slack", "pagerduty", "email"}
    assert by_name["slack"].options == {"webhook_url": HOOK, "channel": "#ops"}
    assert by_name["email"].options["smtp_port"] == 587
    assert HOOK not in repr(found)
    assert "localhost" not in repr(found.backends)


def test_sections_that_are_off_change_the_settings(tmp_path: Path) -> None:
    """cache.enabled and metrics.enabled say what the engine's settings then are."""
    path = written(
        tmp_path, "cache: {enabled: false}\nmetrics: {enabled: no}\nschema: {enabled: no}\n"
    )
    settings = load_config(path, {}).settings
    assert settings.cache_live == settings.cache_dashboards == timedelta(0)
    assert not settings.auto_discover
    assert not settings.track_schema
    assert load_config(None, {"DATAWATCH_METRICS_AUTO_DISCOVER": "no"}).settings != settings


def test_lists_come_from_the_environment_as_json() -> None:
    """Rules and channels are JSON in a variable."""
    rule = '[{"name": "a", "metric": "orders_total", "condition": "> 1"}]'
    channel = '{"hook": {"type": "webhook", "url": "https://example.org"}}'
    found = load_config(
        None, {"DATAWATCH_ALERT_RULES": rule, "DATAWATCH_NOTIFICATION_CHANNELS": channel}
    )
    assert found.alert_rules[0].severity == "warning"
    assert found.channels[0].kind == "webhook"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anomaly: {sensitivty: high}", "did you mean 'anomaly.sensitivity'"),
        ("anomlay: {enabled: true}", "did you mean 'anomaly'"),
        ("anomaly: {sensitivity: extreme}", "low, medium, high"),
        ("anomaly: {algorithms: [magic]}", "statistical, seasonal, ml"),
        ("quality: {score_threshold: 190%}", "0% to 100%"),
        ("server: {environment: prod}", "development, staging, production"),
        ("server: {cors: ['*']}", "wildcard"),
        ("server: {cors: [example.org]}", "is no origin"),
        ("server: {port: 1, port: 2}", "'port' stands twice"),
        ("metrics: {storage: oracle}", "must be one of embedded, prometheus"),
        ("datawatch: {plan: pro}\nplan: pro", "plan stands below datawatch and beside it"),
        ("alerts: {channels: {slack: {webhok_url: x}}}", "did you mean 'webhook_url'"),
        ("alerts: {channels: {ops: {webhook_url: x}}}", "ops needs a type"),
        ("alerts: {channels: {slack: {channel: x}}}", "slack needs webhook_url"),
        ("alerts: {channels: {a: {type: fax}}}", "a.type must be one of slack"),
        (
            "alerts: {channels: {slack: {webhook_url: 'https://x', title: '{{ message.'}}}",
            "slack.title: line 1 is no Jinja template: ",
        ),
        ("alerts: {channels: {email: {recipients: nobody}}}", "list of addresses"),
        ("data_quality_rules: {o: {validty: []}}", "did you mean 'validity'"),
        ("data_quality_rules: {o: {validity: [{rule: posit}]}}", "did you mean 'positive'"),
        ("data_quality_rules: {o: {validity: [{rule: in_set, field: a}]}}", "in_set needs values"),
        (
            "data_quality_rules: {o: {freshness: [{rule: max_age, threshold: soon}]}}",
            "threshold is 'soon'",
        ),
        ("alert_rules: {a: b}", "must be a list"),
        ("alert_rules: [{name: a, metric: b}]", "needs condition"),
        ("alert_rules: [{name: a, metric: b, condition: c, fro: 5m}]", "did you mean 'for'"),
        ("alert_rules: [{name: a, metric: b, condition: c, severity: bad}]", "info, warning"),
    ],
)
def test_a_wrong_section_names_the_options(tmp_path: Path, text: str, words: str) -> None:
    """File, key, fault and what is possible."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_fault_in_a_channel_shows_no_secret(tmp_path: Path) -> None:
    """What stands in a section with secrets is not quoted."""
    path = written(tmp_path, "alerts: {channels: {slack: {webhook_url: s3cret, colour: s3cret}}}")
    with pytest.raises(ConfigError) as caught:
        load_config(path, {})
    assert "s3cret" not in str(caught.value)


def names_in(document: Any, above: str = "") -> set[str]:
    """Dotted names of the known keys in a document."""
    known = {key.name for key in KEYS}
    found = set()
    for part, value in document.items():
        name = f"{above}{part}"
        found |= {name} if name in known else names_in(value, f"{name}.")
    return found


def test_the_default_file_has_every_key_and_changes_nothing(tmp_path: Path) -> None:
    """Each key stands in it, those with another name as comments; read, it is the defaults."""
    text = default_file()
    path = written(tmp_path, text)
    assert load_config(path, {}) == Config()
    assert doubts(load_config(path, {})) == []
    commented = set(re.findall(r"^ +# ([\w]+):(?: .*)?  # [\w.]+$", text, re.MULTILINE))
    there = names_in(yaml.safe_load(text)["datawatch"])
    others = {key.name for key in KEYS if key.same_as}
    assert there == {key.name for key in KEYS} - others
    assert commented == {name.rpartition(".")[2] for name in others}
    assert all(key.says for key in KEYS)


def test_values_of_the_default_file_can_be_changed(tmp_path: Path) -> None:
    """A user who edits a line gets what it says: no other line of the file overrules it."""
    text = default_file().replace("raw: 7d", "raw: 3d").replace("live: 5s", "live: 9s")
    found = load_config(written(tmp_path, text), {}).settings
    assert (found.raw_kept, found.cache_live) == (timedelta(days=3), timedelta(seconds=9))


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("storage: {prometheus: {url: localhost}}", "storage.prometheus.url", "http://"),
        ("storage: {embedded: {path: /no/such/x.duckdb}}", "storage.embedded.path", "no folder"),
        ("metrics: {archive: /no/such}", "metrics.archive", "no folder"),
        ("metrics: {storage: clickhouse}", "metrics.storage", "clickhouse.url is not given"),
        ("sources: [{url: 'oracle://db/x'}]", "sources", "must begin with"),
        ("server: {webhook_secret: short}", "server.webhook_secret", "16 characters"),
        ("enabled: false", "enabled", "will not start"),
        (
            "notification_channels: {slack: {webhook_url: 'http://x'}}",
            "notification_channels.slack.webhook_url",
            "Slack",
        ),
        (
            "notification_channels: {pagerduty: {service_key: k}}",
            "notification_channels.pagerduty.service_key",
            "32",
        ),
        (
            "notification_channels: {webhook: {url: 'http://10.0.0.1/'}}",
            "notification_channels.webhook.url",
            "private",
        ),
        (
            "alert_rules: [{name: a, metric: happiness, condition: '> 1'}]",
            "alert_rules",
            "happiness is not named like",
        ),
        (
            "alert_rules: [{name: a, metric: orders_total, condition: '> 1', channels: [fax]}]",
            "alert_rules",
            "no channel fax",
        ),
    ],
)
def test_what_may_be_wrong_is_a_warning(tmp_path: Path, text: str, key: str, words: str) -> None:
    """Addresses, forms of keys, paths and names of metrics do not refuse a file."""
    found = doubts(load_config(written(tmp_path, text), {}))
    assert [(each.key, words in each.message) for each in found] == [(key, True)]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
@settings(max_examples=60)
def test_readers_refuse_with_value_errors_alone(value: Any) -> None:
    """Whatever YAML gives, a reader gives a value or a ValueError."""
    readers = [key.read for key in KEYS] + [read.remote_write, read.percent]
    for reader in readers:
        try:
            reader(value)
        except ValueError:
            continue


@given(
    st.dictionaries(
        st.sampled_from(["slack", "teams", "discord"]),
        st.just({"webhook_url": "https://a"}) | st.just({"webhook_url": "https://b"}),
    ),
    st.dictionaries(
        st.sampled_from(["slack", "teams"]), st.just({"webhook_url": "https://c"}), max_size=2
    ),
)
@settings(max_examples=40)
def test_the_later_section_of_channels_wins(one: dict[str, Any], two: dict[str, Any]) -> None:
    """Every name of either section is there once, with what the later one says."""
    found = merged([read_channels(one), read_channels(two)])
    said = {each.name: each.options["webhook_url"] for each in found}
    assert said == {name: each["webhook_url"] for name, each in (one | two).items()}

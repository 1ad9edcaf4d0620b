"""Alerts through the operations: rules in every form, actions, silences, the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.alerting import NO_DATA, RULE_TYPES, SEVERITIES, AlertRule
from datawatch_lab.core.alerting_forms import as_code, read_rule, write_rule
from datawatch_lab.core.config import load_config
from datawatch_lab.core.config.alerts import read_routing, rules_of
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.service.alerting import BREAKING, apply_alerts
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from tests.alerts.bench import Bench

SPEC = """
alerts: {routing: {severities: {critical: [slack]}}}
notification_channels:
  slack: {webhook_url: "https://hooks.example.org/x"}
  email: {recipients: [ops@example.org], smtp_host: mail.example.org}
  pagerduty: {service_key: abc}
alert_rules:
  - {name: "Order Spike", metric: orders_created_rate, condition: "> 200% of baseline", for: 5m, severity: warning, channels: [slack, email]}
  - {name: "Revenue Drop", metric: orders_amount_sum, condition: "< 50% of same_hour_last_week", for: 15m, severity: critical, channels: [pagerduty, slack]}
  - {name: "Data Quality Issue", metric: dq_score_payments, condition: "< 90%", for: 10m, severity: warning, channels: [slack]}
"""  # noqa: E501 — verbatim


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A workspace with orders, evaluated and told by the test."""
    made = Bench(tmp_path / "w.duckdb")
    made.minutes(5, 5)
    made.engine.beside._kept[Alerting] = made.alerting
    yield made
    made.close()


@pytest.fixture
def workspace(bench: Bench) -> Workspace:
    """Its operations."""
    return Workspace(LocalCaller(bench.engine))


def test_a_rule_goes_through_its_life(bench: Bench, workspace: Workspace) -> None:
    """Added, read, changed, fired, acknowledged, traced, resolved and dropped by operations."""
    made = workspace.add_alert_rule(
        "Spike", condition="over 1m > 10", metric="orders_inserts_total", channels=["hook"]
    )
    assert made.reading == "orders_inserts_total (sum) over 1 minute is above 10"
    bench.minutes(20, 20)
    (alert,) = workspace.active_alerts()
    assert (alert.rule, alert.value, alert.high) == ("Spike", 15.0, 10.0) or alert.value == 20.0
    assert workspace.alert_rule("Spike").state == "firing"
    summary = workspace.alert_summary()
    assert (summary.open, summary.by_severity["warning"], summary.rules) == (1, 1, {"firing": 1})
    assert workspace.acknowledge_alert(alert.id, user="ada").by == "ada"
    assert "acknowledged by ada" in [each.what for each in workspace.alert_trace(alert.id)]
    assert workspace.resolve_alert(alert.id).status == "resolved"
    changed = workspace.change_alert_rule(
        "Spike", condition="over 1m > 1000", id=made.id, metric="orders_inserts_total"
    )
    assert (changed.id, changed.rule["condition"]) == (made.id, "over 1m > 1000")
    found = workspace.backtest_alert(made.id, start="-10m")
    assert found.episodes == []
    assert found.evaluations == 4  # there is nothing before
    assert workspace.drop_alert_rule("Spike").name == "Spike"
    assert workspace.alert_rules() == []
    assert [each.id for each in workspace.alert_history()] == [alert.id]


def test_viewers_change_nothing(workspace: Workspace) -> None:
    """A viewer reads rules, and is refused to add one."""
    with acting(Who("vic", "viewer", "session")):
        assert workspace.alert_rules() == []
        with pytest.raises(Exception, match="needs the role editor"):
            workspace.add_alert_rule("a", condition="> 1", metric="orders_inserts_total")


def test_a_silence_says_what_it_would_have_hidden(bench: Bench, workspace: Workspace) -> None:
    """Made, listed, ended; with the number of alerts of the last days."""
    workspace.add_alert_rule("Spike", condition="over 1m > 10", metric="orders_inserts_total")
    bench.minutes(20, 20, 5, 5, 5, 20, 20)
    made = workspace.add_silence({"rule": "Sp*"}, lasting="2h")
    assert (made.would_have_hidden, made.hides) == (2, 1)
    assert [each.id for each in workspace.silences()] == [made.id]
    workspace.end_silence(made.id)
    assert workspace.silences() == []
    with pytest.raises(InputError, match="a silence needs matchers"):
        workspace.add_silence({})


def test_a_test_message_says_what_became_of_it(bench: Bench, workspace: Workspace) -> None:
    """Each channel is tried at once; a channel that is not there is named."""
    assert [(each.channel, each.ok) for each in workspace.test_alert()] == [
        ("hook", True),
        ("other", True),
    ]
    assert bench.told == [("hook", "test"), ("other", "test")]
    with pytest.raises(NotFoundError, match="no channel 'hok'; did you mean 'hook'"):
        workspace.test_alert(["hok"])
    assert [each.kind for each in workspace.alert_channels()] == ["webhook", "webhook"]


def test_the_configuration_of_the_specification_works_verbatim(
    bench: Bench, tmp_path: Path
) -> None:
    """Its rules stand, with channels; what is taken out of the file goes; it is changed there."""
    path = tmp_path / "datawatch.yaml"
    path.write_text(SPEC, "utf-8")
    config = load_config(path, {})
    alerting = bench.alerting
    alerting.settings = msgspec.structs.replace(alerting.settings, enabled=False)
    apply_alerts(bench.engine, msgspec.structs.replace(config, alerts=_off(config.alerts)))
    rules = {each.rule.name: each for each in alerting.rules()}
    assert set(rules) == {"Order Spike", "Revenue Drop", "Data Quality Issue", BREAKING.name}
    assert all(each.configured for each in rules.values())
    assert [each.name for each in alerting.settings.channels] == ["slack", "email", "pagerduty"]
    assert alerting.settings.routing.severities == {"critical": ("slack",)}
    alerting.evaluate_due()
    assert alerting.state_of(rules["Order Spike"])[0] == "no_data"  # it has no baseline yet
    with pytest.raises(InputError, match="stands in the configuration file"):
        alerting.drop("Order Spike")
    less = msgspec.structs.replace(config, alert_rules=config.alert_rules[:1])
    apply_alerts(bench.engine, msgspec.structs.replace(less, alerts=_off(config.alerts)))
    assert [each.rule.name for each in alerting.rules()] == [BREAKING.name, "Order Spike"]
    assert rules_of(config.alert_rules[:1])[0].channels == ("slack", "email")


def _off(section: object) -> object:
    return msgspec.structs.replace(section, enabled=False)  # type: ignore[type-var]  # no threads in a test


_TEXT = st.text(alphabet="abc Ä_%'\"<>", min_size=1, max_size=12).filter(lambda x: x == x.strip())
_RULES = st.builds(
    AlertRule,
    name=_TEXT,
    condition=_TEXT,
    metric=_TEXT,
    type=st.sampled_from(RULE_TYPES),
    filters=st.dictionaries(_TEXT, _TEXT, max_size=2).map(lambda x: tuple(sorted(x.items()))),
    group_by=st.lists(_TEXT, max_size=2).map(tuple),
    lasting=st.integers(0, 10**6).map(lambda seconds: timedelta(seconds=seconds)),
    severity=st.sampled_from(SEVERITIES),
    channels=st.lists(_TEXT, max_size=2).map(tuple),
    no_data=st.sampled_from(NO_DATA),
    is_enabled=st.booleans(),
)


@given(_RULES)
def test_every_form_of_a_rule_is_the_same_rule(rule: AlertRule) -> None:
    """YAML and JSON values, stored JSON, and Python code make the rule again."""
    assert read_rule(write_rule(rule)) == rule
    assert msgspec.json.decode(msgspec.json.encode(rule), type=AlertRule) == rule
    assert eval(as_code(rule), {"AlertRule": AlertRule, "timedelta": timedelta}) == rule  # noqa: S307 — our own code


def test_routing_is_read_or_refused() -> None:
    """Times, days and matchers of the section, and faults that name their key."""
    made = read_routing({"mute": [{"days": "sat,sun", "from": 1320, "to": "6:00"}]})
    assert (made.mute[0].days, made.mute[0].start, made.mute[0].end) == ((5, 6), 1320, 360)
    for given_, said in (
        ({"group_wiat": "5s"}, "did you mean 'group_wait'"),
        ({"mute": [{"days": "someday"}]}, "no day 'someday'"),
        ({"mute": [{"from": "25:00"}]}, "no time of day"),
        ({"inhibit": [{"source": "x"}]}, "must hold a value per name"),
    ):
        with pytest.raises(ValueError, match=said):
            read_routing(given_)

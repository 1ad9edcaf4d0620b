"""What viewers see of alerts and anomalies whose labels are values of a sensitive field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.anomalies import Anomaly, Contributor, Expected
from datawatch_lab.core.errors import AccessError
from datawatch_lab.core.values import Role
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.detection import detection_of
from datawatch_lab.engine.signals import SIGNALS
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.live.topics import TOPICS, Question
from datawatch_lab.service.operations import alerts_open, named
from datawatch_lab.service.operations.quality import RuleBody
from tests.alerts.bench import NOW, Bench

VIEWER, EDITOR = Who("vic", "viewer", "session"), Who("eda", "editor", "session")
SECRET = "ada@example.com"  # noqa: S105 — a value that viewers do not see
RULE: dict[str, Any] = {
    "name": "Many",
    "metric": "orders_inserts_total",
    "condition": "over 1m > 10",
    "group_by": ["status"],
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """One alert of a rule that is grouped by a sensitive field."""
    bench = Bench(tmp_path_factory.mktemp("masking") / "w.duckdb")
    bench.engine.beside._kept[Alerting] = bench.alerting
    for count in (5, 20, 20):
        bench.orders(count, city=SECRET)
        if count == 5:
            bench.engine.correct("orders", "status", role=Role.STATUS, sensitive=True)
            Workspace(LocalCaller(bench.engine)).add_alert_rule(**RULE)
        bench.alerting.evaluate_due()
    yield Workspace(LocalCaller(bench.engine))
    bench.close()


class Calling:
    """Asks in this process, as the hub of live topics does."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    def call(self, operation: Any, ask: Any) -> Any:
        """The answer."""
        return self.workspace.caller.call(operation, ask)


def seen(workspace: Workspace) -> dict[str, str]:
    """All that is told of the alert, as JSON by where."""
    (alert,) = workspace.active_alerts()
    found = {
        "active": alert,
        "history": workspace.alert_history(),
        "trace": workspace.alert_trace(alert.id),
        "rule": workspace.alert_trace("Many"),
        "sla": workspace.sla().incidents,
        "topic": TOPICS["alert"].read(Calling(workspace), Question("alert")),  # type: ignore[arg-type]  # asks alike
        "backtest": workspace.backtest_alert(rule=RULE, start="-1h"),
        "saved": workspace.backtest_alert("Many", start="-1h"),
    }
    return {name: msgspec.json.encode(each).decode() for name, each in found.items()}


def test_alerts_tell_viewers_no_sensitive_value(workspace: Workspace) -> None:
    """Open ones, the history, why, service levels, live topics, back-tests: masked for viewers."""
    with acting(EDITOR):
        open_to_editors = seen(workspace)
    assert [name for name, text in open_to_editors.items() if SECRET not in text] == []
    with acting(VIEWER):
        for name, text in seen(workspace).items():
            assert SECRET not in text, name
            assert "•••" in text, name


def test_a_viewer_does_not_ask_by_it(workspace: Workspace) -> None:
    """A back-test that is filtered by a sensitive field would tell whether a value is there."""
    rule = {**RULE, "group_by": [], "filters": {"status": SECRET}}
    with acting(EDITOR):
        assert workspace.backtest_alert(rule=rule, start="-1h").episodes
    with acting(VIEWER), pytest.raises(AccessError, match="status is sensitive"):
        workspace.backtest_alert(rule=rule, start="-1h")


def test_other_labels_stay(workspace: Workspace) -> None:
    """A label that is of no sensitive field is shown to viewers, also of a signal."""
    with acting(VIEWER):
        masked = alerts_open.label_mask(workspace.caller.engine)  # type: ignore[attr-defined]  # a local one
    assert masked("", {"service": "api"}) == {"service": "api"}
    assert masked("orders_total", {"city": "x", "status": "y"}) == {"city": "x", "status": "•••"}
    assert [masked(each, {"table": "orders"}) for each in SIGNALS] == [{"table": "orders"}] * len(
        SIGNALS
    )
    assert masked("of_a_table_that_is_gone", {"city": "x"}) == {"city": "•••"}


def test_an_anomaly_is_explained_without_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its description nor the parts that moved are told to viewers in words."""
    one = Anomaly(
        id="a1",
        metric_name="orders_inserts_total",
        table="orders",
        labels={"status": SECRET},
        type="spike",
        severity="high",
        value=20.0,
        expected=Expected(4.0, 6.0),
        deviation=9.0,
        score=0.9,
        step=60,
        detected_at=NOW,
        started_at=NOW,
        peak_at=NOW,
        ended_at=NOW + timedelta(minutes=1),
        buckets=1,
        description=f"orders_inserts_total (status={SECRET}) was 20",
        algorithms=("statistical",),
        contributors=(Contributor(kind="label", name="status", value=SECRET, share=0.9),),
    )
    engine = workspace.caller.engine  # type: ignore[attr-defined]  # a local one
    monkeypatch.setattr(detection_of(engine), "get", lambda _: one)
    with acting(EDITOR):
        assert str(workspace.anomaly("a1").why).count(SECRET) == 2
    with acting(VIEWER):
        answer = workspace.anomaly("a1")
    assert SECRET not in str(answer)
    assert str(answer.why).count("•••") == 2


def test_rules_of_quality_are_tried_by_editors(workspace: Workspace) -> None:
    """Trying rules one after another would spell a masked value out, so viewers do not."""
    rule = RuleBody(table="orders", rule="pattern", field="status", pattern="^a")
    assert named("quality_backtest").role == "editor"
    with acting(VIEWER), pytest.raises(AccessError, match="role editor"):
        workspace.quality_backtest(rule=rule)

"""Anomalies and forecasts of services, as analytics has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.core.anomalies import Anomaly, Expected, anomaly_id
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine import Engine
from datawatch_lab.service.operations import named
from datawatch_lab.service.telemetry.outlook import FORECAST, Predictions

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine whose clock stands still, with an hour of figures of two services."""
    made = Engine.open(tmp_path / "w.duckdb", clock=ManualClock(NOW))
    rows = [
        {
            "service_id": name,
            "timestamp": (NOW - (60 - minute) * MINUTE).isoformat(),
            "cpu_usage": 40 + minute / 2 if name == "api" else 20,
            "latency": 100,
        }
        for name in ("api", "billing")
        for minute in range(60)
    ]
    post = named("analytics_metrics")
    post.function(made, post.ask(body=msgspec.json.encode(rows), wait=True))
    yield made
    made.close()


def get(engine: Engine, name: str, **values: Any) -> Any:
    """The answer of an operation, as JSON has it."""
    operation = named(name)
    answer = operation.function(engine, operation.ask(**values))
    return msgspec.json.decode(msgspec.json.encode(answer))


def strange(metric: str, minute: int, **values: Any) -> Anomaly:
    """An anomaly of a metric."""
    started = NOW - minute * MINUTE
    found = Anomaly(
        id=str(anomaly_id(metric, (), 60, started)),
        metric_name=metric,
        table="service_metrics",
        labels={"service_id": "api"},
        type="spike",
        severity="high",
        value=90.0,
        expected=Expected(40.0, 60.0),
        deviation=6.0,
        score=0.99,
        step=60,
        detected_at=NOW,
        started_at=started,
        peak_at=started,
        ended_at=started + MINUTE,
        buckets=1,
        description="service_id=api: 90 where 40 to 60 was expected",
        algorithms=("statistical",),
    )
    return msgspec.structs.replace(found, **values)


def test_anomalies_have_the_shape_that_clients_expect(engine: Engine) -> None:
    """The dashboard and the list give the same nine fields, newest first, by service."""
    mine = "service_metrics_cpu_usage_avg"
    other = {"service": "billing"}
    engine.store.anomalies.save(
        [strange(mine, 9), strange(mine, 5, labels=other), strange(mine, 2, withdrawn=True)]
    )
    listed = get(engine, "analytics_anomalies")
    assert get(engine, "analytics_dashboard")["anomalies"] == listed
    assert [each["service_id"] for each in listed] == ["billing", "api"]
    assert listed[1] == {
        "id": strange(mine, 9).id,
        "timestamp": "2026-03-02T11:51:00Z",
        "service_id": "api",
        "metric_name": mine,
        "current_value": 90.0,
        "expected_value": 50.0,
        "deviation": 6.0,
        "severity": "high",
        "description": "service_id=api: 90 where 40 to 60 was expected",
    }
    for name in ("analytics_anomalies", "analytics_dashboard"):
        found = get(engine, name, service_id="billing")
        some = found if isinstance(found, list) else found["anomalies"]
        assert [each["service_id"] for each in some] == ["billing"]


def test_a_viewer_learns_no_labels_of_a_metric_that_is_gone(engine: Engine) -> None:
    """What cannot be said to be harmless is masked, in the service and in the description."""
    engine.store.anomalies.save([strange("gone", 9)])
    with acting(Who("eve", "viewer", via="session")):
        (found,) = get(engine, "analytics_anomalies")
    assert "api" not in str(found)
    assert get(engine, "analytics_anomalies")[0]["service_id"] == "api"


def test_predictions_have_the_shape_that_clients_expect(engine: Engine) -> None:
    """Each figure of each service is forecast; the dashboard gives what the list gives."""
    found = get(engine, "predictions")
    assert {(each["prediction_type"], each["service_id"]) for each in found} == {
        (field, service) for field in ("cpu_usage", "latency") for service in ("api", "billing")
    }
    order = [FORECAST.index(each["prediction_type"]) for each in found]
    assert order == sorted(order)
    (cpu,) = (e for e in found if (e["prediction_type"], e["service_id"]) == ("cpu_usage", "api"))
    assert set(cpu) == {
        *("id", "timestamp", "prediction_type", "service_id", "predicted_value"),
        *("confidence", "time_horizon", "recommendation"),
    }
    assert 70 < cpu["predicted_value"] < 85
    assert 0 <= cpu["confidence"] <= 1
    assert cpu["time_horizon"] == "15m"
    assert get(engine, "predictions", service_id="billing", limit=1)[0]["service_id"] == "billing"
    assert get(engine, "analytics_dashboard", service_id="api")["predictions"] == [
        each for each in found if each["service_id"] == "api"
    ]


def test_the_dashboard_waits_for_no_forecast(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While forecasts are being made, the dashboard is answered without them."""
    monkeypatch.setattr(Predictions, "_renew", lambda self: self._halt.wait(5))
    assert get(engine, "analytics_dashboard")["predictions"] == []
    engine.beside(Predictions).close()

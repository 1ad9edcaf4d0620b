"""A server over a real workspace with users and known data, and a good request for every route."""

from __future__ import annotations

import faulthandler
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.examples import EXAMPLES
from datawatch_lab.api.limits import Limits
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.core.who import UserRole
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import API, HOST, TOKEN
from tests.service.access_helpers import PASSWORD, cheap
from tests.services.ports import free_port
from tests.waiting import PATIENCE, eventually

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
_COUNTER = {"kind": "counter", "title": "Orders", "metric": "orders_total"}
BUSY = 429
TRIES = 60  # Times that a busy engine is asked again.
NAMES: dict[UserRole, str] = {"admin": "ada", "editor": "eda", "viewer": "vic"}


@dataclass
class Whole:
    """A server with its roles.

    Attributes:
        server: over a real engine.
        tokens: by role.
        ids: of what was made, which requests name as ``{token}``, ``{share}`` and so on.
    """

    server: Server
    tokens: dict[str, str]
    ids: dict[str, str]

    def filled(self, text: str) -> str:
        """A text with the ids in place of their names."""
        for name, value in self.ids.items():
            text = text.replace("{" + name + "}", value)
        return text

    def client(self, role: str | None = "admin") -> httpx.Client:
        """A client in a role; None for a stranger."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(
            base_url=self.server.address, headers=headers, trust_env=False, timeout=PATIENCE
        )


@contextmanager
def whole(folder: Path) -> Iterator[Whole]:
    """Serve a small shop with telemetry, users, a token, a link and a row in the quarantine."""
    path = folder / "w.duckdb"
    access = Access(path, hasher=cheap())
    tokens: dict[str, str] = {}
    for role, name in NAMES.items():
        access.users.add(name, role, PASSWORD)
        tokens[role] = access.tokens.make(name, "test")[1]
    port = free_port()
    limits = Limits(requests="", strangers="", logins="")
    gate = replace(gate_for(TOKEN, host=HOST, port=port, limits=limits), access=access)
    with open_workspace(path) as workspace:
        server = Server(patterns(workspace, gate), host=HOST, port=port)
        server.start()
        found = Whole(server, tokens, {})
        with found.client() as client:
            _fill(client, found)
        yield found
        server.stop()


def _fill(client: httpx.Client, found: Whole) -> None:
    events: list[dict[str, Any]] = [
        {
            "id": f"o-{number}",
            "source": "shop",
            "table": "orders",
            "operation": "INSERT",
            "timestamp": (START + timedelta(seconds=20 * number)).isoformat(),
            "after": {
                "id": number,
                "amount": number + 0.5,
                "status": ("paid", "open")[number % 2],
                "customer_email": f"a{number}@example.org",
            },
        }
        for number in range(20)
    ]
    events.append({"operation": "INSERT", "after": {"id": 1}})
    _sent(client, f"{API}/events/batch?wait=true", events)
    now = datetime.now(UTC).isoformat()
    for operation in OPERATIONS:
        if operation.binary and operation.name in EXAMPLES and "datawatch" not in operation.path:
            stamped = EXAMPLES[operation.name] | {"timestamp": now}
            _sent(client, f"{operation.path}?wait=true", stamped)
    found.ids["token"] = _sent(client, f"{API}/tokens", {"name": "ci"})["id"]
    share = {"resource": "dashboard:1", "expires": "7d"}
    found.ids["share"] = _sent(client, f"{API}/shares", share)["id"]
    _judge(client, found)
    board = _sent(client, f"{API}/dashboards", {"name": "Board", "tiles": [_COUNTER]})
    found.ids |= {"board": board["id"], "widget": board["widgets"][0]["id"]}


def _judge(client: httpx.Client, found: Whole) -> None:
    """A rule that rows break, a change of a schema, a rule of an alert, a silence."""
    rule = {"table": "orders", "rule": "in_range", "field": "amount", "max": 5, "backfill": True}
    found.ids["quality"] = _sent(client, f"{API}/quality/rules", rule)["id"]
    broken: list[dict[str, Any]] = []

    def is_judged() -> bool:
        broken[:] = client.get(f"{API}/quality/violations").json()["violations"]
        return bool(broken)

    eventually(is_judged)
    found.ids["violation"] = broken[0]["id"]
    ddl = {"sql": "ALTER TABLE orders ADD COLUMN remark text", "table": "orders"}
    found.ids["change"] = _sent(client, f"{API}/schema/ddl", ddl)["changes"][0]["id"]
    alert = {"name": "Many", "metric": "orders_total", "condition": "> 1000"}
    found.ids["alert"] = _sent(client, f"{API}/alerts", alert)["id"]
    silence = {"matchers": {"severity": "info"}, "for": "1h"}
    found.ids["silence"] = _sent(client, f"{API}/alerts/silences", silence)["id"]
    setting = {"metric": "orders_total", "sensitivity": "high"}
    found.ids["detector"] = _sent(client, f"{API}/detectors", setting)["id"]


def _sent(client: httpx.Client, path: str, body: object) -> Any:
    answer = client.post(path, content=json.dumps(body))
    assert answer.status_code < 300, answer.text
    return answer.json()


@dataclass(frozen=True)
class Call:
    """A good request of an operation.

    Attributes:
        path: values of the path's parts.
        query: the query string.
        body: as JSON; by default the documented example.
    """

    path: dict[str, str]
    query: dict[str, str]
    body: Any = None


_RANGE = {"from": START.isoformat(), "to": (START + timedelta(minutes=10)).isoformat()}
_AMOUNT = {"name": "orders_amount_sum"}
_PAID = {"name": "paid_amount"}

CALLS: dict[str, Call] = {
    "correct_column": Call({"table": "orders", "column": "status"}, {}),
    "get_metric": Call(_AMOUNT, {}),
    "query": Call(_AMOUNT, _RANGE),
    "range_query": Call(_AMOUNT, _RANGE | {"step": "1m"}),
    "corrections": Call(_AMOUNT, _RANGE),
    "change_metric": Call(_PAID, {}),
    "drop_metric": Call(_PAID, {}),
    "revoke_token": Call({"id": "{token}"}, {}),
    "revoke_share": Call({"id": "{share}"}, {}),
    "watch": Call({}, {}, {"url": "system://?every=1h", "name": "host"}),
    "unwatch": Call({"name": "host"}, {}),
    "service_metrics": Call({"service": "checkout"}, {}),
    "source_offset": Call({}, {"source": "shop"}),
    "replay": Call({}, {}, {"ids": [1]}),
    "change_password": Call({}, {}, {"old": PASSWORD, "new": PASSWORD + " again"}),
    "audit": Call({}, {"operation": "make_token"}),
    "forecast": Call({}, {"metric": "orders_amount_sum"}),
    "resend_to_backend": Call({}, {}, {"from": "-1h"}),
    "reset_detector": Call({}, {"id": "{detector}"}),
    "schema_change": Call({"id": "{change}"}, {}),
    "schema_table": Call({"table": "orders"}, {}),
    "schema_diff": Call({}, {"from": START.isoformat()}),
    "quality_table": Call({"table": "orders"}, {}),
    "quality_rule": Call({"id": "{quality}"}, {}),
    "change_quality_rule": Call({"id": "{quality}"}, {}),
    "drop_quality_rule": Call({"id": "{quality}"}, {}),
    "acknowledge_violation": Call({"id": "{violation}"}, {}),
    "get_dashboard": Call({"id": "{board}"}, {}),
    "change_dashboard": Call({"id": "{board}"}, {}),
    "drop_dashboard": Call({"id": "{board}"}, {}),
    "dashboard_versions": Call({"id": "{board}"}, {}),
    "dashboard_version": Call({"id": "{board}", "version": "1"}, {}),
    "dashboard_diff": Call({"id": "{board}"}, {"from": "1"}),
    "rollback_dashboard": Call({"id": "{board}"}, {}),
    "export_dashboard": Call({"id": "{board}"}, {"format": "grafana"}),
    "duplicate_dashboard": Call({"id": "{board}"}, {}),
    "dashboard_access": Call({"id": "{board}"}, {}),
    "grant_dashboard": Call({"id": "{board}", "user": "vic"}, {}),
    "withdraw_dashboard": Call({"id": "{board}", "user": "vic"}, {}),
    "share_dashboard": Call({"id": "{board}"}, {}),
    "dashboard_template": Call({"name": "overview"}, {}),
    "add_widget": Call({"id": "{board}"}, {}),
    "widget": Call({"id": "{widget}"}, {}),
    "change_widget": Call({"id": "{widget}"}, {}),
    "drop_widget": Call({"id": "{widget}"}, {}),
    "alert_rule": Call({"id": "{alert}"}, {}),
    "change_alert_rule": Call(
        {"id": "{alert}"}, {}, {"name": "Many", "metric": "orders_total", "condition": "> 2000"}
    ),
    "drop_alert_rule": Call({"id": "{alert}"}, {}),
    "backtest_alert": Call({}, {}, {"id": "{alert}", "from": "-1h"}),
    "test_alert": Call({}, {}, {}),
    "missed_anomalies": Call({}, {}, {"metric": "orders_total", **_RANGE}),
    "end_silence": Call({}, {"id": "{silence}"}),
    "add_user": Call({}, {}, {"name": "zoe", "role": "viewer", "password": PASSWORD}),
    "change_user": Call({"name": "zoe"}, {}),
    "remove_user": Call({"name": "zoe"}, {}),
}
"""What is needed beside the documented examples."""

_LAST = (
    "unwatch",
    "drop_metric",
    "drop_quality_rule",
    "drop_alert_rule",
    "drop_widget",
    "drop_dashboard",
    "end_silence",
    "reset_detector",
    "remove_user",
    "revoke_token",
    "revoke_share",
    "change_password",
)
WITHOUT_CALL = {
    "anomaly": "needs an anomaly; see tests/engine/test_detection.py",
    "acknowledge_anomaly": "the same",
    "anomaly_feedback": "the same",
    "acknowledge_alert": "needs an alert that fires; see tests/alerts",
    "resolve_alert": "the same",
    "snooze_alert": "the same",
    "alert_trace": "the same",
    "diagnose": "needs a database; see tests/ingest",
    "diagnose_address": "needs a database; see tests/ingest",
    "submit_batch": "its body is Arrow of the tools themselves; see tests/service",
    "run_report": "needs a configuration with a report; see tests/reports",
}


def in_order() -> list[Operation[Any, Any]]:
    """The operations that have a good request, those that take something away last."""
    rest = [each for each in OPERATIONS if each.name not in (*_LAST, *WITHOUT_CALL)]
    return rest + [each for name in _LAST for each in OPERATIONS if each.name == name]


def send(client: httpx.Client, found: Whole, operation: Operation[Any, Any]) -> httpx.Response:
    """The answer to the good request of an operation."""
    call = CALLS.get(operation.name, Call({}, {}))
    path = operation.path
    for name, value in call.path.items():
        path = path.replace("{" + name + "}", quote(found.filled(value), safe=""))
    query = {name: found.filled(value) for name, value in call.query.items()}
    query |= {"wait": "true"} if operation.binary else {}
    body = call.body if call.body is not None else EXAMPLES.get(operation.name)
    content = None if body is None else found.filled(json.dumps(body))
    for _ in range(TRIES):
        try:
            answer = client.request(operation.method, path, params=query, content=content)
        except httpx.TimeoutException:
            faulthandler.dump_traceback()  # the server is a thread of this process
            raise AssertionError(f"{operation.name} was not answered in time") from None
        if answer.status_code != BUSY:
            break
        time.sleep(1.0)  # As the answer's own hint says; series may still be learnt.
    return answer

"""A server over a real workspace with users and known data, and a good request for every route."""

from __future__ import annotations

import json
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
from datawatch_lab.api.server import Server, free_port
from datawatch_lab.core.who import UserRole
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.operation import Operation
from datawatch_lab.service.operations import OPERATIONS
from tests.api.conftest import HOST, TOKEN
from tests.service.access_helpers import PASSWORD, cheap

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
NAMES: dict[UserRole, str] = {"admin": "ada", "editor": "eda", "viewer": "vic"}


@dataclass
class Whole:
    """A server with its roles.

    Attributes:
        server: over a real engine.
        tokens: by role.
        ids: of a user's token and of a share, which requests name.
    """

    server: Server
    tokens: dict[str, str]
    ids: dict[str, str]

    def client(self, role: str | None = "admin") -> httpx.Client:
        """A client in a role; None for a stranger."""
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(
            base_url=self.server.address, headers=headers, trust_env=False, timeout=30
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
    port = free_port(HOST, 0)
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
    _sent(client, "/api/v1/datawatch/events/batch?wait=true", events)
    now = datetime.now(UTC).isoformat()
    for operation in OPERATIONS:
        if operation.binary and operation.name in EXAMPLES and "datawatch" not in operation.path:
            stamped = EXAMPLES[operation.name] | {"timestamp": now}
            _sent(client, f"{operation.path}?wait=true", stamped)
    found.ids["token"] = _sent(client, "/api/v1/datawatch/tokens", {"name": "ci"})["id"]
    share = {"resource": "dashboard:1", "expires": "7d"}
    found.ids["share"] = _sent(client, "/api/v1/datawatch/shares", share)["id"]


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


_RANGE = {"from": "2026-01-05T12:00:00Z", "to": "2026-01-05T12:10:00Z"}
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
    "watch": Call({}, {}, {"url": "system://?every=1h", "name": "host"}),
    "unwatch": Call({"name": "host"}, {}),
    "service_metrics": Call({"service": "checkout"}, {}),
    "source_offset": Call({}, {"source": "shop"}),
    "replay": Call({}, {}, {"ids": [1]}),
    "change_password": Call({}, {}, {"old": PASSWORD, "new": PASSWORD + " again"}),
    "add_user": Call({}, {}, {"name": "zoe", "role": "viewer", "password": PASSWORD}),
    "change_user": Call({"name": "zoe"}, {}),
    "remove_user": Call({"name": "zoe"}, {}),
}
"""What is needed beside the documented examples."""

_LAST = ("unwatch", "drop_metric", "remove_user", "revoke_token", "revoke_share", "change_password")
WITHOUT_CALL = {
    "diagnose": "needs a database; see tests/ingest",
    "diagnose_address": "needs a database; see tests/ingest",
    "submit_batch": "its body is Arrow of the tools themselves; see tests/service",
}


def in_order() -> list[Operation[Any, Any]]:
    """The operations that have a good request, those that take something away last."""
    rest = [each for each in OPERATIONS if each.name not in (*_LAST, *WITHOUT_CALL)]
    return rest + [each for name in _LAST for each in OPERATIONS if each.name == name]


def send(client: httpx.Client, found: Whole, operation: Operation[Any, Any]) -> httpx.Response:
    """The answer to the good request of an operation."""
    ids = {"revoke_token": found.ids["token"], "revoke_share": found.ids["share"]}
    call = CALLS.get(operation.name, Call({"id": ids.get(operation.name, "")}, {}))
    path = operation.path
    for name, value in call.path.items():
        path = path.replace("{" + name + "}", quote(value, safe=""))
    query = call.query | ({"wait": "true"} if operation.binary else {})
    body = call.body if call.body is not None else EXAMPLES.get(operation.name)
    content = None if body is None else json.dumps(body)
    return client.request(operation.method, path, params=query, content=content)

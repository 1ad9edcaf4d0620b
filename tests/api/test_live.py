"""The API over a real engine: events in, metrics out, faults answered."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from datawatch_lab.api.server import AddressError, Server, free_port
from datawatch_lab.service.handle import connect
from tests.api.conftest import API, HOST, TOKEN


def order(number: int, amount: float) -> dict[str, Any]:
    """An insert into orders, just now."""
    return {
        "id": f"e-{number}",
        "table": "orders",
        "type": "INSERT",
        "timestamp": datetime.now(UTC).isoformat(),
        "after": {"id": number, "amount": amount, "status": "paid"},
    }


def test_an_event_is_in_its_metric_when_it_is_answered(live: httpx.Client) -> None:
    """After 202 the metric of the event has it; a second time it is a duplicate."""
    first = live.post(f"{API}/events", json=order(1, 12.5))
    assert first.status_code == 202
    assert first.json()["events"][0]["outcome"] == "applied"
    value = live.get(f"{API}/metrics/orders_amount_sum/query", params={"from": "-1h"}).json()
    assert value["series"][0]["points"][0][1] == 12.5
    again = live.post(f"{API}/events", json=order(1, 12.5))
    assert again.json()["duplicate"] == 1


def test_ndjson_is_taken(live: httpx.Client) -> None:
    """A body of lines is a batch; its bad lines are reported and set aside."""
    lines = [msgspec.json.encode(order(1, 1.0)), b"{broken", msgspec.json.encode(order(2, 2.0))]
    answer = live.post(
        f"{API}/events/batch",
        content=b"\n".join(lines),
        headers={"Content-Type": "application/x-ndjson"},
    )
    assert answer.status_code == 202
    outcomes = [each["outcome"] for each in answer.json()["events"]]
    assert outcomes == ["applied", "quarantined", "applied"]
    ledger = live.get(f"{API}/ledger").json()
    assert (ledger["received"], ledger["applied"], ledger["quarantined"]) == (3, 2, 1)


def test_one_malformed_event_is_in_quarantine(live: httpx.Client) -> None:
    """The 400 of a single malformed event is no loss: it waits in quarantine and can be fixed."""
    answer = live.post(f"{API}/events", json={"table": "orders", "type": "INSERT"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["outcome"]["outcome"] == "quarantined"
    (row,) = live.get(f"{API}/quarantine").json()["items"]
    fixed = {"id": row["id"], "event": order(9, 3.0)}
    replayed = live.post(f"{API}/quarantine/replay", json={"fixed": [fixed]})
    assert (replayed.json()["applied"], replayed.json()["remaining"]) == (1, 0)


def test_an_unknown_metric_names_the_nearest(live: httpx.Client) -> None:
    """404 with "did you mean"."""
    live.post(f"{API}/events", json=order(1, 1.0))
    answer = live.get(f"{API}/metrics/orders_amuont_sum/query")
    assert answer.status_code == 404
    assert "did you mean 'orders_amount_sum'" in answer.json()["error"]["message"]


def test_the_remote_handle_is_the_same_object(live: httpx.Client) -> None:
    """What `connect` gives answers as the API does, in the same types."""
    live.post(f"{API}/events", json=order(1, 4.0))
    with connect(str(live.base_url), TOKEN) as workspace:
        assert [each.name for each in workspace.tables()] == ["orders"]
        assert workspace.ledger().applied == 1
        assert workspace.range("orders_amount_sum", start="-5m", step="1m").step == "1m"


def test_a_taken_port_is_named() -> None:
    """The error names the port and how to choose another; a search takes the next free one."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(AddressError, match=rf"port {port} .* is taken.*--port"):
            free_port(HOST, port)
        assert free_port(HOST, port, search=True) > port
        with pytest.raises(AddressError, match="is taken"):
            Server([], host=HOST, port=port).start()


def test_a_foreign_host_cannot_be_bound() -> None:
    """An address that is not of this machine is refused with a sentence."""
    with pytest.raises(AddressError, match=r"192\.0\.2\.1 cannot be bound"):
        free_port("192.0.2.1", 0)

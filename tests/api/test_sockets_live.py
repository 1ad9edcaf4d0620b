"""WebSockets over a real engine: the same answers as over HTTP, and nothing waits for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from datawatch_lab.api.server import Server
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.live.asking import Asking
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.points import MetricChange, MetricsData, apply
from datawatch_lab.service.live.topics import TOPICS, Document
from datawatch_lab.service.telemetry.connections import Connections
from tests.api.conftest import API, TOKEN, Serve
from tests.api.sockets import Client, Json, handshake, opened, run
from tests.service.live.fakes import PAGES, FakeCaller, Page
from tests.waiting import eventually


@pytest.fixture
def stuck() -> Iterator[FakeCaller]:
    """Answers the topic ``stuck``, and hangs when it is told to."""
    found = FakeCaller()
    yield found
    found.gate.set()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of this process."""
    with open_workspace(tmp_path / "w.duckdb") as found:
        yield found


@pytest.fixture
def server(serve: Serve, workspace: Workspace, stuck: FakeCaller) -> Iterator[Server]:
    """A server of the workspace with short seconds, and one topic more."""

    def ask(asking: Asking) -> Page:
        del asking
        page: Page = stuck.call(PAGES, None)
        return page

    topics = {**TOPICS, "stuck": Document("snapshot", "update", ask)}
    assert isinstance(workspace.caller, LocalCaller)
    counted = workspace.caller.engine.beside(Connections)
    room = Room(Hub(workspace.caller, topics, second=0.1), counted=counted)
    yield serve(workspace, room=room)
    stuck.gate.set()
    room.close()


def post(workspace: Workspace, *orders: int) -> None:
    """Orders with these numbers happen now; they are in their metrics when this returns."""
    now = datetime.now(UTC).isoformat()
    events = [
        {
            "id": f"o-{each}",
            "source": "shop",
            "table": "orders",
            "operation": "INSERT",
            "timestamp": now,
            "after": {"id": each, "amount": 10.0 + each, "status": "paid"},
        }
        for each in orders
    ]
    workspace.post(json.dumps(events).encode(), wait=True)


def ask_http(server: Server, path: str, body: Any = None) -> Any:
    """The answer over HTTP; a POST with a body."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=server.address, headers=headers, trust_env=False) as client:
        answer = client.get(path) if body is None else client.post(path, json=body)
        answer.raise_for_status()
        return answer.json()


def shape(value: Any) -> Any:
    """Names and kinds of values, however deep; numbers are of one kind."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def test_the_dashboard_is_that_of_http(server: Server) -> None:
    """A client of /ws/dashboard is told of an event, and then of the dashboard that counts it."""

    def happen(user: str) -> None:
        event = {"type": "request", "service": "shop", "user_id": user, "data": {"endpoint": "/"}}
        ask_http(server, "/events", event)

    def is_counted() -> bool:
        recent = ask_http(server, "/dashboard")["realtime_stats"]["recent_events"]
        return [each["user_id"] for each in recent] == ["ada"]

    async def scene() -> None:
        happen("ada")
        eventually(is_counted)  # both answers below have it then
        async with opened(server) as client:
            first = await client.next("snapshot")
            assert shape(first["data"]) == shape(ask_http(server, "/dashboard"))
            happen("eva")
            event = await client.next("event")
            while event["data"]["user_id"] != "eva":
                event = await client.next("event")
            assert event["data"]["type"] == "request"
            update = await client.next("dashboard_update")
            assert event["data"] in update["data"]["realtime_stats"]["recent_events"]
            while update["data"]["realtime_stats"]["active_connections"] != 1:
                update = await client.next("dashboard_update")

    run(scene)


def test_analytics_is_that_of_http(server: Server) -> None:
    """A client of /ws/analytics that says nothing is sent the dashboard of analytics."""

    async def scene() -> None:
        async with opened(server, "/ws/analytics") as client:
            found = [await client.next() for _ in range(3)]
        assert {each["type"] for each in found} == {"metrics_update"}
        other = ask_http(server, "/api/v1/analytics/dashboard")
        assert shape(found[-1]["data"]) == shape(other)

    run(scene)


def held(before: dict[str, MetricChange], message: Json) -> dict[str, MetricChange]:
    """What a client has of its metrics after a message."""
    data = msgspec.convert(message["data"], MetricsData)
    changed = {name: apply(before.get(name), each) for name, each in data.metrics.items()}
    return {**before, **changed}


async def caught_up(client: Client, has: dict[str, MetricChange], events: int) -> None:
    """Listen until so many events are counted."""
    while sum(value or 0 for _, value in has["orders_events_total"].series[0].points) != events:
        has.update(held(has, await client.next("metrics_update")))


def test_followed_metrics_are_those_of_a_range_query(server: Server, workspace: Workspace) -> None:
    """What a client has after whole and increments is what the range query answers then."""
    names = ["orders_events_total", "orders_amount_sum", "orders_by_status"]
    how = {"from": "-5m", "step": "1m"}
    post(workspace, 1, 2)

    async def scene() -> None:
        async with opened(server, "/ws/dashboard?quiet=true") as client:
            answer = await client.ask({"type": "subscribe", "metrics": names, **how})
            assert answer["type"] == "subscribed", answer
            has = held({}, await client.next("metrics_update"))
            for number in range(3, 6):
                post(workspace, number)
                await caught_up(client, has, number)
            for name in names:
                other = ask_http(server, f"{API}/metrics/{name}/range?from=-5m&step=1m")
                ours = {tuple(each.labels.items()): each.points[-1] for each in has[name].series}
                assert other["series"]
                for each in other["series"]:
                    # A minute may have begun since: then this is not the last point there.
                    at, value = ours[tuple(each["labels"].items())]
                    assert dict(each["points"])[at] == value

    run(scene)


def test_a_metric_that_goes_is_told(server: Server, workspace: Workspace) -> None:
    """A followed metric that is dropped is said to be gone; defined anew, it goes on by itself."""
    post(workspace, 1)
    body: Json = {"table": "orders", "expression": "amount", "aggregation": "sum"}

    async def scene() -> None:
        async with opened(server, "/ws/analytics?quiet=true") as client:
            workspace.define_metric("revenue", **body)
            await client.ask({"type": "subscribe", "metrics": ["revenue"]})
            await client.next("metrics_update")
            workspace.drop_metric("revenue")
            told = await client.next("error")
            assert "no metric 'revenue'" in told["error"]["message"]
            assert told["stream"].startswith("metrics-1s-")
            workspace.define_metric("revenue", **body)
            assert (await client.next("metrics_update"))["seq"]

    run(scene)


def test_nothing_that_writes_waits(server: Server, workspace: Workspace, stuck: FakeCaller) -> None:
    """While a question hangs and clients do not read, events are stored all the same."""
    post(workspace, 1)
    wires = [handshake(server) for _ in range(3)]

    async def scene() -> None:
        async with opened(server, "/ws/analytics?quiet=true") as client:
            await client.ask({"type": "subscribe", "topic": "stuck"})
            await client.next("snapshot")
            stuck.gate.clear()
            await client.say({"type": "subscribe", "metrics": ["orders_events_total"]})
            for number in range(2, 8):
                post(workspace, number)
            has = held({}, await client.next("metrics_update"))
            await caught_up(client, has, 7)

    run(scene)
    assert workspace.ledger().applied == 7
    for each in wires:
        each.close()

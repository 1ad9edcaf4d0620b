"""Custom metrics and comparisons over HTTP, over a real engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.service.handle import connect
from tests.api.conftest import API, TOKEN


def orders(*cities: str) -> list[dict[str, Any]]:
    """An order of 2.5 from each city, just now."""
    return [
        {
            "id": f"e-{number}",
            "table": "orders",
            "type": "INSERT",
            "timestamp": datetime.now(UTC).isoformat(),
            "after": {"id": number, "amount": 2.5, "city": city},
        }
        for number, city in enumerate(cities)
    ]


def test_a_metric_is_posted_put_and_deleted(live: httpx.Client) -> None:
    """201 with its definition; then it answers questions; then it is gone."""
    live.post(f"{API}/events/batch", json=orders("Rome", "Paris, Texas"))
    body = {"name": "volume", "table": "orders", "expression": "amount * 2", "aggregation": "sum"}
    made = live.post(f"{API}/metrics", json={**body, "group_by": ["city"]})
    assert made.status_code == 201
    assert made.json()["definition"]["expression"] == "amount * 2"
    assert made.json()["labels"] == ["city"]
    value = live.get(f"{API}/metrics/volume/query").json()["series"][0]["points"][0][1]
    assert value == 10
    changed = live.put(f"{API}/metrics/volume", json={**body, "expression": "amount"})
    assert changed.json()["definition"] == {
        "table": "orders",
        "expression": "amount",
        "on": "inserts",
    }
    assert live.delete(f"{API}/metrics/volume").json() == {"name": "volume"}
    assert live.get(f"{API}/metrics/volume").status_code == 404


def test_a_faulty_definition_is_answered_with_its_place(live: httpx.Client) -> None:
    """404 for a name that does not exist, 400 for what cannot be."""
    live.post(f"{API}/events/batch", json=orders("Rome"))
    wrong = live.post(
        f"{API}/metrics", json={"name": "x", "table": "orders", "filter": "1 < amuont"}
    )
    assert wrong.status_code == 404
    assert wrong.json()["error"]["details"]["position"] == 4
    both = live.post(f"{API}/metrics", json={"name": "x", "table": "orders", "formula": "a / b"})
    assert both.status_code == 400


def test_filters_may_be_repeated_and_hold_commas(live: httpx.Client) -> None:
    """One filter each when there are several; a comma of a single one is marked."""
    live.post(f"{API}/events/batch", json=orders("Rome", "Oslo", "Paris, Texas", "Paris, Texas"))
    live.post(f"{API}/metrics", json={"name": "n", "table": "orders", "group_by": ["city"]})
    for given, count in (
        (["city=Rome", "city=Paris, Texas"], 3),
        ("city=Paris\\, Texas", 2),
        ("city=Rome,city=Oslo", 2),
    ):
        found = live.get(f"{API}/metrics/n/query", params={"filters": given}).json()
        assert found["series"][0]["points"][0][1] == count


def test_an_answer_is_compared(live: httpx.Client) -> None:
    """Only when that is asked for."""
    live.post(f"{API}/events/batch", json=orders("Rome"))
    path = f"{API}/metrics/orders_inserts_total/range"
    end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    asked = {"from": (end - timedelta(minutes=10)).isoformat(), "to": end.isoformat(), "step": "1m"}
    plain = live.get(path, params=asked).json()
    assert "comparison" not in plain
    compared = live.get(path, params={**asked, "compare": "same_hour_yesterday"}).json()
    assert compared["series"] == plain["series"]
    (series,) = compared["comparison"]["series"]
    assert len(series["points"]) == len(plain["series"][0]["points"])
    assert {value for _, value in series["points"]} == {None}


def test_the_remote_handle_does_the_same(live: httpx.Client) -> None:
    """Methods of the workspace, errors as they are there."""
    live.post(f"{API}/events/batch", json=orders("Rome", "Oslo"))
    with connect(str(live.base_url), TOKEN) as lab:
        made = lab.define_metric("n", table="orders", filter="city = 'Rome'")
        assert made.backfill is not None
        assert lab.query("n").series[0].points[0][1] == 1
        assert lab.change_metric("n", table="orders").name == "n"
        with pytest.raises(InputError, match="already"):
            lab.define_metric("n", table="orders")
        lab.drop_metric("n")
        with pytest.raises(NotFoundError):
            lab.query("n")

"""Times at the ends of the calendar: in events, in telemetry, and in what is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.api.conftest import API
from tests.api.test_live import order

FAR = ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", -99_999_999_999_999]
OUTSIDE = "is outside of the years 1000 to 9999 in UTC"


def set_aside(client: httpx.Client) -> list[dict[str, Any]]:
    """What is in the quarantine."""
    items: list[dict[str, Any]] = client.get(f"{API}/quarantine").json()["items"]
    return items


@pytest.fixture
def shop(live: httpx.Client) -> httpx.Client:
    """A client of a workspace that knows the table, so that quick answers are possible."""
    assert live.post(f"{API}/events", json=order(1, 1.0)).status_code == 202
    return live


def test_an_event_of_no_year_is_malformed(shop: httpx.Client) -> None:
    """Alone, with and without waiting, and among twenty; each is in the quarantine."""
    for place, far in enumerate(FAR, 1):
        for wait in ("true", "false"):
            body = order(2, 1.0) | {"timestamp": far}
            answer = shop.post(f"{API}/events", json=body, params={"wait": wait})
            assert answer.status_code == 400
            assert f"{str(far)!r} {OUTSIDE}" in answer.json()["error"]["message"]
        bodies = [order(100 * place + number, 1.0) for number in range(20)]
        bodies[7] |= {"timestamp": far}
        told = shop.post(f"{API}/events/batch", json=bodies).json()
        assert (told["received"], told["applied"], told["quarantined"]) == (20, 19, 1)
        assert [each["kind"] for each in set_aside(shop)] == ["malformed"] * 3 * place


def test_telemetry_of_no_year_is_malformed(shop: httpx.Client) -> None:
    """The same for a stream, by whichever way it comes."""
    for place, far in enumerate(FAR, 1):
        for path in ("/events", "/api/v1/analytics/events"):
            answer = shop.post(path, json={"type": "login", "timestamp": far})
            assert answer.status_code == 400
            assert OUTSIDE in answer.json()["error"]["message"]
        assert len(set_aside(shop)) == 2 * place


def test_a_field_may_hold_any_time(shop: httpx.Client) -> None:
    """What a row says of itself is data: it is taken in, and shown, in UTC."""
    for number, far in enumerate(FAR, 2):
        body = order(number, 1.0)
        body["after"]["paid_at"] = far
        answer = shop.post(f"{API}/events", json=body, params={"wait": "true"})
        assert answer.json()["applied"] == 1
    query = "SELECT paid_at FROM live.orders WHERE paid_at IS NOT NULL ORDER BY id"
    rows = shop.post(f"{API}/sql", json={"query": query}).json()["rows"]
    assert rows == [
        ["10000-01-01T04:59:59.000000Z"],
        ["0000-12-31T19:00:00.000000Z"],
        ["-99999999999999"],
    ]


ALL_TIME = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59Z"}
TOTAL = f"{API}/metrics/orders_amount_sum"


ASKED: list[tuple[str, dict[str, str], int]] = [
    (f"{TOTAL}/query", ALL_TIME, 200),
    (f"{TOTAL}/query", ALL_TIME | {"compare": "previous_period"}, 400),
    (f"{TOTAL}/range", {"from": "9999-12-31T23:00:00Z", "to": ALL_TIME["to"]}, 200),
    (f"{API}/quality/score", {"to": ALL_TIME["from"]}, 400),
    (f"{API}/quality/score", {"window": "9999999d"}, 400),
    (f"{API}/schema/diff", {"from": "-99999999999999"}, 400),
]


def test_a_range_to_the_ends_is_answered(shop: httpx.Client) -> None:
    """All time is a range; what would be before it is refused with a sentence."""
    for path, asked, status in ASKED:
        answer = shop.get(path, params=asked)
        assert (answer.status_code, path, asked) == (status, path, asked), answer.text
    points = shop.get(f"{TOTAL}/query", params=ALL_TIME).json()["series"][0]["points"]
    assert points[0][1] == 1.0


def test_a_silence_ends_within_the_calendar(shop: httpx.Client) -> None:
    """One that would not is refused."""
    for more in ({"from": ALL_TIME["to"]}, {"for": "99999999d"}, {"from": "-99999999999999"}):
        body = {"matchers": {"severity": "info"}} | more
        answer = shop.post(f"{API}/alerts/silences", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_time")

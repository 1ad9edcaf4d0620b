"""A day of telemetry as clients of the older services post it; the same seed is the same day."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

Body = dict[str, Any]

ASKED = datetime(2026, 6, 2, 12, 30, 30, 500_000, tzinfo=UTC)
"""The moment of asking."""


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _moment(chance: random.Random) -> datetime:
    """Mostly of the last hours, some of the last minute, some older than the window."""
    kind = chance.random()
    if kind < 0.2:
        back = chance.uniform(0, 90)
    elif kind < 0.4:
        back = chance.uniform(0, 600)
    else:
        back = chance.uniform(0, 25.2 * 3_600)
    return ASKED - timedelta(microseconds=int(back * 1e6))


def events(chance: random.Random, count: int) -> list[Body]:
    """Requests, errors, purchases; fields at the top or within data, some missing."""
    made = []
    for number in range(count):
        kind = chance.choices(["request", "error", "purchase", "page_view"], [6, 1, 1, 2])[0]
        body: Body = {"type": kind, "timestamp": _stamp(_moment(chance)), "id": f"e{number}"}
        if chance.random() < 0.9:
            body["service"] = chance.choice(["api", "web", "auth"])
        if chance.random() < 0.7:
            body["user_id"] = chance.choice(["ada", "bob", "cy", 7, "dan"])
        if chance.random() < 0.3:
            body["session_id"] = f"s{chance.randrange(12)}"
        _measured(chance, kind, body)
        if kind == "error" and chance.random() < 0.8:
            body["data"] = {"message": chance.choice(["boom", "no disk", "late"])}
        made.append(body)
    return made


def _measured(chance: random.Random, kind: str, body: Body) -> None:
    if kind not in ("request", "page_view"):
        return
    path = chance.choice(["/a", "/b", "/cart", "/cart?id=7"])
    took = round(chance.lognormvariate(4, 1), 3)
    if chance.random() < 0.5:
        body |= {"endpoint": path, "duration_ms": took}
    else:
        body["data"] = {"path": path, "latency_ms": took}
    if chance.random() < 0.3:
        body["status_code"] = chance.choice([200, 404, 503])
    if chance.random() < 0.2:
        body["success"] = chance.random() < 0.8


def heartbeats(chance: random.Random) -> list[Body]:
    """Two services that send heartbeats; one fell silent, one sends nothing else."""
    made = []
    for name, status, last in (("auth", "healthy", 600), ("billing", "degraded", 20)):
        for number in range(5):
            moment = ASKED - timedelta(seconds=last + 60 * (4 - number))
            figures = {
                "request_count": 100 * (number + 1),
                "error_count": number,
                "avg_latency": round(chance.uniform(10, 90), 2),
            }
            made.append(
                {
                    "service": name,
                    "status": status,
                    "timestamp": _stamp(moment),
                    "metrics": figures,
                }
            )
    return made


def performance(chance: random.Random, count: int) -> list[Body]:
    """Operations of services."""
    made = []
    for _ in range(count):
        good = chance.random() < 0.9
        body: Body = {
            "service_id": chance.choice(["api", "batch"]),
            "operation": chance.choice(["query", "render"]),
            "duration_ms": round(chance.expovariate(1 / 40), 3),
            "success": good,
            "timestamp": _stamp(_moment(chance)),
        }
        if not good and chance.random() < 0.7:
            body["error_type"] = "Timeout"
        made.append(body)
    return made


def actions(chance: random.Random, count: int) -> list[Body]:
    """What users do, most without a session id."""
    made = []
    for _ in range(count):
        body: Body = {
            "user_id": chance.choice(["ada", "bob", "eve", "fay"]),
            "action": chance.choice(["login", "search", "buy", "logout"]),
            "timestamp": _stamp(_moment(chance)),
        }
        if chance.random() < 0.2:
            body["session_id"] = f"s{chance.randrange(12)}"
        if chance.random() < 0.5:
            body["success"] = chance.random() < 0.9
        if body.get("success") is False:
            body["error_message"] = "declined"
        made.append(body)
    return made


def tasks(chance: random.Random, count: int) -> list[Body]:
    """Runs that are reported when they start, and most again when they end."""
    made = []
    for number in range(count):
        begun = ASKED - timedelta(seconds=chance.randrange(3_600, 72_000))
        run: Body = {
            "task_id": f"t{number}",
            "task_type": chance.choice(["etl", "mail"]),
            "start": _stamp(begun),
        }
        depth = chance.randrange(20)
        made.append(run | {"status": "running", "timestamp": _stamp(begun), "queue_depth": depth})
        if chance.random() < 0.85:
            took = chance.randrange(1, 3_000_000) + number / 1_000
            good = chance.random() < 0.8
            end: Body = {
                "status": "completed" if good else "failed",
                "timestamp": _stamp(begun + timedelta(milliseconds=took)),
                "duration_ms": took,
                "queue_depth": depth + 1,
            }
            if not good:
                end["error_message"] = chance.choice(["no space", "bad row"])
            made.append(run | end)
    return made

"""What the telemetry routes must answer, worked out in plain Python from the posted bodies.

It imports nothing of the package and shares no code with it. Times are aware datetimes.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import fmean
from typing import Any

Body = dict[str, Any]


def at(body: Body) -> datetime:
    """When a body says that it was."""
    return datetime.fromisoformat(body["timestamp"])


def floor(moment: datetime, seconds: int) -> datetime:
    """The start of the bucket of a moment."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, UTC)


def quantile(values: list[float], share: float) -> float:
    """Interpolated between ranks."""
    ordered = sorted(values)
    rank = share * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def rate(requests: float, errors: float) -> float:
    """Errors per request; errors without a request count as one each."""
    whole = max(requests, errors)
    return errors / whole if whole else 0.0


def event_name(body: Body) -> str:
    """Endpoint of an event, at the top or within data."""
    data = body.get("data") or {}
    found = body.get("endpoint") or data.get("path") or ""
    return str(found).split("?")[0]


def event_ms(body: Body) -> float | None:
    """Milliseconds of an event."""
    found = body.get("duration_ms", (body.get("data") or {}).get("latency_ms"))
    return None if found is None else float(found)


def event_failed(body: Body) -> bool:
    """Whether an event is an error."""
    bad = (body.get("status_code") or 0) >= 500 or body.get("success") is False
    return body["type"] == "error" or (body["type"] == "request" and bad)


@dataclass
class Oracle:
    """Posted bodies by stream, and the moment of asking."""

    now: datetime
    events: list[Body] = field(default_factory=list)
    heartbeats: list[Body] = field(default_factory=list)
    performance: list[Body] = field(default_factory=list)
    actions: list[Body] = field(default_factory=list)
    tasks: list[Body] = field(default_factory=list)

    @property
    def since(self) -> datetime:
        """Start of the window."""
        return floor(self.now - timedelta(hours=24), 3600)

    def _window(self, bodies: Iterable[Body]) -> list[Body]:
        return [each for each in bodies if at(each) >= self.since]

    def _last_minute(self) -> list[Body]:
        first = floor(self.now, 1) - timedelta(seconds=59)
        return [each for each in self.events if first <= floor(at(each), 1) <= self.now]

    def overview(self) -> dict[str, float]:
        """The overview of the dashboard."""
        mine = self._window(self.events)
        requests = [each for each in mine if each["type"] == "request"]
        times = [ms for each in requests if (ms := event_ms(each)) is not None]
        errors = sum(map(event_failed, mine))
        last = [each for each in self._last_minute() if each["type"] == "request"]
        users = {
            str(each["user_id"])
            for each in self.events + self.actions
            if each.get("user_id") and at(each) > self.now - timedelta(minutes=5)
        }
        told = {
            name: beat["metrics"]
            for name, beat in self.beats().items()
            if not any(each.get("service") == name for each in requests)
        }
        counted = sum(each["request_count"] for each in told.values())
        failed = sum(each["error_count"] for each in told.values())
        spent = sum(each["request_count"] * each["avg_latency"] for each in told.values())
        return {
            "total_requests": counted + sum(each["type"] == "request" for each in self.events),
            "active_users": len(users),
            "average_latency_ms": (sum(times) + spent) / (len(times) + counted),
            "error_rate": 100 * rate(len(requests) + counted, errors + failed),
            "requests_per_second": len(last) / 60,
        }

    def beats(self) -> dict[str, Body]:
        """The newest heartbeat of each service."""
        newest: dict[str, Body] = {}
        for each in sorted(self.heartbeats, key=at):
            newest[each["service"]] = each
        return newest

    def services(self) -> dict[str, dict[str, Any]]:
        """Requests, errors, status of each service."""
        found = {}
        mine = self._window(self.events)
        names = {each["service"] for each in mine if each.get("service")}
        names |= {each["service_id"] for each in self._window(self.performance)} | {*self.beats()}
        for name in sorted(names):
            own = [each for each in mine if each.get("service") == name]
            requests = sum(each["type"] == "request" for each in own)
            errors = sum(map(event_failed, own))
            times = [ms for e in own if e["type"] == "request" and (ms := event_ms(e)) is not None]
            average = fmean(times) if times else 0.0
            beat = self.beats().get(name)
            seen = floor(max(map(at, own), default=self.since), 60)
            ran = [at(e) for e in self._window(self.performance) if e["service_id"] == name]
            seen = max(seen, floor(max(ran, default=self.since), 60))
            if beat:
                requests, errors = beat["metrics"]["request_count"], beat["metrics"]["error_count"]
                average, seen = beat["metrics"]["avg_latency"], at(beat)
            found[name] = {
                "request_count": requests,
                "error_count": errors,
                "avg_latency_ms": average,
                "last_heartbeat": beat and beat["timestamp"],
                "status": self._status(own, beat, seen, (requests, errors, average)),
            }
        return found

    def _status(
        self,
        own: list[Body],
        beat: Body | None,
        seen: datetime,
        shown: tuple[float, float, float],
    ) -> str:
        if self.now - seen > timedelta(minutes=2):
            return "stale"
        recent = [each for each in own if floor(at(each), 1) > self.now - timedelta(minutes=5)]
        requests, errors, average = shown
        if recent:
            requests = sum(each["type"] == "request" for each in recent)
            errors = sum(map(event_failed, recent))
            times = [
                ms for e in recent if e["type"] == "request" and (ms := event_ms(e)) is not None
            ]
            average = fmean(times) if times else 0.0
        word = beat["status"] if beat else "healthy"
        percent = 100 * rate(requests, errors)
        if word == "down" or percent >= 20 or average >= 5_000:
            return "unhealthy"
        if word == "degraded" or percent >= 5 or average >= 1_000:
            return "degraded"
        return "healthy"

    def realtime(self) -> dict[str, Any]:
        """Counts of the last minute, and the endpoints asked most."""
        last = self._last_minute()
        counts: Counter[str] = Counter()
        times: dict[str, list[float]] = defaultdict(list)
        for each in self._window(self.events):
            if each["type"] == "request" and event_name(each):
                counts[event_name(each)] += 1
                if (ms := event_ms(each)) is not None:
                    times[event_name(each)].append(ms)
        top = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
        return {
            "requests_last_1min": sum(each["type"] == "request" for each in last),
            "errors_last_1min": sum(map(event_failed, last)),
            "top_endpoints": [
                (name, count, fmean(times[name]) if times[name] else 0.0) for name, count in top
            ],
        }

    def aggregations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Figures by (minute, service), of events and performance."""
        cells: dict[tuple[str, str], list[tuple[float | None, bool]]] = defaultdict(list)
        for each in self._window(self.events):
            if each.get("service"):
                key = floor(at(each), 60).isoformat().replace("+00:00", "Z"), each["service"]
                cells[key].append((event_ms(each), event_failed(each)))
        for each in self._window(self.performance):
            key = floor(at(each), 60).isoformat().replace("+00:00", "Z"), each["service_id"]
            cells[key].append((each["duration_ms"], each["success"] is False))
        found = {}
        for key, rows in cells.items():
            times = [ms for ms, _ in rows if ms is not None]
            errors = sum(failed for _, failed in rows)
            found[key] = {
                "event_count": len(rows),
                "error_count": errors,
                "error_rate": rate(len(rows), errors),
                "success_rate": 1 - rate(len(rows), errors),
                "throughput": len(rows) / 60,
                "avg_latency": fmean(times) if times else None,
                **{
                    f"p{share}_latency": quantile(times, share / 100) if times else None
                    for share in (50, 95, 99)
                },
            }
        return found

    def top_errors(self) -> list[tuple[str, str, int]]:
        """What fails most: (error, service, count)."""
        counts: Counter[tuple[str, str]] = Counter()
        for each in self._window(self.events):
            if each["type"] == "error":
                told = (each.get("data") or {}).get("message") or each.get("endpoint") or "error"
                counts[told, each.get("service") or ""] += 1
        for each in self._window(self.performance):
            if told := each.get("error_type") or ("error" if each["success"] is False else ""):
                counts[told, each["service_id"]] += 1
        for each in self._window(self.actions):
            if each.get("error_message"):
                counts[each["error_message"], ""] += 1
        for each in self._window(self.tasks):
            if each.get("error_message"):
                counts[each["error_message"], each["task_type"]] += 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [(*key, count) for key, count in ranked[:10]]

    def top_users(self) -> list[tuple[str, int, int]]:
        """Who does most: (user, actions, failed)."""
        counts: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for each in self._window(self.events):
            if each.get("user_id"):
                counts[str(each["user_id"])] += 1
                failed[str(each["user_id"])] += event_failed(each)
        for each in self._window(self.actions):
            counts[each["user_id"]] += 1
            failed[each["user_id"]] += each.get("success") is False
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [(user, count, failed[user]) for user, count in ranked[:10]]

    # ------------------------------------------------------------------ behaviour

    def _acts(self) -> list[tuple[datetime, int, str | None, str | None, str]]:
        """(time, order, user, session, action) of all that a user did."""
        acts = []
        for order, each in enumerate(self._window(self.events)):
            if each.get("user_id") or each.get("session_id"):
                user = str(each["user_id"]) if each.get("user_id") else None
                name = f"{each['type']} {event_name(each)}".strip()
                acts.append((at(each), order, user, each.get("session_id"), name))
        for order, each in enumerate(self._window(self.actions), len(acts)):
            acts.append((at(each), order, each["user_id"], each.get("session_id"), each["action"]))
        return acts

    def visits(self) -> list[list[tuple[datetime, str, str | None]]]:
        """Sessions as lists of (time, action, user)."""
        named: dict[str, list[tuple[datetime, str, str | None]]] = defaultdict(list)
        alone: dict[str, list[tuple[datetime, str, str | None]]] = defaultdict(list)
        for when, _, user, session, action in sorted(self._acts(), key=lambda act: act[:2]):
            held = named[session] if session else alone[str(user)]
            held.append((when, action, user))
        found = list(named.values())
        for acts in alone.values():
            current = [acts[0]]
            for before, act in itertools.pairwise(acts):
                if act[0] - before[0] > timedelta(minutes=30):
                    found.append(current)
                    current = []
                current.append(act)
            found.append(current)
        return found

    def behaviour(self) -> dict[str, Any]:
        """Sessions, features, journeys, the peak hour."""
        acts, visits = self._acts(), self.visits()
        lengths = [(visit[-1][0] - visit[0][0]).total_seconds() for visit in visits]
        with_user = [next((u for *_, u in visit if u), None) for visit in visits]
        users = {user for user in with_user if user}
        steps = Counter(
            (one[1], two[1]) for visit in visits for one, two in itertools.pairwise(visit)
        )
        features = Counter(act[4] for act in acts)
        hours = Counter(act[0].hour for act in acts)
        return {
            "actions": len(acts),
            "unique_users": len({act[2] for act in acts if act[2]}),
            "count": len(visits),
            "per_user": sum(user is not None for user in with_user) / len(users),
            "average_seconds": fmean(lengths),
            "longest_seconds": max(lengths),
            "features": _ranked(features),
            "journeys": _ranked(steps),
            "peak_hour": min(hours.items(), key=lambda item: (-item[1], item[0])),
        }

    def task_figures(self) -> dict[str, Any]:
        """Success rate, durations, reasons, queue."""
        runs: dict[str, Body] = {}
        for each in sorted(self._window(self.tasks), key=at):
            runs[each["task_id"]] = runs.get(each["task_id"], {}) | each
        done = [run for run in runs.values() if run["status"] == "completed"]
        failed = [run for run in runs.values() if run["status"] == "failed"]
        times = [run["duration_ms"] for run in runs.values() if "duration_ms" in run]
        reasons = Counter(run["error_message"] for run in failed)
        queue = [e["queue_depth"] for e in sorted(self._window(self.tasks), key=at)]
        return {
            "runs": len(runs),
            "succeeded": len(done),
            "failed": len(failed),
            "success_rate": len(done) / (len(done) + len(failed)),
            "average_ms": fmean(times),
            "p95_ms": quantile(times, 0.95),
            "queue_depth": queue[-1],
            "failures": _ranked(reasons),
        }


def _ranked(counts: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:20]

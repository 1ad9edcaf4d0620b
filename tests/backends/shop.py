"""A small shop for tests of metric back ends: events of now, and what is asked of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.backends import Backend
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, QueryResult, run
from datawatch_lab.ingest.decode import decode
from tests.waiting import PATIENCE, eventually

MERGED = ("sum", "count", "rate", "avg", "min", "max", "last")
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
STATUSES = ("paid", "new", 'o\'brien, "x" = y')


def events(seed: int, start: datetime, minutes: int, each: int = 3) -> list[bytes]:
    """Orders, a few a minute, some of them updated a moment later."""
    rng = random.Random(seed)
    made = []
    for minute in range(minutes):
        for place in range(each):
            at = start + timedelta(minutes=minute, seconds=10 + 15 * place)
            number = seed * 1_000_000 + minute * each + place
            row = {
                "id": number,
                "amount": rng.randint(1, 100_000) / 100,
                "status": rng.choice(STATUSES),
            }
            made.append(_event(f"e{number}", "INSERT", row, at))
            if rng.random() < 0.2:
                later = {**row, "status": "paid"}
                made.append(_event(f"u{number}", "UPDATE", later, at + timedelta(seconds=1), row))
    return made


def _event(name: str, op: str, after: object, at: datetime, before: object | None = None) -> bytes:
    event = {"id": name, "operation": op, "table": "orders", "after": after}
    if before is not None:
        event["before"] = before
    return msgspec.json.encode({**event, "timestamp": at.isoformat()})


def opened(path: Path, now: datetime = NOW) -> Engine:
    """An engine whose clock stands still."""
    return Engine.open(path, clock=ManualClock(now))


def feed(engine: Engine, lines: Sequence[bytes]) -> None:
    """Take lines in, durably."""
    numbers = range(1, len(lines) + 1)
    engine.submit(decode(lines, numbers, numbers, source="test")).result()


def await_current(engine: Engine, seconds: float = PATIENCE) -> None:
    """Wait until all back ends have what is closed."""
    eventually(
        lambda: all(_has_all(engine, each) for each in engine.backends.states()),
        lambda: repr(engine.backends.states()),
        seconds,
    )


def _has_all(engine: Engine, state: BackendState) -> bool:
    sent = engine.backends.sent(state.name)
    known = {id_: each.until for id_, each in sent.tables.items()}
    return (
        state.state == "current"
        and sent.seq == engine.last_seq
        and all(known.get(each.id) == engine.closing.until(each.id) for each in engine.tables())
    )


def closed_until(engine: Engine) -> datetime:
    """How far the orders are closed."""
    until = engine.closing.until(engine.table("orders").id)
    assert until is not None
    return until


def same(engine: Engine, backend: Backend, start: datetime, *, whole: bool = False) -> int:
    """Compare what a back end answers with what the workspace says; gives how many values.

    Args:
        engine: of the workspace.
        backend: that it sends to.
        start: whole minutes; up to where orders are closed.
        whole: every metric, aggregation and label, rather than a few.
    """
    end, compared = closed_until(engine), 0
    for metric in engine.metrics().values():
        if not whole and metric.name not in FEW:
            continue
        possible = [each for each in engine.measures.aggregations(metric) if each.value in MERGED]
        for how in possible:
            is_own = how is metric.aggregation
            asks: list[tuple[tuple[str, ...], str | None]] = [((), "7m")]
            asks += [((), None), (metric.labels[:1], "1m")] if is_own else []
            for labels, step in asks:
                compared += _compare(
                    engine, backend, metric.name, how.value, labels, step, start, end
                )
    return compared


FEW = ("orders_amount_sum", "orders_total", "orders_rows")


def _compare(
    engine: Engine,
    backend: Backend,
    metric: str,
    how: str,
    labels: tuple[str, ...],
    step: str | None,
    start: datetime,
    end: datetime,
) -> int:
    width = timedelta(minutes=int(step[:-1])) if step else timedelta(minutes=1)
    first = datetime.fromtimestamp(
        -(-start.timestamp() // width.total_seconds()) * width.total_seconds(), UTC
    )
    last = datetime.fromtimestamp(
        end.timestamp() // width.total_seconds() * width.total_seconds(), UTC
    )

    def ask(name: str) -> QueryResult:
        asked = QueryRequest(
            metric, first, last, how, labels, step=step, stepped=step is not None, backend=name
        )
        return run(engine, asked)

    try:
        right = ask("")
    except InputError:
        return 0
    try:
        got = ask(backend.name)
    except InputError as error:
        if "made of what the workspace knows" not in str(error):
            raise
        return 0
    assert len(got.series) == len(right.series)
    for mine, other in zip(got.series, right.series, strict=True):
        assert mine.labels == other.labels
        for (at, value), (moment, expected) in zip(mine.points, other.points, strict=True):
            assert at == moment
            where = (metric, how, labels, step, at)
            assert (value is None) == (expected is None), (where, value, expected)
            if value is not None and expected is not None:
                assert abs(value - expected) <= 1e-9 * max(1, abs(expected)), (
                    where,
                    value,
                    expected,
                )
    return sum(len(each.points) for each in got.series)

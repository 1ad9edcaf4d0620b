"""Answers that are kept: the same as those made anew, whatever comes in between."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Formula
from datawatch_lab.engine import Engine
from datawatch_lab.engine.cache import AnswerCache, Basis
from datawatch_lab.engine.detection import Detection
from datawatch_lab.engine.queries import QueryRequest, QueryResult, _answered, _question, run
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
PAST: dict[str, Any] = {"start": NOW - 6 * HOUR, "end": NOW - 2 * HOUR}
QUESTIONS = (
    QueryRequest("orders_amount_sum", **PAST, step="30m"),
    QueryRequest("orders_amount_sum", **PAST, stepped=False),
    QueryRequest("orders_amount_avg", "-1h", "now", step="5m"),
    QueryRequest("orders_inserts_total", **PAST, step="1h"),
    QueryRequest("orders_inserts_total", "-3h", "now", step="10m", group_by=("status",)),
    QueryRequest("orders_inserts_total", "-3h", "now", stepped=False, aggregation="rate"),
    QueryRequest("orders_inserts_total", "-1h", "now", stepped=False),
    QueryRequest("orders_amount_p95", "-1h", "now", stepped=False),
    QueryRequest("orders_rows", "-1h", "now", stepped=False),
    QueryRequest("mean", "-1h", "now", stepped=False),
    QueryRequest("orders_rows", **PAST, step="1h"),
    QueryRequest("orders_amount_p95", **PAST, step="1h"),
    QueryRequest("orders_customer_id_cardinality", **PAST, step="1h"),
    QueryRequest("events_total", "today", "now", step="1h"),
    QueryRequest("events_total", **PAST, step="1h", group_by=("table",)),
    QueryRequest("orders_amount_sum", **PAST, step="1h", compare="previous_period"),
    QueryRequest("orders_amount_sum", **PAST, step="1m", points=40),
    QueryRequest("mean", **PAST, step="1h"),
)


def line(number: int, at: datetime, *, table: str = "orders", op: str = "INSERT") -> bytes:
    """A change of an order (or of a row of another table)."""
    after = {
        "id": number,
        "amount": number % 97 + 0.25,
        "status": ("new", "paid", "sent")[number % 3],
        "customer_id": number % 7,
    }
    event = {"id": f"{table}-{op}-{number}-{at}", "table": table, "operation": op}
    return json.dumps(event | {"timestamp": at.isoformat(), "after": after}).encode()


class Shop:
    """An engine with a day of orders, and a clock that only moves when told to."""

    def __init__(self, folder: Path, **limits: Any) -> None:
        self.clock = ManualClock(NOW)
        chosen = Settings(role_sample=50, **limits)  # so that roles rest on what is there already
        self.engine = Engine.open(folder / "shop.duckdb", settings=chosen, clock=self.clock)
        self.engine.beside(Detection).by_hand()  # what it begins to watch is a metric more
        self.number = 0
        at = NOW - 10 * HOUR
        self.take(*(at + 5 * MINUTE * n for n in range(100)))
        mean = Formula(name="mean", expression="orders_amount_sum / orders_inserts_total")
        self.engine.measures.custom.define_formula(self.engine, mean)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.close()

    def take(self, *times: datetime, table: str = "orders", op: str = "INSERT") -> None:
        """Store changes at these times as one batch."""
        first = self.number + 1
        self.number += len(times)
        numbers = range(first, self.number + 1)
        known = numbers if op == "INSERT" else [1 + n % first for n in numbers]
        lines = [line(n, at, table=table, op=op) for n, at in zip(known, times, strict=True)]
        batch = decode(lines, list(numbers), list(numbers), source="test")
        self.engine.submit(batch).result()

    def differences(self) -> list[str]:
        """Questions whose kept answer is not the one that is made anew."""
        found = []
        for request in QUESTIONS:
            kept = run(self.engine, request)
            again = run(self.engine, request)
            fresh = made_anew(self.engine, request)
            if not shown(kept) == shown(again) == shown(fresh):
                found.append(request.metric)
        return found


def made_anew(engine: Engine, request: QueryRequest) -> QueryResult:
    """The answer past the cache."""
    return _answered(engine, _question(engine, request), engine.version)


def shown(result: QueryResult) -> tuple[Any, ...]:
    """What a user sees of an answer."""
    series = [(sorted(each.labels.items()), each.points) for each in result.series]
    return series, result.start, result.end, result.step, result.open, result.comparison


STEP = st.one_of(
    st.tuples(st.just("now"), st.integers(0, 3_600)),  # inserts, so many seconds ago
    st.tuples(st.just("late"), st.integers(2 * 3_600, 9 * 3_600)),
    st.tuples(st.just("early"), st.integers(10 * 3_600, 20 * 3_600)),  # before all that there is
    st.tuples(st.just("update"), st.integers(0, 8 * 3_600)),
    st.tuples(st.just("delete"), st.integers(0, 8 * 3_600)),
    st.tuples(st.just("other"), st.integers(0, 9 * 3_600)),  # of a table that may be new
    st.tuples(st.just("wait"), st.sampled_from([1, 61, 301, 3_700])),
    st.tuples(st.just("compact"), st.just(0)),
)
OPS = {"update": "UPDATE", "delete": "DELETE"}


@given(st.lists(STEP, min_size=1, max_size=6))
@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_kept_answer_is_the_one_that_would_be_made(steps: list[tuple[str, int]]) -> None:
    """After any writes, late corrections, waiting and compaction; each question asked twice."""
    with TemporaryDirectory() as folder, Shop(Path(folder)) as shop:
        assert shop.differences() == []
        for what, seconds in steps:
            at = shop.clock.now() - seconds * SECOND
            if what == "wait":
                shop.clock.advance(seconds * SECOND)
            elif what == "compact":
                shop.engine.store.compact()
            else:
                table = "returns" if what == "other" else "orders"
                shop.take(at, table=table, op=OPS.get(what, "INSERT"))
            assert shop.differences() == []


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """An engine with orders, none of whose states is dropped meanwhile."""
    with Shop(tmp_path, seconds_kept=timedelta(days=9)) as made:
        yield made


def hits(shop: Shop, request: QueryRequest) -> int:
    """How many of two askings were answered from what is kept."""
    before = shop.engine.answers.counts.hits
    run(shop.engine, request)
    run(shop.engine, request)
    return shop.engine.answers.counts.hits - before


OVER, ONGOING = QUESTIONS[0], QUESTIONS[2]


def test_the_past_is_kept_while_data_comes(shop: Shop) -> None:
    """What comes now leaves an answer about the past alone; what comes for the past does not."""
    assert hits(shop, OVER) == 1
    shop.take(NOW - MINUTE)
    assert hits(shop, OVER) == 2
    shop.take(NOW - 3 * HOUR)
    assert hits(shop, OVER) == 1


def test_other_tables_change_nothing(shop: Shop) -> None:
    """Data of a table that is known leaves the answers about another alone."""
    shop.take(NOW - MINUTE, table="returns")
    assert hits(shop, ONGOING) == 1
    shop.take(NOW - MINUTE, table="returns")
    assert hits(shop, ONGOING) >= 1
    shop.take(NOW - MINUTE)
    assert hits(shop, ONGOING) == 1


def test_answers_grow_old(shop: Shop) -> None:
    """Five seconds for a range that goes on, an hour for points of the past."""
    assert hits(shop, ONGOING) == hits(shop, OVER) == 1
    shop.clock.advance(6 * SECOND)
    assert hits(shop, ONGOING) == 1
    assert hits(shop, OVER) == 2
    shop.clock.advance(HOUR)
    assert hits(shop, OVER) == 1


def test_values_of_the_moment_are_not_kept(shop: Shop) -> None:
    """A rate up to now is another one a moment later; a sum is that of its second."""
    total = QueryRequest("orders_inserts_total", "-3h", "now", stepped=False)
    shop.clock.advance(SECOND / 2)
    assert hits(shop, replace(total, aggregation="rate")) == 0
    assert hits(shop, total) == 1
    shop.clock.advance(SECOND)
    assert hits(shop, total) == 1
    shop.take(NOW)
    assert hits(shop, total) == 1


def test_status_counts_hits_and_misses(shop: Shop) -> None:
    """As `datawatch status --json` shows them."""
    counts = shop.engine.answers.counts
    assert (counts.hits, counts.misses, counts.answers, counts.bytes) == (0, 0, 0, 0)
    hits(shop, OVER)
    counts = shop.engine.answers.counts
    assert (counts.hits, counts.misses, counts.answers) == (1, 1, 1)
    assert counts.bytes > 0


def test_room_is_made_by_what_was_used_least_recently() -> None:
    """What is larger than all room is not kept; the others leave in order of their last use."""
    cache: AnswerCache[str] = AnswerCache(Settings(cache_bytes=100))
    basis = Basis(1, frozenset(), NOW, NOW)
    for key in "abc":
        cache.put(key, key, basis, "live", now=NOW, size=40)
        cache.find("a", NOW)
    assert [key for key in "abc" if cache.find(key, NOW)] == ["a", "c"]
    cache.put("d", "d", basis, "live", now=NOW, size=101)
    assert cache.find("d", NOW) is None
    assert cache.counts.bytes == 80


def test_a_lifetime_of_nothing_keeps_nothing() -> None:
    """So one kind can be switched off."""
    cache: AnswerCache[str] = AnswerCache(Settings(cache_live=timedelta()))
    cache.put("a", "a", Basis(1, None, NOW, NOW), "live", now=NOW, size=1)
    assert cache.counts.answers == 0


@pytest.mark.parametrize("points", [0, 11, 50_001])
def test_numbers_of_points_that_cannot_be_had_are_refused(shop: Shop, points: int) -> None:
    """With the numbers that can."""
    with pytest.raises(InputError, match="12 to 50,000"):
        run(shop.engine, QueryRequest("orders_amount_sum", points=points))


def test_points_and_a_comparison_do_not_go_together(shop: Shop) -> None:
    """Since a comparison has a value for each bucket."""
    with pytest.raises(InputError, match="cannot be had together"):
        run(shop.engine, QueryRequest("orders_rows", points=50, compare="previous_period"))

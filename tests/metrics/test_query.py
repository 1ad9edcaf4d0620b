from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import LEVEL_SECONDS, Aggregation, Role
from datawatch_lab.metrics.book import SeriesBook
from datawatch_lab.metrics.catalogue import metrics_of, reconcile
from datawatch_lab.metrics.current import derive_current
from datawatch_lab.metrics.finalise import Result, finalise
from datawatch_lab.metrics.query import aggregations, plan
from datawatch_lab.metrics.spans import ceil_to, cover, floor_to, level_of_step
from datawatch_lab.metrics.stage import derive
from tests.metrics.changes import START, Change, batch_of, table_of, transitions_of
from tests.metrics.memory import MemoryStore

A = Aggregation
DAY = datetime(2026, 1, 1, tzinfo=UTC)
LATER = DAY + timedelta(days=3)
ORDERS = table_of(
    {
        "id": Role.ID,
        "amount": Role.NUMERIC,
        "status": Role.STATUS,
        "paid": Role.BOOLEAN,
        "made_at": Role.TIMESTAMP,
    }
)
ITEMS = table_of({"n": Role.NUMERIC}, name="items", key=(), id_=2)


class Bench:
    """Two tables with their changes derived, and questions about them."""

    def __init__(self, orders: Sequence[Change], items: Sequence[Change] = ()) -> None:
        self.measures, _ = reconcile([ORDERS, ITEMS], [])
        self.metrics = {each.name: each for each in metrics_of([ORDERS, ITEMS])}
        self.book = SeriesBook()
        self.store = MemoryStore()
        for table, changes in ((ORDERS, orders), (ITEMS, items)):
            batch = batch_of(table, changes)
            self.store.append(derive(batch, self.measures, self.book, Settings()))
            if table.key:
                mine = [each for each in self.measures if each.table_id == table.id]
                moved = transitions_of(table, changes)
                self.store.append(derive_current(moved, mine, self.book))

    def ask(self, name: str, start: datetime, end: datetime, **how: Any) -> Result:
        """The answer to a question asked at ``LATER``."""
        asked = plan(
            self.metrics[name],
            [ORDERS, ITEMS],
            self.measures,
            self.book.of,
            start=start,
            end=end,
            **{"now": LATER, **how},
        )
        base = None if asked.base is None else self.store.read(asked.base)
        present = self.store.span(asked.presence)
        return finalise(asked, self.store.read(asked.read), base, present)

    def values(self, name: str, start: datetime, end: datetime, **how: Any) -> list[float | None]:
        """The values of the only series of an answer."""
        (series,) = self.ask(name, start, end, **how).series
        return [value for _, value in series.points]


def order(seq: int, second: float, op: str = "c", **image: Any) -> Change:
    """A change of an order ``second`` seconds into the day."""
    at = START + round(second * 1_000_000)
    before = image.pop("before", None)
    row = {"id": seq, **image} if op != "d" else None
    return Change(seq, op, at, row, before if op != "d" else {"id": seq, **image})


def at(minutes: float) -> datetime:
    """A moment of the day."""
    return DAY + timedelta(minutes=minutes)


@pytest.fixture(scope="module")
def many() -> tuple[Bench, np.ndarray, np.ndarray]:
    """3,000 inserted orders over two hours, with their seconds and amounts."""
    rng = np.random.default_rng(7)
    seconds = np.sort(rng.integers(0, 7_200, 3_000)).astype(float)
    amounts = np.round(rng.lognormal(3, 1, 3_000), 2)
    changes = [
        order(n + 1, second, amount=f"{amount:.2f}", status=("new", "paid")[n % 2])
        for n, (second, amount) in enumerate(zip(seconds, amounts, strict=True))
    ]
    return Bench(changes), seconds, amounts


@pytest.mark.parametrize("step", [60, 90, 300, 3_600])
def test_each_aggregation_equals_numpy(
    many: tuple[Bench, np.ndarray, np.ndarray], step: int
) -> None:
    """Every aggregation over every bucket is numpy's; quantiles within 0.5 %."""
    bench, seconds, amounts = many
    whole: dict[Aggregation, Callable[[np.ndarray], Any]] = {
        A.SUM: np.sum,
        A.AVG: np.mean,
        A.MIN: np.min,
        A.MAX: np.max,
        A.COUNT: len,
        A.RATE: lambda values: len(values) / (step / 60),
        A.LAST: lambda values: values[-1],
        **{p: partial(np.percentile, q=int(p[1:])) for p in (A.P50, A.P90, A.P95, A.P99)},
    }
    end = at(120)
    for aggregation, compute in whole.items():
        got = bench.values(
            "orders_amount_sum",
            DAY,
            end,
            step=timedelta(seconds=step),
            aggregation=aggregation,
        )
        want = [compute(amounts[seconds // step == n]) for n in range(7_200 // step)]
        tolerance = 0.00501 if aggregation.value.startswith("p") else 1e-9
        np.testing.assert_allclose(np.array(got, dtype=float), want, rtol=tolerance)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 7_199), st.integers(1, 7_200))
def test_a_range_without_step_is_exact(start: int, length: int) -> None:
    """A range without a step holds exactly its seconds, whatever levels it is read from."""
    changes = [order(n + 1, n * 37 % 7_200, amount=n) for n in range(200)]
    bench = Bench(changes)
    begin, end = DAY + timedelta(seconds=start), DAY + timedelta(seconds=start + length)
    inside = [n for n in range(200) if start <= n * 37 % 7_200 < start + length]
    wanted = float(sum(inside)) if inside else None
    assert bench.values("orders_amount_sum", begin, end) == [wanted]


moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(moments, st.timedeltas(timedelta(microseconds=1), timedelta(days=800)))
def test_spans_are_disjoint_and_cover_the_range(start: datetime, length: timedelta) -> None:
    """Spans follow one another without gap, aligned to their level, widened to seconds only."""
    spans = cover(start, start + length)
    second = timedelta(seconds=1)
    assert spans[0].start == floor_to(start, second)
    assert spans[-1].end == ceil_to(start + length, second)
    for left, right in pairwise(spans):
        assert left.end == right.start
    for span in spans:
        width = timedelta(seconds=LEVEL_SECONDS[span.level])
        assert floor_to(span.start, width) == span.start < span.end == floor_to(span.end, width)
    assert len(spans) <= 2 * len(LEVEL_SECONDS) - 1


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(1, "1s"), (45, "1s"), (60, "1m"), (90, "1s"), (240, "1m"), (900, "5m"), (5_400, "5m"),
     (7_200, "1h"), (86_400, "1d"), (604_800, "1d")],
)  # fmt: skip
def test_a_step_is_read_from_the_coarsest_level_that_tiles_it(seconds: int, level: str) -> None:
    """Steps that are no multiple of a level use a finer one."""
    assert level_of_step(timedelta(seconds=seconds)) == level


def test_a_shifted_origin_needs_a_level_that_divides_the_shift() -> None:
    """Days that begin at half past five are not read from UTC days or hours."""
    origin = datetime(1970, 1, 1, 5, 30, tzinfo=UTC)
    assert level_of_step(timedelta(days=1), origin) == "5m"


@pytest.mark.parametrize(
    "step", [timedelta(milliseconds=500), timedelta(0), timedelta(seconds=1.5)]
)
def test_a_step_that_is_no_whole_second_is_refused(step: timedelta) -> None:
    """The finest step is a second."""
    with pytest.raises(InputError, match="whole number of seconds"):
        Bench([order(1, 0)]).ask("orders_total", DAY, at(1), step=step)


def test_empty_buckets_count_zero_only_where_the_table_has_data() -> None:
    """Counts and rates are 0 between first and last data and nothing outside; values never."""
    bench = Bench([order(1, 60, amount=5), order(2, 240, amount=7)])
    step = timedelta(minutes=1)
    ask: dict[str, Any] = {"step": step, "start": DAY, "end": at(7)}
    assert bench.values("orders_total", **ask) == [None, 1, 0, 0, 1, None, None]
    assert bench.values("orders_created_rate", **ask) == [None, 1, 0, 0, 1, None, None]
    assert bench.values("orders_updates_total", **ask) == [None, 0, 0, 0, 0, None, None]
    assert bench.values("orders_amount_sum", **ask) == [None, 5, None, None, 7, None, None]


def test_sums_use_the_exact_decimals() -> None:
    """A thousand times 0.1 is 100, and a sum beyond 2^53 is the double nearest to the truth."""
    bench = Bench([order(n, n, amount="0.1") for n in range(1, 1_001)])
    assert bench.values("orders_amount_sum", DAY, at(60)) == [100.0]
    big = ["9007199254740993", "9007199254740995", "1"]
    bench = Bench([order(n, n, amount=text) for n, text in enumerate(big)])
    assert bench.values("orders_amount_sum", DAY, at(1)) == [float(sum(map(Decimal, big)))]


def test_rows_now_is_a_running_total() -> None:
    """A bucket has the number of rows at its end, with all that came before the range."""
    bench = Bench(
        [
            order(1, 0),
            order(2, 61, "r"),
            order(3, 62),
            order(1, 130, "d"),
            order(3, 131, "u", before={"id": 3}),
        ]
    )
    ask = {"step": timedelta(minutes=1)}
    assert bench.values("orders_rows", DAY, at(4), **ask) == [1, 3, 2, 2]
    assert bench.values("orders_rows", at(2), at(4), **ask) == [2, 2]
    assert bench.values("orders_rows", at(1), at(2)) == [3]
    assert bench.values("orders_rows", at(-2), at(0), **ask) == [None, None]
    moved = bench.values("orders_rows", DAY, at(3), aggregation=A.SUM, **ask)
    assert moved == [1, 2, -1]


def test_states_are_grouped_by_their_own_field() -> None:
    """A state metric gives one series per state without being asked; a filter picks one."""
    bench = Bench(
        [
            order(1, 0, status="new"),
            order(2, 1, status="new"),
            order(1, 70, "u", status="paid", before={"id": 1, "status": "new"}),
            order(2, 140, "d", status="new"),
        ]
    )
    series = bench.ask("orders_by_status", DAY, at(3), step=timedelta(minutes=1)).series
    found = {each.labels["status"]: [value for _, value in each.points] for each in series}
    assert found == {"new": [2, 1, 0], "paid": [None, 1, 1]}
    (paid,) = bench.ask("orders_by_status", DAY, at(3), filters=[("status", "paid")]).series
    assert (paid.labels, paid.value) == ({"status": "paid"}, 1)


def test_freshness_is_the_age_of_the_newest_value_so_far() -> None:
    """Age counts to the end of the bucket, or to now in the open one; older values are passed."""
    bench = Bench(
        [
            order(1, 10, made_at="2026-01-01T00:00:10Z"),
            order(2, 70, made_at="2026-01-01T00:00:05Z"),
            order(3, 130, made_at="2026-01-01T00:02:09.5Z"),
        ]
    )
    name, step = "orders_made_at_freshness_seconds", timedelta(minutes=1)
    assert bench.values(name, DAY, at(3), step=step) == [50, 110, 50.5]
    assert bench.values(name, at(1), at(2), step=step) == [110]
    now = at(2.5)
    assert bench.values(name, DAY, at(4), step=step, now=now) == [50, 110, 20.5, None]
    assert bench.ask(name, DAY, at(4), step=step, now=now).open == at(2)


def test_null_ratio_is_of_rows_that_have_the_field() -> None:
    """A row without the field does not count as null."""
    bench = Bench(
        [order(1, 0, amount=None), order(2, 1, amount=5), order(3, 2), order(4, 3, amount=1)]
    )
    assert bench.values("orders_amount_null_ratio", DAY, at(1)) == [pytest.approx(1 / 3)]
    assert bench.values("orders_amount_null_ratio", DAY, at(1), aggregation=A.COUNT) == [3]


def test_distinct_counts_merge_over_buckets() -> None:
    """The same id in two buckets is one over the range."""
    bench = Bench([Change(n, "c", START + n * 1_000_000, {"id": n % 50}) for n in range(200)])
    assert bench.values("orders_id_cardinality", DAY, at(10)) == [50]
    assert bench.values("orders_id_cardinality", DAY, at(10), aggregation=A.COUNT) == [200]


def test_counts_split_by_operation_and_one_label() -> None:
    """``op`` goes with any label; the sum over a label is the total."""
    bench = Bench(
        [order(1, 0, status="new"), order(2, 1, status="paid"), order(3, 2, "d", status="paid")]
    )
    result = bench.ask("orders_total", DAY, at(1), group_by=("op", "status"))
    found = {(s.labels["op"], s.labels["status"]): s.value for s in result.series}
    assert found == {("c", "new"): 1, ("c", "paid"): 1, ("d", "paid"): 1}
    filtered = bench.ask("orders_total", DAY, at(1), filters=[("status", "paid"), ("op", "d")])
    assert [each.value for each in filtered.series] == [1]


def test_the_workspace_metric_sums_tables_and_splits_by_table() -> None:
    """``events_total`` counts every table's changes."""
    items = [Change(9, "c", START, {"n": 1})]
    bench = Bench([order(1, 0), order(2, 1, "r"), order(3, 2)], items)
    assert bench.values("events_total", DAY, at(1)) == [3]
    by_table = bench.ask("events_total", DAY, at(1), group_by=["table"]).series
    assert {each.labels["table"]: each.value for each in by_table} == {"orders": 2, "items": 1}


def test_two_labels_at_once_are_refused_with_a_sentence() -> None:
    """Automatic metrics keep one label at a time and say what to do instead."""
    with pytest.raises(InputError, match="one label at a time; asked for 'status' and 'paid'"):
        Bench([order(1, 0)]).ask(
            "orders_total", DAY, at(1), group_by=["status"], filters=[("paid", "true")]
        )


def test_an_unknown_label_names_the_nearest() -> None:
    """A misspelt label gets a suggestion, in group-by and in filters."""
    bench = Bench([order(1, 0)])
    for how in ({"group_by": ["statsu"]}, {"filters": [("statsu", "x")]}):
        with pytest.raises(NotFoundError, match="did you mean 'status'"):
            bench.ask("orders_total", DAY, at(1), **how)


def test_an_aggregation_without_meaning_lists_what_is_possible() -> None:
    """The error of a senseless aggregation says which ones make sense."""
    bench = Bench([order(1, 0)])
    with pytest.raises(
        InputError, match=r"'p99' has no meaning for it; possible: last, sum, count"
    ):
        bench.ask("orders_rows", DAY, at(1), aggregation=A.P99)


def test_every_possible_aggregation_of_every_metric_gives_an_answer() -> None:
    """What `aggregations` lists can be asked, with and without a step, of data and of none."""
    full = Bench(
        [
            order(n, n, amount=n, status="new", paid=True, made_at="2026-01-01T00:00:00Z")
            for n in range(5)
        ]
    )
    for bench in (full, Bench([Change(1, "t", START)])):
        for name, metric in bench.metrics.items():
            for aggregation in aggregations(metric):
                for step in (None, timedelta(minutes=1)):
                    result = bench.ask(name, DAY, at(2), step=step, aggregation=aggregation)
                    assert result.values.shape[1] == (1 if step is None else 2)


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    """The error names both ends."""
    with pytest.raises(InputError, match="before it starts"):
        Bench([order(1, 0)]).ask("orders_total", at(1), DAY)


def test_too_many_points_are_refused() -> None:
    """A year of seconds is not one answer."""
    with pytest.raises(InputError, match="the limit is 50,000"):
        Bench([order(1, 0)]).ask(
            "orders_total", DAY - timedelta(days=365), DAY, step=timedelta(seconds=1)
        )

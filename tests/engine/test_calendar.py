"""Days, weeks and comparisons by the clock of a workspace's zone, on a real store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Formula
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, QueryResult, run
from datawatch_lab.ingest.decode import decode

NOW = datetime(2026, 4, 2, 10, 30, tzinfo=UTC)
FIRST = datetime(2026, 3, 20, tzinfo=UTC)
MOMENTS = [FIRST + timedelta(minutes=37 * n) for n in range((NOW - FIRST) // timedelta(minutes=37))]
"""An order every 37 minutes, over the night of 29 March, in which the clocks of Berlin change."""


@pytest.fixture(scope="module")
def of_zone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """Engines on workspaces with the same orders, by zone."""
    made: dict[str, Engine] = {}

    def give(zone: str) -> Engine:
        if zone not in made:
            path = tmp_path_factory.mktemp("zone") / "w.duckdb"
            made[zone] = Engine.open(
                path,
                settings=Settings(timezone=zone, allowed_lateness=timedelta(days=30)),
                clock=ManualClock(NOW),
            )
            events = [
                json.dumps(
                    {
                        "id": f"e{n}",
                        "table": "orders",
                        "operation": "INSERT",
                        "timestamp": at.isoformat(),
                        "after": {"id": n, "amount": n % 7 + 0.5},
                    }
                ).encode()
                for n, at in enumerate(MOMENTS)
            ]
            batch = decode(
                events, list(range(1, len(events) + 1)), [-1] * len(events), source="test"
            )
            made[zone].submit(batch).result()
        return made[zone]

    yield give
    for engine in made.values():
        engine.close()


def ask(engine: Engine, metric: str, **how: str | bool) -> QueryResult:
    """A question."""
    return run(engine, QueryRequest(metric, **how))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"]
)
def test_days_are_those_of_the_clock(of_zone: Callable[[str], Engine], zone: str) -> None:
    """Each bucket has the orders of its date; the days together have all."""
    result = ask(of_zone(zone), "orders_inserts_total", start="2026-03-21", end="now", step="1d")
    local = ZoneInfo(zone)
    dates = Counter(at.astimezone(local).date() for at in MOMENTS)
    found = {at.astimezone(local): value for at, value in result.series[0].points}
    assert all((at.hour, at.minute) == (0, 0) for at in found)
    assert {at.date(): value for at, value in found.items()} == {
        at.date(): dates[at.date()] for at in found
    }
    assert result.step == "1d"
    assert result.open == max(at for at, _ in result.series[0].points)


def test_every_aggregation_of_a_short_day(of_zone: Callable[[str], Engine]) -> None:
    """As the same 23 hours asked as one range."""
    engine = of_zone("Europe/Berlin")
    for metric, aggregation in (
        ("orders_amount_sum", "sum"),
        ("orders_amount_sum", "p95"),
        ("orders_amount_sum", "distinct"),
        ("orders_created_rate", "rate"),
        ("orders_rows", "last"),
    ):
        how = {"aggregation": aggregation}
        days = ask(engine, metric, start="2026-03-28", end="2026-03-31", step="1d", **how)
        for (start, value), (end, _) in zip(
            days.series[0].points, [*days.series[0].points[1:], (days.end, None)], strict=True
        ):
            one = ask(
                engine,
                metric,
                start=start.isoformat(),
                end=end.isoformat(),
                stepped=False,
                **how,
            )
            assert value == pytest.approx(one.series[0].value)
        lengths = [
            end - start
            for start, end in zip(
                [at for at, _ in days.series[0].points],
                [*[at for at, _ in days.series[0].points][1:], days.end],
                strict=True,
            )
        ]
        assert [each / timedelta(hours=1) for each in lengths] == [24, 23, 24]


def test_weeks_begin_on_monday_and_months_on_the_first(of_zone: Callable[[str], Engine]) -> None:
    """In UTC as in any other zone."""
    for zone in ("UTC", "Europe/Berlin"):
        local = ZoneInfo(zone)
        weeks = ask(of_zone(zone), "orders_total", start="2026-03-20", end="now", step="1w")
        starts = [at.astimezone(local) for at, _ in weeks.series[0].points]
        assert [(at.weekday(), at.hour) for at in starts] == [(0, 0)] * 3
        months = ask(of_zone(zone), "orders_total", start="2026-03-20", end="now", step="1mo")
        assert [at.astimezone(local).day for at, _ in months.series[0].points] == [1, 1]
        total = sum(value or 0 for _, value in months.series[0].points)
        assert total == len(MOMENTS) == sum(value or 0 for _, value in weeks.series[0].points)


def count(start: datetime, end: datetime) -> int:
    """Orders of a stretch of time."""
    return sum(start <= at < end for at in MOMENTS)


def test_hours_beside_the_same_hours_of_the_day_before(of_zone: Callable[[str], Engine]) -> None:
    """The hour that was left out has no counterpart; the rest is counted by the clock."""
    berlin = ZoneInfo("Europe/Berlin")
    result = ask(
        of_zone("Europe/Berlin"),
        "orders_inserts_total",
        start="2026-03-30",
        end="2026-03-31",
        step="1h",
        compare="same_hour_yesterday",
    )
    comparison = result.comparison
    assert comparison is not None
    assert len(comparison.times) == 24
    for hour, (then, (_, value)) in enumerate(
        zip(comparison.times, comparison.series[0].points, strict=True)
    ):
        if hour == 2:
            assert (then, value) == (None, None)
            continue
        expected = datetime(2026, 3, 29, hour, tzinfo=berlin).astimezone(UTC)
        assert then == expected
        assert value == count(expected, expected + timedelta(hours=1))


def test_difference_and_ratio(of_zone: Callable[[str], Engine]) -> None:
    """Of each bucket; without a base there is none."""
    result = ask(
        of_zone("Europe/Berlin"),
        "orders_inserts_total",
        start="2026-03-21",
        end="2026-03-23",
        step="1d",
        compare="previous_period",
    )
    (now,) = result.series
    assert result.comparison is not None
    (then,) = result.comparison.series
    for (_, new), (_, old), difference, ratio in zip(
        now.points, then.points, then.difference, then.ratio, strict=True
    ):
        assert new is not None
        if old:
            assert difference == new - old
            assert ratio == pytest.approx(new / old)
        else:
            assert ratio is None
    assert [old for _, old in then.points] == [
        None,
        count(datetime(2026, 3, 19, 23, tzinfo=UTC), datetime(2026, 3, 20, 23, tzinfo=UTC)),
    ]


def test_one_value_beside_an_earlier_one(of_zone: Callable[[str], Engine]) -> None:
    """Today so far beside yesterday until the same time, and beside the hours before it."""
    engine = of_zone("Europe/Berlin")
    for compare, days, width in (
        ("same_hour_yesterday", 1, timedelta()),
        ("same_hour_last_week", 7, timedelta(hours=1)),  # the clocks changed in between
    ):
        how: dict[str, str | bool] = {"start": "today", "end": "now", "stepped": False}
        result = ask(engine, "orders_inserts_total", compare=compare, **how)
        assert result.comparison is not None
        begin = datetime(2026, 4, 1, 22, tzinfo=UTC) - timedelta(days=days) + width
        length = NOW - datetime(2026, 4, 1, 22, tzinfo=UTC)
        assert result.comparison.start == begin
        (series,) = result.comparison.series
        assert series.points[0][1] == count(begin, begin + length)


def test_the_previous_period_of_a_whole_day_is_the_day_before(
    of_zone: Callable[[str], Engine],
) -> None:
    """Sunday had 23 hours."""
    result = ask(
        of_zone("Europe/Berlin"),
        "orders_inserts_total",
        start="2026-03-30",
        end="2026-03-31",
        stepped=False,
        compare="previous_period",
    )
    assert result.comparison is not None
    assert result.comparison.start is not None
    assert result.comparison.end is not None
    length = result.comparison.end - result.comparison.start
    assert length == timedelta(hours=23)


def test_a_formula_goes_by_the_clock_and_is_compared(of_zone: Callable[[str], Engine]) -> None:
    """As its parts."""
    engine = of_zone("Europe/Berlin")
    mean = Formula(name="mean", expression="orders_amount_sum / orders_inserts_total")
    engine.measures.custom.define_formula(engine, mean)
    how = {"start": "2026-03-28", "end": "2026-03-31", "step": "1d"}
    result = ask(engine, "mean", compare="same_hour_yesterday", **how)
    total = ask(engine, "orders_amount_sum", **how).series[0].points
    number = ask(engine, "orders_inserts_total", **how).series[0].points
    expected = [(a or 0) / (b or 1) for (_, a), (_, b) in zip(total, number, strict=True)]
    assert [value for _, value in result.series[0].points] == pytest.approx(expected)
    assert result.comparison is not None
    then = [value for _, value in result.comparison.series[0].points]
    assert then[1:] == pytest.approx(expected[:-1])


def test_an_unknown_comparison_is_refused(of_zone: Callable[[str], Engine]) -> None:
    """With those that there are."""
    with pytest.raises(InputError, match="same_hour_last_week"):
        ask(of_zone("UTC"), "orders_total", compare="last_year")

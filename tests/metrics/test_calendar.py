"""Days by wall clock, against arithmetic with zoneinfo written another way."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.metrics.calendar import (
    day_start,
    edges_over,
    moved_edges,
    read_step,
    runs,
)
from datawatch_lab.metrics.spans import BEGINNING, ceil_to, floor_to, level_of_edges

HOUR = timedelta(hours=1)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",  # its clocks changed at midnight
    "Africa/Cairo",
    "Pacific/Apia",  # it left out 30 December 2011
)
moments = st.integers(0, 20 * 365 * 86_400).map(
    lambda seconds: datetime(2008, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The date on the wall."""
    return moment.astimezone(zone).date()


@given(moment=moments, zone=st.sampled_from(ZONES).map(ZoneInfo))
def test_a_day_begins_at_its_first_moment(moment: datetime, zone: ZoneInfo) -> None:
    """The second before is of another date, and no later moment of the date is before it."""
    day = local_date(moment, zone)
    start = day_start(day, zone)
    assert local_date(start, zone) == day
    assert local_date(start - timedelta(seconds=1), zone) < day
    assert start <= moment


@given(
    start=moments,
    span=st.integers(1, 40),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    step=st.sampled_from(["1d", "2d", "1w", "1mo", "1q", "1y"]),
)
def test_buckets_tile_a_range(start: datetime, span: int, zone: ZoneInfo, step: str) -> None:
    """Edges ascend, hold the range, and each is the first moment of a date."""
    calendar = read_step(step)
    assert calendar is not None
    end = start + timedelta(days=span, hours=3)
    edges = edges_over(calendar, start, end, zone)
    assert edges[0] <= start
    assert edges[-2] < end <= edges[-1]
    assert all(left < right for left, right in pairwise(edges))
    days = [local_date(edge, zone) for edge in edges]
    assert all(
        local_date(edge - timedelta(seconds=1), zone) < day
        for edge, day in zip(edges, days, strict=True)
    )
    if step == "1w":
        assert {day.weekday() for day in days} <= {0}
    if step in ("1mo", "1q", "1y"):
        assert {day.day for day in days} <= {1}
    if step == "1y":
        assert {day.month for day in days} <= {1}


@given(start=moments, span=st.integers(1, 30), zone=st.sampled_from(ZONES).map(ZoneInfo))
def test_runs_have_equal_buckets(start: datetime, span: int, zone: ZoneInfo) -> None:
    """Put together they are the edges again, and neighbours differ in width."""
    calendar = read_step("1d")
    assert calendar is not None
    edges = edges_over(calendar, start, start + timedelta(days=span), zone)
    found = list(runs(edges))
    spread = [
        first + width * n for first, last, width in found for n in range((last - first) // width)
    ]
    assert [*spread, edges[-1]] == list(edges)
    assert all(left[2] != right[2] for left, right in pairwise(found))


def test_days_are_as_long_as_the_clock_makes_them() -> None:
    """23 and 25 hours in Berlin, half an hour less on Lord Howe, and a date that was left out."""
    for name, day, hours in (
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("Australia/Lord_Howe", date(2026, 10, 4), 23.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),
        ("Asia/Kolkata", date(2026, 3, 29), 24),
    ):
        zone = ZoneInfo(name)
        start, end = day_start(day, zone), day_start(day + timedelta(days=1), zone)
        assert (end - start) / HOUR == hours
    apia, calendar = ZoneInfo("Pacific/Apia"), read_step("1d")
    assert calendar is not None
    around = datetime(2011, 12, 29, 12, tzinfo=apia), datetime(2012, 1, 1, 12, tzinfo=apia)
    edges = edges_over(calendar, *around, apia)
    assert [local_date(edge, apia).day for edge in edges] == [29, 31, 1, 2]


@pytest.mark.parametrize(
    ("zone", "step", "level"),
    [
        ("UTC", "1d", "1d"),
        ("Europe/Berlin", "1d", "1h"),
        ("Asia/Kolkata", "1d", "5m"),
        ("Asia/Kathmandu", "1w", "5m"),
        ("America/New_York", "1mo", "1h"),
    ],
)
def test_the_level_that_tiles_the_days_of_a_zone(zone: str, step: str, level: str) -> None:
    """Whole days where the offset is whole days, hours where it is hours, else five minutes."""
    calendar = read_step(step)
    assert calendar is not None
    start = datetime(2026, 1, 5, tzinfo=UTC)
    edges = edges_over(calendar, start, start + timedelta(days=40), ZoneInfo(zone))
    assert level_of_edges(edges) == level


def test_the_edges_of_earlier_buckets() -> None:
    """A month before March is February, whatever its length."""
    berlin, calendar = ZoneInfo("Europe/Berlin"), read_step("1mo")
    assert calendar is not None
    march = tuple(day_start(date(2026, month, 1), berlin) for month in (3, 4))
    february = moved_edges(calendar, march, -1, berlin)
    assert [local_date(edge, berlin) for edge in february] == [date(2026, 2, 1), date(2026, 3, 1)]


@pytest.mark.parametrize("text", ["1h", "24h", "90m", "d", "0d", "-1d", "1.5d", "1d2h", ""])
def test_what_is_no_step_of_days(text: str) -> None:
    """It is read as a duration then."""
    assert read_step(text) is None


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 3, tzinfo=UTC)),
        (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("step", ["1d", "1w", "1mo"])
def test_there_are_no_buckets_beyond_the_calendar(
    start: datetime, end: datetime, step: str
) -> None:
    """A range whose buckets would leave the years 1 to 9999 is refused with a sentence."""
    found = read_step(step)
    assert found is not None
    with pytest.raises(InputError, match="years go from 1 to 9999"):
        edges_over(found, start, end, ZoneInfo("Europe/Berlin"))


def test_buckets_of_seconds_end_with_the_calendar() -> None:
    """The edges of the last and the first bucket are the last and the first moment there is."""
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    week = timedelta(days=7)
    assert ceil_to(last, HOUR) == datetime.max.replace(tzinfo=UTC)
    assert floor_to(last, HOUR) == last - timedelta(minutes=30)
    assert floor_to(BEGINNING, week, datetime(2026, 1, 3, tzinfo=UTC)) == BEGINNING

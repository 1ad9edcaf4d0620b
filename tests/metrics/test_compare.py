"""The same clock time on another day, against zoneinfo arithmetic minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.metrics.calendar import same_clock

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")


def wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """What the clock shows."""
    return moment.astimezone(zone).replace(tzinfo=None)


def first_showing(shown: datetime, zone: ZoneInfo) -> datetime | None:
    """The first moment at which the clock shows a time, found by looking at it minute by minute."""
    guess = shown.replace(tzinfo=UTC) - timedelta(hours=15)
    day = (guess + MINUTE * n for n in range(30 * 60))
    return next((each for each in day if wall(each, zone) == shown), None)


# around the changes of clocks, where it matters, and anywhere
near_changes = st.sampled_from(
    [datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 29), (10, 25), (3, 8), (4, 5))]
)
starts = st.builds(
    lambda day, hours, quarter: day + hours * HOUR + quarter * 15 * MINUTE,
    near_changes | st.just(datetime(2026, 7, 1, tzinfo=UTC)),
    st.integers(-30, 220),
    st.integers(0, 3),
)


@settings(max_examples=60, deadline=None)
@given(start=starts, days=st.sampled_from([1, 7]), zone=st.sampled_from(ZONES).map(ZoneInfo))
def test_a_quarter_of_an_hour_is_beside_the_same_clock_time(
    start: datetime, days: int, zone: ZoneInfo
) -> None:
    """The first showing of that time so many days before; none where the clock left it out."""
    found = same_clock((start, start + 15 * MINUTE), days, zone)
    expected = first_showing(wall(start, zone) - timedelta(days=days), zone)
    assert found == (None if expected is None else (expected, expected + 15 * MINUTE))


def bucket(
    year: int,
    month: int,
    day: int,
    hour: int,
    minute: int = 0,
    *,
    fold: int = 0,
    width: timedelta = HOUR,
) -> tuple[datetime, datetime]:
    """A bucket that begins at a clock time in Berlin."""
    start = datetime(year, month, day, hour, minute, tzinfo=BERLIN, fold=fold).astimezone(UTC)
    return start, start + width


@pytest.mark.parametrize(
    ("now", "then"),
    [
        (bucket(2026, 3, 30, 1), bucket(2026, 3, 29, 1)),
        (bucket(2026, 3, 30, 2), None),
        (bucket(2026, 3, 30, 3), bucket(2026, 3, 29, 3)),
        (bucket(2026, 3, 30, 2, 30), bucket(2026, 3, 29, 3, width=HOUR / 2)),
        (bucket(2026, 10, 25, 2), bucket(2026, 10, 24, 2)),
        (bucket(2026, 10, 25, 2, fold=1), bucket(2026, 10, 24, 2)),
        (bucket(2026, 10, 26, 2), bucket(2026, 10, 25, 2)),
        (bucket(2026, 10, 26, 3), bucket(2026, 10, 25, 3)),
    ],
)
def test_around_the_change_of_clocks(
    now: tuple[datetime, datetime], then: tuple[datetime, datetime] | None
) -> None:
    """The missing hour has no counterpart, the repeated one means its first showing."""
    assert same_clock(now, 1, BERLIN) == then


def test_whole_days_are_beside_whole_days() -> None:
    """The Monday after the change has 24 hours, the Sunday before 23."""
    monday = bucket(2026, 3, 30, 0, width=24 * HOUR)
    sunday = bucket(2026, 3, 29, 0, width=23 * HOUR)
    assert same_clock(monday, 1, BERLIN) == sunday

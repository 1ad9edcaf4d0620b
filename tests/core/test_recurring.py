"""Times that come again, by the clock on the wall, also where that clock is changed."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.recurring import read_recurring

BERLIN = "Europe/Berlin"
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 — made so next
    lambda at: at.replace(tzinfo=UTC)
)
FORMS = st.sampled_from(
    [
        *("daily 02:30", "monday 08:00", "weekdays 7:15", "monthly 31 06:00", "hourly"),
        *("*/7 3 * * *", "0 0 1,15 * fri", "0 12 29 2 *", "5-50/15 9-17 * * mon-fri", "@weekly"),
    ]
)
ZONES = st.sampled_from([BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe"])


def wall(text: str, since: str, count: int) -> list[str]:
    """The next times by the clock of Berlin."""
    found, at = [], datetime.fromisoformat(since).replace(tzinfo=ZoneInfo(BERLIN)).astimezone(UTC)
    for _ in range(count):
        after = read_recurring(text).after(at, BERLIN)
        assert after is not None
        at = after
        found.append(at.astimezone(ZoneInfo(BERLIN)).isoformat()[:22])
    return found


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("monday 08:00", ["2026-03-02T08:00:00+01", "2026-03-09T08:00:00+01"]),
        ("mon,thu 8:05", ["2026-03-02T08:05:00+01", "2026-03-05T08:05:00+01"]),
        ("monthly 31 06:00", ["2026-03-31T06:00:00+02", "2026-05-31T06:00:00+02"]),
        ("0 12 1 * fri", ["2026-03-01T12:00:00+01", "2026-03-06T12:00:00+01"]),
        ("30 9 * * 7", ["2026-03-01T09:30:00+01", "2026-03-08T09:30:00+01"]),
        ("Weekdays  18:00", ["2026-03-02T18:00:00+01", "2026-03-03T18:00:00+01"]),
    ],
)
def test_words_and_cron_mean_what_they_say(text: str, times: list[str]) -> None:
    """From a Sunday, the first of March 2026 (cron: either day is enough where both are given)."""
    assert wall(text, "2026-03-01T00:00", 2) == times


def test_a_time_that_spring_leaves_out_comes_an_hour_later() -> None:
    """On 29 March 2026 there is no 02:30 in Berlin; the report still comes, once, on that day."""
    assert wall("daily 02:30", "2026-03-28T00:00", 3) == [
        "2026-03-28T02:30:00+01",
        "2026-03-29T03:30:00+02",
        "2026-03-30T02:30:00+02",
    ]


def test_a_time_that_autumn_has_twice_comes_once() -> None:
    """On 25 October 2026 there are two 02:30 in Berlin; the first is meant."""
    assert wall("daily 02:30", "2026-10-24T12:00", 2) == [
        "2026-10-25T02:30:00+02",
        "2026-10-26T02:30:00+01",
    ]


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_every_hour_is_every_hour(day: date) -> None:
    """What is meant at each hour comes as time passes, on days of 23 and of 25 hours."""
    zone = ZoneInfo(BERLIN)
    times = read_recurring("hourly").on(day, zone)
    assert {b - a for a, b in itertools.pairwise(times)} == {timedelta(hours=1)}
    start, end = (
        datetime(d.year, d.month, d.day, tzinfo=zone) for d in (day, day + timedelta(days=1))
    )
    assert len(times) == (end.astimezone(UTC) - start.astimezone(UTC)) // timedelta(hours=1)


@given(FORMS, MOMENTS, ZONES)
def test_the_latest_and_the_next_agree(text: str, moment: datetime, zone: str) -> None:
    """The time after a moment is the latest one up to itself, and none lies between."""
    times = read_recurring(text)
    after = times.after(moment, zone)
    assert after is not None
    assert after > moment
    assert times.latest(moment, after, zone) == after
    assert times.latest(moment, after - timedelta(microseconds=1), zone) is None


@pytest.mark.parametrize(
    "text",
    ["", "monday", "25:00", "daily 25:00", "61 * * * *", "0 0 30 2 *", "* * * *", "a b c d e"],
)
def test_what_is_no_time_is_refused_with_the_form(text: str) -> None:
    """The error quotes it and shows how it is written."""
    with pytest.raises(InputError) as error:
        read_recurring(text)
    assert repr(text) in str(error.value)
    assert "monday 08:00" in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another error."""
    try:
        read_recurring(text)
    except InputError:
        return

"""Pages open where the data is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from datawatch_lab.views.ranges import KEYS, default_key, window

NOW = datetime(2026, 1, 10, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "age", "silence", "key"),
    [
        ("live", timedelta(minutes=8), timedelta(), "15m"),
        ("live", timedelta(days=9), timedelta(), "1h"),
        ("silent", timedelta(days=9), timedelta(minutes=10), "1h"),
        ("silent", timedelta(days=9), 3 * HOUR, "6h"),
        ("silent", timedelta(days=9), timedelta(days=2), "7d"),
        ("silent", timedelta(days=90), timedelta(days=30), "all"),
        ("history", timedelta(days=800), timedelta(days=730), "all"),
    ],
)
def test_a_page_opens_on_a_range_with_data(
    state: str, age: timedelta, silence: timedelta, key: str
) -> None:
    """The narrowest usual range that has the newest data in it; history opens on all of its own."""
    assert default_key(state, NOW - age, NOW - silence, NOW) == key


def test_an_empty_workspace_opens_on_an_hour() -> None:
    """Without data there is nothing to suit, so the usual hour is taken."""
    assert default_key("empty", None, None, NOW) == "1h"


def test_a_live_range_ends_now() -> None:
    """A range of a live or silent source goes on to now, whatever came last."""
    found = window("1h", "silent", NOW - timedelta(days=3), NOW - 2 * HOUR, NOW)
    assert (found.start, found.end) == (NOW - HOUR, NOW)
    assert found.before == NOW - 2 * HOUR


def test_history_ends_with_its_data() -> None:
    """A range of history ends with the newest event, so its last hour is an hour with data."""
    last = NOW - timedelta(days=700)
    found = window("1h", "history", last - timedelta(days=2), last, NOW)
    assert found.end - last == timedelta(seconds=1)
    assert found.span == HOUR


def test_nothing_is_compared_with_time_before_the_data() -> None:
    """Without a full period before, there is no trend."""
    assert window("1h", "live", NOW - HOUR * 1.5, NOW, NOW).before is None


def test_all_reaches_from_the_first_event() -> None:
    """All of the data has round buckets, few enough to be drawn, and nothing to compare with."""
    found = window("all", "live", NOW - timedelta(days=30), NOW, NOW)
    assert (found.start, found.before) == (NOW - timedelta(days=30), None)
    assert found.span / found.line <= 120
    assert found.span / found.bars <= 40


@pytest.mark.parametrize("key", KEYS)
def test_bars_hold_whole_buckets_of_lines(key: str) -> None:
    """Bars are never finer than the line beside them."""
    found = window(key, "live", NOW - timedelta(days=9), NOW, NOW)
    assert found.bars >= found.line

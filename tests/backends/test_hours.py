"""Hours that a server makes of minutes: what may be read of them is right, whatever fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.backends import MINUTE, Asked, BackendError
from datawatch_lab.store.backends import hours as module
from datawatch_lab.store.backends.buckets import HOUR, down
from datawatch_lab.store.backends.hours import Hours, stretches

START = datetime(2026, 3, 1, 22, tzinfo=UTC)
Write = list[tuple[str, int, int]]
"""Series, minute from the start, value."""


class Minutes:
    """A server in memory.

    Attributes:
        minutes: value by series and minute.
        hours: sum of the hour by series and hour.
        fails: how many of the next calls fail.
    """

    def __init__(self) -> None:
        self.minutes: dict[tuple[str, datetime], int] = {}
        self.hours: dict[tuple[str, datetime], int] = {}
        self.fails = 0
        self._mark: datetime | None = None

    def _fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise BackendError("away.")

    def span(self) -> tuple[datetime, datetime] | None:
        """Oldest and newest minute."""
        self._fail()
        times = [at for _, at in self.minutes]
        return (min(times), max(times)) if times else None

    def known_series(self) -> list[str]:
        """All of them."""
        self._fail()
        return sorted({series for series, _ in self.minutes})

    def mark(self) -> datetime | None:
        """As it was put."""
        self._fail()
        return self._mark

    def put_mark(self, until: datetime) -> None:
        """Keep it."""
        self._fail()
        self._mark = until

    def make_hours(self, series: Sequence[str], start: datetime, end: datetime) -> None:
        """Add up minutes."""
        self._fail()
        made: dict[tuple[str, datetime], int] = {}
        for (key, at), value in self.minutes.items():
            if key in series and start <= at < end:
                made[key, down(at, HOUR)] = made.get((key, down(at, HOUR)), 0) + value
        self.hours |= made

    def write(self, rows: Write, hours: Hours) -> None:
        """What a back end does with a write."""
        times = [START + minute * MINUTE for _, minute, _ in rows]
        for (series, _, value), at in zip(rows, times, strict=True):
            self.minutes[series, at] = value
        frame = pl.DataFrame({"series": [row[0] for row in rows], "minute": times})
        hours.wrote(frame.cast({"minute": pl.Datetime("us", "UTC")}))


writes = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3_000), st.integers(1, 9)),
    min_size=1,
    max_size=5,
)
steps = st.lists(
    st.tuples(writes, st.integers(0, 4), st.sampled_from(["", "restart", "crash"])), max_size=12
)


@given(steps)
def test_what_may_be_read_of_hours_is_right(given_steps: list[tuple[Write, int, str]]) -> None:
    """Late minutes, failing calls, restarts, crashes: what may be read of hours is right."""
    server = Minutes()
    hours = Hours(server)
    for rows, fails, event in given_steps:
        server.fails = fails
        if event == "crash":  # after the minutes were stored, before the write was acknowledged
            for series, minute, value in rows:
                server.minutes[series, START + minute * MINUTE] = value
        if event:
            hours = Hours(server)
        for _ in range(6):
            try:
                server.write(rows, hours)
                break
            except BackendError:
                continue
        server.fails = 0
        until = hours.until()
        for series, at in server.minutes:
            hour = down(at, HOUR)
            if until is not None and hour < until:
                right = sum(
                    value
                    for (key, moment), value in server.minutes.items()
                    if key == series and down(moment, HOUR) == hour
                )
                assert server.hours.get((series, hour)) == right


def test_hours_are_made_when_they_are_over() -> None:
    """While an hour goes on nothing is made; the first minute of the next makes it, for all."""
    server = Minutes()
    hours = Hours(server)
    server.write([("a", 5, 1)], hours)
    server.write([("b", 59, 2)], hours)
    assert (server.hours, hours.until()) == ({}, START)
    server.write([("a", 60, 4)], hours)
    assert server.hours == {("a", START): 1, ("b", START): 2}
    assert hours.until() == START + HOUR


def test_a_correction_that_fails_is_read_from_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark goes back before the write is acknowledged, and forward with a later one."""
    server = Minutes()
    hours = Hours(server)
    server.write([("a", 5, 1), ("a", 300, 1)], hours)
    assert hours.until() == START + 5 * HOUR
    monkeypatch.setattr(module, "_REST", 0.0)
    whole, server.make_hours = server.make_hours, _refuses  # type: ignore[method-assign]
    server.write([("a", 7, 7)], hours)
    assert hours.until() == START
    server.make_hours = whole  # type: ignore[method-assign]
    server.write([("a", 301, 1)], hours)
    assert server.hours["a", START] == 8
    assert hours.until() == START + 5 * HOUR


def test_a_statement_that_is_too_much_is_made_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes a few hours at a time gets there; after a refusal it is left alone."""
    server = Minutes()
    whole = server.make_hours
    tries: list[timedelta] = []

    def few(series: Sequence[str], start: datetime, end: datetime) -> None:
        tries.append(end - start)
        if end - start > 3 * HOUR:
            raise BackendError("timeout.")
        whole(series, start, end)

    monkeypatch.setattr(server, "make_hours", few)
    hours = Hours(server)
    server.write([("a", 0, 1), ("a", 3_000, 1)], hours)
    server.write([("a", 3_001, 1)], hours)
    assert tries == [timedelta(days=1)], "it rests"
    monkeypatch.setattr(module, "_REST", 0.0)
    hours._not_before = 0.0
    for minute in range(3_002, 3_020):
        server.write([("a", minute, 1)], hours)
    assert hours.until() == START + 50 * HOUR
    assert min(tries) >= HOUR


def _refuses(series: Sequence[str], start: datetime, end: datetime) -> None:
    raise BackendError(f"no: {series}, {start}, {end}", retry=False)


@pytest.mark.parametrize("until", [None, 0, 90, 600, 5_000])
@pytest.mark.parametrize("step", [None, 30, 60, 90, 120])
@given(start=st.integers(0, 400), count=st.integers(1, 30))
def test_hours_and_minutes_cover_a_range_once(
    until: int | None, step: int | None, start: int, count: int
) -> None:
    """Each minute is read from one place; hours are whole, made, and within one step."""
    width = None if step is None else step * MINUTE
    begin = START + start * MINUTE
    end = begin + count * (width or MINUTE)
    mark = None if until is None else down(START + until * MINUTE, HOUR)
    parts = stretches(Asked(("a",), begin, end, width), mark)
    assert [part[1] for part in parts] == [begin, *(part[2] for part in parts[:-1])]
    assert parts[-1][2] == end
    for is_hours, low, high in parts:
        assert low < high
        if is_hours:
            assert mark is not None
            assert high <= mark
            assert low == down(low, HOUR)
            assert high == down(high, HOUR)
            assert width is None or (width % HOUR == timedelta() and begin == down(begin, HOUR))

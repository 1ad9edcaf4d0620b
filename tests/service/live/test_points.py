"""Increments of followed metrics: what a client has in the end is what the server answered."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.live.points import (
    MetricChange,
    MetricsData,
    apply,
    change,
    merge,
    merge_all,
    whole,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = st.one_of(st.none(), st.integers(-3, 3).map(float))


@st.composite
def answers(draw: st.DrawFn, most: int = 6) -> list[QueryAnswer]:
    """Answers to one question, one after another: the window moves on, series come and go."""
    found = []
    place = 0
    for version in range(draw(st.integers(1, most))):
        place += draw(st.sampled_from([0, 0, 0, 1, 2, 9]))
        buckets = draw(st.integers(0, 4))
        step = draw(st.sampled_from([60, 60, 60, 60, 300]))
        times = [START + timedelta(seconds=step * (place + each)) for each in range(buckets)]
        names = draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3))
        series = [
            SeriesAnswer({"name": each}, [(iso(at) or "", draw(VALUES)) for at in times])
            for each in names
        ]
        found.append(
            QueryAnswer(
                metric="m",
                aggregation="sum",
                start=iso(START + timedelta(seconds=step * place)) or "",
                end=iso(START + timedelta(seconds=step * (place + buckets))) or "",
                step=f"{step}s",
                series=series,
                version=version,
                open=iso(times[-1]) if times else None,
            )
        )
    return found


def plain(held: MetricChange) -> object:
    """What a client has, without the version and in an order of its own."""
    series = sorted((sorted(each.labels.items()), each.points) for each in held.series)
    return (held.start, held.end, held.open, held.step, series)


@settings(deadline=None)
@given(answers())
def test_increments_lead_to_the_answer(found: list[QueryAnswer]) -> None:
    """A client that applies every increment has at each moment what the range query answers."""
    held = apply(None, whole(found[0]))
    for old, new in itertools.pairwise(found):
        given_ = change(old, new)
        held = held if given_ is None else apply(held, given_)
        assert plain(held) == plain(whole(new))


@settings(deadline=None)
@given(answers(), st.data())
def test_merged_increments_lead_to_the_same(found: list[QueryAnswer], data: st.DataObject) -> None:
    """Increments merged in any groups give what they give one by one."""
    increments = [change(old, new) for old, new in itertools.pairwise(found)]
    changes = [each for each in increments if each is not None]
    merged = list(changes)
    while len(merged) > 1 and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(merged) - 2))
        merged[place : place + 2] = [merge(merged[place], merged[place + 1])]
    one_by_one = in_groups = apply(None, whole(found[0]))
    for each in changes:
        one_by_one = apply(one_by_one, each)
    for each in merged:
        in_groups = apply(in_groups, each)
    assert plain(in_groups) == plain(one_by_one)


@settings(deadline=None)
@given(answers())
def test_an_increment_survives_the_wire(found: list[QueryAnswer]) -> None:
    """An increment read back from its JSON is the same."""
    for each in map(whole, found):
        assert msgspec.json.decode(msgspec.json.encode(each), type=MetricChange) == each


def test_nothing_new_is_no_increment() -> None:
    """An answer with the same points is not sent, though the data version is another."""
    old = QueryAnswer("m", "sum", "a", "b", "1m", [SeriesAnswer({}, [("a", 1.0)])], version=1)
    assert change(old, msgspec.structs.replace(old, version=2)) is None


def test_an_increment_is_small() -> None:
    """Of an hour of minutes, only the open bucket and the new one are sent."""
    times = [iso(START + timedelta(minutes=each)) or "" for each in range(62)]
    old = _hour(times[:61], 1.0)
    new = _hour(times[1:], 1.0)
    new.series[0].points[-2] = (times[60], 2.0)
    found = change(old, new)
    assert found is not None
    assert not found.whole
    assert found.series[0].points == [(times[60], 2.0), (times[61], 1.0)]


def _hour(times: list[str], value: float) -> QueryAnswer:
    points: list[tuple[str, float | None]] = [(each, value) for each in times]
    return QueryAnswer("m", "sum", times[0], times[-1], "1m", [SeriesAnswer({}, points)])


def test_metrics_are_merged_by_name() -> None:
    """Increments of several metrics merge each with its own."""
    one, two = whole(_hour(["2026-01-01T00:00:00Z"], 1.0)), whole(_hour(["x"], 2.0))
    merged = merge_all([MetricsData({"a": one}), MetricsData({}), MetricsData({"b": two})])
    assert merged == MetricsData({"a": one, "b": two})

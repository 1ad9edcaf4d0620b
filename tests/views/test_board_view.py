"""What the tiles of a board ask for: over which time, with which filters, in which order."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from datawatch_lab.core.dashboards import Dashboard, Note, Tile, TileQuery, Variable
from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.service.answers import SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.forecasts import ForecastAnswer, ForecastPoint
from datawatch_lab.views.board.asking import Questions
from datawatch_lab.views.board.pool import Told
from datawatch_lab.views.board.tiles import forecast, heatmap, line, scatter, table
from datawatch_lab.views.board.values import Line, Points, clock_texts, evened, moments
from datawatch_lab.views.board.view import Look, View, view_of
from tests.views.board_fakes import BoardWorkspace, Scenario
from tests.views.conftest import event, post

BERLIN = {"timezone": "Europe/Berlin"}
CHART = Tile(id="t", kind="line", query=TileQuery(metric="sales"))


class Asked(BoardWorkspace):
    """Keeps how it was asked; answers with points at the times that a test says."""

    def __init__(self, scenario: Scenario | None = None, times: list[str] | None = None) -> None:
        super().__init__(scenario)
        self.how: dict[str, Any] = {}
        self.times = times

    def range(self, name: str, **how: Any) -> Any:
        """Points, at given times."""
        self.how = how
        found = super().range(name, **how)
        if self.times is None:
            return found
        points: list[tuple[str, float | None]] = [
            (at, float(place)) for place, at in enumerate(self.times)
        ]
        series = [SeriesAnswer(each.labels, points) for each in found.series]
        return msgspec.structs.replace(found, series=series)

    def forecast(self, metric: str, **how: Any) -> ForecastAnswer:
        """A forecast, at given times."""
        self.how = how
        found = super().forecast(metric, **how)
        if self.times is None:
            return found
        half = len(self.times) // 2
        ahead = [ForecastPoint(at, 9.0, 8.0, 10.0) for at in self.times[half:]]
        first = msgspec.structs.replace(
            found.series[0], history=[(at, 1.0) for at in self.times[:half]], points=ahead
        )
        return msgspec.structs.replace(found, series=[first])


def seen(workspace: Any, tile: Tile = CHART, look: Look | None = None, **of: Any) -> View:
    """A view of a board of one tile."""
    return view_of(workspace, Dashboard(name="b", tiles=(tile,), **of), look)


def asked_filters(own: dict[str, Any], look: Look | None = None, **of: Any) -> Any:
    """The filters of the question of a tile with filters of its own."""
    workspace = Asked()
    tile = msgspec.structs.replace(CHART, query=TileQuery(metric="sales", filters=own))
    line.read(seen(workspace, tile, look, **of), tile)
    return workspace.how["filters"]


# ---------------------------------------------------------------------- time


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Chatham"])
def test_yesterday_is_the_day_before_of_the_zone(zone: str) -> None:
    """It begins at a midnight of the workspace's zone, and ends at the next."""
    workspace = BoardWorkspace(Scenario(status={"timezone": zone}))
    where = seen(workspace, time_range="yesterday").window()
    today = seen(workspace, time_range="today").window()
    assert where.end == today.start
    assert timedelta(hours=23) <= where.span <= timedelta(hours=25)
    assert clock_texts([int(where.start.timestamp() * 1e3)], zone)[0].endswith("00:00")


def test_times_without_a_zone_are_those_of_the_workspace() -> None:
    """A range FROM/TO reads as the clocks of the zone show it."""
    workspace = BoardWorkspace(Scenario(status=BERLIN))
    where = seen(workspace, time_range="2026-01-02T00:00/2026-01-03T00:00").window()
    assert where.start == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert where.span == timedelta(days=1)


def test_labels_of_time_are_those_of_the_zone() -> None:
    """A heat map's columns and a scatter plot's points are told by the clocks of the workspace."""
    zone = Scenario(status=BERLIN)
    times = ["2026-01-01T23:00:00Z", "2026-01-02T23:00:00Z"]
    tile = Tile(
        id="t",
        kind="heatmap",
        query=TileQuery(metric="sales", by=("country",)),
        options={"of": "label"},
    )
    heated = heatmap.read(seen(Asked(zone, times), tile), tile)
    assert heated.xs == ("2026-01-02", "2026-01-03")
    both = Tile(id="t", kind="scatter", query=TileQuery(metric="sales", by=("country",)))
    assert scatter.read(seen(Asked(zone, times), both), both).names[0] == "2026-01-02 00:00"


# ---------------------------------------------------------------------- steps that differ


def months(first: int, count: int) -> list[str]:
    """Starts of months of 2026 on."""
    return [
        f"{2026 + at // 12}-{1 + at % 12:02}-01T00:00:00Z" for at in range(first, first + count)
    ]


def days_of_berlin() -> list[str]:
    """Midnights in Berlin around the change of clocks of 29 March 2026."""
    winter = [datetime(2026, 3, day, 23, tzinfo=UTC) for day in range(25, 29)]
    summer = [datetime(2026, 3, day, 22, tzinfo=UTC) for day in range(29, 32)]
    return [iso(each) or "" for each in (*winter, *summer)]


@pytest.mark.parametrize("times", [months(0, 14), months(1, 2), months(1, 3), days_of_berlin()])
def test_no_point_of_uneven_steps_is_lost(times: list[str]) -> None:
    """Each month and each day has its point, at its own time."""
    found = line.read(seen(Asked(times=times)), CHART)
    assert found.points.lines[0].values == tuple(float(at) for at in range(len(times)))
    assert [iso(datetime.fromtimestamp(at / 1e3, UTC)) for at in moments(found.points)] == times
    part = line.draw(CHART, found)
    assert part is not None
    assert ("times" in part.data) == (len(times) > 2)


@pytest.mark.parametrize("times", [months(0, 14), days_of_berlin()])
def test_no_point_of_a_forecast_is_lost(times: list[str]) -> None:
    """History and forecast stand at their own times, with the interval beside."""
    tile = Tile(id="t", kind="forecast", query=TileQuery(metric="sales"))
    found = forecast.read(seen(Asked(times=times), tile), tile)
    past, ahead = (each.values for each in found.points.lines)
    half = len(times) // 2
    assert sum(each is not None for each in past) == half
    assert sum(each is not None for each in ahead) == len(times) - half + 1
    assert found.low[half:] == (8.0,) * (len(times) - half)
    assert len(moments(found.points)) == len(times)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30), st.integers(1, 10))
def test_evening_loses_no_point(gaps: list[int], unit: int) -> None:
    """Whatever the times, each value stands at its own, and elsewhere is nothing."""
    times = [0]
    for gap in gaps:
        times.append(times[-1] + gap * unit)
    values = tuple(float(at) for at in range(len(times)))
    least = min(gaps) * unit
    made = evened(Points(0, least, (Line("a", values),), "", None, tuple(times)))
    shown = dict(zip(moments(made), made.lines[0].values, strict=True))
    assert {at: value for at, value in shown.items() if value is not None} == dict(
        zip(times, values, strict=True)
    )


# ---------------------------------------------------------------------- filters


def test_an_address_cannot_widen_what_a_board_shows() -> None:
    """A filter of an address chooses among those of the document, and sets none aside."""
    other = Look(filters=(("country", "US"),))
    assert asked_filters({}, other) == ["country=US"]
    assert asked_filters({"country": "DE"}, other) == ["country=DE"]
    assert asked_filters({}, other, filters={"country": "DE"}) == ["country=DE"]
    assert asked_filters({"country": ("DE", "US")}, other) == ["country=US"]


def test_two_dollars_are_one() -> None:
    """A value that begins with a dollar itself is asked as it is."""
    variables = (Variable(name="x", values=("DE",), default="DE"),)
    assert asked_filters({"country": "$$x"}, variables=variables) == ["country=$x"]
    assert asked_filters({"country": "$x"}, variables=variables) == ["country=DE"]


def test_a_forecast_is_of_what_the_board_shows() -> None:
    """Variables, filters of the board and clicks count for a forecast as for a line."""
    workspace = Asked()
    tile = Tile(id="t", kind="forecast", query=TileQuery(metric="sales", filters={"country": "$x"}))
    view = seen(
        workspace,
        tile,
        Look(filters=(("status", "paid"),)),
        variables=(Variable(name="x", values=("DE",), default="DE"),),
    )
    forecast.read(view, tile)
    assert sorted(workspace.how["filters"]) == ["country=DE", "status=paid"]


# ---------------------------------------------------------------------- rows of a table


def test_a_sorted_table_is_sorted_before_it_is_cut(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows are those of the whole table, and only they are fetched."""
    now = datetime.now(UTC) - timedelta(seconds=2)
    post(workspace, [event("orders", now, at, amount=at * 7 % 50) for at in range(40)])
    workspace.post(json.dumps(event("orders", now, 99, amount=None)).encode())
    limits: list[int] = []
    sql = workspace.sql

    def counted(query: str, limit: int | None = None) -> Any:
        answer = sql(query, limit=limit)
        limits.append(len(answer.rows))
        return answer

    monkeypatch.setattr(workspace, "sql", counted)
    tile = Tile(
        id="t",
        kind="table",
        query=TileQuery(table="orders"),
        options={"sort": "-amount", "columns": ["amount"], "limit": 3},
    )
    found = table.read(seen(workspace, tile), tile)
    assert found.rows == ((49,), (48,), (47,))
    assert (limits, found.more) == ([3], 38)
    rising = msgspec.structs.replace(tile, options={**tile.options, "sort": "id", "columns": []})
    assert [row[0] for row in table.read(seen(workspace, rising), rising).rows] == ["0", "1", "2"]


def test_a_column_to_sort_by_that_is_not_there_is_named(workspace: Workspace) -> None:
    """A misspelt column is answered with those that there are."""
    post(workspace, [event("orders", datetime.now(UTC), 1, amount=1)])
    tile = Tile(id="t", kind="table", query=TileQuery(table="orders"), options={"sort": "amuont"})
    with pytest.raises(NotFoundError, match="amount"):
        table.read(seen(workspace, tile), tile)


# ---------------------------------------------------------------------- what a channel asks anew


@pytest.mark.parametrize(
    "changed",
    [
        {"time_range": "7d"},
        {"filters": {"country": "DE"}},
        {"variables": (Variable(name="x", values=("DE",), default="DE"),)},
        {"notes": (Note(at=datetime(2026, 1, 1, tzinfo=UTC), text="here"),)},
        {"annotations": ("alerts",)},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_change_of_the_board_itself_redraws_its_tiles(changed: dict[str, Any]) -> None:
    """Its range, filters, variables, notes and marks count at once, also while no events come."""
    workspace = Asked()
    view = seen(workspace)
    questions = Questions()
    questions.ask(view, at_once)
    questions.ask(view, at_once)
    assert workspace.asked["range"] == 1
    questions._late.clear()  # as if it had answered at once
    board = msgspec.structs.replace(view.dashboard, **changed)
    questions.ask(dataclasses.replace(view, dashboard=board), at_once)
    assert workspace.asked["range"] == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"tiles": (msgspec.structs.replace(CHART, window="1h"),)},
        {"time_range": "7d"},
        {"filters": {"country": "DE"}},
    ],
    ids=lambda each: next(iter(each)),
)
def test_another_question_is_not_held_back_by_what_the_old_one_cost(
    changed: dict[str, Any],
) -> None:
    """A slow tile is asked the same again later; another question of it is asked at once."""
    workspace = Asked()
    view = seen(workspace)
    questions = Questions()
    questions.ask(view, at_length)
    later = dataclasses.replace(
        view, status=msgspec.structs.replace(view.status, version=view.status.version + 1)
    )
    moved = msgspec.structs.replace(view.dashboard, tiles=(msgspec.structs.replace(CHART, x=3),))
    for each in (later, dataclasses.replace(later, dashboard=moved)):
        questions.ask(each, at_length)
        questions.ask(each, at_length)
    assert workspace.asked["range"] == 1
    board = msgspec.structs.replace(view.dashboard, **changed)
    questions.ask(dataclasses.replace(later, dashboard=board), at_length)
    assert workspace.asked["range"] == 2


def at_length(question: Callable[[], object], *, is_quick: bool) -> Future[Told]:
    """Ask in this thread, as if it had taken an hour."""
    del is_quick
    answer: Future[Told] = Future()
    answer.set_result(Told(question(), time.monotonic(), 3_600.0))
    return answer


def at_once(question: Callable[[], object], *, is_quick: bool) -> Future[Told]:
    """Ask in this thread."""
    del is_quick
    answer: Future[Told] = Future()
    answer.set_result(Told(question(), 0.0, 0.0))
    return answer

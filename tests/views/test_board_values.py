"""What tiles make of answers: names, units, steps, whole values, sums, the time before."""

from __future__ import annotations

from dataclasses import replace as on
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.dashboards import Dashboard, Filters, Tile, TileQuery, Variable
from datawatch_lab.service.answers import QueryAnswer, SeriesAnswer
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn
from datawatch_lab.views.board.message import head_of
from datawatch_lab.views.board.numbers import Fmt
from datawatch_lab.views.board.tiles import (
    alerts,
    anomalies,
    bar,
    counter,
    donut,
    gauge,
    heatmap,
    line,
    quality,
    show,
    sparkline,
    stats,
    table,
    top,
)
from datawatch_lab.views.board.tiles import (
    map as maps,
)
from datawatch_lab.views.board.values import points_of, told_apart
from datawatch_lab.views.board.view import Look, View, view_of
from datawatch_lab.views.clock import clocks_of
from tests.views.board_fakes import BoardWorkspace, Scenario, alert, anomaly
from tests.views.conftest import orders, post
from tests.views.fakes import NOW

BY = TileQuery(metric="sales", by=("country",))
Rows = dict[str, list[float | None]]


class Answers(BoardWorkspace):
    """Answers each metric with series that a test says: values by label, a unit, an aggregation."""

    def __init__(
        self,
        series: dict[str, Rows],
        units: dict[str, str] | None = None,
        aggregation: str = "sum",
        **status: Any,
    ) -> None:
        super().__init__(Scenario(status=status))
        self.series, self.units, self.aggregation = series, units or {}, aggregation
        self.how: list[dict[str, Any]] = []

    def metric(self, name: str) -> Any:
        """Any metric that there are series of, and the usual one."""
        if name not in self.series:
            return super().metric(name)
        return msgspec.structs.replace(super().metric("sales"), name=name)

    def range(self, name: str, **how: Any) -> Any:
        """All values of a series, one a step up to now."""
        return self._said(name, how, None)

    def query(self, name: str, **how: Any) -> Any:
        """The first value of a series."""
        return self._said(name, how, 1)

    def quality_score(self, window: str, end: str | None = None) -> Any:
        """Notes what it is asked."""
        self.how.append({"window": window, "end": end})
        return super().quality_score(window, end)

    def _said(self, name: str, how: dict[str, Any], most: int | None) -> QueryAnswer:
        self.how.append(how)
        said = self.series.get(name, {})
        if not how["group_by"]:  # the whole is the sum of its parts
            values = [sum(each[0] or 0.0 for each in said.values())]
            said = said if list(said) == ["*"] else {"*": [*values]} if said else {}
        start = datetime.fromisoformat(how["end"]) - timedelta(minutes=10)
        found = [
            SeriesAnswer(
                {} if label == "*" else {"country": label},
                [(iso(start + timedelta(minutes=at)) or "", v) for at, v in enumerate(each[:most])],
            )
            for label, each in said.items()
        ]
        unit = self.units.get(name, "1")
        return QueryAnswer(name, self.aggregation, how["start"], how["end"], "1m", found, unit)


def seen(workspace: Any, tile: Tile, look: Look | None = None, **of: Any) -> View:
    """A view of a board of one tile at noon of 10 January 2026."""
    made = view_of(workspace, Dashboard(name="b", tiles=(tile,), **of), look)
    return on(made, now=NOW)


def tile(kind: str, *queries: TileQuery, **of: Any) -> Tile:
    """A tile of some queries."""
    return Tile(kind=kind, id="t", query=queries[0], queries=queries[1:], **of)


# ---------------------------------------------------------------------- one value of all


@pytest.mark.parametrize("kind", [counter, gauge, stats])
def test_a_figure_is_of_all_whatever_it_is_split_by(kind: Any) -> None:
    """A query with labels shows the value of all of them, not that of the first one."""
    workspace = Answers({"sales": {"DE": [70.0], "FR": [30.0]}})
    made = tile(kind.KIND.name, BY)
    part = show(seen(workspace, made), made)
    value = part.data["items"][0]["value"] if kind is stats else part.data["value"]
    assert value == 100.0
    assert {each["group_by"] for each in workspace.how} == {None}


def test_a_sparkline_is_of_all_whatever_it_is_split_by() -> None:
    """The line beside a number and a sparkline are of what the number is of."""
    workspace = Answers({"sales": {"DE": [70.0], "FR": [30.0]}})
    made = tile("sparkline", BY)
    found = sparkline.read(seen(workspace, made), made)
    assert [each.values for each in found.lines] == [(100.0,)]


# ---------------------------------------------------------------------- names


@given(st.lists(st.sampled_from(["a", "b", "a (2)", "b (2)", "a (3)"]), max_size=12))
def test_no_two_names_are_the_same(names: list[str]) -> None:
    """Whatever things are called, each is told from all others, and the first keeps its name."""
    found = told_apart(names)
    assert len(set(found)) == len(names)
    assert all(made.startswith(name) for made, name in zip(found, names, strict=True))


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_series_of_two_metrics_are_told_apart(kind: str) -> None:
    """Two metrics split by one label have a name for each of their series."""
    workspace = Answers({"sales": {"DE": [1.0], "FR": [2.0]}, "costs": {"DE": [3.0], "FR": [4.0]}})
    both = (BY, TileQuery(metric="costs", by=("country",)))
    made = tile(kind, *both, options={"over": "time"} if kind == "bar" else {})
    part = show(seen(workspace, made), made)
    names = [each["name"] for each in part.data["series"]]
    assert names == ["sales · FR", "sales · DE", "costs · FR", "costs · DE"]


def test_one_metric_taken_twice_is_told_apart() -> None:
    """The same metric with two aggregations is two series, called by them."""
    lowest = TileQuery(metric="sales", aggregation="min")
    highest = TileQuery(metric="sales", aggregation="max")
    workspace = Answers({"sales": {"*": [1.0]}})
    for kind in ("line", "bar", "stats"):
        made = tile(kind, lowest, highest)
        part = show(seen(workspace, made), made)
        items = part.data.get("items") or part.data["series"]
        said = [each.get("name") or each.get("label") for each in items]
        assert said == ["sales min", "sales max"]


# ---------------------------------------------------------------------- units and steps


def test_each_series_has_its_own_unit() -> None:
    """Where revenue stands beside a count, only the revenue is in euros."""
    workspace = Answers({"money": {"*": [5.0]}, "count": {"*": [120.0]}}, {"money": "EUR"})
    both = (TileQuery(metric="money"), TileQuery(metric="count"))
    made = tile("line", *both)
    part = show(seen(workspace, made), made)
    assert part.data["fmt"] == Fmt()
    assert [each["fmt"].u for each in part.data["series"]] == ["EUR", "1"]
    assert "count now 120," in part.label
    assert "money now €5.00," in part.label
    bars = tile("bar", *both)
    drawn = show(seen(workspace, bars), bars)
    assert [each["fmt"].u for each in drawn.data["series"]] == ["EUR", "1"]


def test_one_unit_stands_on_the_axis() -> None:
    """Where all series have one unit, it is said once."""
    workspace = Answers({"a": {"*": [5.0]}, "b": {"*": [6.0]}}, {"a": "EUR", "b": "EUR"})
    made = tile("line", TileQuery(metric="a"), TileQuery(metric="b"))
    part = show(seen(workspace, made), made)
    assert part.data["fmt"].u == "EUR"
    assert all("fmt" not in each for each in part.data["series"])


def test_a_first_query_without_series_hides_no_other() -> None:
    """The steps are those of the first query that has any."""
    workspace = Answers({"sales": {}, "costs": {"*": [1.0, 2.0, 3.0]}})
    made = tile("line", BY, TileQuery(metric="costs"))
    found = points_of(seen(workspace, made), made)
    assert [each.values for each in found.lines] == [(1.0, 2.0, 3.0)]
    assert found.start > 0
    named = tile("bar", BY, TileQuery(metric="costs", by=("country",)))
    workspace.series["costs"] = {"DE": [4.0]}
    assert bar.read(seen(workspace, named), named).names == ("DE",)


# ---------------------------------------------------------------------- what adds up


def shares(kind: Any, values: Rows, aggregation: str, **options: Any) -> Any:
    """The data of a tile of values by country."""
    workspace = Answers({"sales": values}, aggregation=aggregation)
    made = tile(kind.KIND.name, BY, options=options)
    return show(seen(workspace, made), made).data


def test_what_does_not_add_up_is_not_added() -> None:
    """A donut of averages has no total and no slice of all others; one of sums has both."""
    values: Rows = {"a": [5.0], "b": [3.0], "c": [2.0]}
    data = shares(donut, values, "sum", limit=2)
    assert (data["names"], data["total"], data["rest"]) == (["a", "b", "1 others"], 10.0, 2)
    for aggregation in ("avg", "p95", "distinct", "max"):
        data = shares(donut, values, aggregation, limit=2)
        assert (data["names"], data["total"], data["rest"]) == (["a", "b"], None, -1)


def test_a_whole_with_negative_parts_has_no_shares() -> None:
    """What is negative has no slice, so the slices are not of the whole."""
    data = shares(donut, {"a": [5.0], "b": [3.0], "c": [-2.0]}, "sum", limit=2)
    assert (data["names"], data["total"], data["rest"]) == (["a", "b"], None, -1)


def test_two_names_of_a_country_are_added_where_that_is_something() -> None:
    """DE and Germany are one country: its sums add up, its averages are not known."""
    values: Rows = {"DE": [5.0], "Germany": [3.0], "FR": [4.0]}
    of = {each["id"]: each for each in shares(maps, values, "sum")["countries"]}
    assert (of["276"]["value"], of["276"]["several"], of["250"]["value"]) == (8.0, True, 4.0)
    of = {each["id"]: each for each in shares(maps, values, "avg")["countries"]}
    assert (of["276"]["value"], of["250"]["value"]) == (None, 4.0)


@pytest.mark.parametrize("kind", [donut, top, bar])
def test_a_click_on_an_empty_label_filters_by_it(kind: Any) -> None:
    """A label without a value has a name for people, and its own value for a filter."""
    data = shares(kind, {"": [5.0], "(empty)": [3.0]}, "sum")
    names = data.get("names") or [each["name"] for each in data["rows"]]
    assert list(names) == ["(empty)", "(empty) (2)"]
    assert list(data["picks"]) == ["", "(empty)"]
    assert "picks" not in shares(kind, {"a": [5.0], "b": [3.0]}, "sum")


# ---------------------------------------------------------------------- the time before


def test_today_is_compared_with_yesterday_until_the_same_time(shop: Workspace) -> None:
    """At ten, today's sum stands beside that of yesterday until ten, and the words say so."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ten = midnight + timedelta(hours=10)
    made = tile("counter", TileQuery(metric="orders_inserts_total"))
    board = Dashboard(name="b", tiles=(made,), time_range="today")
    view = on(view_of(shop, board, Look(role="admin")), now=ten)
    compare, previous = view.comparison("previous_period", made)
    assert (compare, previous) == ("same_hour_yesterday", "yesterday")
    answer: Any = view.value(made.all_queries[0], made, compare=compare)
    day = timedelta(days=1)
    assert answer.comparison.start == iso(midnight - day)
    assert answer.comparison.end == iso(ten - day)


def test_a_line_is_drawn_beside_the_one_before(shop: Workspace) -> None:
    """A comparison is a dashed line of its own, with the values of the earlier time."""
    now = datetime.now(UTC)
    post(shop, orders(1, now - timedelta(minutes=150), first_number=490))
    post(shop, orders(6, now - timedelta(minutes=75), first_number=500))
    query = TileQuery(metric="orders_inserts_total", compare="previous_period", step="1m")
    made = tile("line", query, window="1h")
    view = view_of(shop, Dashboard(name="b", tiles=(made,)), Look(role="admin"))
    part = show(view, made)
    assert [each["dashed"] for each in part.data["series"]] == [False, True]
    name = part.data["series"][1]["name"]
    assert name == "previous hour"
    answer: Any = shop.range(
        "orders_inserts_total",
        start=iso(view.window(made).start),
        end=iso(view.window(made).end),
        step="1m",
        compare="previous_period",
    )
    then = [value for _, value in answer.comparison.series[0].points]
    assert list(part.data["series"][1]["values"]) == then
    assert sum(each or 0.0 for each in then) == 6.0
    stacked = msgspec.structs.replace(made, options={"stack": True})
    assert len(show(view, stacked).data["series"]) == 1


def test_bars_by_label_stand_beside_those_before(shop: Workspace) -> None:
    """Each label has a second bar, of the earlier time."""
    now = datetime.now(UTC)
    post(shop, orders(1, now - timedelta(minutes=150), first_number=490))
    post(shop, orders(6, now - timedelta(minutes=75), first_number=500))
    query = TileQuery(metric="orders_inserts_total", by=("status",), compare="previous_period")
    made = tile("bar", query, window="1h")
    view = view_of(shop, Dashboard(name="b", tiles=(made,)), Look(role="admin"))
    part = show(view, made)
    (_, now_values), (_, then) = ((each["name"], each["values"]) for each in part.data["series"])
    assert (sum(now_values), sum(then)) == (60.0, 6.0)
    assert part.data["series"][1]["name"] == "previous hour"


# ---------------------------------------------------------------------- where the range ends


def yesterday(workspace: Any, made: Tile, **happened: Any) -> View:
    """A view of the day before NOW."""
    view = seen(workspace, made, time_range="yesterday")
    return on(view, happened=on(view.happened, **happened))


def test_scores_are_those_of_the_range() -> None:
    """Quality of yesterday ends with yesterday; that of now is asked without an end."""
    workspace = Answers({})
    made = Tile(kind="quality", id="t")
    quality.read(yesterday(workspace, made), made)
    assert workspace.how == [{"window": "1d", "end": "2026-01-10T00:00:00Z"}]
    quality.read(seen(workspace, made, time_range="24h"), made)
    assert workspace.how[1] == {"window": "1d", "end": None}


def test_quality_of_an_earlier_time(shop: Workspace) -> None:
    """The operation ends where it is asked to; rows that came after are not among its scores."""
    end = datetime.now(UTC) - timedelta(days=2)
    answer = shop.quality_score("1d", end=iso(end))
    assert answer.end == iso(end)
    assert answer.score is None


def test_a_heat_map_ends_with_the_range() -> None:
    """The week that weekdays need ends where the range ends."""
    workspace = Answers({"sales": {"*": [1.0]}})
    made = tile("heatmap", TileQuery(metric="sales"))
    heatmap.read(yesterday(workspace, made), made)
    assert workspace.how[-1]["start"] == "2026-01-03T00:00:00Z"
    assert workspace.how[-1]["end"] == "2026-01-10T00:00:00Z"


def test_alerts_that_are_open_are_listed_whatever_the_time() -> None:
    """A board of yesterday, or of last year, says that nothing is open only where nothing is."""
    fired = (msgspec.structs.replace(alert("now"), fired=iso(NOW - timedelta(hours=1))),)
    listed = Tile(kind="alerts", id="t", options={"state": "open"})
    for asked in ("yesterday", "2025-01-01/2025-01-02", "24h"):
        nothing = seen(Answers({}), listed, time_range=asked)
        view = on(nothing, happened=on(nothing.happened, alerts=fired, active=fired))
        assert [each.title for each in alerts.read(view, listed).items] == ["now"]
        assert alerts.read(nothing, listed).calm == "No open alerts"


@pytest.mark.parametrize("state", ["open", "all"])
def test_lists_leave_out_what_came_after(state: str) -> None:
    """Of yesterday, an anomaly of this morning is not listed; an alert only where it is open."""
    of_today, of_yesterday = NOW - timedelta(hours=1), NOW - timedelta(hours=20)
    times = (of_today, of_yesterday)
    found = tuple(
        anomaly(id=str(at), started_at=iso(at), metric_name=f"at {at:%d}") for at in times
    )
    made = Tile(kind="anomalies", id="t", options={"state": state})
    items = anomalies.read(yesterday(Answers({}), made, anomalies=found), made).items
    assert [each.title for each in items] == ["at 09"]
    fired = tuple(msgspec.structs.replace(alert(f"at {at:%d}"), fired=iso(at)) for at in times)
    listed = Tile(kind="alerts", id="t", options={"state": state})
    view = yesterday(Answers({}), listed, alerts=fired, active=fired)
    titles = [each.title for each in alerts.read(view, listed).items]
    assert titles == (["at 10", "at 09"] if state == "open" else ["at 09"])


def test_a_list_of_long_ago_does_not_say_that_all_was_calm() -> None:
    """What happened is read for 30 days; a range before says that, not that there was nothing."""
    made = Tile(kind="anomalies", id="t", options={"state": "all"})
    view = seen(Answers({}), made, time_range="2025-01-01/2025-01-02")
    assert "30 days" in anomalies.read(view, made).calm


def test_an_empty_tile_says_over_which_time() -> None:
    """Of yesterday nothing is said about the last 24 hours."""
    made = tile("line", TileQuery(metric="sales"))
    assert "in this time" in show(yesterday(Answers({}), made), made).say
    assert "in the last 1 d" in show(seen(Answers({}), made, time_range="24h"), made).say


# ---------------------------------------------------------------------- into the explorer


def drilled(made: Tile, look: Look | None = None, **of: Any) -> dict[str, list[str]]:
    """What the explorer is asked for a tile."""
    view = seen(Answers({}), made, look, **of)
    return parse_qs(head_of(view.dashboard, view.look, view, {}).tiles[0].drill)


def test_the_explorer_is_asked_for_what_the_tile_shows() -> None:
    """Filters of the tile, of the board, of variables and of clicks go along, and its window."""
    query = TileQuery(metric="sales", by=("country",), filters={"country": "$x"})
    asked = drilled(
        tile("line", query, window="6h"),
        Look(filters=(("status", "a,b"),)),
        variables=(Variable(name="x", values=("DE", "FR"), default=("DE", "FR")),),
        filters={"status": ("a,b", "paid")},
    )
    assert asked["where"] == [r"status=a\,b,country=DE,country=FR"]
    assert asked["from"] == ["-6h"]
    assert "to" not in asked


@pytest.mark.parametrize(
    ("time_range", "start", "end"),
    [
        ("24h", "-24h", None),
        ("today", "2026-01-10T00:00:00Z", None),
        ("yesterday", "2026-01-09T00:00:00Z", "2026-01-10T00:00:00Z"),
        ("2026-01-02/2026-01-03", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"),
        ("all", "2026-01-07T12:00:00Z", None),
    ],
)
def test_the_explorer_looks_over_the_same_time(
    time_range: str, start: str, end: str | None
) -> None:
    """A range that goes on stays one; one that is over has both ends."""
    asked = drilled(tile("line", TileQuery(metric="sales")), time_range=time_range)
    assert (asked["from"], asked.get("to")) == ([start], end and [end])


def test_a_tile_of_an_unknown_metric_still_leads_there() -> None:
    """The explorer names the nearest; nothing fails before."""
    assert drilled(tile("line", TileQuery(metric="slaes")))["metric"] == ["slaes"]


# ---------------------------------------------------------------------- cells of tables


class Selected(BoardWorkspace):
    """Answers SQL with large numbers, decimals and times."""

    def sql(self, query: str, limit: int | None = None, **how: Any) -> SqlAnswer:
        """Three rows, as the operation has them: exact numbers are texts."""
        del query, limit, how
        kinds = {"large": "integer", "price": "decimal", "share": "number", "made": "timestamp"}
        rows: list[list[Any]] = [
            ["9007199254740993", "1234.56", 0.5, "2026-01-10T11:00:00Z"],
            ["9007199254740992", "999.10", 1234.56, "2026-01-10T12:30:00.25Z"],
            [7, None, None, None],
        ]
        return SqlAnswer([SqlColumn(n, k) for n, k in kinds.items()], rows, False, 1.0)


def cells(sort: str = "", zone: str = "UTC") -> Any:
    """The data of a table of those rows."""
    made = tile("table", TileQuery(sql="SELECT 1"), options={"sort": sort})
    workspace = Selected(Scenario(status={"timezone": zone}))
    return show(seen(workspace, made), made).data


def test_a_table_keeps_every_digit() -> None:
    """Large integers and decimals are what was stored, and are sorted by all of their digits."""
    rows = cells()["rows"]
    assert rows[0][:2] == ("9007199254740993", "1234.56")
    assert [row[0] for row in cells("large")["rows"]] == [7, "9007199254740992", "9007199254740993"]
    assert [row[1] for row in cells("-price")["rows"]] == ["1234.56", "999.10", None]


def test_times_of_a_table_are_those_of_the_zone() -> None:
    """They are told as in the charts beside, and the head of the column says by which clocks."""
    data = cells(zone="Asia/Kolkata")
    assert data["columns"][3]["title"] == "made (UTC+5:30)"
    assert [row[3] for row in data["rows"]] == ["2026-01-10 16:30:00", "2026-01-10 18:00:00", None]


def test_times_on_both_sides_of_a_change_of_clocks_say_theirs() -> None:
    """Where one word does not hold for the column, each time has its own."""
    times = ("2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "infinity")
    column = table.Column("made", is_time=True)
    with clocks_of("Europe/Berlin"):
        found = table._on_clocks(table.Rows((column,), tuple((each,) for each in times)))
    said = [row[0] for row in found.rows]
    assert said == ["2026-03-29 01:30:00 UTC+1", "2026-03-29 03:30:00 UTC+2", "infinity"]
    assert found.columns[0].zone == ""


def test_a_filter_by_what_is_missing_finds_unknown_values(shop: Workspace) -> None:
    """A click on missing values filters the rows of a table as it filters a metric."""
    now = datetime.now(UTC)
    events = orders(2, now, first_number=900)
    for each in events:
        del each["after"]["status"]
    post(shop, events)
    query = TileQuery(table="orders", filters={"status": "(missing)"})
    rows = tile("table", query)
    view = view_of(shop, Dashboard(name="b"), Look(role="admin"))
    assert len(view.rows(query, rows, 10).rows) == 2
    filters: Filters = {"status": ("(missing)", "paid")}
    assert len(view.rows(TileQuery(table="orders", filters=filters), rows, 100).rows) == 22
    line_ = tile("line", TileQuery(metric="orders_inserts_total", filters=filters))
    found = line.read(on(view, dashboard=Dashboard(name="b", tiles=(line_,))), line_)
    assert sum(each or 0.0 for each in found.points.lines[0].values) == 22.0


# ---------------------------------------------------------------------- steps of several queries


class Stepped(BoardWorkspace):
    """Keeps at which steps it was asked; SQL answers every half hour."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []

    def range(self, name: str, **how: Any) -> Any:
        """Points on the steps that were asked for."""
        self.steps.append(how["step"])
        return super().range(name, **how)

    def sql(self, query: str, limit: int | None = None, **how: Any) -> SqlAnswer:
        """Four rows, half an hour apart."""
        del query, limit, how
        rows = [[iso(NOW - timedelta(minutes=30 * at)), float(at)] for at in range(4)]
        columns = [SqlColumn("time", "timestamp"), SqlColumn("n", "number")]
        return SqlAnswer(columns, rows, False, 1.0)


@pytest.mark.parametrize("kind", ["line", "bar"])
def test_queries_of_several_steps_are_asked_at_the_coarsest(kind: str) -> None:
    """No series keeps every sixtieth of its values only; what was done is said in words."""
    steps = ("1m", "1h", "")
    queries = [TileQuery(metric="sales", label=f"of {each}", step=each) for each in steps]
    made = tile(kind, *queries, options={"over": "time"} if kind == "bar" else {})
    workspace = Stepped()
    part = show(seen(workspace, made), made)
    assert workspace.steps == ["1h", "1h", "1h"]
    assert part.sub.endswith("each 1h, the coarsest of 1m and 1h")
    assert "each 1h, the coarsest of 1m and 1h" in part.label
    values = [each["values"] for each in part.data["series"]]
    assert [sum(value is not None for value in each) for each in values] == [24, 24, 24]


def test_a_query_without_a_step_goes_with_the_others() -> None:
    """Nobody asked for another step, so there is nothing to say."""
    queries = [TileQuery(metric="sales", step="5m"), TileQuery(metric="sales", label="b")]
    made = tile("line", *queries)
    workspace = Stepped()
    part = show(seen(workspace, made), made)
    assert workspace.steps == ["5m", "5m"]
    assert "coarsest" not in part.sub


def test_rows_of_sql_between_the_steps_are_told_of() -> None:
    """They cannot be asked at another step; what is not shown is said."""
    queries = [TileQuery(metric="sales", step="1h"), TileQuery(sql="SELECT 1", label="rows")]
    made = tile("line", *queries)
    part = show(seen(Stepped(), made), made)
    assert part.sub.endswith("values between these steps are left out")

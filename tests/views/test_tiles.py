"""The contract of tiles: every kind, in every state, with both of its faces."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

from datawatch_lab.core.dashboards import TILE_KINDS, TileQuery
from datawatch_lab.core.errors import AccessError, DataWatchError
from datawatch_lab.views.board import happenings
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.tiles import KINDS, kind_of, show
from datawatch_lab.views.board.view import Catalogue, Look, View
from tests.views.board_fakes import HOSTILE, BoardWorkspace, Scenario, anomaly, board_of, tile_of
from tests.views.fakes import NOW

_ASKING = sorted(set(KINDS) - {"text", "custom"})
_CALM = {"alerts", "anomalies", "schema"}
"""Kinds for which nothing is good news."""
_FACES = {"number", "stats", "line", "table", "top", "list", "text"} | {
    *("object", "bar", "donut", "gauge", "heatmap", "map", "scatter"),
}


def view(scenario: Scenario | None = None, **changes: Any) -> View:
    """A view of a workspace in which this is the case."""
    workspace = BoardWorkspace(scenario)
    catalogue = Catalogue(
        {each.name: each for each in workspace.metrics()},
        {each.name: each for each in workspace.tables()},
    )
    status = workspace.status()
    happened = happenings.read(workspace, NOW)
    how = {"happened": happened, **changes}
    return View(workspace, board_of(), Look(), status, NOW, catalogue, **how)


def shown(kind: str, scenario: Scenario | None = None, **changes: Any) -> Part:
    """What a tile of a kind shows; it must be JSON of finite numbers."""
    part = show(view(scenario), tile_of(kind, **changes))
    json.loads(msgspec.json.encode(part), parse_constant=_no_constant)
    return part


def _no_constant(text: str) -> None:
    raise AssertionError(f"{text} is no JSON")


def numbers(value: Any) -> list[float]:
    """Every number in a value, in order."""
    if isinstance(value, bool) or value is None:
        return []
    if isinstance(value, int | float):
        return [float(value)]
    if isinstance(value, dict):
        return [each for part in value.values() for each in numbers(part)]
    if isinstance(value, list | tuple):
        return [each for part in value for each in numbers(part)]
    return []


def test_every_kind_of_the_document_has_a_face() -> None:
    """What a document may hold can be drawn, and nothing else."""
    assert set(KINDS) == set(TILE_KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_tile_shows_its_values_with_words(kind: str) -> None:
    """With values there is a face, its data, and the value in words."""
    part = shown(kind)
    assert part.state == "ok", part.say
    assert part.face in _FACES
    assert part.data
    assert part.label


@pytest.mark.parametrize("kind", _ASKING)
def test_an_empty_tile_says_how_to_fill_it(kind: str) -> None:
    """Without values there is a sentence; where nothing is good news, the tile says that."""
    part = shown(kind, Scenario(count=0))
    if kind in _CALM:
        assert part.state == "ok"
        assert part.data["items"] == ()
        assert part.data["calm"]
    else:
        assert part.state == "empty"
        assert part.say.endswith((".", "?"))


@pytest.mark.parametrize("kind", _ASKING)
def test_an_empty_workspace_asks_for_a_source(kind: str) -> None:
    """Before the first event a tile says how to connect something."""
    part = shown(kind, Scenario(count=0, status={"status": "empty", "message": "empty"}))
    if kind not in _CALM:
        assert "source" in part.say


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("kind", _ASKING)
def test_few_points_are_drawn(kind: str, count: int) -> None:
    """One point, or a few, break nothing."""
    assert shown(kind, Scenario(count=count)).state in ("ok", "empty")


@pytest.mark.parametrize("kind", _ASKING)
def test_many_points_stay_small(kind: str) -> None:
    """Thousands of points and hundreds of labels make no message beyond 200 kB."""
    names = tuple(f"name {place}" for place in range(300))
    part = shown(kind, Scenario(count=2_000, names=names))
    assert part.state in ("ok", "empty")
    assert len(msgspec.json.encode(part)) < 200_000


_VALUES: dict[str, Callable[[int], float | None]] = {
    "nulls": lambda _: None,
    "holes": lambda at: None if at % 2 else float(at),
    "NaN": lambda _: float("nan"),
    "infinite": lambda _: float("inf"),
    "huge": lambda at: 1e300 * (at + 1),
    "tiny": lambda at: 1e-300 * (at + 1),
    "negative": lambda at: -5.0 - at,
    "zero": lambda _: 0.0,
    "equal": lambda _: 7.0,
}


@pytest.mark.parametrize("values", sorted(_VALUES))
@pytest.mark.parametrize("kind", _ASKING)
def test_odd_values_are_drawn_or_left_out(kind: str, values: str) -> None:
    """Nulls, NaN, infinities and extremes never fail, and never reach the browser as such."""
    part = shown(kind, Scenario(value=_VALUES[values]))
    assert part.state in ("ok", "empty"), part.say
    assert np.isfinite(numbers(msgspec.to_builtins(part.data))).all()


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_hostile_text_is_text(kind: str) -> None:
    """Names of the data are never HTML: the one face of HTML has none that the data made."""
    part = shown(kind, Scenario(names=(HOSTILE, "FR", "US")), title=HOSTILE)
    if part.face == "text":
        assert "<img" not in part.data["html"]
        assert "&lt;img" in part.data["html"]
    assert part.state in ("ok", "empty")


def test_links_of_words_lead_to_pages_only() -> None:
    """A link with a script in it is no link, and pictures are not asked for."""
    note = "[a](javascript:alert(1)) ![b](https://example.org/x.png) [c](https://example.org)"
    html = shown("text", note=note).data["html"]
    assert "javascript:" not in re.findall(r'href="([^"]*)"', html)
    assert "<img" not in html
    assert 'href="https://example.org"' in html


@pytest.mark.parametrize("kind", _ASKING)
def test_a_masked_label_is_shown_masked(kind: str) -> None:
    """A viewer's masked values stay masked in every face."""
    assert shown(kind, Scenario(names=("•••",))).state in ("ok", "empty")


@pytest.mark.parametrize("kind", _ASKING)
def test_a_fault_is_a_sentence(kind: str) -> None:
    """What cannot be had is said where it would stand."""
    part = shown(kind, Scenario(fault=DataWatchError("the disk is full.")))
    assert part.state == "error"
    assert "disk is full" in part.say


@pytest.mark.parametrize("kind", _ASKING)
def test_no_permission_is_a_state_of_its_own(kind: str) -> None:
    """Who may not see it is told so."""
    fault = AccessError("email is sensitive; filtering by it needs the role editor.", status=403)
    part = shown(kind, Scenario(fault=fault))
    assert part.state == "denied"
    assert "editor" in part.say


@pytest.mark.parametrize("kind", _ASKING)
def test_a_silent_table_makes_its_tiles_stale(kind: str) -> None:
    """Values that are old say since when nothing has come."""
    said = "no data since 12:04 (8 min)"
    part = shown(kind, Scenario(status={"status": "silent", "message": said}))
    if TILE_KINDS[kind].needs_query:
        assert part.state == "stale"
        assert part.say == said
        assert part.data


@pytest.mark.parametrize("kind", sorted(name for name in KINDS if TILE_KINDS[name].needs_query))
def test_a_tile_without_a_query_asks_for_one(kind: str) -> None:
    """A new tile says what it wants."""
    part = shown(kind, query=None, queries=())
    assert part.state == "empty"
    assert "metric" in part.say


def test_a_misspelt_metric_is_answered_with_the_nearest() -> None:
    """The sentence names what was meant, and not everything there is."""
    part = shown("counter", query=TileQuery(metric="salse"))
    assert part.state == "error"
    assert "'sales'" in part.say
    assert "Metrics:" not in part.say


def test_anomalies_of_one_incident_are_one_line() -> None:
    """The gravest whole metric stands for them, and says how many more there are."""
    happened = happenings.Happened(
        anomalies=(
            anomaly(id="1", incident="i", labels={"city": "ulm"}),
            anomaly(id="2", incident="i", metric_name="orders"),
            anomaly(id="3", incident="j", severity="low"),
        )
    )
    items = show(view(happened=happened), tile_of("anomalies")).data["items"]
    assert [each.title for each in items] == ["orders", "sales"]
    assert items[0].text.endswith(" And 1 more.")
    assert not items[1].text.endswith("more.")


def test_anomalies_are_listed_with_word_and_time() -> None:
    """Those that go on come with type, severity and sentence; those that are over are left out."""
    happened = happenings.Happened(anomalies=(anomaly(), anomaly(active=False)))
    (item,) = show(view(happened=happened), tile_of("anomalies")).data["items"]
    assert (item.word, item.title, item.level) == ("High spike", "sales", "bad")
    assert item.at is not None
    assert "expected 1 to 3" in item.text


@pytest.mark.parametrize("kind", ["line", "counter", "bar"])
def test_an_anomaly_is_a_badge_in_words(kind: str) -> None:
    """A tile whose metric is unusual says so."""
    happened = happenings.Happened(anomalies=(anomaly(),))
    part = show(view(happened=happened), tile_of(kind))
    assert part.badge is not None
    assert part.badge.count == 1
    assert "expected 1 to 3" in part.badge.text


def test_what_happened_is_marked_on_the_line() -> None:
    """Anomalies, alerts and schema changes of a line's metric stand on it."""
    found = view()
    happened = happenings.Happened(
        anomalies=(anomaly(),), alerts=found.happened.alerts, schema=found.happened.schema
    )
    part = show(view(happened=happened), tile_of("line"))
    assert {each.kind for each in part.data["marks"]} == {"anomaly", "alert", "schema"}


def _plotted(plot: Any) -> list[float]:
    """Every finite number that a HoloViews object holds as a value, sorted."""
    elements = list(plot) if type(plot).__name__ in ("Overlay", "Layout") else [plot]
    found: list[float] = []
    for each in elements:
        dimensions = each.vdims or each.kdims
        for dimension in dimensions:
            column = np.asarray(each.dimension_values(dimension, flat=True))
            found += [float(v) for v in column if isinstance(v, int | float | np.number)]
    return sorted(value for value in found if np.isfinite(value))


_VALUES_OF: dict[str, Callable[[Any], Any]] = {
    "number": lambda data: [data["value"]],
    "line": lambda data: [each["values"] for each in data["series"]],
    "bar": lambda data: [each["values"] for each in data["series"]],
    "donut": lambda data: data["values"],
    "gauge": lambda data: [data["value"]],
    "top": lambda data: [each["value"] for each in data["rows"]],
    "heatmap": lambda data: data["values"],
    "map": lambda data: [each["value"] for each in data["countries"]],
    "scatter": lambda data: [[y for _, y in data["points"]]],
    "stats": lambda data: [each["value"] for each in data["items"]],
    "table": lambda data: data["rows"],
}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"text", "custom", *_CALM}))
def test_both_faces_show_the_same_numbers(kind: str) -> None:
    """What the browser draws, HoloViews draws too."""
    found, tile = view(), tile_of(kind)
    data = kind_of(kind).read(found, tile)
    part = kind_of(kind).draw(tile, data)
    assert part is not None
    wanted = sorted(numbers(msgspec.to_builtins(_VALUES_OF[part.face](part.data))))
    plotted = _plotted(kind_of(kind).to_hv(tile, data))
    missing = [each for each in wanted if not any(np.isclose(each, other) for other in plotted)]
    assert wanted
    assert not missing


@pytest.mark.parametrize("kind", ["alerts", "anomalies", "schema", "text", "custom"])
def test_words_have_a_second_face_too(kind: str) -> None:
    """Lists and words are HoloViews objects as well."""
    data = kind_of(kind).read(view(), tile_of(kind))
    assert kind_of(kind).to_hv(tile_of(kind), data) is not None

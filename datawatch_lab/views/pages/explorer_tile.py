"""What is explored becomes a tile of a dashboard."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.views.board.stored import default_of
from datawatch_lab.views.pages.dashboards import may_edit
from datawatch_lab.views.pages.explorer_asked import filters_of_tile
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, text
from datawatch_lab.views.pages.parts import Html, card, field, select, tag, text_input

_NEW = "new"


def form(look: Look, metric: str) -> Html:
    """A form that asks for a dashboard; nothing for who may not change any."""
    if not look.may("editor"):
        return Html("")
    try:
        boards = look.workspace.list_dashboards()
    except DataWatchError:  # a server without dashboards offers none
        return Html("")
    mine = [each for each in boards if may_edit(each.role)]
    mine.sort(key=lambda each: each is not default_of(boards))
    options = [*((each.id, each.name) for each in mine), (_NEW, "a new dashboard")]
    kinds = [("line", "line"), ("bar", "bars"), ("counter", "counter")]
    return card(
        "Make a tile",
        tag(
            "form",
            field("On", select("board", options)),
            field("As", select("kind", kinds)),
            field("Title", text_input("title", metric), class_="grow"),
            tag("button", "Make a tile", class_="btn main"),
            class_="filters",
            id="dw-tile",
            data_act="tile",
        ),
    )


def _make(look: Look, fields: Fields) -> Done:
    place, board = look.place, text(fields, "board")
    metric = place.get("metric")
    if not metric:
        raise InputError("choose a metric first.")
    if board == _NEW:
        made = look.workspace.add_dashboard(
            name=f"Explored: {text(fields, 'title') or metric}"[:80]
        )
        board = made.id
    by = [place.get("by")] if place.get("by") else None
    look.workspace.add_widget(
        id=board,
        kind=text(fields, "kind", "line"),
        title=text(fields, "title"),
        metric=metric,
        aggregation=place.get("agg") or None,
        by=by,
        filters=filters_of_tile(place),
    )
    return Done(said="The tile is made.", changed=True, go=place.link("dashboards", id=board))


ACTIONS: Mapping[str, Action] = {"tile": _make}

"""The board as a Panel component: in a notebook cell, under ``panel serve``, in the builder."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import panel as pn
import param
from bokeh.model import Model
from panel.custom import JSComponent
from panel.io.resources import component_resource_path
from panel.viewable import Children

from datawatch_lab.core.dashboards import COLUMNS, THEMES, Dashboard, replace
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.views import theme
from datawatch_lab.views.board.channel import Viewer
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.view import Look
from datawatch_lab.views.objects import shown
from datawatch_lab.views.still import WIDTH, Still, still_of

log = logging.getLogger(__name__)

BUILT = Path(str(files("datawatch_lab.views"))) / "board" / "built"
_WORLD = Path(str(files("datawatch_lab.views"))) / "assets" / "board" / "world.json"
_PIECES = ("charts", "edit")

_TOKENS = {"light": dict(theme.LIGHT), "dark": dict(theme.DARK), "font": theme.FONT}

Listener = Callable[[dict[str, Any]], object]


class Board(JSComponent):
    """A dashboard that is drawn in the browser, and kept up to date while it is shown.

    What happens on it (``click``, ``zoom``, ``layout``, ``select``, ``range``) is told to
    listeners; a click also filters the other tiles, a zoom narrows the board's time.

    Args:
        feed: of the workspace; one for all boards of a process.
        dashboard: an id or name of one that is stored, or a document that is not.
        look: role, range, filters and variables.
        edit: tiles are moved and resized by hand.
        objects: Panel or HoloViews objects by name, or what Panel can show; tiles of the kind
            ``custom`` name them. They are live where they are.
    """

    _bundle = BUILT / "board.js"
    _js = tuple(BUILT / f"{each}.js" for each in _PIECES)
    """What Panel serves beside it, for boards that need it."""

    edit = param.Boolean(default=False, doc="Tiles are moved and resized by hand.")
    children_: Any = Children(default=[], doc="What tiles of the kind custom show.")
    names = param.List(default=[], doc="Of those, in the same order.")
    pieces = param.Dict(default={}, doc="Where pieces that few boards need are served, by name.")
    tokens = param.Dict(default=_TOKENS, doc="The look, by theme.")
    theme: Any = param.Selector(
        default="system", objects=list(THEMES), doc="Light, dark, or as is."
    )

    def __init__(
        self,
        feed: BoardFeed,
        dashboard: str | Dashboard,
        *,
        look: Look | None = None,
        edit: bool = False,
        objects: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> None:
        self._feed = feed
        self._name = dashboard if isinstance(dashboard, str) else None
        self._look = look or Look(role="admin")
        self._listeners: list[Listener] = []
        self._document = pn.state.curdoc
        self._is_ready = False
        self._objects = dict(objects or {})
        document = feed.load(dashboard) if isinstance(dashboard, str) else dashboard
        params.setdefault("sizing_mode", "stretch_width")
        params["children_"] = [shown(each) for each in self._objects.values()]
        params["names"] = list(self._objects)
        params.setdefault("pieces", _served(self._document))
        super().__init__(edit=edit, **params)  # type: ignore[no-untyped-call]
        self._board = document
        self._viewer = self._open()
        self._has_left = False
        if self._document is not None:
            pn.state.on_session_destroyed(lambda _: self.close())

    # ------------------------------------------------------------------ for who shows it

    def listen(self, listener: Listener) -> None:
        """Tell a function what happens: a dict with its ``type``, as ``src/message.ts`` has it."""
        self._listeners.append(listener)

    @property
    def board(self) -> Dashboard:
        """The document as it stands, with what was moved."""
        return self._board

    def draw(self, dashboard: Dashboard) -> None:
        """Show a changed document, which need not be stored."""
        self._name = None
        self._board = dashboard
        self._reopen()

    def look(self, **changes: Any) -> None:
        """Look at another range, with other filters or variables; see `Look`.

        Raises:
            DataWatchError: that cannot be looked at; the board stays as it was.
        """
        before = self._look
        self._look = Look(**{**_fields(before), **changes})
        try:
            self._reopen()
        except DataWatchError:
            self._look = before
            raise

    def refresh(self) -> None:
        """Ask the tiles of a document that is not stored anew."""
        if self._name is None:
            self._feed.refresh(self._viewer, self._board)
            self._schedule()

    def picture(self, form: str = "png", *, width: int = WIDTH, theme: str = "light") -> bytes:
        """The board as it is now, with its objects: a PNG of twice the width, or a PDF.

        Raises:
            MissingPackageError: there is no Chromium here; says what helps.
        """
        how = Still(form, width, theme)
        return still_of(self._feed, self._board, self._look, how, given=self._objects)[0]

    def close(self) -> None:
        """Keep it up to date no more."""
        self._leave()

    def _cleanup(self, root: Model | None = None) -> None:
        """A place where it was shown is gone, such as the output of a cell; perhaps the last."""
        super()._cleanup(root)
        if not self._models:
            self._leave()

    def _leave(self) -> None:
        """Look no more, until it is shown again."""
        self._has_left = True
        self._viewer.close()

    # ------------------------------------------------------------------ messages

    def _open(self) -> Viewer:
        if self._name is None:
            return self._feed.show(self._board, self._look)
        return self._feed.watch(self._name, self._look, self._schedule)

    def _reopen(self) -> None:
        if self._has_left:  # it is opened when it is shown again
            return
        new = self._open()
        self._viewer.close()
        self._viewer = new
        self._schedule()

    def _schedule(self) -> None:
        """There is something to send; the feed's thread says so, the document's sends it."""
        if self._document is not None:
            self._document.add_next_tick_callback(self._send)
        else:
            self._send()

    def _send(self) -> None:
        if not self._is_ready or self._has_left:
            return
        while (text := self._viewer.next()) is not None:
            self._send_msg(json.loads(text))

    def _handle_msg(self, data: Any) -> None:
        """What the browser says."""
        if not isinstance(data, dict):
            return
        match data.get("type"):
            case "ready":
                self._is_ready = True
                if self._has_left:  # shown again
                    self._viewer, self._has_left = self._open(), False
                self._viewer.since = None
                self._send()
                return
            case "need":
                self._need(str(data.get("what")))
                return
            case "layout":
                self._moved(data)
            case "click" | "zoom" | "range" as how:
                self._looked(how, data)
        for each in tuple(self._listeners):
            each(data)

    def _looked(self, how: str, data: dict[str, Any]) -> None:
        """Look at what was chosen on the board; where it is refused, what is shown stays."""
        try:
            if how == "click":
                pair = (str(data.get("label")), str(data.get("value")))
                self.look(filters=_toggled(self._look.filters, pair))
            else:
                self.look(range=_span(data) if how == "zoom" else str(data.get("range")))
        except DataWatchError as error:
            log.warning("a %s on a board was refused: %s", how, error)

    def _need(self, what: str) -> None:
        if what == "world":
            world = json.loads(_WORLD.read_text("utf-8"))
            self._send_msg({"type": "world", "world": world})
        elif what in _PIECES:
            code = (BUILT / f"{what}.js").read_text("utf-8")
            self._send_msg({"type": "code", "what": what, "code": code})
        elif what == "whole":
            self._viewer.since = None
            self._send()

    def _moved(self, data: dict[str, Any]) -> None:
        """Take the places of tiles over; a place that is none is left as it was."""
        try:
            self._board = moved(self._board, data.get("tiles"))
        except InputError as error:
            log.warning("a layout was not taken: %s", error)


def moved(dashboard: Dashboard, places: Any) -> Dashboard:
    """A dashboard with tiles at other places.

    Args:
        dashboard: the document.
        places: ``[{"id", "x", "y", "w", "h"}, …]``; unknown ids and what is no list are left out.

    Raises:
        InputError: a place is off the grid.
    """
    wanted = {}
    for each in places if isinstance(places, list) else []:
        try:
            numbers = {side: int(each[side]) for side in ("x", "y", "w", "h")}
        except (KeyError, TypeError, ValueError):
            continue
        numbers["x"] = max(0, min(numbers["x"], COLUMNS - 1))
        wanted[str(each.get("id"))] = numbers
    tiles = (
        replace(tile, **wanted[tile.id]) if tile.id in wanted else tile for tile in dashboard.tiles
    )
    return dashboard.with_tiles(tiles)


def _served(document: Any) -> dict[str, str]:
    """Addresses of the pieces where Panel serves the document; none in a notebook."""
    context = getattr(document, "session_context", None)
    if not (context and context.server_context):
        return {}
    root = "" if pn.state.rel_path else "./"
    return {
        each: root + component_resource_path(Board, "_js", BUILT / f"{each}.js") for each in _PIECES
    }


def _toggled(
    filters: tuple[tuple[str, str], ...], pair: tuple[str, str]
) -> tuple[tuple[str, str], ...]:
    """Filters with one more, or without it where it was there."""
    others = tuple(each for each in filters if each[0] != pair[0])
    return others if pair in filters else (*others, pair)


def _span(data: dict[str, Any]) -> str:
    sides = (datetime.fromtimestamp(float(data[side]) / 1e3, UTC) for side in ("from", "to"))
    return "/".join(f"{each:%Y-%m-%dT%H:%M:%SZ}" for each in sides)


def _fields(look: Look) -> dict[str, Any]:
    return {name: getattr(look, name) for name in look.__dataclass_fields__}

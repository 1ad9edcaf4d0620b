"""A document that is being edited, drawn before it is stored."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.dashboards.code import as_code
from datawatch_lab.core.dashboards.places import refusal
from datawatch_lab.core.dashboards.reading import look_at
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import InputError
from datawatch_lab.views.board.feed import BoardFeed, look_of
from datawatch_lab.views.board.message import BoardMessage
from datawatch_lab.views.board.view import Look


class DrawAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A document, and how it is looked at.

    Attributes:
        dashboard: its keys and values, as docs/dashboards.md says.
        tiles: ids of those that are asked for their values; null for all.
        range, filter, var: as in the address of the page.
        code: id of the tile whose Python is wanted too, or '' for that of the board.
    """

    dashboard: dict[str, Any]
    tiles: list[str] | None = None
    range: str = ""
    filter: list[str] = []
    var: list[str] = []
    code: str | None = None


class DrawAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a document shows now.

    Attributes:
        message: what the board draws, with the parts of the tiles that were asked for.
        dashboard: the document in its usual form: each tile has an id and a place.
        code: the Python that was asked for; '' for none.
    """

    message: BoardMessage
    dashboard: dict[str, Any]
    code: str = ""


def drawn(feed: BoardFeed, role: str, ask: DrawAsk, look: Look | None = None) -> DrawAnswer:
    """Draw a document that is not stored.

    Args:
        feed: of the workspace.
        role: of who looks; values are masked by it.
        ask: the document.
        look: how it is looked at, where that is known better than the question says it.

    Raises:
        InputError: it is no dashboard; says where and what was possible.
        NotFoundError: the tile whose code is wanted is not there.
    """
    found = look_at(ask.dashboard)
    if found.dashboard is None:
        raise refusal(str(ask.dashboard.get("name", "dashboard"))[:80], found.faults)
    board = found.dashboard
    said = {"range": [ask.range], "filter": ask.filter, "var": ask.var}
    look = look or look_of(role, said)
    code = ""
    if ask.code is not None:
        code = as_code(board.tile(ask.code) if ask.code else board)
    return DrawAnswer(
        message=feed.draw(board, look, ask.tiles), dashboard=to_plain(board), code=code
    )


def read_ask(given: bytes | dict[str, Any]) -> DrawAsk:
    """What somebody asks to be drawn.

    Raises:
        InputError: it cannot be read; says what was wrong.
    """
    try:
        if isinstance(given, bytes):
            return msgspec.json.decode(given, type=DrawAsk)
        return msgspec.convert(given, DrawAsk)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise InputError(
            f"what is to be drawn cannot be read: {error}.",
            hint='It is {"dashboard": {"name": …, "tiles": […]}}.',
        ) from error

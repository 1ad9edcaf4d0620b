"""Text: words in Markdown, without HTML and without pictures from elsewhere."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.dashboards import Tile, options_of
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.view import View

if TYPE_CHECKING:
    from markdown_it import MarkdownIt


def read(view: View, tile: Tile) -> str:
    """The words; nothing is asked."""
    del view
    return tile.note


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # CommonMark would let HTML through, and pictures would be asked of other servers.
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def html_of(words: str) -> str:
    """Markdown as HTML; HTML in it stays text, and links are to http, https and mailto only.

    >>> html_of("**hi** <img src=x onerror=alert(1)>").strip()
    '<p><strong>hi</strong> &lt;img src=x onerror=alert(1)&gt;</p>'
    """
    return str(_markdown().render(words)).replace("<a ", '<a rel="noopener noreferrer" ')


def draw(tile: Tile, data: str) -> Part | None:
    """The words as HTML."""
    if not data.strip():
        return None
    align = options_of(tile)["align"]
    return Part(label=data[:400], face="text", data={"html": html_of(data), "align": align})


def to_hv(tile: Tile, data: str) -> Any:
    """The words."""
    del tile
    return hv_parts.ready().Div(html_of(data))


KIND = Kind("text", read, draw, to_hv)

"""A dashboard as a picture or a PDF: a page that stands still, drawn by Chromium."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from datawatch_lab.core import chromium
from datawatch_lab.core.dashboards import ROW_PIXELS, Dashboard
from datawatch_lab.core.errors import BusyError, InputError
from datawatch_lab.core.names import slug
from datawatch_lab.views import objects, theme
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.message import BoardMessage
from datawatch_lab.views.board.view import Look
from datawatch_lab.views.format import escape

FORMS = ("png", "pdf")
MEDIA = {"png": "image/png", "pdf": "application/pdf"}
LEAST_WIDTH, MOST_WIDTH, WIDTH = 960, 3840, 1440
"""CSS pixels; below the least a board flows, and nobody knows its height beforehand."""

_BUILT = Path(str(files("datawatch_lab.views"))) / "board" / "built"
_SCRIPTS = ("still.js", "charts.js")
_THEMES = ("light", "dark")
_HEAD_PIXELS, _FOOT_PIXELS = 56, 16
_MOST_PIXELS = 16_000
"""Side of a picture that browsers draw."""
_PATIENCE_SECONDS = 20.0
_INSTEAD = "Values as CSV, JSON and Parquet need none."

_drawing = threading.BoundedSemaphore(2)
"""Chromium takes a core and 200 MB; more of them would stand in the way of the events."""

Told = Callable[[str], object]


@dataclass(frozen=True)
class Still:
    """How a picture looks.

    Attributes:
        form: png or pdf.
        width: of the board, in CSS pixels.
        theme: light or dark.
    """

    form: str = "png"
    width: int = WIDTH
    theme: str = "light"

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        if self.form not in FORMS:
            raise InputError(f"no form {self.form!r} of a picture. Forms: {', '.join(FORMS)}.")
        if not LEAST_WIDTH <= self.width <= MOST_WIDTH:
            raise InputError(
                f"width is {self.width}; it must be in [{LEAST_WIDTH}, {MOST_WIDTH}] pixels."
            )
        if self.theme not in _THEMES:
            raise InputError(f"theme is {self.theme!r}; it must be one of {', '.join(_THEMES)}.")


def still_of(
    feed: BoardFeed,
    dashboard: Dashboard,
    look: Look,
    how: Still,
    told: Told = lambda _: None,
    given: Mapping[str, Any] | None = None,
) -> tuple[bytes, str, str]:
    """A dashboard as it is now: the bytes of a file, its name and media type.

    Args:
        feed: of the workspace.
        dashboard: drawn.
        look: role, range, filters and variables.
        how: form, width and theme.
        told: hears in words how far it is.
        given: objects of Python by name, for tiles of the kind ``custom``.

    Raises:
        MissingPackageError: there is no Chromium here, or it could not draw; says what helps.
        BusyError: others are being drawn, and took too long.
    """
    if chromium.find() is None:
        told("Looking for a Chromium …")
    else:
        told(f"Asking {len(dashboard.tiles)} tiles …")
    if not _drawing.acquire(timeout=_PATIENCE_SECONDS):
        raise BusyError(
            "other dashboards are being drawn.",
            hint="Try again in a moment.",
            details={"retry_after": 5.0},
        )
    try:
        message = feed.draw(dashboard, look)
        told("Drawing …")
        body = _drawn(message, how, _wanted(message, given or {}), feed.workspace)
    finally:
        _drawing.release()
    # A header of HTTP takes no other letters.
    plain = slug(dashboard.name).encode("ascii", "ignore").decode().strip("_")
    return body, f"{plain or 'board'}.{how.form}", MEDIA[how.form]


def height_of(message: BoardMessage) -> int:
    """CSS pixels from top to bottom of a page as wide as the grid."""
    rows = max((each.y + each.h for each in message.board.tiles), default=4)
    return _HEAD_PIXELS + rows * ROW_PIXELS + _FOOT_PIXELS


def _wanted(message: BoardMessage, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the given objects that a board shows."""
    names = {each.data["name"] for each in message.parts.values() if each.face == "object"}
    return {name: thing for name, thing in given.items() if name in names}


def _drawn(message: BoardMessage, how: Still, given: Mapping[str, Any], workspace: Any) -> bytes:
    from datawatch_lab.views.watch import assets

    height = height_of(message)
    with tempfile.TemporaryDirectory(prefix="datawatch-still-") as folder:
        Path(folder, "watch.css").write_bytes(assets()["watch.css"])
        for name in _SCRIPTS:
            Path(folder, name).write_bytes((_BUILT / name).read_bytes())
        beside = {name: f"object-{number}.html" for number, name in enumerate(given)}
        for name, file in beside.items():
            objects.save(name, given[name], workspace, Path(folder, file), theme=how.theme)
        page = Path(folder, "board.html")
        page.write_text(page_of(message, how, height, beside), "utf-8")
        if how.form == "pdf":
            return chromium.pdf_of(page, hint=_INSTEAD)
        scale = min(2.0, _MOST_PIXELS / max(how.width, height))
        return chromium.png_of(page, width=how.width, height=height, scale=scale, hint=_INSTEAD)


def page_of(
    message: BoardMessage, how: Still, height: int, beside: Mapping[str, str] | None = None
) -> str:
    """The page that is drawn: it loads what stands beside it, and nothing else.

    Args:
        message: what it shows.
        how: it looks.
        height: CSS pixels.
        beside: files of objects of Python, by name.
    """
    from datawatch_lab.views.watch import assets

    data = _plain(message)
    has_map = any(each.kind == "map" for each in message.board.tiles)
    world = assets()["world.json"].decode() if has_map else "null"
    board = message.board
    return (
        f'<!doctype html><html lang="en" data-theme="{how.theme}"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src file:; style-src file: 'unsafe-inline'; img-src data: blob:; frame-src file:\">"
        f'<title>{escape(board.name)}</title><link rel="stylesheet" href="watch.css">'
        f"<style>{theme.tokens_css()}\n:root{{--dww-width:{how.width}px;}}"
        f"@page{{size:{how.width}px {height + 1}px;margin:0;}}</style></head>"
        '<body class="dww-still"><header class="dww-head"><div class="dww-brand">'
        f'<h1>{escape(board.name)}</h1><span class="dww-about">{escape(board.description)}</span>'
        f"</div>{_when(message)}</header>"
        '<main id="board"></main>'
        f'<script type="application/json" id="snapshot">{data}</script>'
        f'<script type="application/json" id="world">{world}</script>'
        f'<script type="application/json" id="objects">{_plain(beside or {})}</script>'
        '<script type="module" src="still.js"></script></body></html>'
    )


def _plain(value: Any) -> str:
    """JSON that ends no element of a page."""
    return msgspec.json.encode(value).decode().replace("<", r"\u003c")


def _when(message: BoardMessage) -> str:
    """What is looked at, since a picture has no controls that say it."""
    said = [f"{label}: {value}" for label, value in message.board.filters]
    said += [
        f"{each.title}: {', '.join(each.chosen)}" for each in message.board.variables if each.chosen
    ]
    if message.span is not None:
        zone = ZoneInfo(message.board.timezone)
        start, end = (datetime.fromtimestamp(each / 1e3, zone) for each in message.span)
        said.append(f"{start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}")
    return f'<span class="dww-about">{escape(" · ".join(said))}</span>'

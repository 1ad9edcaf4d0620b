"""The watch page of a dashboard: static HTML, the first values in it, one WebSocket; no Bokeh.

What `api.boards` serves under ``/d/ID`` is made here; the two meet in `WatchPages`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from datawatch_lab.core.dashboards import Dashboard
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.plans import check_feature
from datawatch_lab.core.who import Who, acting
from datawatch_lab.views import objects, theme
from datawatch_lab.views.board.channel import Viewer
from datawatch_lab.views.board.feed import BoardFeed, Loader, look_of
from datawatch_lab.views.builder.data import file_of
from datawatch_lab.views.builder.draft import drawn, read_ask
from datawatch_lab.views.format import escape
from datawatch_lab.views.still import FORMS as STILL_FORMS
from datawatch_lab.views.still import WIDTH as STILL_WIDTH
from datawatch_lab.views.still import Still, still_of

STATIC = "static/board/"
"""Where the files of `assets` are served, from the root of the server."""

_DRAWN_LATER = frozenset({"bar", "histogram", "donut", "gauge", "heatmap", "map", "scatter"})
_THEMES = ("light", "dark")


@cache
def assets() -> Mapping[str, bytes]:
    """The built files of the board, by name; beside most the same, packed, as ``NAME.br``."""
    folder = files("datawatch_lab.views") / "assets" / "board"
    return {each.name: each.read_bytes() for each in folder.iterdir() if each.is_file()}


@cache
def address_of(name: str) -> str:
    """The address of a built file, from the root of the server.

    It changes with the file, so that browsers keep the file.
    """
    return f"{STATIC}{name}?v={hashlib.sha256(assets()[name]).hexdigest()[:12]}"


@cache
def _charts() -> str:
    """The piece with the charts, which is loaded beside the page where a tile needs it."""
    found = (each for each in assets() if each.startswith("charts-") and each.endswith(".js"))
    return max(found, key=lambda name: len(assets()[name]))


@cache
def _shared() -> tuple[str, ...]:
    """The pieces that the page's script imports as it begins."""
    found = re.findall(rb'(?:from|import)"\./([\w-]+\.js)"', assets()["watch.js"])
    return tuple(dict.fromkeys(each.decode() for each in found))


class WatchPages:
    """The boards of a workspace as a server shows them; see `api.boards.Boards`.

    Args:
        workspace: is asked.
        load: gives a dashboard by id or name.
        given: objects of Python that tiles show, by name.
    """

    def __init__(
        self, workspace: Any, load: Loader, given: Mapping[str, Any] | None = None
    ) -> None:
        self.feed = BoardFeed(workspace, load)
        self._load = load
        self._given = given or {}

    def dashboard(self, name: str) -> tuple[str, bool]:
        """The id of a dashboard, and whether everybody may see it.

        Raises:
            NotFoundError: there is none of that id or name; names the nearest.
        """
        found = self._load(name)
        return found.id or found.name, found.is_public

    def page(
        self, id_: str, who: Who, query: Mapping[str, Iterable[str]], nonce: str, root: str
    ) -> bytes:
        """The page of a dashboard, with what its tiles show now.

        Args:
            id_: of the dashboard.
            who: looks.
            query: of the address: range, filter, var, theme, embed, kiosk.
            nonce: that the page's style carries.
            root: of the server as seen from the page, such as ``../``: the page holds behind a
                proxy that serves it below another path.

        Raises:
            DataWatchError: it cannot be looked at; says why.
        """
        viewer = self.feed.watch(id_, look_of(who.role, query))
        try:
            snapshot = viewer.next() or b"null"
            frame = _Frame(nonce, root, self._role(id_, who), objects.addresses(self._given, root))
            return _html(viewer.channel.dashboard, snapshot, query, frame)
        finally:
            viewer.close()

    def _role(self, id_: str, who: Who) -> str:
        """What somebody may do with this dashboard; '' for who has a link to it alone."""
        if who.resource:
            return ""
        try:
            with acting(who):
                return str(self.feed.workspace.get_dashboard(id_).role)
        except NotFoundError:  # the one that nobody has stored yet
            return who.role

    def watch(
        self,
        id_: str,
        who: Who,
        query: Mapping[str, Iterable[str]],
        changed: Callable[[], object],
        since: int | None,
    ) -> Viewer:
        """Look at a dashboard; see `BoardFeed.watch`."""
        return self.feed.watch(id_, look_of(who.role, query), changed, since)

    def draw(self, who: Who, body: bytes) -> bytes:
        """What a document that is being edited shows; see `views.builder.draft`."""
        return msgspec.json.encode(drawn(self.feed, who.role, read_ask(body)))

    def file(
        self, id_: str, who: Who, query: Mapping[str, Iterable[str]], form: str
    ) -> tuple[bytes, str, str]:
        """What a dashboard shows as a file; see `views.builder.data` and `views.still`."""
        if form in STILL_FORMS:
            return still_of(
                self.feed,
                self._load(id_),
                look_of(who.role, query),
                _still(form, query),
                # Objects are for who may see all pages; a link opens this board alone.
                given={} if who.resource else self._given,
            )
        if form == "csv":
            check_feature(self.feed.workspace.me().plan, "csv_export")
        # As the page does: who has a link asks nothing but this board, by the role of the link.
        with acting(Who("board", who.role, via="live")):
            return file_of(self.feed.view(self._load(id_), look_of(who.role, query)), form)

    def files(self) -> Mapping[str, bytes]:
        """The files that pages ask for, by name."""
        return assets()

    def refused(self, title: str, message: str, nonce: str, root: str, sign_in: str = "") -> bytes:
        """The page for who may not, or for what there is not."""
        link = f'<p><a href="{escape(sign_in)}">Sign in</a></p>' if sign_in else ""
        body = f'<main class="dww-empty"><h1>{escape(title)}</h1><p>{escape(message)}</p>{link}'
        return _Frame(nonce, root).around(title, f"{body}</main>").encode()

    def close(self) -> None:
        """Compute nothing more."""
        self.feed.close()


def _still(form: str, query: Mapping[str, Iterable[str]]) -> Still:
    """How the picture looks that an address asks for."""
    said = {name: next(iter(query.get(name, ())), "") for name in ("width", "theme")}
    width = said["width"] or str(STILL_WIDTH)
    if not width.isdecimal():
        raise InputError(f"width is {width[:20]!r}; it must be a number of pixels.")
    return Still(form, int(width), said["theme"] or _THEMES[0])


def _html(
    dashboard: Dashboard,
    snapshot: bytes,
    query: Mapping[str, Iterable[str]],
    frame: _Frame,
) -> bytes:
    asked = next(iter(query.get("theme", [])), dashboard.theme)
    root, kinds = frame.root, {each.kind for each in dashboard.tiles}
    script, world = f"{root}{address_of('watch.js')}", f"{root}{address_of('world.json')}"
    # Addresses of pieces are those that the script asks for, so without a version.
    pieces = [*_shared(), *([_charts()] if kinds & _DRAWN_LATER else [])]
    loaded = [script, *(f"{root}{STATIC}{each}" for each in pieces)]
    preload = [f'<link rel="modulepreload" href="{each}">' for each in loaded]
    if "map" in kinds:
        preload.append(f'<link rel="prefetch" href="{world}" as="fetch" crossorigin>')
    # A "<" in the data must not end the script element.
    data = snapshot.replace(b"<", rb"\u003c").decode()
    parts = {
        "@@name@@": escape(dashboard.name),
        "@@about@@": escape(dashboard.description),
        "@@logo@@": _logo(),
        "@@moon@@": _sign(_MOON),
        "@@corners@@": _sign(_CORNERS),
        "@@world@@": escape(world),
        "@@script@@": script,
        "@@root@@": escape(root),
        "@@role@@": frame.role,
        "@@objects@@": escape(msgspec.json.encode(frame.objects).decode()),
        # Whoever has a link to this board alone finds no way to others.
        "@@home@@": _HOME.replace("@@root@@", root) if frame.role else "",
        "@@snapshot@@": data,
    }
    body = _BODY
    for mark, text in parts.items():
        body = body.replace(mark, text)
    chosen = asked if asked in _THEMES else ""
    classes = "dww-embed" if "embed" in query else ""
    return frame.around(dashboard.name, body, "".join(preload), chosen, classes).encode()


_MOON = "M12 3a9 9 0 1 0 0 18Zm0-2a11 11 0 1 1 0 22 11 11 0 0 1 0-22Z"
_CORNERS = "M4 4h6v2H6v4H4Zm10 0h6v6h-2V6h-4ZM4 14h2v4h4v2H4Zm14 0h2v6h-6v-2h4Z"


def _sign(path: str) -> str:
    return (
        '<svg viewBox="0 0 24 24" width="16" height="16" fill="currentColor" aria-hidden="true">'
        f'<path d="{path}" fill-rule="evenodd"/></svg>'
    )


def _logo() -> str:
    return (files("datawatch_lab.views") / "assets" / "logo.svg").read_text("utf-8")


@dataclass(frozen=True)
class _Frame:
    """What is around a board.

    Attributes:
        nonce: that styles carry.
        root: of the server, as seen from the page.
        role: what who looks may do with the dashboard; '' for who has a link to it alone.
        objects: addresses of objects of Python, by name.
    """

    nonce: str
    root: str
    role: str = ""
    objects: Mapping[str, str] = field(default_factory=dict)

    def around(
        self, title: str, body: str, head: str = "", chosen: str = "", classes: str = ""
    ) -> str:
        """The whole document around a body."""
        attribute = f' data-theme="{chosen}"' if chosen else ""
        sheet = f"{self.root}{address_of('watch.css')}"
        return (
            f'<!doctype html><html lang="en"{attribute}><head><meta charset="utf-8">'
            f"<title>{escape(title)}</title>"
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            '<link rel="icon" href="data:,">'
            f'<link rel="stylesheet" href="{sheet}">{head}'
            f'<style nonce="{self.nonce}">{theme.tokens_css()}</style></head>'
            f'<body class="{classes}">{body}</body></html>'
        )


_HOME = (
    '<nav aria-label="Pages"><a class="dww-back" href="@@root@@datawatch/dashboards" '
    'title="All dashboards" aria-label="All dashboards">‹</a></nav>'
)

_BODY = """<header class="dww-head">
<div class="dww-brand">@@home@@@@logo@@<h1>@@name@@</h1>
<span class="dww-about">@@about@@</span></div>
<div class="dww-tools">
<div class="dww-ranges" id="ranges" role="group" aria-label="Time range"></div>
<span class="dww-state" id="state" role="status"></span>
<span class="dww-acts" id="acts"></span>
<button class="dww-tool" id="theme" type="button" aria-label="Light or dark">@@moon@@</button>
<button class="dww-tool" id="full" type="button" aria-label="Full screen">@@corners@@</button>
</div></header>
<div class="dwe-bar" id="bar"></div>
<div class="dww-choices" id="choices"></div>
<div class="dww-stage"><main id="board" data-world="@@world@@" data-role="@@role@@"
data-root="@@root@@" data-objects="@@objects@@"><noscript>
<p class="dww-empty">This page draws its tiles with JavaScript, which is switched off.</p>
</noscript></main></div>
<script type="application/json" id="snapshot">@@snapshot@@</script>
<script type="module" src="@@script@@"></script>"""

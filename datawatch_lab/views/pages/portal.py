"""The pages of the portal, in the order of the navigation, and the apps that serve them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import panel as pn

from datawatch_lab.core.errors import AccessError
from datawatch_lab.core.who import Who
from datawatch_lab.views.pages import PAGES, tuning
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.page import Page
from datawatch_lab.views.pages.place import HOME
from datawatch_lab.views.pages.session import SHELL, Session, WhoOf, asked_place
from datawatch_lab.views.pages.shell import document, local_who, shell_page

PATH = "/datawatch"

GateOf = Callable[[Any], Who | None]
"""Says who sends a request, from what it looks at of a tornado handler; None for a stranger."""


def pages_by_key() -> dict[str, Page]:
    """Every page, and the frame around them."""
    return {each.key: each for each in (*PAGES, tuning.PAGE, shell_page())}


class Asking:
    """What a gate looks at, of the request that a session began with."""

    def __init__(self, request: Any) -> None:
        self.request = request

    def get_cookie(self, name: str, default: str | None = None) -> str | None:
        """A cookie of the request."""
        found = self.request.cookies.get(name, default)
        return None if found is None else str(found)

    def get_query_argument(self, name: str, default: str = "") -> str:
        """Nothing: a session goes by its cookie, links by the page that was asked for."""
        del name
        return default

    def set_header(self, name: str, value: str) -> None:
        """Nothing is answered from here."""


def who_of(gate: GateOf | None) -> WhoOf:
    """Who looks in the session of this document."""
    context = pn.state.curdoc.session_context if pn.state.curdoc is not None else None
    request: Any = getattr(context, "request", None)
    if gate is None or request is None:
        me = local_who()
        return lambda: me

    def ask() -> Who:
        found = gate(Asking(request))
        if found is None or found.resource:
            raise AccessError("You are not signed in any more; load the page again.", status=401)
        return found

    return ask


def apps(live: Live, gate: GateOf | None) -> Mapping[str, Callable[[], pn.template.Template]]:
    """An app for each page, by its path; the first stands at the root of the portal."""
    return {
        PATH if page.key == HOME else f"{PATH}/{page.key}": _app(live, page.key, gate)
        for page in PAGES
    }


def _app(live: Live, page: str, gate: GateOf | None) -> Callable[[], pn.template.Template]:
    return lambda: opened(live, page, gate=gate, pages=PAGES)


def opened(
    live: Live, page: str, *, gate: GateOf | None = None, pages: Sequence[Page] = ()
) -> pn.template.Template:
    """A page in one browser.

    Args:
        live: makes its parts.
        page: its key.
        gate: who looks; None for whoever runs this process.
        pages: of the navigation; none for an app that stands alone.
    """
    around = SHELL in live.pages
    session = Session(live, asked_place(page), who_of(gate), around=around)
    template = pn.template.Template(document(page, pages))
    for name, pane in session.panes.items():
        template.add_panel(name, pane)
    return template

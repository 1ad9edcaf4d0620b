"""The live overview of a workspace as a Panel app: one page per session, one feed for all."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import panel as pn
from bokeh.models import LayoutDOM, Spacer
from panel.io.document import hold

from datawatch_lab.views.charts import Chart
from datawatch_lab.views.clock import clocks_of
from datawatch_lab.views.drawing import KINDS
from datawatch_lab.views.feed import AUTO, Feed, View
from datawatch_lab.views.pages import PAGES
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.page import Page as Portal
from datawatch_lab.views.pages.place import HOME, Place
from datawatch_lab.views.pages.portal import GateOf, who_of
from datawatch_lab.views.pages.session import Session
from datawatch_lab.views.pages.shell import asset, document
from datawatch_lab.views.ranges import KEYS, RANGES
from datawatch_lab.views.snapshot import Snapshot, silent_since


def app(
    feed: Feed, live: Live | None = None, gate: GateOf | None = None
) -> Callable[[], pn.template.Template]:
    """The function that makes a page for each session.

    Args:
        feed: of the charts.
        live: of what stands around them; None for the charts alone.
        gate: who looks; None for whoever runs this process.
    """
    return lambda: Page(feed, live, gate).template


@dataclass(frozen=True)
class _Said:
    """What the browser was last told beside the charts."""

    serial: int = 0
    slots: tuple[tuple[str, str], ...] = ()


class Page:
    """One page in one browser: it sends what has changed since the last view of the feed."""

    def __init__(
        self,
        feed: Feed,
        live: Live | None = None,
        gate: GateOf | None = None,
        *,
        alone: bool = False,
    ) -> None:
        self.feed = feed
        self.document = pn.state.curdoc
        self.charts = tuple(Chart(kind) for kind in KINDS)
        self.down = Spacer(name="dw-page", visible=False, tags=["{}"])
        self.up = Spacer(name="dw-choice", visible=False, tags=[""])
        self.up.on_change("tags", self._chosen)
        self._said: _Said | None = None
        wires = live or Live(feed.opened, {})
        self.session = Session(wires, Place(HOME), who_of(gate), around=live is not None)
        self.pages = () if alone or live is None else PAGES
        self.template = self._template()
        pn.state.on_session_destroyed(self._gone)
        self.watch = feed.watch(_asked_range(), self._changed)

    def _template(self) -> pn.template.Template:
        template = pn.template.Template(page_html(self.pages))
        for name, pane in self.session.panes.items():
            template.add_panel(name, pane)
        for chart in self.charts:
            template.add_panel(chart.kind.name, _pane(chart.figure))
        template.add_panel("down", _pane(self.down))
        template.add_panel("up", _pane(self.up))
        return template

    def _gone(self, _: Any) -> None:
        self.watch.close()

    def _changed(self) -> None:
        """There is something new; the feed's thread says so, the server's thread shows it."""
        if self.document is not None:
            self.document.add_next_tick_callback(self.tick)

    def _chosen(self, _attr: str, _old: Any, new: list[str]) -> None:
        """The browser is ready for its first message, or the range selector was used."""
        self._said = self._said or _Said()
        if new and new[0] in KEYS and new[0] != self.watch.key:
            self.watch.close()
            self.watch = self.feed.watch(new[0], self._changed)
        self.tick()

    def tick(self) -> None:
        """Show the newest snapshot, if it is not shown already; runs under the document's lock."""
        view, said = self.watch.latest, self._said
        # Messages hold what has changed, so nothing is said before the browser listens.
        if view is None or said is None or view.snapshot.serial == said.serial:
            return
        with hold(self.document):
            self._show(view, said)

    def _show(self, view: View, said: _Said) -> None:
        """Send what differs from what was said; held together, it is one message."""
        snapshot, slots = view.snapshot, tuple(view.slots.items())
        message: dict[str, Any] = {"range": snapshot.key, "shown": _shown(snapshot)}
        message["slots"] = dict(set(slots) - set(said.slots))
        self._said = _Said(snapshot.serial, slots)
        if snapshot.window is not None:
            with clocks_of(snapshot.timezone):
                for chart in self.charts:
                    if chart.kind.name in view.drawings:
                        chart.show(view.drawings[chart.kind.name])
                    chart.move(snapshot.window, silent_since(snapshot.status))
        self.down.tags = [json.dumps(message)]


def _pane(model: LayoutDOM) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(model)  # type: ignore[no-untyped-call]


def _asked_range() -> str:
    """The range in the page's address."""
    asked = pn.state.session_args.get("range", [b""]) if pn.state.session_args else [b""]
    return asked[0].decode("ascii", "replace") or AUTO


def _shown(snapshot: Snapshot) -> list[str]:
    """Names of the parts that this workspace has something for."""
    if snapshot.data is None:
        return ["empty"]
    spec = snapshot.data.spec
    parts = {
        "created": spec.created,
        "amount": spec.amount,
        "statuses": spec.by_status,
        # History has no lag: nothing is known of when it was received first.
        "lag": snapshot.data.has_lag,
    }
    return ["main", *(name for name, metric in parts.items() if metric)]


def page_html(pages: Sequence[Portal] = ()) -> str:
    """The page's template: everything in it comes from this server.

    Args:
        pages: of the navigation; none for the charts alone.
    """
    buttons = "".join(
        f'<button type="button" data-range="{each.key}" aria-pressed="false">{each.label}</button>'
        for each in RANGES
    )
    tools = (
        '<span data-slot="badge" role="status"><span class="badge calm">Connecting …</span></span>'
        '<div class="ranges" role="group" aria-label="Time range" data-part="main">'
        f"{buttons}</div>"
    )
    return document(
        HOME,
        pages,
        content=asset("overview.html"),
        script=asset("overview.js"),
        tools=tools,
        hidden="{{ embed(roots.down) }}{{ embed(roots.up) }}",
    )

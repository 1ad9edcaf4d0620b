"""One browser in the portal: what it was sent, what it asks for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
from bokeh.models import LayoutDOM, Spacer

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.who import Who
from datawatch_lab.views.pages.live import Live, Watch
from datawatch_lab.views.pages.page import Done
from datawatch_lab.views.pages.place import HOME, Place

WhoOf = Callable[[], Who]
"""Says who looks; asked again for each action, and now and then while the page is kept up to date.

Raises `AccessError` for somebody who may not look any more.
"""

SHELL = "shell"
"""Key of the page whose parts stand around every other page."""

ASK_AGAIN_SECONDS = 15.0
"""How long who looks is taken to be the same while there is news for them."""

_LONGEST = 200_000


class Session:
    """The wire between one browser and `Live`: two hidden models, JSON in their tags.

    Args:
        live: makes the parts.
        place: where the browser is.
        who_of: who looks.
        around: whether there is a navigation, whose counts are kept up to date.
    """

    def __init__(self, live: Live, place: Place, who_of: WhoOf, *, around: bool = True) -> None:
        self.live = live
        self.place = place
        self.around = around
        self.document = pn.state.curdoc
        self.down = Spacer(name="dw-down", visible=False, tags=["{}"])
        self.up = Spacer(name="dw-up", visible=False, tags=[""])
        self.up.on_change("tags", self._asked)
        self._who_of = who_of
        self._serial = 0
        self._ready = False
        self._sent: dict[str, str] = {}
        self._order: tuple[str, ...] = ()
        self._watches: list[Watch] = []
        self._who: Who | None = None
        self._asked_who = 0.0
        pn.state.on_session_destroyed(self._gone)

    @property
    def panes(self) -> Mapping[str, pn.pane.Bokeh]:
        """The two models, to be embedded somewhere hidden."""
        return {"wire_down": _pane(self.down), "wire_up": _pane(self.up)}

    # ------------------------------------------------------------------ what the browser asks

    def _asked(self, _attr: str, _old: Any, new: list[str]) -> None:
        try:
            message = json.loads(new[0]) if new and len(new[0]) <= _LONGEST else {}
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if message.get("ready") or isinstance(message.get("go"), str):
            self._ready = True
            self._go(str(message.get("go") or ""))
        elif message.get("again"):
            self._sent.clear()
            self.live.stir(self.place.page)
            self.tick()
        elif isinstance(message.get("act"), str):
            self._act(message["act"], message.get("fields") or {}, message.get("n"))

    def _go(self, address: str) -> None:
        if not self.live.pages:
            return
        place = Place.read(self.place.page, address) if address else self.place
        if place.page not in self.live.pages:
            self._send(Done(fault=f"There is no page {place.page[:40]!r}."))
            return
        if place.page != self.place.page or not self._order:
            self._sent.clear()
        self.place = place
        self._look()

    def _look(self) -> None:
        self._leave()
        try:
            who = self._ask_who()
        except DataWatchError as error:
            self._send(Done(fault=str(error)))
            return
        places = [self.place, Place(SHELL)] if self.around else [self.place]
        self._watches = [
            self.live.watch(each, who, self._changed)
            for each in places
            if each.page in self.live.pages
        ]
        self.tick()

    def _act(self, name: str, fields: Any, number: Any) -> None:
        def done(outcome: Done) -> None:
            self._later(lambda: self._send(outcome, number))

        try:
            who = self._who_of()
            if not isinstance(fields, dict):
                raise InputError("the fields of an action are named.")
        except DataWatchError as error:
            self._send(Done(fault=str(error)), number)
            return
        place = Place(SHELL) if name.startswith("shell.") else self.place
        self.live.act(place, who, name, fields, done)

    # ------------------------------------------------------------------ what it is sent

    def _gone(self, _: Any) -> None:
        self._leave()

    def _leave(self) -> None:
        for watch in self._watches:
            watch.close()
        self._watches = []

    def _ask_who(self) -> Who:
        self._who = self._who_of()
        self._asked_who = time.monotonic()
        return self._who

    def _is_same(self) -> bool:
        """Whether who looks still may and still is the same; else what they see is changed."""
        if time.monotonic() - self._asked_who < ASK_AGAIN_SECONDS:
            return True
        before = self._who
        try:
            who = self._ask_who()
        except DataWatchError as error:
            self._leave()
            self._send(Done(fault=str(error)))
            return False
        if before is not None and (before.name, before.role) == (who.name, who.role):
            return True
        self._look()
        return False

    def _changed(self) -> None:
        self._later(self.tick)

    def _later(self, then: Callable[[], None]) -> None:
        if self.document is not None and self.document.session_context is not None:
            self.document.add_next_tick_callback(then)

    def tick(self) -> None:
        """Send what differs from what was sent; runs under the document's lock."""
        if not self._ready or not self._watches or not self._is_same():
            return
        page = self._watches[0].slots if self.place.page in self.live.pages else None
        around = self._watches[1].slots if len(self._watches) > 1 else None
        message: dict[str, Any] = {}
        if page is not None:
            order = tuple(page)
            if order != self._order:
                self._order = message["order"] = order
            message["slots"] = self._news(page)
        if around is not None:
            message["around"] = self._news(around)
        if any(message.values()):
            self._say(message)

    def _news(self, slots: Mapping[str, str]) -> dict[str, str]:
        news = {name: html for name, html in slots.items() if self._sent.get(name) != html}
        self._sent |= news
        return news

    def _send(self, outcome: Done, number: Any = None) -> None:
        message: dict[str, Any] = {"slots": dict(outcome.slots), "local": True, "n": number}
        for name in ("said", "fault", "go", "close"):
            if getattr(outcome, name):
                message[name] = getattr(outcome, name)
        # What this browser alone was shown is sent again when the page's own part comes.
        for name in outcome.slots:
            self._sent.pop(name, None)
        self._say(message)

    def _say(self, message: Mapping[str, Any]) -> None:
        self._serial += 1
        stamp = {"serial": self._serial, "page": self.place.page}
        self.down.tags = [json.dumps({**stamp, **message}, separators=(",", ":"))]


def asked_place(page: str) -> Place:
    """The place in the address of the request that this session began with."""
    given = pn.state.session_args or {}
    pairs = {
        name: values[0].decode("utf-8", "replace")
        for name, values in given.items()
        if values and not name.startswith(("bokeh", "token", "share"))
    }
    return Place.of(page or HOME, pairs)


def _pane(model: LayoutDOM) -> pn.pane.Bokeh:
    return pn.pane.Bokeh(model)  # type: ignore[no-untyped-call]

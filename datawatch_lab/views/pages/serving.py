"""What apps of ``panel serve`` share: the workspace of this process, and pages that stand alone.

Several apps of one process open the workspace once: DuckDB lets one process write, and of that
process one engine. The workspace is closed a while after the last who looks has left.
"""

from __future__ import annotations

import threading
from pathlib import Path

import panel as pn

from datawatch_lab.service.callers import Caller
from datawatch_lab.service.handle import Workspace, default_path, open_workspace
from datawatch_lab.views.feed import Feed
from datawatch_lab.views.overview import Page as Overview
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.portal import opened, pages_by_key
from datawatch_lab.views.pages.session import SHELL

__all__ = ["Place", "overview", "page", "shared_place"]


class _Lent(Workspace):
    """The workspace as one of several has it: closing gives it back."""

    def __init__(self, caller: Caller, place: Place) -> None:
        super().__init__(caller)
        self._place: Place | None = place

    def close(self) -> None:
        """Give it back; said twice it is harmless."""
        place, self._place = self._place, None
        if place is not None:
            place.give_back()


class Place:
    """A workspace file that this process opens once, for all who want it.

    Args:
        path: of the file. If an engine serves it, that is reached; looking never creates it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._workspace: Workspace | None = None
        self._lent = 0
        self._lock = threading.Lock()

    def lend(self) -> Workspace:
        """The workspace, opened or reached if nobody has it.

        Raises:
            WorkspaceError: there is none, or another process has it and has no address.
        """
        with self._lock:
            if self._workspace is None:
                self._workspace = open_workspace(self.path, what="panel serve", create=False)
            self._lent += 1
            return _Lent(self._workspace.caller, self)

    def give_back(self) -> None:
        """Somebody wants it no more; the last closes it."""
        with self._lock:
            self._lent -= 1
            if self._lent == 0 and self._workspace is not None:
                workspace, self._workspace = self._workspace, None
                workspace.close()


def shared_place() -> Place:
    """The workspace file that all apps and sessions of this process share."""
    path = default_path().resolve()
    made: Place = pn.state.as_cached(f"datawatch place {path}", lambda: Place(path))
    return made


def _shared() -> tuple[Feed, Live]:
    """The feed and the parts of pages that all apps and sessions of this process share."""
    path = default_path().resolve()

    def make() -> tuple[Feed, Live]:
        place = shared_place()
        feed = Feed(place.lend, name=path.stem, owned=True)
        known = pages_by_key()
        frame = known.pop(SHELL)
        return feed, Live(place.lend, {**known, SHELL: frame}, owned=True)

    made: tuple[Feed, Live] = pn.state.as_cached(f"datawatch {path}", make)
    return made


def overview() -> pn.template.Template:
    """The overview in one browser, without a navigation."""
    feed, live = _shared()
    return Overview(feed, live, alone=True).template


def page(key: str) -> pn.template.Template:
    """A page of the portal in one browser, without a navigation."""
    _, live = _shared()
    return opened(live, key)

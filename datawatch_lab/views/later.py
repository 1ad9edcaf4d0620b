"""The portal as a part of a server that answers before Panel is loaded; see `api.later`.

Nothing here loads Panel or Bokeh until `Portal.make` is called.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from datawatch_lab.core.config import Config
from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import objects

if TYPE_CHECKING:
    from bokeh.server.server import BaseServer

    from datawatch_lab.views.pages.live import Live

UserOf = Callable[[Any], str | None]
"""Says who sends a request, from its tornado handler; None for a stranger."""

_STEPS = ("pandas", "bokeh.models", "holoviews", "panel", "datawatch_lab.views.server")
"""Loaded one by one, so that a server that is told to end need not wait for all of them."""


class Portal:
    """The pages at ``/datawatch``, with what Bokeh and Panel serve beside them.

    Args:
        workspace: stays open as long as the server runs; the caller closes it.
        host, port: of the server.
        user_of: who may see pages; None lets everybody.
        origins: ``host:port`` of pages that may open a WebSocket; by default this server's.
        login: path of a page where strangers sign in; without one they are told of the link.
        who_of: who looks, with their role; None for whoever runs this process.
        settings: of Bokeh's application, such as the handler of unknown paths.
        config: that the server was started with, for the page of settings.

    Raises:
        ValueError: a wildcard among the origins.
    """

    name = "the pages"
    paths = r"/(?:datawatch|static|components)(?:/.*)?|/favicon\.ico"

    def __init__(  # noqa: PLR0913 — what a server knows, by name
        self,
        workspace: Workspace,
        *,
        host: str,
        port: int,
        user_of: UserOf | None = None,
        origins: Sequence[str] = (),
        login: str | None = None,
        who_of: Callable[[Any], Who | None] | None = None,
        settings: Mapping[str, Any] | None = None,
        config: Config | None = None,
    ) -> None:
        if any("*" in each for each in origins):
            raise ValueError(f"origins are {list(origins)}; a wildcard would let any page in.")
        self.workspace = workspace
        self.host = host
        self.port = port
        self.user_of = user_of
        self.origins = list(origins) or [f"{host}:{port}"]
        self.login = login
        self.who_of = who_of
        self.settings = settings or {}
        self.config = config
        self.live: Live | None = None
        self._application: Any = None
        self._server: BaseServer | None = None

    def apps(self, live: Live) -> dict[str, Any]:
        """What is served, by path."""
        from datawatch_lab.views.pages.portal import apps

        given = objects.apps(objects.of(self.config), self.workspace)
        return {**apps(live, self.who_of), **given}

    def make(self, ended: threading.Event) -> None:
        """Load Panel and make Bokeh's application; takes seconds. Gives up when told to end."""
        for name in _STEPS:
            if ended.is_set():
                return
            import_module(name)
        from datawatch_lab.views.pages.live import Live
        from datawatch_lab.views.pages.portal import pages_by_key
        from datawatch_lab.views.server import application

        self.live = Live(lambda: self.workspace, pages_by_key(), config=self.config)
        self._application = application(self, self.apps(self.live))

    def begin(self, loop: Any, http: Any) -> Any:
        """Begin Bokeh's work in the server's loop; its application."""
        from datawatch_lab.views.server import begun

        self._server = begun(self._application, loop, http)
        return self._application

    def end(self) -> None:
        """Send the browsers away and end the sessions; in the server's loop."""
        from datawatch_lab.views.server import ended

        if self._server is not None:
            ended(self._server)

    def close(self) -> None:
        """Make no parts of pages any more; returns once the threads have ended."""
        if self.live is not None:
            self.live.close()

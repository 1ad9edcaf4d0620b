"""The application that serves the pages: Bokeh's, in a server that is there already."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from bokeh.core.validation import silence
from bokeh.core.validation.warnings import EMPTY_LAYOUT
from bokeh.server.auth_provider import AuthProvider
from bokeh.server.server import BaseServer
from bokeh.server.tornado import BokehTornado
from bokeh.server.util import create_hosts_allowlist
from bokeh.server.views.auth_request_handler import AuthRequestHandler
from panel.io.application import build_applications
from panel.io.resources import DIST_DIR
from panel.io.server import get_static_routes
from panel.io.state import state

from datawatch_lab.views.later import Portal, UserOf
from datawatch_lab.views.refused import REFUSED_HTML

log = logging.getLogger(__name__)

_REFUSED = "/datawatch/refused"


class _Refused(AuthRequestHandler):
    """The page that strangers get: how to come in."""

    async def prepare(self) -> None:
        """Everybody may see this page."""

    def get(self) -> None:
        """Explain the link with the token."""
        self.set_status(403)
        self.set_header("Cache-Control", "no-store")
        self.finish(REFUSED_HTML)


class _Auth(AuthProvider):
    """Lets in whom ``user_of`` knows: to pages, sessions and WebSockets."""

    def __init__(self, user_of: UserOf, login: str | None) -> None:
        self._user_of = user_of
        self._login = (login or _REFUSED)[1:]
        super().__init__()

    @property
    def get_user(self) -> Any:
        """Called by Bokeh for each request."""
        return self._user_of

    @property
    def get_user_async(self) -> None:
        """There is no asynchronous way."""
        return

    @property
    def login_url(self) -> None:
        """It depends on the page that was asked for."""
        return

    @property
    def get_login_url(self) -> Callable[[Any], str]:
        """Where strangers are sent; as Panel takes it, which puts a dot before it.

        So it holds behind a proxy that serves the server below another path.
        """
        return lambda handler: "/" + "../" * (handler.request.path.count("/") - 1) + self._login

    @property
    def login_handler(self) -> None:
        """The address is served by a pattern of its own."""
        return

    @property
    def logout_url(self) -> None:
        """Nobody signs out of a link."""
        return

    @property
    def logout_handler(self) -> None:
        """Nobody signs out of a link."""
        return


def application(portal: Portal, apps: Mapping[str, Any]) -> BokehTornado:
    """Bokeh's application of a portal; it does nothing yet.

    Args:
        portal: whose server it will be part of.
        apps: what it serves, by path.
    """
    # Pages begin empty, and are filled as soon as their parts are made.
    silence(EMPTY_LAYOUT, True)
    host = f"[{portal.host}]" if ":" in portal.host else portal.host
    options: dict[str, Any] = {}
    if portal.user_of is not None:
        options["auth_provider"] = _Auth(portal.user_of, portal.login)
    return BokehTornado(
        build_applications(dict(apps), title="DataWatch"),
        extra_websocket_origins=create_hosts_allowlist(portal.origins, portal.port),
        extra_patterns=[*get_static_routes({}), (_REFUSED, _Refused)],  # type: ignore[no-untyped-call]
        absolute_url=f"http://{host}:{portal.port}/",
        use_index=False,
        ico_path=str(DIST_DIR / "images" / "favicon.ico"),
        check_unused_sessions_milliseconds=5_000,
        unused_session_lifetime_milliseconds=15_000,
        **options,
        **portal.settings,
    )


def begun(application: BokehTornado, loop: Any, http: Any) -> BaseServer:
    """Begin the work of an application; in the server's loop.

    Args:
        application: see `application`.
        loop: tornado's, of the server.
        http: tornado's server, which hands requests to the application.
    """
    loop.asyncio_loop.set_exception_handler(_note_departures)
    server = BaseServer(loop, application, http)
    server.start()
    # Panel finds the server of a session there, as if it had made it.
    state._servers[uuid4().hex] = (server, {}, [])  # noqa: SLF001
    return server


def ended(server: BaseServer) -> None:
    """Send the browsers away and end the sessions; in the server's loop."""
    # Bokeh forgets its clients without closing their sockets; pages would not notice.
    for client in tuple(server._tornado._clients):  # noqa: SLF001
        client._socket.close()  # noqa: SLF001
    server.stop()
    for key in [key for key, each in state._servers.items() if each[0] is server]:  # noqa: SLF001
        del state._servers[key]  # noqa: SLF001


def _note_departures(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Browsers that leave while Bokeh writes to them are no fault; all else is logged as usual."""
    if type(context.get("exception")).__name__ in ("WebSocketClosedError", "StreamClosedError"):
        log.debug("a browser has gone while it was written to")
        return
    loop.default_exception_handler(context)

"""One server of URL patterns and of the portal, which it loads after it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from datawatch_lab.api.later import Later
from datawatch_lab.api.server import Server
from datawatch_lab.views.later import Portal, UserOf

if TYPE_CHECKING:
    from datawatch_lab.api.routes import Pattern
    from datawatch_lab.core.config import Config
    from datawatch_lab.core.who import Who
    from datawatch_lab.service.handle import Workspace


def server_with_pages(  # noqa: PLR0913 — parts of a server, by name
    workspace: Workspace,
    urls: Sequence[Pattern] = (),
    *,
    host: str,
    port: int,
    user_of: UserOf | None = None,
    origins: Sequence[str] = (),
    login: str | None = None,
    who_of: Callable[[Any], Who | None] | None = None,
    config: Config | None = None,
    style: str = "",
) -> Server:
    """A server of the workspace's pages at ``/datawatch`` and of further URL patterns.

    Panel is loaded when `Server.load` is called, or a page is asked for; what is asked for
    meanwhile is answered as soon as it is there.

    Args:
        workspace: stays open as long as the server runs; the caller closes it.
        urls: such as those of the REST interface; they go before the pages.
        host: to bind to.
        port: to bind to.
        user_of: who sends a request, from its tornado handler; None lets everybody in.
        origins: ``host:port`` of pages that may open a WebSocket; never ``*``.
        login: path of the page where strangers sign in; without one they are told of the link.
        who_of: who looks, with their role; None for whoever runs this process.
        config: that the server was started with, for the page of settings.
        style: CSS variables of the pages' look.

    Raises:
        ValueError: a wildcard among the origins.
    """
    from datawatch_lab.api.routes import unknown_of

    portal = Portal(
        workspace,
        host=host,
        port=port,
        user_of=user_of,
        origins=origins,
        login=login,
        who_of=who_of,
        settings=unknown_of(urls),
        config=config,
    )
    return Server(urls, host=host, port=port, later=Later(portal, user_of=user_of, style=style))

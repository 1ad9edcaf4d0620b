"""Putting the one server together: pages, REST, the token, the published address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from datawatch_lab.core.errors import ConfigError

if TYPE_CHECKING:
    from datawatch_lab.api.auth import Gate
    from datawatch_lab.api.boards import Boards
    from datawatch_lab.api.routes import Pattern
    from datawatch_lab.api.server import Server
    from datawatch_lab.core.config import Config
    from datawatch_lab.core.watching import WatchSettings
    from datawatch_lab.service.handle import Workspace


_DRAIN_SECONDS = 10.0
"""Requests that run when the server is told to end have this long."""


@dataclass(frozen=True)
class Place:
    """Where a workspace is served.

    Attributes:
        address: the server's root.
        link: the address with the token, for a person; the same as the address without one.
    """

    address: str
    link: str


def link_to(address: str, token: str | None) -> str:
    """The link that opens the portal and signs in."""
    return f"{address}/?token={token}" if token else f"{address}/"


def check_host(host: str, *, auth: bool, path: Path | None = None) -> None:
    """Refuse what would let strangers in.

    Args:
        host: to bind to.
        auth: whether callers must sign in.
        path: of the workspace, whose users may.

    Raises:
        ConfigError: other machines can reach the host, and nobody would have to sign in or could.
    """
    from datawatch_lab.api.auth import is_loopback

    if is_loopback(host):
        return
    if not auth:
        raise ConfigError(
            f"--no-auth is for this machine only; {host} can be reached by others.",
            hint="Use --host 127.0.0.1.",
        )
    if not _has_users(path):
        raise ConfigError(
            f"{host} can be reached by other machines, and this workspace has no users.",
            hint="Add one first: `datawatch users add NAME --role admin`. Or use --host 127.0.0.1, "
            "and a tunnel such as `ssh -L 3002:127.0.0.1:3002`.",
        )


def _has_users(path: Path | None) -> bool:
    from datawatch_lab.service.access.access import Access

    if path is None:
        return False
    with Access(path) as access:
        return access.users.any()


@contextmanager
def served(
    workspace: Workspace,
    path: Path,
    *,
    host: str,
    port: int,
    auth: bool,
    sources: Sequence[WatchSettings] | None = (),
    config: Config | None = None,
) -> Iterator[Place]:
    """Serve a workspace of this process while a block runs, and tell others its address.

    Args:
        workspace: opened by this process.
        path: of its file, beside which the token is kept.
        host: to bind to.
        port: a free one; see `api.server.free_port`.
        auth: whether callers must show the token.
        sources: databases of the configuration; those that the workspace watches go on too. None
            leaves that to `resume`.
        config: further names of the server, limits, the secret of webhooks.
    """
    from datawatch_lab.api.auth import is_loopback
    from datawatch_lab.api.routes import patterns
    from datawatch_lab.api.running import drain
    from datawatch_lab.api.server import address_of
    from datawatch_lab.api.sockets.room import rooms_of
    from datawatch_lab.service.access import make_token
    from datawatch_lab.service.callers import LocalCaller

    token = make_token(path) if auth else None
    gate = _gate(token, path, host=host, port=port, config=config)
    boards = _boards(workspace, config)
    style = _style()
    urls = patterns(workspace, gate, style=style, boards=boards)
    server = _server(workspace, urls, gate, host=host, port=port, style=style, config=config)
    server.start()
    try:
        near = address_of(_near(host), port)
        if isinstance(workspace.caller, LocalCaller):
            workspace.caller.engine.publish(near)
        if sources is not None:
            resume(workspace, sources)
        # Others sign in by name; the owner's link is for this machine, and for its screen alone.
        address = near if is_loopback(host) else address_of(_far(host, config), port)
        server.load()  # what takes long, now that all else is ready
        yield Place(address, link_to(near, token) if is_loopback(host) else f"{address}/")
    finally:
        drain(urls, _DRAIN_SECONDS)
        for room in rooms_of(urls):
            room.close()
        if boards is not None:
            boards.close()
        server.stop()


def _near(host: str) -> str:
    """Where tools of this machine reach a server that is bound to a host."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 — compared only


def _far(host: str, config: Config | None) -> str:
    """Where other machines reach it, as far as is known."""
    from socket import gethostname

    from datawatch_lab.api.auth import is_everywhere

    if config is not None and config.names:
        return config.names[0]
    return gethostname().lower() if is_everywhere(host) else host


def _gate(token: str | None, path: Path, *, host: str, port: int, config: Config | None) -> Gate:
    from datawatch_lab.api.auth import gate_for
    from datawatch_lab.api.limits import Limits
    from datawatch_lab.core.config import Config
    from datawatch_lab.service.access.webhook import Webhook

    config = config or Config()
    secret = config.webhook_secret
    return gate_for(
        token,
        host=host,
        port=port,
        names=config.names,
        origins=config.cors,
        workspace=path,
        limits=Limits(requests=config.rate_limit, logins=config.login_limit),
        webhook=None if secret is None else Webhook(secret, config.webhook_window),
    )


def _boards(workspace: Workspace, config: Config | None) -> Boards | None:
    """Dashboards as pages; None where there are no pages."""
    if find_spec("datawatch_lab.views.watch") is None:
        return None
    from datawatch_lab.views import objects
    from datawatch_lab.views.board.stored import loader
    from datawatch_lab.views.watch import WatchPages

    return WatchPages(workspace, loader(workspace), objects.of(config))


def _style() -> str:
    """The look of the pages, for the page where users sign in."""
    if find_spec("datawatch_lab.views.theme") is None:
        return ""
    from datawatch_lab.views.theme import FONT, tokens_css

    return f"{tokens_css()}:root{{--dw-font:{FONT}}}"


def resume(workspace: Workspace, sources: Sequence[WatchSettings] = ()) -> None:
    """Go on with the databases that a workspace of this process watches.

    Raises:
        InputError: an address of the configuration cannot be read.
    """
    from datawatch_lab.service.callers import LocalCaller

    if isinstance(workspace.caller, LocalCaller):
        workspace.caller.engine.watching.resume(sources)


def _server(
    workspace: Workspace,
    urls: list[Pattern],
    gate: Gate,
    *,
    host: str,
    port: int,
    style: str,
    config: Config | None,
) -> Server:
    """The server of pages and REST; of REST alone where there are no pages."""
    if find_spec("datawatch_lab.views.later") is None:
        from datawatch_lab.api.server import Server

        return Server(urls, host=host, port=port)
    from datawatch_lab.api.login import LOGIN
    from datawatch_lab.cli.pages import server_with_pages

    return server_with_pages(
        workspace,
        urls,
        host=host,
        port=port,
        user_of=gate.user,  # without a token it still refuses foreign hosts
        origins=[f"{name}:{port}" for name in _origins(gate, host)],
        login=LOGIN if gate.access is not None else None,
        who_of=gate.who,
        config=config,
        style=style,
    )


def _origins(gate: Gate, host: str) -> list[str]:
    """Names of this server whose pages may open a WebSocket; Bokeh takes no IPv6 addresses."""
    return sorted(each for each in {host, "localhost", "127.0.0.1", *gate.hosts} if ":" not in each)

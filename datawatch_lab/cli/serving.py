"""Putting the one server together: pages, REST, the token, the published address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from datawatch_lab.core.errors import ConfigError

if TYPE_CHECKING:
    from datawatch_lab.api.auth import Gate
    from datawatch_lab.api.routes import Pattern
    from datawatch_lab.core.watching import WatchSettings
    from datawatch_lab.service.handle import Workspace


class RunningServer(Protocol):
    """A server in a thread of its own."""

    def start(self) -> None:
        """Serve."""
        ...

    def stop(self) -> None:
        """Take no more requests and end."""
        ...


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


def check_host(host: str, *, auth: bool) -> None:
    """Refuse what would let strangers in.

    Raises:
        ConfigError: the host is not loopback.
    """
    from datawatch_lab.api.auth import is_loopback

    if is_loopback(host):
        return
    if not auth:
        raise ConfigError(
            f"--no-auth is for this machine only; {host} can be reached by others.",
            hint="Use --host 127.0.0.1.",
        )
    raise ConfigError(
        f"{host} can be reached by other machines, and serving them needs users, "
        "which this release does not have.",
        hint="Use --host 127.0.0.1, and a tunnel such as `ssh -L 3002:127.0.0.1:3002`.",
    )


@contextmanager
def served(
    workspace: Workspace,
    path: Path,
    *,
    host: str,
    port: int,
    auth: bool,
    sources: Sequence[WatchSettings] | None = (),
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
    """
    from datawatch_lab.api.auth import gate_for
    from datawatch_lab.api.routes import patterns
    from datawatch_lab.api.server import address_of
    from datawatch_lab.service.access import make_token
    from datawatch_lab.service.callers import LocalCaller

    token = make_token(path) if auth else None
    gate = gate_for(token, host=host, port=port)
    server = _server(workspace, patterns(workspace, gate), gate, host=host, port=port)
    server.start()
    try:
        address = address_of(host, port)
        if isinstance(workspace.caller, LocalCaller):
            workspace.caller.engine.publish(address)
        if sources is not None:
            resume(workspace, sources)
        yield Place(address, link_to(address, token))
    finally:
        server.stop()


def resume(workspace: Workspace, sources: Sequence[WatchSettings] = ()) -> None:
    """Go on with the databases that a workspace of this process watches.

    Raises:
        InputError: an address of the configuration cannot be read.
    """
    from datawatch_lab.service.callers import LocalCaller

    if isinstance(workspace.caller, LocalCaller):
        workspace.caller.engine.watching.resume(sources)


def _server(
    workspace: Workspace, urls: list[Pattern], gate: Gate, *, host: str, port: int
) -> RunningServer:
    """The server of pages and REST; of REST alone where there are no pages."""
    if find_spec("datawatch_lab.views.server") is None:
        from datawatch_lab.api.server import Server

        return Server(urls, host=host, port=port)
    from datawatch_lab.views.server import build_server

    built: RunningServer = build_server(
        workspace,
        host=host,
        port=port,
        extra_patterns=urls,
        user_of=gate.user,  # without a token it still refuses foreign hosts
        origins=[f"{name}:{port}" for name in (host, "localhost", "127.0.0.1")],
    )
    return built

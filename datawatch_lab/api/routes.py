"""The URL patterns of the API, made from the declared operations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec

from datawatch_lab.api import documentation, static
from datawatch_lab.api.auth import Gate
from datawatch_lab.api.boards import PAGE, SOCKET, Boards, board_patterns
from datawatch_lab.api.bodies import Bodies
from datawatch_lab.api.exposition import EXPOSED, ExpositionHandler
from datawatch_lab.api.handlers import OperationHandler, Shared
from datawatch_lab.api.login import LOGIN, LOGOUT, LoginHandler, LogoutHandler
from datawatch_lab.api.openapi import document
from datawatch_lab.api.plain import DocumentHandler, HomeHandler, UnknownHandler
from datawatch_lab.api.requests import MAX_BYTES
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.api.sockets.routes import SOCKETS, room_of, socket_patterns
from datawatch_lab.service.handle import Workspace
from datawatch_lab.service.operation import Operation

OPENAPI_PATH = "/api/openapi.json"
PORTAL = "/datawatch"

_READERS = 8
_BODIES = 4  # of the largest size, held at once over all connections
_WRITERS = 8
_INTAKE = 16
_CHECKERS = 2

Pattern = tuple[str, type[Any], dict[str, Any]]


def patterns(
    workspace: Workspace,
    gate: Gate,
    *,
    max_bytes: int = MAX_BYTES,
    operations: Sequence[Operation[Any, Any]] | None = None,
    style: str = "",
    room: Room | None = None,
    boards: Boards | None = None,
) -> list[Pattern]:
    """URL patterns for tornado: as ``extra_patterns`` of a Bokeh server, or of an application.

    Args:
        workspace: what is served.
        gate: who may ask; see `auth.gate_for`.
        max_bytes: of a request's body; larger ones are refused with 413.
        operations: those to serve; by default all of `service.operations`.
        style: CSS variables of the pages' look, for the page where users sign in.
        room: of the WebSockets; by default one with all topics.
        boards: pages of dashboards; None serves none.
    """
    if operations is None:
        from datawatch_lab.service.operations import OPERATIONS

        operations = OPERATIONS
    by_path = group(operations)
    shared = _shared(workspace, gate, tuple(by_path), max_bytes)
    room = room or room_of(workspace.caller)
    return [
        *_pages(shared, operations, style),
        *_operations(shared, by_path),
        *socket_patterns(shared, room),
        *(board_patterns(shared, boards, room) if boards is not None else ()),
        ("/(?:api|ws)(?:/.*)?", UnknownHandler, {"shared": shared}),
    ]


def _shared(workspace: Workspace, gate: Gate, paths: tuple[str, ...], max_bytes: int) -> Shared:
    """What all handlers share, with the threads that operations are carried out in."""
    return Shared(
        caller=workspace.caller,
        gate=gate,
        readers=ThreadPoolExecutor(_READERS, thread_name_prefix="datawatch-read"),
        writers=ThreadPoolExecutor(_WRITERS, thread_name_prefix="datawatch-write"),
        intake=ThreadPoolExecutor(_INTAKE, thread_name_prefix="datawatch-intake"),
        max_bytes=max_bytes,
        bodies=Bodies(_BODIES * max_bytes),
        paths=(*paths, *SOCKETS, OPENAPI_PATH, documentation.PATH, PORTAL, PAGE, SOCKET),
    )


def _pages(shared: Shared, operations: Sequence[Operation[Any, Any]], style: str) -> list[Pattern]:
    """Home, signing in and out, the description of the API and what its page is made of."""

    @cache
    def described() -> bytes:
        return msgspec.json.encode(document(operations, cookie=shared.gate.cookie))

    api_script = {"shared": shared, "body": static.script("api.js")}
    return [
        ("/", HomeHandler, {"shared": shared, "home": PORTAL}),
        (LOGIN, LoginHandler, _login(shared, style)),
        (LOGOUT, LogoutHandler, {"shared": shared}),
        (OPENAPI_PATH, DocumentHandler, {"shared": shared, "body": described}),
        (documentation.PATH, documentation.PageHandler, {"shared": shared, "style": style}),
        (documentation.SCRIPT_PATH, static.ScriptHandler, api_script),
        (static.PATH, static.ScriptHandler, {"shared": shared, "body": static.script()}),
    ]


def _operations(
    shared: Shared, by_path: Mapping[str, Mapping[str, Operation[Any, Any]]]
) -> list[Pattern]:
    return [
        (
            regex_of(path),
            ExpositionHandler if path == EXPOSED else OperationHandler,
            {"shared": shared, "operations": found},
        )
        for path, found in by_path.items()
    ]


def unknown_of(urls: Sequence[Pattern]) -> dict[str, Any]:
    """Settings of tornado by which paths that nobody serves are answered with the envelope."""
    for _, handler, how in urls:
        if handler is UnknownHandler:
            return {"default_handler_class": handler, "default_handler_args": how}
    return {}


def _login(shared: Shared, style: str) -> dict[str, Any]:
    """What the page of signing in is given; its threads are its own, so that it blocks no other."""
    checkers = ThreadPoolExecutor(_CHECKERS, thread_name_prefix="datawatch-login")
    return {"shared": shared, "home": PORTAL, "style": style, "checkers": checkers}


def group(
    operations: Sequence[Operation[Any, Any]],
) -> dict[str, dict[str, Operation[Any, Any]]]:
    """Operations by path and method; paths without parameters first, since they are meant exactly.

    Raises:
        ValueError: two operations claim one route; a fault of the declarations.
    """
    routes: dict[str, dict[str, Operation[Any, Any]]] = {}
    for each in operations:
        for path in each.paths:
            taken = routes.setdefault(path, {})
            if each.method in taken:
                raise ValueError(f"{each.method} {path}: {each.name} and {taken[each.method].name}")
            taken[each.method] = each
    return dict(sorted(routes.items(), key=lambda item: item[0].count("{")))


def regex_of(path: str) -> str:
    r"""A path template as a pattern of tornado.

    >>> regex_of("/metrics/{name}/range")
    '/metrics/(?P<name>[^/]+)/range'
    """
    parts = re.split(r"\{(\w+)\}", path)
    return "".join(
        f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )

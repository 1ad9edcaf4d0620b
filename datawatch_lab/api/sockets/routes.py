"""The addresses of the WebSockets, and what they are in the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.api.handlers import Shared
from datawatch_lab.api.sockets.handler import SocketHandler
from datawatch_lab.api.sockets.room import Room
from datawatch_lab.service.callers import Caller, LocalCaller
from datawatch_lab.service.live import messages
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.points import MetricsData
from datawatch_lab.service.live.topics import TOPICS
from datawatch_lab.service.telemetry.connections import Connections

SOCKETS = {"/ws/dashboard": "dashboard", "/ws/analytics": "analytics"}
"""The topic that each address begins with."""

_TYPES = {
    "dashboard": ("snapshot", "dashboard_update", "event"),
    "analytics": ("metrics_update",),
}
_REF = "#/x-websockets/definitions/{name}"


def socket_patterns(
    shared: Shared, room: Room
) -> list[tuple[str, type[SocketHandler], dict[str, Any]]]:
    """URL patterns for tornado."""
    return [
        (path, SocketHandler, {"shared": shared, "room": room, "topic": topic})
        for path, topic in SOCKETS.items()
    ]


def room_of(caller: Caller) -> Room:
    """The room of a server that carries operations out by this caller."""
    counted = caller.engine.beside(Connections) if isinstance(caller, LocalCaller) else None
    return Room(Hub(caller, TOPICS), counted=counted)


def socket_document() -> dict[str, Any]:
    """The addresses with their parameters and messages, for ``x-websockets`` of OpenAPI.

    Messages refer to ``definitions`` beside them.
    """
    types = [messages.ClientMessage, messages.ServerMessage, messages.Update, MetricsData]
    (asked, answered, update, data), components = msgspec.json.schema_components(
        types, ref_template=_REF
    )
    return {
        "addresses": {
            path: {
                "topic": topic,
                "types": list(_TYPES[topic]),
                "parameters": {
                    "since": "number of the last message that the client has",
                    "interval": ", ".join(messages.INTERVALS),
                    "quiet": "true: begin with nothing, and subscribe",
                },
            }
            for path, topic in SOCKETS.items()
        },
        "client": asked,
        "server": {"answers": answered, "updates": update, "metrics_data": data},
        "definitions": components,
    }

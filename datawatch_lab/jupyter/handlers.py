"""``<base>/datawatch/-/…``: what the side bar asks; the engine's state, its start, its end."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.iostream import StreamClosedError

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.jupyter.engines import Engines
from datawatch_lab.jupyter.guarded import Guarded
from datawatch_lab.jupyter.supervisor import Engine

API = "/api/v1/datawatch"
_SECONDS = 10.0
_PARTS = {
    "status": f"{API}/stats",
    "tables": f"{API}/tables",
    "metrics": f"{API}/metrics",
    "dashboards": f"{API}/dashboards",
    "alerts": f"{API}/alerts/active",
    "me": f"{API}/me",
}
_COLUMNS = ("name", "type", "role", "sensitive")
_TABLE = ("name", "rows", "events", "status", "last_event")
_METRIC = ("name", "table", "unit", "description")
_BOARD = ("id", "name", "description", "tiles", "path", "updated_at")
_ALERT = ("id", "rule", "severity", "labels", "metric", "condition", "value", "unit", "status")


class StateHandler(Guarded):
    """How the engine is."""

    async def get(self) -> None:
        """Answer with `supervisor.State`, and the name of the workspace."""
        state = await self.engines.state()
        _answer(self, asdict(state) | {"name_of_workspace": PurePath(state.workspace).stem})


class StartHandler(Guarded):
    """Starts the engine."""

    async def post(self) -> None:
        """Start it where there is none; answers at once with its state."""
        try:
            state = await self.engines.start()
        except DataWatchError as error:
            _refuse(self, error)
            return
        self.set_status(202)
        _answer(self, asdict(state))


class StopHandler(Guarded):
    """Ends the engine."""

    async def post(self) -> None:
        """End it; 409 where it runs in a terminal of somebody's."""
        if await self.engines.stop():
            self.set_status(202)
            _answer(self, {"ending": True})
            return
        state = await self.engines.state()
        self.set_status(409)
        message = f"The engine runs as {state.by or 'nothing'}; end it where it was started."
        _answer(self, {"error": {"code": "conflict", "message": message}})


class SummaryHandler(Guarded):
    """What the side bar shows, in one answer."""

    async def get(self) -> None:
        """State, numbers, tables with columns, metrics, dashboards, open alerts, who asks."""
        state = await self.engines.state()
        found: dict[str, Any] = {"state": asdict(state)}
        found["state"]["name_of_workspace"] = PurePath(state.workspace).stem
        engine = await self.engines.find() if state.name == "running" else None
        if engine is not None:
            names = list(_PARTS)
            parts = await asyncio.gather(*(_asked(self.engines, engine, n) for n in names))
            found |= dict(zip(names, parts, strict=True))
            if found["status"] is None:
                found["state"] |= {"name": "starting", "message": "The engine does not answer yet."}
        _answer(self, slim(found))


async def _asked(engines: Engines, engine: Engine, part: str) -> Any:
    """One part from the engine; None where it refuses or does not answer."""
    headers = {"Authorization": f"Bearer {engine.token}"} if engine.token else {}
    request = HTTPRequest(engine.address + _PARTS[part], headers=headers, request_timeout=_SECONDS)
    try:
        answer = await engines.fetch(request)
    except (OSError, StreamClosedError, HTTPClientError):
        return None
    return json.loads(answer.body) if answer.code == 200 else None


def slim(found: dict[str, Any]) -> dict[str, Any]:
    """The answer with what the side bar shows, and no more: 500 tables are a large answer.

    Args:
        found: parts by name, as the engine gives them; None for a part that it refused.
    """
    made = dict(found)
    if found.get("tables") is not None:
        made["tables"] = [
            _picked(each, _TABLE) | {"columns": [_picked(c, _COLUMNS) for c in each["columns"]]}
            for each in found["tables"]
        ]
    for part, fields in (("metrics", _METRIC), ("dashboards", _BOARD), ("alerts", _ALERT)):
        if found.get(part) is not None:
            made[part] = [_picked(each, fields) for each in found[part]]
    return made


def _picked(item: dict[str, Any], fields: tuple[str, ...]) -> dict[str, Any]:
    return {field: item.get(field) for field in fields}


def _answer(handler: Guarded, body: dict[str, Any]) -> None:
    handler.set_header("Content-Type", "application/json")
    handler.set_header("Cache-Control", "no-store")
    handler.finish(json.dumps(body))


def _refuse(handler: Guarded, error: DataWatchError) -> None:
    handler.set_status(error.status)
    _answer(handler, {"error": {"code": error.code, "message": str(error)}})

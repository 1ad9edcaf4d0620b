"""An engine that remembers what it was asked, and one JupyterLab in front of it for the session."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from datawatch_lab.cli.lab import command
from tests.services.ports import free_port
from tests.waiting import PATIENCE

ENGINE_TOKEN = "engine-token-that-must-not-leak"  # noqa: S105 — of the pretended engine
BASE = "/user/ada/"
_START_SECONDS = 90.0


@dataclass
class Seen:
    """What the engine was asked.

    Attributes:
        requests: method, path with query, headers by lower-case name, body.
    """

    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def note(self, handler: RequestHandler) -> None:
        """Remember a request."""
        request = handler.request
        headers = {name.lower(): value for name, value in request.headers.get_all()}
        self.requests.append((str(request.method), str(request.uri), headers, request.body))

    @property
    def last(self) -> tuple[str, str, dict[str, str], bytes]:
        """The last one."""
        return self.requests[-1]


PAGE = """<!doctype html><title>Shop · DataWatch</title>
<link rel="stylesheet" href="/static/board/a.css">
<a href="/d/2">next</a> <a href="data">data</a> <p id="theme">a board</p>"""
COLUMN = {"name": "amount", "type": "number", "role": "numeric", "sensitive": False}
ANSWERS: dict[str, Any] = {
    "stats": {
        "tables": 1,
        "metrics": 1,
        "events": 1200,
        "quarantined": 0,
        "backlog": 0,
        "status": "live",
        "message": "live",
        "problem": "",
        "last_event": None,
    },
    "tables": [
        {
            "name": "<b>orders</b>",
            "rows": 7,
            "events": 9,
            "status": "live",
            "last_event": None,
            "columns": [COLUMN],
            "key": ["id"],
        }
    ],
    "metrics": [
        {
            "name": "orders_amount_sum",
            "table": "<b>orders</b>",
            "unit": "EUR",
            "description": "Sum of amount",
            "kind": "sum",
        }
    ],
    "dashboards": [
        {"id": "1", "name": "Shop", "description": "", "tiles": 3, "path": "/d/1", "version": 4}
    ],
    "alerts/active": [
        {
            "id": "a",
            "rule": "Too few orders",
            "severity": "critical",
            "labels": {},
            "metric": "orders_amount_sum",
            "condition": "< 1",
            "value": 0.0,
            "unit": "",
            "status": "open",
        }
    ],
    "me": {"name": "owner", "role": "admin", "via": "owner", "plan": "none"},
}


class _Any(RequestHandler):
    def initialize(self, seen: Seen) -> None:
        self.seen = seen

    def prepare(self) -> None:
        self.seen.note(self)
        if self.request.headers.get("Authorization") != f"Bearer {ENGINE_TOKEN}":
            self.send_error(401)

    def get(self, path: str) -> None:
        name = path.removeprefix("api/v1/datawatch/")
        if path == "moved":
            self.redirect("/datawatch?range=1h")
        elif path.startswith("d/"):
            self.set_cookie("datawatch_token_1", ENGINE_TOKEN)
            self.set_header("Content-Type", "text/html; charset=UTF-8")
            policy = f"connect-src 'self' ws://{self.request.host}; frame-ancestors 'self'"
            self.set_header("Content-Security-Policy", policy)
            self.finish(PAGE)
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(ANSWERS.get(name, {"path": path})))

    def post(self, path: str) -> None:
        self.set_status(201)
        self.finish({"took": path, "bytes": len(self.request.body)})

    put = delete = patch = post


class _Echo(WebSocketHandler):
    def initialize(self, seen: Seen) -> None:
        self.seen = seen

    async def get(self, *args: str, **kwargs: str) -> None:
        self.seen.note(self)
        if self.request.headers.get("Authorization") != f"Bearer {ENGINE_TOKEN}":
            self.send_error(401)
            return
        await super().get(*args, **kwargs)

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return "bokeh" if "bokeh" in subprotocols else None

    def on_message(self, message: str | bytes) -> None:
        if message == "end":
            self.close(4321, "enough")
        else:
            self.write_message(message, binary=isinstance(message, bytes))


@dataclass(frozen=True)
class FakeEngine:
    """A server that answers as an engine does."""

    address: str
    seen: Seen


@pytest.fixture(scope="session")
def engine() -> Iterator[FakeEngine]:
    """An engine that remembers what it was asked."""
    seen, port = Seen(), free_port()
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def serve() -> None:
        how = {"seen": seen}
        server = HTTPServer(Application([("/ws/(.*)", _Echo, how), ("/(.*)", _Any, how)]))
        server.listen(port, "127.0.0.1")
        ready.set()
        await ended.wait()
        server.stop()
        await server.close_all_connections()

    ended = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    ready.wait(PATIENCE)
    yield FakeEngine(f"http://127.0.0.1:{port}", seen)
    loop.call_soon_threadsafe(ended.set)
    thread.join(PATIENCE)
    loop.close()


@dataclass(frozen=True)
class Lab:
    """A JupyterLab in front of the engine.

    Attributes:
        address: with its base path, without a slash at the end.
        token: that signs in.
    """

    address: str
    token: str

    @property
    def host(self) -> str:
        """Name and port."""
        return self.address.removeprefix("http://").partition("/")[0]

    @property
    def origin(self) -> str:
        """Of its pages."""
        return f"http://{self.host}"

    @contextmanager
    def client(self, *, signed_in: bool = True, **headers: str) -> Iterator[httpx.Client]:
        """A client below ``BASE/datawatch``; by cookie when it is signed in, as a browser."""
        with httpx.Client(trust_env=False, timeout=PATIENCE) as made:
            if signed_in:
                made.get(f"{self.address}/tree", params={"token": self.token})
            made.base_url = httpx.URL(f"{self.address}/datawatch/")
            made.headers.update(headers)
            yield made


@pytest.fixture(scope="session")
def lab(engine: FakeEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The one JupyterLab of the session, on an engine at a fixed address."""
    folder = tmp_path_factory.mktemp("jupyter")
    token_file, token, port = folder / "token", secrets.token_hex(8), free_port()
    token_file.write_text(ENGINE_TOKEN)
    how = [
        f"--ServerApp.base_url={BASE}",
        f"--DataWatchExtension.address={engine.address}",
        f"--DataWatchExtension.token_file={token_file}",
        "--ServerApp.allow_origin=*",  # as careless as it gets
    ]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(folder / name.lower()) for name in places}
    environment |= {"JUPYTER_TOKEN": token, "DATAWATCH_WORKSPACE": str(folder / "w.duckdb")}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command(port, folder), *how], env=environment, stdout=log, stderr=log, cwd=folder
        )
    made = Lab(f"http://127.0.0.1:{port}{BASE.rstrip('/')}", token)
    try:
        _wait(process, f"{made.address}/api", folder / "log")
        yield made
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, trust_env=False).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")

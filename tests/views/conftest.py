"""A small shop in a real workspace, and a server of its pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.api.later import Later
from datawatch_lab.api.server import Server
from datawatch_lab.cli.pages import server_with_pages
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views.feed import Feed
from datawatch_lab.views.later import Portal
from datawatch_lab.views.overview import app
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.portal import PATH
from tests.services.ports import free_port


def event(table: str, at: datetime, number: int, **fields: Any) -> dict[str, Any]:
    """An insert as it comes over HTTP."""
    return {
        "id": f"{table}-{number}",
        "source": "test",
        "table": table,
        "operation": "INSERT",
        "timestamp": at.isoformat(),
        "after": {"id": number, **fields},
    }


def orders(count: int, last: datetime, *, first_number: int = 1) -> list[dict[str, Any]]:
    """Orders one every ten seconds up to ``last``; amounts 10.00, 10.50 …, statuses in turn."""
    statuses = ("pending", "paid", "shipped")
    return [
        event(
            "orders",
            last - timedelta(seconds=10 * (count - 1 - place)),
            first_number + place,
            amount=f"{10 + place * 0.5:.2f}",
            status=statuses[place % 3],
            customer_email=f"ann{place}@example.org",
        )
        for place in range(count)
    ]


def post(workspace: Workspace, events: list[dict[str, Any]]) -> None:
    """Take events in; each must be applied."""
    answer = workspace.post(json.dumps(events).encode())
    assert answer.applied == len(events), answer


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace of this process."""
    with open_workspace(tmp_path / "shop.duckdb", what="tests") as opened:
        yield opened


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """A workspace with 60 orders of the last ten minutes."""
    post(workspace, orders(60, datetime.now(UTC) - timedelta(seconds=2)))
    return workspace


class OverviewPortal(Portal):
    """Serves the overview of ``panel_apps/overview.py`` where the portal has its home page."""

    def __init__(self, workspace: Workspace, **how: Any) -> None:
        self.feed = Feed(lambda: workspace)
        super().__init__(workspace, **how)

    def apps(self, live: Live) -> dict[str, Any]:
        """The overview alone."""
        return {PATH: app(self.feed, live)}

    def close(self) -> None:
        """Compute nothing more."""
        self.feed.close()
        super().close()


class Serve:
    """Serves a workspace's pages; gives the address of the server's root."""

    def __init__(self) -> None:
        self._running: list[Server] = []

    def __call__(self, workspace: Workspace, **how: Any) -> str:
        """Start a server."""
        port = free_port()
        made = server_with_pages(workspace, host="127.0.0.1", port=port, **how)
        return self._begin(made, port)

    def overview(self, workspace: Workspace) -> str:
        """Start a server of the overview."""
        port = free_port()
        host = "127.0.0.1"
        later = Later(OverviewPortal(workspace, host=host, port=port))
        return self._begin(Server([], host=host, port=port, later=later), port)

    def _begin(self, server: Server, port: int) -> str:
        server.start()
        self._running.append(server)
        return f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Stop them all."""
        while self._running:
            self._running.pop().stop()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Servers that end with the test."""
    made = Serve()
    yield made
    made.stop()

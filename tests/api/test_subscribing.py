"""Being told in Python: with the engine in this process and through a server's WebSocket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.service.handle import Workspace, connect, open_workspace
from tests.api.conftest import TOKEN, Serve
from tests.waiting import PATIENCE, eventually


class Heard:
    """What a callback was told."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []
        self._came = threading.Semaphore(0)

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Note the event; fail for one of them."""
        self.events.append(event)
        self._came.release()
        if event["name"] == "first":
            raise RuntimeError("the callback is wrong")

    def next(self) -> Mapping[str, Any]:
        """The next event; waits for it."""
        assert self._came.acquire(timeout=PATIENCE)
        return self.events[-1]


@contextmanager
def _followed(tmp_path: Path, serve: Serve, how: str) -> Iterator[tuple[Workspace, Workspace]]:
    """The workspace with the engine, and the handle that subscribes."""
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        if how == "local":
            yield workspace, workspace
            return
        server = serve(workspace)
        with connect(server.address, TOKEN) as remote:
            yield workspace, remote
        server.stop()


def _drop(workspace: Workspace, column: str) -> None:
    """Record that a column was dropped."""
    workspace.post_ddl(f"ALTER TABLE orders DROP COLUMN {column}", dialect="postgres")


@pytest.mark.parametrize("how", ["local", "remote"])
def test_a_callback_is_told_of_what_happens(tmp_path: Path, serve: Serve, how: str) -> None:
    """Each change once and in order, also after a callback that failed; none after the stop."""
    with _followed(tmp_path, serve, how) as (workspace, handle):
        row = {"id": 1, "first": 1, "second": 2, "third": 3}
        event = {"table": "orders", "operation": "INSERT", "after": row}
        at = datetime.now(UTC).isoformat()
        workspace.post(json.dumps({**event, "id": "e", "timestamp": at}).encode(), wait=True)
        heard = Heard()
        with handle.subscribe("schema", heard) as found:
            assert found.problem == ""
            told = []
            for column in ("first", "second"):
                _drop(workspace, column)
                change = heard.next()
                told.append((change["kind"], change["name"]))
            assert told == [("drop_column", "first"), ("drop_column", "second")]
            # The callback has told us before it returns, and is counted after.
            eventually(lambda: found.calls)
            assert (found.calls, found.failures) == (1, 1)
        _drop(workspace, "third")
        assert len(heard.events) == 2
        assert "stopped" in repr(found)


def test_topics_that_there_are_not_are_named(tmp_path: Path) -> None:
    """A topic that cannot call back is refused, with those that can."""
    with (
        open_workspace(tmp_path / "w.duckdb") as workspace,
        pytest.raises(NotFoundError, match="no topic 'alerts'; did you mean 'alert'"),
    ):
        workspace.subscribe("alerts", print)

"""The builder as a Panel component: in a notebook cell and under ``panel serve``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import panel as pn
import param

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.core.who import Who, acting, current_who
from datawatch_lab.views.board.component import Board
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.view import Look
from datawatch_lab.views.builder.draft import drawn, read_ask

log = logging.getLogger(__name__)

_THREADS = 2
_ASKED: Mapping[str, Mapping[str, str]] = {
    "get_dashboard": {"id": "id"},
    "change_dashboard": {},
    "dashboard_versions": {"id": "id"},
    "dashboard_diff": {"id": "id", "from": "old", "to": "new"},
    "rollback_dashboard": {"id": "id", "version": "version"},
    "tile_kinds": {},
    "metrics": {},
    "tables": {},
    "query": {"group_by": "group_by", "from": "start"},
}
"""Methods of a workspace that the browser's half may call, and its names of their arguments."""


class Builder(Board):
    """A stored dashboard in edit mode: what is done to it is kept, with versions.

    Args:
        feed: of the workspace; one for all boards of a process.
        dashboard: id or name of one that is stored.
        who: on whose behalf; whoever runs this process by default. The workspace refuses what
            their role may not do.
    """

    builds = param.String(default="", doc="Id of the dashboard that is changed by hand.")

    def __init__(
        self, feed: BoardFeed, dashboard: str, *, who: Who | None = None, **params: Any
    ) -> None:
        self._who = who or current_who()
        self._threads = ThreadPoolExecutor(_THREADS, "datawatch-builder")
        self.workspace = feed.workspace
        id_ = self.workspace.get_dashboard(dashboard).id
        super().__init__(feed, id_, look=Look(role=self._who.role), builds=id_, **params)

    def close(self) -> None:
        """Keep it up to date no more."""
        super().close()
        self._threads.shutdown(wait=False)

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict) and data.get("type") == "ask":
            # A question may take its time; the thread of the document answers other people too.
            self._threads.submit(self._answer, data)
            return
        super()._handle_msg(data)

    def _answer(self, data: dict[str, Any]) -> None:
        answer: dict[str, Any] = {"type": "answer", "number": data.get("number")}
        try:
            with acting(self._who):
                answer["value"] = self.ask(str(data.get("what")), data.get("given") or {})
        except DataWatchError as error:
            said = f"{error.message} {error.hint}".strip()
            answer.update(message=said, status=error.status)
        except Exception:
            log.exception("the builder could not answer %s", data.get("what"))
            answer.update(message="Something went wrong; see the log.", status=500)

        def send() -> None:
            self._send_msg(answer)

        if self._document is not None:
            self._document.add_next_tick_callback(send)
        else:
            pn.state.execute(send)

    def ask(self, what: str, given: Mapping[str, Any]) -> Any:
        """Answer one question of the browser's half, as plain values.

        Args:
            what: a method of the workspace, or ``draw`` for a document that is not stored.
            given: its arguments, as HTTP names them.

        Raises:
            DataWatchError: the workspace refuses; `InputError` for what is not asked here.
        """
        if what == "draw":
            asked = {name: value for name, value in given.items() if name != "id"}
            answer = drawn(self._feed, self._who.role, read_ask(asked), self._look)
            return msgspec.to_builtins(answer)
        if what not in _ASKED:
            raise InputError(f"the builder asks nothing called {what[:40]!r}.")
        names = _ASKED[what]
        how = {names.get(name, name): v for name, v in given.items() if v is not None}
        first = [how.pop("name")] if what == "query" else []
        return msgspec.to_builtins(getattr(self.workspace, what)(*first, **how))

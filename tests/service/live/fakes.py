"""A topic and a caller that answer what a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec

from datawatch_lab.core.who import current_who
from datawatch_lab.service.live.asking import Asking
from datawatch_lab.service.live.topics import Document, Question
from datawatch_lab.service.operation import Nothing, Operation
from tests.waiting import PATIENCE


class Page(msgspec.Struct, frozen=True):
    """The answer of the fake topic: a number, and its newest happenings, newest first."""

    number: int
    recent: list[int] = []
    padding: str = ""


class FakeCaller:
    """Counts what is asked, and for whom; answers pages with growing numbers.

    Attributes:
        asked: how often.
        roles: of those who asked.
        answer: makes the page of a number.
        fault: raised in place of an answer while it is set.
        gate: an asking waits while it is not set.
    """

    def __init__(self, answer: Callable[[int], Page] | None = None) -> None:
        self.asked = 0
        self.roles: list[str] = []
        self.answer = answer or (lambda number: Page(number, [number, number - 1]))
        self.fault: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    @property
    def place(self) -> str:
        """A name for messages."""
        return "a fake"

    def call(self, operation: Operation[Any, Any], ask: Any) -> Any:
        """The next page."""
        del operation, ask
        self.gate.wait(PATIENCE)
        self.asked += 1
        self.roles.append(current_who().role)
        if self.fault is not None:
            raise self.fault
        return self.answer(self.asked)

    def close(self) -> None:
        """Nothing to close."""


PAGES: Operation[Nothing, Page] = Operation(
    name="pages",
    method="GET",
    path="/pages",
    ask=Nothing,
    answer=Page,
    role="viewer",
    summary="",
    function=lambda _, __: Page(0),
)


def ask_page(asking: Asking) -> Page:
    """The page of this moment."""
    return asking.call(PAGES, Nothing())


def document() -> Document:
    """A topic of pages, as the dashboard is one."""
    return Document("snapshot", "dashboard_update", ask_page, lambda page: page.recent)


QUESTION = Question("dashboard")

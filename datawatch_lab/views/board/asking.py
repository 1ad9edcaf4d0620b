"""What a board has asked: its tiles and the choices of its variables, each when it is due."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast

import msgspec

from datawatch_lab.core.dashboards import Tile
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.pool import QUICK_SECONDS, Told
from datawatch_lab.views.board.tiles import show
from datawatch_lab.views.board.view import View

log = logging.getLogger(__name__)

CHOICES_SECONDS = 5.0
"""The choices of variables are asked for anew after this long at the earliest."""

_COST_FACTOR = 4.0
_CHOICES = "\0choices"  # beside the ids of tiles


class Ask(Protocol):
    """Has a question asked elsewhere, on behalf of who looks; see `views.board.pool`."""

    def __call__(self, question: Callable[[], object], *, is_quick: bool) -> Future[Told]:
        """The answer."""
        ...


@dataclass(frozen=True)
class _Asked:
    """A question that is on its way.

    Attributes:
        about: what it was asked of; an answer about anything else is of no use.
        mark: what the answer depends on, data too.
    """

    answer: Future[Told]
    about: object
    mark: object


class Questions:
    """The questions of one board. For one thread at a time; the properties and `wait` for any.

    Attributes:
        choices: of variables, by name; as they were answered last.
        since: when the first of the answers that were taken last was asked, a reading of
            `time.monotonic`; None where none was taken.
    """

    def __init__(self) -> None:
        self.choices: dict[str, list[str]] = {}
        self._asked: dict[str, _Asked] = {}
        self._abouts: dict[str, object] = {}
        self._marks: dict[str, object] = {}
        self._late: dict[str, float] = {}
        self._cost: dict[str, float] = {}
        self._parts: dict[str, Part] = {}
        self._began: list[float] = []
        self.since: float | None = None

    @property
    def is_settled(self) -> bool:
        """Whether every question has its answer."""
        return all(each.answer.done() for each in tuple(self._asked.values()))

    @property
    def has_news(self) -> bool:
        """Whether there is an answer that was not taken yet."""
        return any(each.answer.done() for each in tuple(self._asked.values()))

    def wait(self, seconds: float | None = None) -> None:
        """Wait for the answers, at most so long."""
        wait([each.answer for each in tuple(self._asked.values())], seconds)

    def cancel(self) -> None:
        """Ask nothing of what was not begun yet."""
        for each in tuple(self._asked.values()):
            each.answer.cancel()

    def ask(self, view: View, ask: Ask) -> None:
        """Have asked what is due; what is on its way about the same is left alone.

        Args:
            view: of this moment.
            ask: asks.
        """
        self._gather(view)
        shared = _shared(view)
        for tile in view.dashboard.tiles:
            about, mark = (_unplaced(tile), shared), _mark(view, tile)
            if self._is_due(tile.id, about, mark):
                self._ask(ask, tile.id, partial(show, view, tile), about, mark)
        # Choices are asked for here, on behalf of who looks, and never where a message is sent.
        choices = _choices_of(view)
        mark = (choices, view.status.version)
        if view.dashboard.variables and self._is_due(_CHOICES, choices, mark):
            self._ask(ask, _CHOICES, view.all_choices, choices, mark)

    def take(self, view: View) -> dict[str, Part]:
        """What was answered since the last time, by the id of the tile."""
        self._gather(view)
        found, self._parts = self._parts, {}
        self.since, self._began = min(self._began, default=None), []
        return found

    def is_waiting(self, tile: str) -> bool:
        """Whether a tile is being asked."""
        return tile in self._asked

    def _is_due(self, name: str, about: object, mark: object) -> bool:
        """What is slow to answer is asked less often, but at once when it is another question."""
        held = self._asked.get(name)
        if held is not None:
            return held.about != about
        if name not in self._marks or self._abouts[name] != about:
            return True
        return self._marks[name] != mark and time.monotonic() >= self._late.get(name, 0.0)

    def _ask(
        self, ask: Ask, name: str, question: Callable[[], object], about: object, mark: object
    ) -> None:
        if held := self._asked.get(name):
            held.answer.cancel()
        is_quick = self._cost.get(name, QUICK_SECONDS) < QUICK_SECONDS
        self._asked[name] = _Asked(ask(question, is_quick=is_quick), about, mark)

    def _gather(self, view: View) -> None:
        """Take over what was answered; an answer about what is not there any more is dropped."""
        shared = _shared(view)
        abouts: Mapping[str, object] = {
            _CHOICES: _choices_of(view),
            **{each.id: (_unplaced(each), shared) for each in view.dashboard.tiles},
        }
        for name, asked in tuple(self._asked.items()):
            if not asked.answer.done():
                continue
            del self._asked[name]
            answer = _answer(asked.answer)
            if answer is not None and asked.about == abouts.get(name):
                self._answered(name, asked, answer)

    def _answered(self, name: str, asked: _Asked, answer: Told) -> None:
        self._cost[name], self._marks[name] = answer.seconds, asked.mark
        self._abouts[name] = asked.about
        self._late[name] = answer.began + _COST_FACTOR * answer.seconds
        if name == _CHOICES:
            self.choices = cast("dict[str, list[str]]", answer.value)
            self._late[name] = max(self._late[name], answer.began + CHOICES_SECONDS)
        else:
            self._parts[name] = cast("Part", answer.value)
            self._began.append(answer.began)


def _answer(answer: Future[Told]) -> Told | None:
    """What a question was answered with; None where it was cancelled or could not be asked."""
    if answer.cancelled():
        return None
    error = answer.exception()
    if error is not None:  # a tile says its faults itself
        log.error("a board could not be asked", exc_info=error)
        return None
    return answer.result()


def _mark(view: View, tile: Tile) -> object:
    """What a tile's values depend on; while it stays the same they need not be asked."""
    where = view.window()
    bucket = int(where.end.timestamp() // min(60.0, where.line.total_seconds()))
    state = view.status.version, view.status.status
    return (*state, bucket, tile, id(view.happened), _shared(view))


def _unplaced(tile: Tile) -> Tile:
    """What a tile shows, wherever it stands."""
    return msgspec.structs.replace(tile, x=-1, y=-1, w=0, h=0)


def _shared(view: View) -> object:
    """What all tiles of a board depend on."""
    board = view.dashboard
    return (board.filters, board.variables, board.notes, board.annotations, view.range_key)


def _choices_of(view: View) -> object:
    """What the choices of variables depend on, beside the data."""
    return (view.dashboard.variables, view.dashboard.filters, view.range_key)

"""Questions of boards are asked in a few threads, so that a slow one holds up no other."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

THREADS = 4
"""That ask at the same time, for all boards of a feed."""

QUICK_SECONDS = 0.25
"""A question that took less the last time is known to be quick."""

_SPARE = 1
"""Threads that are kept for questions known to be quick."""
_EACH = 2
"""Threads that one board's other questions take at most."""
_IDLE_SECONDS = 10.0


@dataclass(frozen=True)
class Told:
    """What a question was answered with, and what that took.

    Attributes:
        value: the answer.
        began: reading of `time.monotonic` when it was asked.
        seconds: until it was answered.
    """

    value: Any
    began: float
    seconds: float


@dataclass(eq=False)
class _Job:
    owner: Hashable
    question: Callable[[], object]
    is_quick: bool
    answer: Future[Told] = field(default_factory=Future)


class Pool:
    """Threads that ask the questions of boards; they begin when needed and end when idle.

    Boards have their turns one after another. A thread is kept for questions that are known to be
    quick, and one board's others take two at most: a board of slow tiles leaves the rest to all.

    Args:
        threads: that ask at the same time.
    """

    def __init__(self, threads: int = THREADS) -> None:
        self._most = threads
        self._waiting: dict[Hashable, deque[_Job]] = {}
        self._asking: list[_Job] = []
        self._changed = threading.Condition()
        self._threads = 0
        self._closed = False

    def ask(
        self, owner: Hashable, question: Callable[[], object], *, is_quick: bool = False
    ) -> Future[Told]:
        """Have a question asked; what it raises, the answer raises too.

        Args:
            owner: whose turn it is.
            question: called in a thread of the pool.
            is_quick: it took less than `QUICK_SECONDS` the last time.

        Returns:
            The answer. While the question waits it can be cancelled; after `close` it is.
        """
        job = _Job(owner, question, is_quick)
        with self._changed:
            if self._closed:
                job.answer.cancel()
                return job.answer
            self._waiting.setdefault(owner, deque()).append(job)
            idle = self._threads - len(self._asking)
            if idle < self._count() and self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, name="datawatch-tiles", daemon=True).start()
            self._changed.notify()
        return job.answer

    def close(self) -> None:
        """Ask nothing more; what is being asked is not waited for."""
        with self._changed:
            self._closed = True
            left = [job for each in self._waiting.values() for job in each]
            self._waiting.clear()
            self._changed.notify_all()
        for job in left:
            job.answer.cancel()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))

    # ------------------------------------------------------------------ the threads

    def _work(self) -> None:
        while (job := self._next()) is not None:
            if job.answer.set_running_or_notify_cancel():
                _answer(job)
            with self._changed:
                self._asking.remove(job)
                self._changed.notify_all()  # what was held back may have its turn

    def _next(self) -> _Job | None:
        """The next question; None for a thread that has been idle, or when all is over."""
        with self._changed:
            while not self._closed:
                job = self._take()
                if job is not None:
                    self._asking.append(job)
                    return job
                if not self._changed.wait(_IDLE_SECONDS) and not self._waiting:
                    break
            self._threads -= 1
            return None

    def _take(self) -> _Job | None:
        """The first question that may be asked of the board whose turn it is; it is last then."""
        for owner, jobs in self._waiting.items():
            job = next((each for each in jobs if self._may(each)), None)
            if job is None:
                continue
            jobs.remove(job)
            del self._waiting[owner]
            if jobs:
                self._waiting[owner] = jobs
            return job
        return None

    def _may(self, job: _Job) -> bool:
        if job.is_quick:
            return True
        others = [each.owner for each in self._asking if not each.is_quick]
        return len(others) < self._most - _SPARE and others.count(job.owner) < _EACH


def _answer(job: _Job) -> None:
    began = time.monotonic()
    try:
        value = job.question()
    except BaseException as error:  # noqa: BLE001 — it is raised where the answer is read
        job.answer.set_exception(error)
    else:
        job.answer.set_result(Told(value, began, time.monotonic() - began))

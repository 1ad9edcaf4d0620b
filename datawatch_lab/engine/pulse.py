"""How long commits take and how much they bring: numbers for whoever watches the server."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TypeVar

from datawatch_lab.engine.submission import Submission

Answer = TypeVar("Answer")

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the classes that durations are counted in, seconds; one more is without bound."""


class Pulse:
    """Counts what is timed by it; any thread may read.

    Attributes:
        counts: durations by class of `BOUNDS`, the last one without bound.
        seconds: that all took together.
        events: received with them.
        failed: those that ended with an error; they are in no class.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.events = 0
        self.failed = 0

    def timed(
        self, commit: Callable[[Sequence[Submission]], Answer]
    ) -> Callable[[Sequence[Submission]], Answer]:
        """The same function, with each of its calls counted."""

        def run(submissions: Sequence[Submission]) -> Answer:
            began = self._clock()
            try:
                answer = commit(submissions)
            except BaseException:
                with self._lock:
                    self.failed += 1
                raise
            self._note(self._clock() - began, sum(each.batch.received for each in submissions))
            return answer

        return run

    def _note(self, seconds: float, events: int) -> None:
        with self._lock:
            self.counts[bisect_left(BOUNDS, seconds)] += 1
            self.seconds += seconds
            self.events += events

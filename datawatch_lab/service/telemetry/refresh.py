"""One answer for all who ask: made anew in a thread while somebody asks, at a bounded cost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)

OLDEST = 1.0
"""Seconds after which an answer is made anew although no data came: it depends on the time too."""

_LEAST_GAP = 0.2  # seconds between two makings, although data came
_COST = 5.0  # times what making took: at most a fifth of one core while somebody looks
_INTEREST = 10.0  # seconds after the last question in which it is still kept fresh
_TRUSTED = 3.0  # seconds; an older answer is not given, since the thread has fallen behind


class Refreshed(Generic[Answer]):
    """An answer that is made by a function, and kept fresh while it is asked for.

    The first question makes it at once; those that follow find it made. Data is in it within
    0.2 s plus the time that making takes, or five times that where it takes longer.

    Args:
        make: makes the answer; called by one thread at a time.
        version: changes when there is new data.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        make: Callable[[], Answer],
        version: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._version = version
        self._clock = clock
        self._making = threading.Lock()
        self._held: Answer | None = None
        self._at = float("-inf")
        self._cost = 0.0
        self._seen = -1
        self._asked = float("-inf")
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None

    def get(self) -> Answer:
        """The answer; waits only when there is none that is fresh enough."""
        self._asked = self._clock()
        held = self._held
        if held is None or self._asked - self._at > max(_TRUSTED, 2 * self._gap):
            with self._making:
                held = self._held
                if held is None or self._clock() - self._at > OLDEST:
                    held = self._renew()
        self._keep_fresh()
        return held

    def close(self) -> None:
        """End the thread."""
        self._halt.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(OLDEST)

    @property
    def _gap(self) -> float:
        return max(_LEAST_GAP, _COST * self._cost)

    def _renew(self) -> Answer:
        began, seen = self._clock(), self._version()
        held = self._make()
        self._cost = self._clock() - began
        self._held, self._seen, self._at = held, seen, self._clock()
        return held

    def _keep_fresh(self) -> None:
        thread = self._thread
        if self._halt.is_set() or (thread is not None and thread.is_alive()):
            return
        with self._making:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="datawatch-telemetry", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while not self._halt.wait(_LEAST_GAP / 4):
            now = self._clock()
            if now - self._asked > _INTEREST:
                return
            age = now - self._at
            due = age > max(OLDEST, self._gap) or (
                self._version() != self._seen and age > self._gap
            )
            if not due:
                continue
            try:
                with self._making:
                    self._renew()
            except Exception:
                if not self._halt.is_set():
                    log.exception("telemetry could not be brought up to date; tried again")
                self._halt.wait(OLDEST)

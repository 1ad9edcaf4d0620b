"""Anomalies of a workspace: found as buckets close, kept, told to who listens.

The writer's thread only notes that something closed. A thread of its own scores what closed, learns
it and stores what it found; every 30 seconds it stores the state of the detectors with the number
of the last close that is in it. After a crash the closes since then are gone through again, over
the same values, and find the same anomalies by the same ids.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from datawatch_lab.core.anomalies import AnomalySettings
from datawatch_lab.core.plans import check_feature
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine.detection.following import Following
from datawatch_lab.engine.detection.work import Stopped
from datawatch_lab.engine.own_metrics.anomalies import METRIC

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

_REST_SECONDS = 0.5
_FIRST_REST_SECONDS = 15.0
"""Before anything is watched, with a day of history: the tables of a workspace close one after
another, and to learn their histories together costs little more than to learn one."""

_HISTORY = timedelta(days=1)
_PATIENCE_SECONDS = 5.0


class Detection(Following):
    """Anomalies of a workspace; made by ``engine.beside(Detection)``. Any thread may call it.

    Args:
        engine: of the workspace.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._due = threading.Event()
        self._hurry = threading.Event()
        self._named: tuple[object, Mapping[str, MetricDef]] = (None, {})
        self._thread: threading.Thread | None = None
        self._wakes = True
        self._forget = engine.on_close(lambda *_: self._wake())
        if engine.tables():
            self._wake()

    def with_metrics(self, named: Mapping[str, MetricDef]) -> Mapping[str, MetricDef]:
        """Metrics by name, with ``anomalies_active`` once a series is watched."""
        known = self._detectors
        if known is None or not known.watched or METRIC.name in named:
            return named
        if self._named[0] is not named:
            self._named = (named, {**named, METRIC.name: METRIC})
        return self._named[1]

    def configure(self, settings: AnomalySettings) -> None:
        """Look for anomalies like this from now on; waits for nothing, not even for learning.

        Raises:
            InputError: the sensitivity is none; says which there are.
        """
        self.change(settings)
        self._wake()

    def _wake(self) -> None:
        if self._thread is None and self._wakes and self.enabled and not self._closed:
            self._thread = threading.Thread(
                target=self._run, name="datawatch-anomalies", daemon=True
            )
            self._thread.start()
        self._due.set()

    def by_hand(self) -> None:
        """Look at nothing unless `catch_up` is called; for measurements."""
        self._forget()
        self._wakes = False

    def close(self) -> None:
        """Stop between two buckets; what is due is done after the next opening."""
        if self._closed:
            return
        self._ended.set()
        self._forget()
        self._hurry.set()
        self._due.set()
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()
        with self._work:
            if self._dirty and self._detectors is not None:
                self._checkpoint(self._detectors)
            self._store_models()

    def _run(self) -> None:
        while not self._closed:
            self._due.wait()
            self._due.clear()
            try:
                self._rest()
                if not self._closed:
                    self.catch_up()
            except Stopped:
                return
            except Exception as error:
                # the workspace may be closed under it, before it is told
                if self._ended.wait(_REST_SECONDS) or self.engine.store.is_closed:
                    return
                self.problem = str(error)
                log.exception("anomalies could not be looked for; it is tried again")
                self._due.set()
                self._ended.wait(_PATIENCE_SECONDS)

    def _rest(self) -> None:
        """Wait a little: what closes together is looked at together, and first of all learnt."""
        patience = _FIRST_REST_SECONDS if self._has_much_to_learn() else _REST_SECONDS
        until = time.monotonic() + patience
        while not (self._closed or self._hurry.is_set()) and time.monotonic() < until:
            self._hurry.wait(_REST_SECONDS)
        self._hurry.clear()

    def _has_much_to_learn(self) -> bool:
        """Whether nothing is watched yet of a workspace with a history."""
        if self._detectors is not None and self._detectors.watched:
            return False
        first, last = self.engine.span()
        return first is not None and last is not None and last - first > _HISTORY

    def settle(self, seconds: float = _PATIENCE_SECONDS) -> bool:
        """Wait until all that is closed now was looked at; gives whether it was, in that time."""
        if not self.enabled:
            return True
        wanted = self._last_close()
        until = time.monotonic() + seconds
        self._hurry.set()
        self._wake()
        with self._idle:
            while self._number < wanted and not self._closed:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._idle.wait(min(left, 0.2))
        return self._number >= wanted


def detection_of(engine: Engine) -> Detection:
    """The detection of a workspace.

    Raises:
        PlanError: the plan does not include it.
    """
    check_feature(engine.settings.plan, "anomalies")
    return engine.beside(Detection)

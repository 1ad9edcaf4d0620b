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
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from datawatch_lab.anomaly.episodes import Episode
from datawatch_lab.core.anomalies import Anomaly, AnomalySettings
from datawatch_lab.core.errors import BusyError, InputError, not_found
from datawatch_lab.core.plans import check_feature, plan_named
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine.beside import listening
from datawatch_lab.engine.detection.feedback import feed_back
from datawatch_lab.engine.detection.listing import Asking
from datawatch_lab.engine.detection.revising import revise_episodes
from datawatch_lab.engine.detection.run import Detectors
from datawatch_lab.engine.detection.slots import Key
from datawatch_lab.engine.detection.state import packed, unpacked
from datawatch_lab.engine.detection.work import Closed, Learning, Moments, Stopped
from datawatch_lab.engine.own_metrics.anomalies import METRIC
from datawatch_lab.store.anomalies import AnomalyFilter, Checkpoint, Mark

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 30.0
_REST_SECONDS = 0.5
_FIRST_REST_SECONDS = 15.0
"""Before anything is watched, with a day of history: the tables of a workspace close one after
another, and to learn their histories together costs little more than to learn one."""

_HISTORY = timedelta(days=1)
_SLICE = 2_000
"""Closes that are gone through between two places where the state can be stored."""

_BUSY_EVENTS = 100_000
_PATIENCE_SECONDS = 5.0
_HELD_SECONDS = 30.0
"""That somebody who changes detectors waits while series are learnt."""

Listener = Callable[[Sequence[Anomaly]], None]


class Detection(Asking):
    """Anomalies of a workspace; made by ``engine.beside(Detection)``. Any thread may call it.

    Args:
        engine: of the workspace.

    Attributes:
        settings: how anomalies are looked for.
        problem: why they could not be; '' when they are.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.settings = AnomalySettings()
        self.problem = ""
        self.listeners: list[Listener] = []
        self._ended = threading.Event()
        self._number = 0
        self._stored = time.monotonic()
        self._dirty = False
        self._work = threading.RLock()
        self._due = threading.Event()
        self._hurry = threading.Event()
        self._idle = threading.Condition()
        self._marks: list[Mark] = []
        self._named: tuple[object, Mapping[str, MetricDef]] = (None, {})
        self._detectors: Detectors | None = None
        self._thread: threading.Thread | None = None
        self._wakes = True
        self._forget = engine.on_close(lambda *_: self._wake())
        if engine.tables():
            self._wake()

    # ------------------------------------------------------------------ running

    def with_metrics(self, named: Mapping[str, MetricDef]) -> Mapping[str, MetricDef]:
        """Metrics by name, with ``anomalies_active`` once a series is watched."""
        known = self._detectors
        if known is None or not known.watched or METRIC.name in named:
            return named
        if self._named[0] is not named:
            self._named = (named, {**named, METRIC.name: METRIC})
        return self._named[1]

    @property
    def _closed(self) -> bool:
        return self._ended.is_set()

    @property
    def enabled(self) -> bool:
        """Whether anomalies are looked for."""
        plan = plan_named(self.engine.settings.plan)
        return self.settings.enabled and "anomalies" in plan.features

    def configure(self, settings: AnomalySettings) -> None:
        """Look for anomalies like this from now on.

        Raises:
            InputError: the sensitivity is none; says which there are.
        """
        with self._work:
            self.settings = settings
            self._detectors = None  # made anew from what is stored
        self._wake()

    def _wake(self) -> None:
        if self._thread is None and self._wakes and self.enabled and not self._closed:
            self._thread = threading.Thread(
                target=self._run, name="datawatch-anomalies", daemon=True
            )
            self._thread.start()
        self._due.set()

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

    @property
    def learning(self) -> Learning | None:
        """How far the training of new series is; None while there is none. Waits for nothing."""
        known = self._detectors
        return None if known is None else known.learning

    @property
    def watched(self) -> int:
        """How many series are watched. Waits for nothing."""
        known = self._detectors
        return 0 if known is None else len(known.watched)

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

    def _last_close(self) -> int:
        closes = self.engine.closed_since(0, self._number)
        return int(closes["number"].max() or 0) if closes.height else self._number  # type: ignore[arg-type]  # of an integer column

    # ------------------------------------------------------------------ what closed

    def catch_up(self) -> None:
        """Look at all that is closed and was not looked at; in the caller's thread."""
        with self._work:
            if not self.enabled:
                return
            try:
                self._look()
            except BaseException:
                self._detectors = None  # half a step further than their number; made anew
                raise
            self.problem = ""
        with self._idle:
            self._idle.notify_all()

    def _look(self) -> None:
        detectors = self._ready()
        closes = self.engine.closed_since(0, self._number)
        for part in self._slices(closes):
            self._through(detectors, part)
            self._number = int(part["number"].max())  # type: ignore[arg-type]  # never empty
            self._dirty = True
            self._keep(detectors)
        revise_episodes(detectors)
        self._keep(detectors)

    def _slices(self, closes: pl.DataFrame) -> Iterator[pl.DataFrame]:
        """Closes in order; cut where somebody said something, so that a replay does the same."""
        cuts = sorted({mark.number for mark in self._marks if mark.number > self._number})
        here = self._number
        for cut in [*cuts, None]:
            part = closes.filter(pl.col("number") > here)
            if cut is not None:
                part = part.filter(pl.col("number") <= cut)
            yield from part.iter_slices(_SLICE)
            if cut is not None:
                here = cut
                self._again(cut)

    def _again(self, number: int) -> None:
        """Let the model be told again what it was told after that close."""
        if self._detectors is None:
            return
        for mark in [each for each in self._marks if each.number == number]:
            feed_back(self._detectors, mark)
            self._marks.remove(mark)

    def _through(self, detectors: Detectors, closes: pl.DataFrame) -> None:
        """Score and learn what some closes closed, all tables together."""
        tables = {each.id: each for each in self.engine.tables()}
        merged = (
            closes.group_by("table_id", maintain_order=True)
            .agg(
                pl.col("closed_from").min(),
                pl.col("closed_until").max(),
                pl.col("closed_until").alias("ends"),
                pl.col("at").alias("moments"),
            )
            .filter(pl.col("closed_from") < pl.col("closed_until"))
        )
        closed = [
            Closed(tables[table_id], start, end, _moments(ends, moments))
            for table_id, start, end, ends, moments in merged.iter_rows()
            if table_id in tables
        ]
        if closed:
            self._wait_for_room()
            detectors.close(closed)

    def _wait_for_room(self) -> None:
        """Let much that comes in go first, for a while."""
        for _ in range(20):
            if self._closed or self.engine.backlog < _BUSY_EVENTS:
                return
            self._ended.wait(0.1)

    def by_hand(self) -> None:
        """Look at nothing unless `catch_up` is called; for measurements."""
        self._forget()
        self._wakes = False

    def checkpoint(self) -> None:
        """Store the state of the detectors now."""
        with self._work:
            self._checkpoint(self._ready())

    def _check(self) -> None:
        if self._closed:
            raise Stopped

    def _ready(self) -> Detectors:
        if self._detectors is None:
            self._detectors = self._restored()
        return self._detectors

    def _restored(self) -> Detectors:
        """Detectors as they were stored; new ones where there is nothing that can be read."""
        made = Detectors(self.engine, self.settings, self._check)
        stored = self.engine.store.anomalies.checkpoint()
        self._number = 0
        if stored is not None:
            try:
                made.restore(unpacked(stored.state))
                self._number = stored.number
            except InputError as error:
                log.warning("detectors begin anew from history: %s", error)
                made = Detectors(self.engine, self.settings, self._check)
        made.choose(self.engine.store.anomalies.chosen())
        marks = self.engine.store.anomalies.marks()
        self._marks = [
            each for each in marks if each.kind == "feedback" and each.number > self._number
        ]
        return made

    def _keep(self, detectors: Detectors) -> None:
        """Store what changed, tell who listens, and now and then store the state too."""
        changed = detectors.take()
        if time.monotonic() - self._stored >= CHECKPOINT_SECONDS:
            self._checkpoint(detectors, changed)
        elif changed:
            self.engine.store.anomalies.save(changed)
        if changed:
            self.incidents.changed()
        self.tell([each for each in changed if not each.past])

    def state_now(self) -> Checkpoint:
        """The state of the detectors, to be stored; asked for while `with_detectors` holds."""
        detectors = self._ready()  # reads the number, too, when they were dropped
        return Checkpoint(self._number, packed(detectors.saved()))

    def _checkpoint(self, detectors: Detectors, changed: Sequence[Anomaly] = ()) -> None:
        state = Checkpoint(self._number, packed(detectors.saved()))
        self.engine.store.anomalies.save(changed, state)
        self._stored, self._dirty = time.monotonic(), False

    def mark(self, mark: Mark, *, state: bool = False) -> None:
        """Keep what somebody said, with the state that follows from it where it changed."""
        with self.with_detectors():
            saved = self.state_now() if state else None
            self.engine.store.anomalies.save((), saved, mark)

    # ------------------------------------------------------------------ who listens

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with anomalies that are new or changed; gives what ends that.

        It is called in the thread of detection, after they are stored. What is found in history
        is not told.
        """
        return listening(self.listeners, listener)

    def tell(self, changed: Sequence[Anomaly]) -> None:
        """Tell who listens."""
        if not changed:
            return
        for each in list(self.listeners):
            try:
                each(changed)
            except Exception:
                log.exception("a listener to anomalies failed")

    # ------------------------------------------------------------------ asking

    def get(self, id_: str) -> Anomaly:
        """An anomaly by id; a `NotFoundError` otherwise."""
        found = self.engine.store.anomalies.one(id_)
        if found is None:
            newest = self.stored(AnomalyFilter(limit=5))
            raise not_found("anomaly", id_, [each.id for each in newest])
        return found

    @contextmanager
    def with_detectors(self) -> Iterator[Detectors]:
        """The detectors, held while a block looks at them or changes them.

        Raises:
            BusyError: they learn, and took too long.
        """
        if not self._work.acquire(timeout=_HELD_SECONDS):
            raise BusyError(
                "series are being learnt.",
                hint="Try again in a moment.",
                details={"retry_after": 10.0},
            )
        try:
            yield self._ready()
        finally:
            self._work.release()

    def in_force(self, key: Key) -> float | None:
        """The threshold of a series; None when it is not watched. Waits for nothing."""
        known = self._detectors
        place = None if known is None else known.places.get(key)
        return None if known is None or place is None else known.rules(place).opens

    def episode(self, id_: str) -> Episode | None:
        """The episode of an anomaly of the last days; None for older ones. Waits for nothing."""
        known = self._detectors
        if known is None:
            return None
        recent = [*known.going.copy().values(), *known.recent.copy().values()]
        return next((each.episode for each in recent if each.anomaly.id == id_), None)

    @property
    def number(self) -> int:
        """Of the last close that was looked at."""
        return self._number


def _moments(ends: Sequence[datetime], moments: Sequence[datetime]) -> Moments:
    """When a bucket closed: with the first close that reaches its end."""
    seconds = [each.timestamp() for each in ends]

    def at(end: int) -> datetime:
        return moments[min(bisect_left(seconds, end), len(moments) - 1)]

    return at


def detection_of(engine: Engine) -> Detection:
    """The detection of a workspace.

    Raises:
        PlanError: the plan does not include it.
    """
    check_feature(engine.settings.plan, "anomalies")
    return engine.beside(Detection)

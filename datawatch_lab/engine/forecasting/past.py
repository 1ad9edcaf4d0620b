"""Forecasts that were given, beside what happened; and those that are made again by themselves.

What is asked is noted and stored by a thread of its own. What was asked within the last day is made
again when its next step is over, at most every five minutes, so that there is something to compare.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.errors import DataWatchError, InputError, NotFoundError
from datawatch_lab.core.forecasts import Told, pace_of
from datawatch_lab.engine.queries import QueryRequest, run

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine
    from datawatch_lab.engine.forecasting.asking import ForecastRequest

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_MOST_WAITING = 10_000
_MOST_WATCHED = 50
_WATCHED_FOR = timedelta(days=1)
_EVERY = timedelta(minutes=5)


class Kept:
    """What was forecast in a workspace; made by ``engine.beside(Kept)``. Any thread may call it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: deque[Told] = deque(maxlen=_MOST_WAITING)
        self._watched: OrderedDict[ForecastRequest, tuple[datetime, datetime]] = OrderedDict()
        self._lock = threading.Lock()
        self._storing = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="datawatch-forecast", daemon=True)
        self._thread.start()

    def take(self, told: Sequence[Told], request: ForecastRequest | None = None) -> None:
        """Note steps to be stored; the request is made again from time to time."""
        now = self._engine.clock.now()
        with self._lock:
            self._waiting.extend(told)
            if request is not None:
                self._watched[request] = (now, now)
                self._watched.move_to_end(request)
                while len(self._watched) > _MOST_WATCHED:
                    self._watched.popitem(last=False)

    def flush(self) -> None:
        """Store what waits."""
        with self._storing:
            with self._lock:
                told = list(self._waiting)
                self._waiting.clear()
            if told:
                self._engine.store.forecasts.save(told)

    def renew(self) -> int:
        """Make the forecasts again that are due; gives how many were made.

        One that fails holds up no other. One that cannot be made any more, since its metric is
        gone say, is not tried again until somebody asks for it.
        """
        made = 0
        for request in self._due(self._engine.clock.now()):
            if self._ended.is_set():
                break
            made += self._try(partial(self._make, request))
        return made

    def _make(self, request: ForecastRequest) -> bool:
        from datawatch_lab.engine.forecasting.asking import ask, told_of

        try:
            self.take(told_of(request, ask(self._engine, request, keep=False)))
        except (NotFoundError, InputError) as error:
            with self._lock:
                self._watched.pop(request, None)
            log.info("the forecast of %s is not made again: %s", request.metric, error)
            return False
        return True

    def _due(self, now: datetime) -> list[ForecastRequest]:
        found = []
        with self._lock:
            for request, (asked, made) in list(self._watched.items()):
                if now - asked > _WATCHED_FOR:
                    del self._watched[request]
                    continue
                every = max(pace_of(parse_duration(request.horizon)).step, _EVERY)
                if now - made >= every:
                    self._watched[request] = (asked, now)
                    found.append(request)
        return found

    def close(self) -> None:
        """Store what waits, and end."""
        self._ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(10)
        self._try(self.flush)

    def _work(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            self._try(self.renew)
            self._try(self.flush)

    @staticmethod
    def _try(do: Callable[[], object]) -> bool:
        """What came of it; False where it failed, and the log says why."""
        try:
            return bool(do())
        except DataWatchError as error:
            log.warning("forecasts are not kept: %s", error)
        except Exception:
            log.exception("forecasts could not be made again; they are tried later")
        return False


@dataclass(frozen=True)
class Compared:
    """A past forecast and what happened; ``actual`` is None where nothing came."""

    told: Told
    actual: float | None


@dataclass(frozen=True)
class Accuracy:
    """How past forecasts did.

    Attributes:
        count: forecasts that are compared.
        mae: mean size of what they were off by.
        bias: mean of forecast minus actual.
        inside: share of actual values that lay in the interval, in [0, 1].
    """

    count: int
    mae: float
    bias: float
    inside: float


def compared(
    engine: Engine, request: ForecastRequest, like: Told, until: datetime, limit: int
) -> list[Compared]:
    """Past forecasts of a series whose time is over, oldest first, beside what happened.

    Args:
        engine: of the workspace.
        request: the question that they answered.
        like: a step of the same series.
        until: end of what has happened, UTC.
        limit: at most so many, the newest.
    """
    engine.beside(Kept).flush()
    found = engine.store.forecasts.read(like, until, limit)[::-1]
    if not found:
        return []
    pace = pace_of(parse_duration(request.horizon))
    first = min(each.at for each in found)
    answer = run(
        engine,
        QueryRequest(
            metric=request.metric,
            start=first,
            end=until,
            aggregation=request.aggregation,
            group_by=request.group_by,
            filters=request.filters,
            step=pace.words,
        ),
    )
    from datawatch_lab.engine.forecasting.asking import labels_text

    values = {
        at: value
        for each in answer.series
        if labels_text(each.labels) == like.labels
        for at, value in each.points
    }
    return [Compared(each, values.get(each.at)) for each in found]


def accuracy_of(pairs: Sequence[Compared]) -> Accuracy | None:
    """How they did together; None when nothing came yet."""
    known = [(each.told, each.actual) for each in pairs if each.actual is not None]
    if not known:
        return None
    said = np.array([[told.value, told.low, told.high] for told, _ in known])
    real = np.array([actual for _, actual in known])
    off = said[:, 0] - real
    slack = 1e-9 * np.maximum(np.abs(real), 1.0)
    inside = (real >= said[:, 1] - slack) & (real <= said[:, 2] + slack)
    return Accuracy(len(known), float(np.abs(off).mean()), float(off.mean()), float(inside.mean()))

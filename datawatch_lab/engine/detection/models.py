"""River's models of the series that are looked at more closely, within a budget.

They decide nothing: their verdict is named with an anomaly that the bank finds. So a step that is
left out, because the budget is spent, changes no anomaly, and is only counted.

A model that is new is made of the last buckets. Models are stored now and then, sealed for this
release and River's; one whose seal does not match, or that is too old, is made anew. One that fails
is dropped, alone: what is written in Rust fails with errors that are no `Exception`.
"""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.metadata import version
from math import isnan
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.seal import Seal, seal_of
from datawatch_lab.engine.detection.slots import Key, Slot
from datawatch_lab.engine.detection.values import values
from datawatch_lab.engine.detection.words import moment
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.anomaly.opinions import Opinions
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

BUDGET = 0.05
"""Of a core, on average."""

BURST_SECONDS = 0.5
"""Of CPU time that may be spent at once after a time in which little was."""

ROWS = 600
"""Buckets that a new model is made of."""

TOO_OLD = 60
"""Buckets that may be missing between a stored model and the present."""

_TRIES = 2  # of making a model; what fails on the same buckets again would for ever
_PROTOCOL = 5
_CODEC = "lz4"


class Budget:
    """CPU time that may be spent: a share of the time that passes.

    Args:
        share: of a core.
        burst: CPU seconds that may be saved up.
        clock: seconds that pass.
        spent: CPU seconds of this thread.
    """

    def __init__(
        self,
        share: float = BUDGET,
        burst: float = BURST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        self.share = share
        self.burst = burst
        self._clock, self._spent = clock, spent
        self._left, self._at, self._begun = burst, clock(), 0.0

    def begin(self) -> None:
        """Spending begins."""
        now = self._clock()
        self._left = min(self._left + self.share * (now - self._at), self.burst)
        self._at, self._begun = now, self._spent()

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left, what was spent since `begin` counted."""
        return self._spent() - self._begun >= self._left

    def end(self) -> None:
        """Spending is over."""
        self._left -= self._spent() - self._begun

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Spend within a block; what it spent is spent, however it ends."""
        self.begin()
        try:
            yield
        finally:
            self.end()


@dataclass
class Model:
    """What is known of one series.

    Attributes:
        step: seconds of its buckets.
        last: start of the last bucket that it was given, epoch seconds.
        said: names of the models that found it strange.
    """

    opinions: Opinions
    step: int
    last: int
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelCounts:
    """How much River's models do.

    Attributes:
        wanted: series that they should look at.
        ready: those that they look at.
        steps: buckets that they were given since the engine was opened.
        skipped: buckets that they were not given, since the budget was spent.
        share: of a core that they may take.
        failed: series whose model failed since the engine was opened; the log has the reasons.
    """

    wanted: int = 0
    ready: int = 0
    steps: int = 0
    skipped: int = 0
    share: float = BUDGET
    failed: int = 0


@dataclass
class _Kept:
    """Models by series, and what there is of them in the store."""

    models: dict[Key, Model] = field(default_factory=dict)
    stored: dict[str, bytes] | None = None


class Models:
    """River's models of some series; the thread of detection uses it.

    Args:
        engine: of the workspace.
        budget: that they may spend.
    """

    def __init__(self, engine: Engine, budget: Budget | None = None) -> None:
        self._engine = engine
        self._budget = budget or Budget()
        self._wanted: dict[Key, Slot] = {}
        self._steps: dict[Key, int] = {}
        self._kept = _Kept()
        self._seal: Seal | None = None
        self._given = self._skipped = 0
        self._faults: dict[Key, int] = {}

    @property
    def counts(self) -> ModelCounts:
        """What they do. Waits for nothing."""
        ready = len(self._kept.models)
        return ModelCounts(
            wanted=len(self._wanted),
            ready=ready,
            steps=self._given,
            skipped=self._skipped,
            share=self._budget.share,
            failed=len(self._faults),
        )

    def look_at(self, slots: Sequence[Slot], steps: Sequence[int]) -> None:
        """Look at these series from now on, those that matter most first, and at no others.

        Args:
            slots: the series.
            steps: seconds of the buckets of each.
        """
        self._wanted = {each.key: each for each in slots}
        self._steps = {each.key: step for each, step in zip(slots, steps, strict=True)}
        known = self._kept.models
        self._kept.models = {
            key: known[key]
            for key in self._wanted
            if key in known and known[key].step == self._steps[key]
        }

    def rows(self, slots: Sequence[Slot]) -> list[tuple[Key, int]]:
        """Which of some series have a model, and where they stand among them."""
        if not self._kept.models:
            return []
        places = {slot.key: row for row, slot in enumerate(slots)}
        return [(key, places[key]) for key in self._kept.models if key in places]

    def step(self, rows: Sequence[tuple[Key, int]], x: np.ndarray, start: int) -> None:
        """Give the models a bucket of some series, as far as the budget goes.

        Args:
            rows: of the series, see `rows`.
            x: values; NaN for none.
            start: of the bucket, epoch seconds.
        """
        if not rows:
            return
        at = datetime.fromtimestamp(start, UTC)
        with self._budget.spending():
            for key, row in rows:
                model = self._kept.models.get(key)
                if model is None:  # it failed at a bucket before
                    continue
                model.said = ()
                if self._budget.is_spent:
                    self._skipped += 1
                elif start > model.last and self._stepped(key, model, float(x[row]), at):
                    model.last = start
                    self._given += 1

    def _stepped(self, key: Key, model: Model, value: float, at: datetime) -> bool:
        """Give a model a value; one that fails is dropped, and made anew once."""
        try:
            model.said = model.opinions.step(value, at)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 — a panic of Rust is no Exception
            self._faults[key] = self._faults.get(key, 0) + 1
            self._kept.models.pop(key, None)
            log.warning("a model of %s failed and is dropped: %r", key[0], error)
            return False
        return True

    def said(self, key: Key, start: int) -> tuple[str, ...]:
        """Names of the models that found a bucket strange; () for none, or not looked at."""
        model = self._kept.models.get(key)
        return model.said if model is not None and model.last == start else ()

    def make(self, ends: dict[int, datetime]) -> None:
        """Make models that are wanted and not there yet, as far as the budget goes.

        Args:
            ends: up to where each table was looked at, by its id.
        """
        lacking = [
            slot
            for slot in self._wanted.values()
            if slot.table_id in ends and self._lacks(slot.key, ends[slot.table_id])
        ]
        if not lacking:
            return
        from datawatch_lab.anomaly.opinions import Opinions  # loads much of River

        with self._budget.spending():
            for slot in lacking:
                if self._budget.is_spent:
                    break
                step = self._steps[slot.key]
                end = floor_to(ends[slot.table_id], timedelta(seconds=step))
                model = self._restored(slot.key, step, end) or Model(Opinions(), step, 0)
                if self._give(model, slot, end):
                    self._kept.models[slot.key] = model

    def _lacks(self, key: Key, end: datetime) -> bool:
        """Whether there is no model, or one of a time to come, from before a clock was set back.

        One that failed again and again is not lacking.
        """
        if self._faults.get(key, 0) >= _TRIES:
            return False
        model = self._kept.models.get(key)
        return model is None or model.last >= (end - EPOCH).total_seconds()

    def verdict(self, key: Key) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the models that are heard of a series, and of those that found it strange last.

        None of a series that they do not look at. Waits for nothing.
        """
        model = self._kept.models.get(key)
        return ((), ()) if model is None else (model.opinions.ready, model.said)

    def _give(self, model: Model, slot: Slot, end: datetime) -> bool:
        """Let a model learn what it has not seen of the last buckets; False when it failed."""
        width = timedelta(seconds=model.step)
        start = max(end - ROWS * width, moment(model.last) + width)
        if start >= end:
            return True
        x = values(self._engine, [slot], start, end, width)[0]
        for number, value in enumerate(x.tolist()):
            at = start + number * width
            if not isnan(value) and not self._stepped(slot.key, model, value, at):
                return False
        model.said = ()
        model.last = int((end - width - EPOCH).total_seconds())
        return True

    # ------------------------------------------------------------------ stored

    def store(self) -> None:
        """Store all models, sealed."""
        if not self._kept.models:
            return
        seal = self._of_owner()
        if seal is None:
            return
        states = {}
        for key, model in self._kept.models.items():
            name = _name(key)
            plain = pickle.dumps(model, protocol=_PROTOCOL)
            packed = len(plain).to_bytes(8, "big") + pa.compress(plain, _CODEC, asbytes=True)
            states[name] = seal.sealed(packed, self._about(name))
        self._engine.store.anomalies.keep_models(states)

    def _restored(self, key: Key, step: int, end: datetime) -> Model | None:
        """A model as it was stored; None where there is none that can be trusted and is new."""
        if self._kept.stored is None:
            self._kept.stored = self._engine.store.anomalies.models()
        name = _name(key)
        sealed = self._kept.stored.pop(name, None)
        seal = self._of_owner() if sealed is not None else None
        packed = seal.opened(sealed, self._about(name)) if seal and sealed is not None else None
        if packed is None:
            return None
        size = int.from_bytes(packed[:8], "big")
        plain = pa.decompress(packed[8:], decompressed_size=size, codec=_CODEC, asbytes=True)
        try:
            model = pickle.loads(plain)  # noqa: S301 — its seal says that this owner wrote it
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 — a panic of Rust is no Exception
            log.warning("a model of %s cannot be read, and is made anew: %r", key[0], error)
            return None
        gap = (end - EPOCH).total_seconds() - model.last
        fits = isinstance(model, Model) and model.step == step
        return model if fits and 0 < gap <= TOO_OLD * step else None

    @cached_property
    def _releases(self) -> str:
        """Ours and River's: a state of others may load, and then fail or mean something else."""
        return f"{self._engine.release}\x1f{version('river')}"

    def _about(self, name: str) -> bytes:
        """What the seal of a model is of."""
        return f"{name}\x1f{self._releases}".encode()

    def _of_owner(self) -> Seal | None:
        """The seal of the workspace; None where its key cannot be kept."""
        if self._seal is None:
            try:
                self._seal = seal_of(self._engine.path)
            except (OSError, DataWatchError) as error:
                log.warning("models are not stored, the key of their seal cannot be: %s", error)
        return self._seal


def _name(key: Key) -> str:
    metric, labels = key
    return "\x1f".join([metric, *(f"{name}={value}" for name, value in labels)])

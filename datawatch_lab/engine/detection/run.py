"""Detectors of all watched series: trained, stepped as buckets close, their episodes kept.

Everything is a function of the closes and of what buckets said when they closed, so the same closes
make the same anomalies, however they are cut into runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.anomaly.arrivals import Arrivals
from datawatch_lab.anomaly.bank import Bank
from datawatch_lab.anomaly.bank_joint import Joints
from datawatch_lab.anomaly.beneath import RowCounts
from datawatch_lab.anomaly.episodes import Rules
from datawatch_lab.anomaly.evidence import WEIGHTS
from datawatch_lab.anomaly.kinds import weights_of
from datawatch_lab.anomaly.levels import Levels
from datawatch_lab.core.anomalies import Anomaly, AnomalySettings, DetectorSetting
from datawatch_lab.core.errors import InputError
from datawatch_lab.engine.detection.models import Models
from datawatch_lab.engine.detection.revising import take_back
from datawatch_lab.engine.detection.rules import Thresholds, gap_of, goes_on_at
from datawatch_lab.engine.detection.slots import Key, Slot, Slots
from datawatch_lab.engine.detection.state import (
    FORM,
    Going,
    Saved,
    Watched,
    arrays_in,
    arrays_out,
)
from datawatch_lab.engine.detection.stepping import Run
from datawatch_lab.engine.detection.training import Training, enrolments
from datawatch_lab.engine.detection.values import grid
from datawatch_lab.engine.detection.wall import Wall
from datawatch_lab.engine.detection.work import Closed, Learning, Moments
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_CELLS = 4_000_000
_KEPT = timedelta(days=2)


class Detectors:
    """State of detection; one thread uses it.

    Args:
        engine: of the workspace.
        settings: how anomalies are looked for.
        check: called now and then; raises `Stopped` to end.
        models: River's, that give their verdict; new ones when None.

    Attributes:
        watched: series by place in the bank.
        chosen: settings of series that somebody chose.
        changed: anomalies that are new or changed since they were last taken, by id.
        going: open episodes by place.
        recent: episodes that are over, by id of their anomaly.
        corrected: data version up to which late changes were looked at.
        wall: seconds of the workspace's wall clock, that profiles go by.
        learning: how far the training of new series is; None while there is none.
        ends: up to where the minutes of each table were looked at, by its id.
        open: by place, whether an episode is.
        held: by place, strange buckets in a row.
    """

    def __init__(
        self,
        engine: Engine,
        settings: AnomalySettings,
        check: Callable[[], None],
        models: Models | None = None,
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.slots = Slots(engine)
        self.thresholds = Thresholds(settings.sensitivity)
        self.bank = Bank(0, weights_of(settings.algorithms, WEIGHTS))
        self.levels = Levels()
        self.arrivals = Arrivals()
        self.row_counts = RowCounts()
        self.watched: list[Watched] = []
        self.places: dict[Key, int] = {}
        self.chosen: dict[Key, DetectorSetting] = {}
        self.changed: dict[str, Anomaly] = {}
        self.going: dict[int, Going] = {}
        self.recent: dict[str, Going] = {}
        self.corrected = 0
        self.wall = Wall(engine.settings.timezone)
        self.ends: dict[int, datetime] = {}
        self.models = models or Models(engine)
        self.check = check
        self.learning: Learning | None = None
        self.open = np.zeros(0, dtype=bool)
        self.held = np.zeros(0, dtype=np.int64)

    # ------------------------------------------------------------------ state

    def saved(self) -> Saved:
        """Everything, to be stored."""
        for place, each in enumerate(self.watched):
            each.held = int(self.held[place])
        return Saved(
            form=FORM,
            revised=self.corrected,
            zone=self.wall.zone,
            watched=self.watched,
            recent=[*self.going.values(), *self.recent.values()],
            open=len(self.going),
            arrays=arrays_out(self.bank.to_arrays()),
            levels=arrays_out(self.levels.of),
            arrivals=arrays_out(self.arrivals.of),
            row_counts=arrays_out(self.row_counts.of),
            joints=arrays_out(self.bank.joints.of),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from there.

        Raises:
            InputError: it was stored by another release, or its profiles go by another clock.
        """
        if saved.zone != self.wall.zone:
            raise InputError(
                f"profiles go by the clock of {saved.zone}, the workspace by {self.wall.zone}."
            )
        self.bank = Bank.from_arrays(arrays_in(saved.arrays), self.bank.weights.tolist())
        if saved.joints:
            self.bank.joints = Joints.from_arrays(arrays_in(saved.joints))
        self.levels = Levels.from_arrays(arrays_in(saved.levels))
        self.arrivals = Arrivals.from_arrays(arrays_in(saved.arrivals))
        if saved.row_counts:
            self.row_counts = RowCounts.from_arrays(arrays_in(saved.row_counts))
        self.row_counts.grow(len(saved.watched))
        self.watched = saved.watched
        self.places = {(each.metric, each.labels): n for n, each in enumerate(self.watched)}
        self.corrected = saved.revised
        self.going = {each.place: each for each in saved.recent[: saved.open]}
        self.recent = {each.anomaly.id: each for each in saved.recent[saved.open :]}
        self.held = np.array([each.held for each in self.watched], dtype=np.int64)
        self.open = np.zeros(len(self.watched), dtype=bool)
        self.open[list(self.going)] = True

    def take(self) -> list[Anomaly]:
        """Anomalies that changed since the last time."""
        found = list(self.changed.values())
        self.changed = {}
        return found

    # ------------------------------------------------------------------ closes

    def close(self, closed: Sequence[Closed]) -> None:
        """Minutes of tables closed: score and learn them, watch what can be watched by now.

        Series of all tables are stepped together, minute by minute, as one bucket of many series
        costs hardly more than one of few.
        """
        for each in closed:
            take_back(self, each)
        slots = {each.table.id: self.slots.of(each.table) for each in closed}
        at = {each.table.id: each.at for each in closed}
        due: dict[Key, datetime] = {}
        for each in closed:
            fresh = [slot for slot in slots[each.table.id] if slot.key not in self.places]
            window = self.settings.baseline_window
            due |= enrolments(self.engine, fresh, each.start, each.end, window)
        edges = sorted({m for each in closed for m in (each.start, each.end)} | {*due.values()})
        for here, until in pairwise(edges):
            over = [each for each in closed if each.start <= here and until <= each.end]
            mine = [slot for each in over for slot in slots[each.table.id]]
            self._step_all([each for each in mine if each.key in self.places], here, until, at)
            self._enrol([each for each in mine if due.get(each.key) == until], until, at)
        self.ends |= {each.table.id: each.end for each in closed}
        self._forget(max((each.end for each in closed), default=EPOCH))

    def _step_all(
        self, slots: Sequence[Slot], start: datetime, end: datetime, at: Mapping[int, Moments]
    ) -> None:
        """Score and learn the buckets that end in (start, end]."""
        for width in (_MINUTE, _HOUR):
            step = int(width.total_seconds())
            mine = [each for each in slots if self.watched[self.places[each.key]].step == step]
            first, last = floor_to(start, width), floor_to(end, width)
            if mine and first < last:
                self._step(mine, (first, last), width, at)

    def _step(
        self,
        slots: Sequence[Slot],
        span: tuple[datetime, datetime],
        width: timedelta,
        at: Mapping[int, Moments],
        training: Training | None = None,
    ) -> None:
        """Score and learn some buckets of some slots, in slices that fit into memory."""
        slots = sorted(slots, key=lambda each: self.places[each.key])
        run = Run(self, slots, int(width.total_seconds()), at, past=training is not None)
        slice_ = max(_CELLS // max(sum(len(s.members) for s in slots), 1), 1) * width
        begins = training.begins(slots) if training else None
        here, end = span
        while here < end:
            until = min(here + slice_, end)
            found = grid(self.engine, slots, here, until, width)
            start = int((here - EPOCH).total_seconds())
            if begins is not None:
                starts = start + run.step * np.arange(found.x.shape[1])
                found.x[starts[None, :] < begins[:, None]] = np.nan
            run.go(found, start)
            here = until

    # ------------------------------------------------------------------ beginning

    def _enrol(self, slots: Sequence[Slot], moment: datetime, at: Mapping[int, Moments]) -> None:
        """Watch some series from a moment on, trained on what was before."""
        if not slots:
            return
        training = Training(self.engine, slots, moment, self.settings.baseline_window)
        by_width = training.by_width()
        spans = {
            width: (training.start(mine, width), floor_to(moment, width))
            for width, mine in by_width.items()
        }
        rows = sum(len(by_width[w]) * ((end - start) // w) for w, (start, end) in spans.items())
        self.learning = Learning(series=len(slots), rows=rows)
        for width, mine in by_width.items():
            self._place(mine, int(width.total_seconds()), training, moment)
            self._step(mine, spans[width], width, at, training)
            self.check()
        self.learning = None

    def _place(
        self, slots: Sequence[Slot], step: int, training: Training, moment: datetime
    ) -> None:
        """Give series places in the bank, one after another."""
        for each in slots:
            start = training.first.get(each.key, moment)
            self.places[each.key] = len(self.watched)
            self.watched.append(
                Watched(
                    metric=each.metric,
                    labels=each.labels,
                    step=step,
                    first=int((start - EPOCH).total_seconds()),
                )
            )
        before = len(self.bank)
        self._grow()
        for place in range(before, len(self.watched)):
            self._weigh(place)

    def _grow(self) -> None:
        count = len(self.watched)
        self.bank.grow(count)
        self.levels.grow(count)
        self.arrivals.grow(count)
        self.row_counts.grow(count)
        more = count - len(self.open)
        self.open = np.concatenate([self.open, np.zeros(more, dtype=bool)])
        self.held = np.concatenate([self.held, np.zeros(more, dtype=np.int64)])

    def _forget(self, now: datetime) -> None:
        """Episodes that nothing can change any more need not be kept at hand."""
        old = now - max(_KEPT, self.engine.settings.allowed_lateness)
        for id_, each in list(self.recent.items()):
            if each.anomaly.until < old:
                del self.recent[id_]

    # ------------------------------------------------------------------ rules

    def choose(self, chosen: Iterable[DetectorSetting]) -> None:
        """Look at series like this from now on, and at all others as the workspace says."""
        self.chosen = {each.key: each for each in chosen}
        for place in range(len(self.watched)):
            self._weigh(place)

    def setting(self, key: Key) -> DetectorSetting | None:
        """Of a series: its own, else that of its metric; None for that of the workspace."""
        return self.chosen.get(key) or self.chosen.get((key[0], ()))

    def algorithms(self, key: Key) -> tuple[str, ...]:
        """Those that have a say on a series."""
        mine = self.setting(key)
        return (
            self.settings.algorithms
            if mine is None
            else mine.algorithms or self.settings.algorithms
        )

    def _weigh(self, place: int) -> None:
        each = self.watched[place]
        wanted = weights_of(self.algorithms((each.metric, each.labels)), WEIGHTS)
        if self.bank.weights_at(place) != wanted:
            self.bank.weigh(place, wanted)

    def rules(self, place: int) -> Rules:
        """Of a series; one that somebody chose is heard like a whole metric."""
        mine = self.watched[place]
        key = (mine.metric, mine.labels)
        setting = self.setting(key)
        thresholds = self.thresholds if setting is None else Thresholds(setting.sensitivity)
        whole = not mine.labels or key in self.chosen
        opens = thresholds.opens(whole=whole) + mine.offset
        return Rules(
            opens=opens,
            goes_on=goes_on_at(opens),
            least=mine.floor,
            gap=gap_of(mine.step),
        )

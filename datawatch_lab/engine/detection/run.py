"""Detectors of all watched series: trained, stepped as buckets close, their episodes kept.

Everything is a function of the closes and of what buckets said when they closed, so the same closes
make the same anomalies, however they are cut into runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.arrivals import Arrivals
from datawatch_lab.anomaly.bank import Bank, Scores
from datawatch_lab.anomaly.combined import Combined, combine
from datawatch_lab.anomaly.episodes import Bucket, Episode, Rules, advance
from datawatch_lab.anomaly.evidence import WEIGHTS
from datawatch_lab.anomaly.kinds import weights_of
from datawatch_lab.anomaly.levels import HELD, Levels
from datawatch_lab.core.anomalies import Anomaly, AnomalySettings
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.detection.parts import error_rate_of, parts_of
from datawatch_lab.engine.detection.rules import (
    HELD_MOST,
    Thresholds,
    gap_of,
    goes_on_at,
)
from datawatch_lab.engine.detection.slots import Key, Slot, Slots
from datawatch_lab.engine.detection.state import (
    FORM,
    Going,
    Saved,
    Watched,
    arrays_in,
    arrays_out,
)
from datawatch_lab.engine.detection.training import Training, enrolments
from datawatch_lab.engine.detection.values import values
from datawatch_lab.engine.detection.words import anomaly_of
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

Floats = NDArray[np.float64]

Moments = Callable[[int], datetime]
"""End of a bucket, epoch seconds → when it closed, by the clock."""

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)
_CELLS = 4_000_000
_KEPT = timedelta(days=2)


class Stopped(Exception):  # noqa: N818 — no error: the workspace is being closed
    """Detection is to end now."""


class Detectors:
    """State of detection; one thread uses it.

    Args:
        engine: of the workspace.
        settings: how anomalies are looked for.
        check: called now and then; raises `Stopped` to end.

    Attributes:
        watched: series by place in the bank.
        changed: anomalies that are new or changed since they were last taken, by id.
        going: open episodes by place.
        recent: episodes that are over, by id of their anomaly.
        corrected: until when late changes were looked at.
        open: by place, whether an episode is.
        held: by place, strange buckets in a row.
    """

    def __init__(
        self, engine: Engine, settings: AnomalySettings, check: Callable[[], None]
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.slots = Slots(engine)
        self.thresholds = Thresholds(settings.sensitivity)
        self.bank = Bank(0, weights_of(settings.algorithms, WEIGHTS))
        self.levels = Levels()
        self.arrivals = Arrivals()
        self.watched: list[Watched] = []
        self.places: dict[Key, int] = {}
        self.changed: dict[str, Anomaly] = {}
        self.going: dict[int, Going] = {}
        self.recent: dict[str, Going] = {}
        self.corrected = EPOCH
        self.check = check
        self.open = np.zeros(0, dtype=bool)
        self.held = np.zeros(0, dtype=np.int64)

    # ------------------------------------------------------------------ state

    def saved(self) -> Saved:
        """Everything, to be stored."""
        for place, each in enumerate(self.watched):
            each.held = int(self.held[place])
        return Saved(
            form=FORM,
            corrected=self.corrected,
            watched=self.watched,
            recent=[*self.going.values(), *self.recent.values()],
            open=len(self.going),
            arrays=arrays_out(self.bank.to_arrays()),
            levels=arrays_out(self.levels.of),
            arrivals=arrays_out(self.arrivals.of),
        )

    def restore(self, saved: Saved) -> None:
        """Go on from there.

        Raises:
            InputError: it was stored by another release.
        """
        self.bank = Bank.from_arrays(arrays_in(saved.arrays), self.bank.weights.tolist())
        self.levels = Levels.from_arrays(arrays_in(saved.levels))
        self.arrivals = Arrivals.from_arrays(arrays_in(saved.arrivals))
        self.watched = saved.watched
        self.places = {(each.metric, each.labels): n for n, each in enumerate(self.watched)}
        self.corrected = saved.corrected
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

    def close(self, table: TableInfo, start: datetime, end: datetime, at: Moments) -> None:
        """Minutes of a table closed: score and learn them, watch what can be watched by now.

        Args:
            table: whose.
            start: of the first minute.
            end: of the last one.
            at: when each minute closed, by the clock.
        """
        slots = self.slots.of(table)
        fresh = [each for each in slots if each.key not in self.places]
        due = enrolments(self.engine, fresh, start, end, self.settings.baseline_window)
        here = start
        for moment in [*sorted({each for each in due.values() if each <= end}), end]:
            self._step_all([s for s in slots if s.key in self.places], here, moment, at)
            self._enrol([s for s in fresh if due.get(s.key) == moment], moment, at)
            here = max(here, moment)
        self._forget(end)

    def _step_all(self, slots: Sequence[Slot], start: datetime, end: datetime, at: Moments) -> None:
        """Score and learn the buckets that end in (start, end]."""
        for width in (_MINUTE, _HOUR):
            step = int(width.total_seconds())
            mine = [each for each in slots if self.watched[self.places[each.key]].step == step]
            first, last = floor_to(start, width), floor_to(end, width)
            if mine and first < last:
                self._step(mine, first, last, width, at)

    def _step(
        self,
        slots: Sequence[Slot],
        start: datetime,
        end: datetime,
        width: timedelta,
        at: Moments,
        *,
        past: bool = False,
        known: Floats | None = None,
    ) -> None:
        """Score and learn some buckets of some slots, in slices that fit into memory."""
        places = np.array([self.places[each.key] for each in slots], dtype=np.int64)
        run = _Run(self, slots, places, int(width.total_seconds()), at, past=past)
        slice_ = max(_CELLS // max(sum(len(s.members) for s in slots), 1), 1) * width
        here = start
        while here < end:
            until = min(here + slice_, end)
            if known is None:
                matrix = values(self.engine, slots, here, until, width)
            else:
                matrix = known[:, (here - start) // width : (until - start) // width]
            run.go(matrix, int((here - EPOCH).total_seconds()))
            here = until

    # ------------------------------------------------------------------ beginning

    def _enrol(self, slots: Sequence[Slot], moment: datetime, at: Moments) -> None:
        """Watch some series from a moment on, trained on what was before."""
        if not slots:
            return
        training = Training(self.engine, slots, moment, self.settings.baseline_window)
        for width, mine in training.by_width().items():
            step = int(width.total_seconds())
            for each in mine:
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
            self._grow()
            start, matrix = training.history(mine, width)
            self._step(mine, start, floor_to(moment, width), width, at, past=True, known=matrix)
            self.check()

    def _grow(self) -> None:
        count = len(self.watched)
        self.bank.grow(count)
        self.levels.grow(count)
        self.arrivals.grow(count)
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

    def rules(self, place: int) -> Rules:
        """Of a series."""
        mine = self.watched[place]
        opens = self.thresholds.opens(whole=not mine.labels) + mine.offset
        return Rules(
            opens=opens,
            goes_on=goes_on_at(opens),
            least=mine.floor,
            gap=gap_of(mine.step),
        )


class _Run:
    """Steps some slots bucket by bucket."""

    def __init__(
        self,
        owner: Detectors,
        slots: Sequence[Slot],
        places: NDArray[np.int64],
        step: int,
        at: Moments,
        *,
        past: bool,
    ) -> None:
        self.owner, self.slots, self.places, self.step = owner, slots, places, step
        self.at, self.past = at, past
        rules = [owner.rules(int(each)) for each in places]
        self.rules = rules
        self.opens = np.array([each.opens for each in rules])
        self.goes_on = np.array([each.goes_on for each in rules])
        self.counted = np.array([each.counted for each in slots], dtype=bool)
        self.least = np.array([each.least for each in slots])
        self.by_level = step == 60 and "seasonal" in owner.settings.algorithms
        self.most = HELD_MOST[step]

    def go(self, matrix: Floats, start: int) -> None:
        """Step buckets, shape (slots, buckets), the first of which begins at ``start``."""
        owner = self.owner
        for column in range(matrix.shape[1]):
            if column % 32 == 0:
                owner.check()
            x, bucket = matrix[:, column], start + column * self.step
            self._bucket_of_all(x, bucket)

    def _bucket_of_all(self, x: Floats, start: int) -> None:
        """Score one bucket of all slots, learn it, and let episodes follow."""
        owner, places = self.owner, self.places
        open_, held = owner.open[places], owner.held[places]
        times = np.full(len(x), float(start))
        shift = owner.levels.step(places, x, times, self.counted) if self.by_level else None
        strange = np.where(open_, self.goes_on, self.opens)
        hold = strange.copy()
        if shift is not None:
            hold[np.abs(shift.z) >= HELD] = 0.0  # NaN is not
        hold[held >= self.most] = np.inf
        scores = owner.bank.step(places, x, times, hold)
        alone = (scores.score, scores.expected, scores.sigma)
        found = combine(x, alone, shift, self.counted, self.least)
        found = self._with_silence(x, found)
        owner.held[places] = np.where(found.score >= strange, held + 1, 0)
        for row in np.flatnonzero((found.score >= self.opens) | open_).tolist():
            self._fold(row, start, x, scores, found)

    def _with_silence(self, x: Floats, found: Combined) -> Combined:
        """Zeros where some were expected count as well."""
        silence = self.owner.arrivals.step(self.places, x, found.expected)
        silence = np.where(self.counted, silence, 0.0)
        return found._replace(score=np.maximum(found.score, silence))

    def _fold(self, row: int, start: int, x: Floats, scores: Scores, found: Combined) -> None:
        owner, place = self.owner, int(self.places[row])
        going = owner.going.get(place)
        before = going.episode if going else None
        bucket = _bucket(row, start, x, scores, found)
        now, over = advance(before, bucket, self.rules[row])
        if over is not None and going is not None:
            self._end(place, over, going)
        elif now is not None:
            if going is not None and before is not None and now.count == before.count:
                anomaly = going.anomaly
            else:
                anomaly = self._anomaly(row, now, going, x, found.expected)
                owner.changed[anomaly.id] = anomaly
            owner.open[place] = True
            owner.going[place] = Going(place=place, episode=now, anomaly=anomaly)

    def _anomaly(
        self, row: int, episode: Episode, going: Going | None, x: Floats, expected: Floats
    ) -> Anomaly:
        slot = self.slots[row]
        same_peak = going is not None and going.episode.peak == episode.peak
        contributors = (
            going.anomaly.contributors
            if same_peak and going
            else parts_of(self.slots, row, x, expected)
        )
        made = anomaly_of(
            slot,
            episode,
            self.step,
            found=going.anomaly.detected_at if going else self.at(episode.last + self.step),
            error_rate=error_rate_of(self.slots, row, x),
            contributors=contributors,
            past=self.past,
        )
        return _same_id(made, going)

    def _end(self, place: int, episode: Episode, going: Going) -> None:
        owner = self.owner
        ended = msgspec.structs.replace(
            going.anomaly,
            ended_at=EPOCH + timedelta(seconds=episode.last + self.step),
            past=self.past or going.anomaly.past,
        )
        del owner.going[place]
        owner.open[place] = False
        owner.recent[ended.id] = Going(place=place, episode=episode, anomaly=ended)
        owner.changed[ended.id] = ended


def _same_id(made: Anomaly, going: Going | None) -> Anomaly:
    """An episode keeps its id, whatever late data does to its first bucket."""
    if going is None:
        return made
    return msgspec.structs.replace(
        made, id=going.anomaly.id, revised=going.anomaly.revised, past=going.anomaly.past
    )


def _bucket(row: int, start: int, x: Floats, scores: Scores, found: Combined) -> Bucket:
    return Bucket(
        start=start,
        value=float(x[row]),
        expected=float(found.expected[row]),
        sigma=float(found.sigma[row]),
        score=float(found.score[row]),
        shift=float(found.shift[row]),
        off=float(np.nan_to_num(scores.off[row])),
        parts=tuple(np.nan_to_num(scores.parts[row]).tolist()),
    )

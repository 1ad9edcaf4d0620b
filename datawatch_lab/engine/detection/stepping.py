"""Some watched series stepped bucket by bucket, all at once; episodes follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.arrivals import with_silence
from datawatch_lab.anomaly.bank import Scores
from datawatch_lab.anomaly.beneath import Beneath, Footing
from datawatch_lab.anomaly.combined import Combined, combine
from datawatch_lab.anomaly.episodes import Bucket, Episode, advance
from datawatch_lab.anomaly.kinds import RIVER
from datawatch_lab.anomaly.levels import HELD, Shift
from datawatch_lab.core.anomalies import Anomaly
from datawatch_lab.engine.detection.ending import end
from datawatch_lab.engine.detection.parts import error_rate_of, parts_of
from datawatch_lab.engine.detection.rules import HELD_MOST
from datawatch_lab.engine.detection.slots import Slot
from datawatch_lab.engine.detection.state import Going
from datawatch_lab.engine.detection.values import Grid
from datawatch_lab.engine.detection.words import anomaly_of, grown
from datawatch_lab.engine.detection.work import Moments

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.run import Detectors

Floats = NDArray[np.float64]


class Run:
    """Steps some slots bucket by bucket; slots are in the order of their places in the bank."""

    def __init__(
        self,
        owner: Detectors,
        slots: Sequence[Slot],
        step: int,
        at: Mapping[int, Moments],
        *,
        past: bool,
    ) -> None:
        self.owner, self.slots, self.step = owner, slots, step
        self.at, self.past = at, past
        self.places = np.array([owner.places[each.key] for each in slots], dtype=np.int64)
        first, last = self.places[0], self.places[-1]
        follow = last - first == len(slots) - 1
        self.which = slice(int(first), int(last) + 1) if follow else self.places
        rules = [owner.rules(int(each)) for each in self.places]
        self.rules = rules
        self.opens = np.array([each.opens for each in rules])
        self.goes_on = np.array([each.goes_on for each in rules])
        self.counted = np.array([each.counted for each in slots], dtype=bool)
        self.least = np.array([each.least for each in slots])
        self.averages = np.flatnonzero([each.is_average for each in slots])
        by_level = [step == 60 and "seasonal" in owner.algorithms(each.key) for each in slots]
        self.levelled = np.array(by_level, dtype=bool)
        self.most = HELD_MOST[step]
        self.modelled = [] if past else owner.models.rows(slots)
        self.of_table: dict[int, list[int]] = {}
        for row, each in enumerate(slots):
            self.of_table.setdefault(each.table_id, []).append(row)

    def go(self, grid: Grid, start: int) -> None:
        """Step buckets, the first of which begins at ``start``."""
        owner, count = self.owner, len(self.slots)
        columns = np.ascontiguousarray(grid.x.T)
        starts = start + self.step * np.arange(len(columns), dtype=np.int64)
        wall = owner.wall.seconds(starts).tolist()
        for column, x in enumerate(columns):
            if column % 32 == 0:
                owner.check()
            beneath = grid.beneath.bucket(column)
            self._bucket_of_all(x, beneath, start + column * self.step, wall[column])
            if owner.learning is not None:
                owner.learning.done += count

    def _bucket_of_all(self, x: Floats, beneath: Beneath, start: int, wall: float) -> None:
        """Score one bucket of all slots, learn it, and let episodes follow.

        Args:
            x: values.
            beneath: what the averages are made of.
            start: of the bucket, epoch seconds.
            wall: the same by the workspace's clock, which profiles go by.
        """
        owner, which = self.owner, self.which
        open_, held = owner.open[which], owner.held[which]
        times = np.full(len(x), wall)
        silence = owner.arrivals.note(which, x)
        silent = silence.strange & self.counted
        footing = self._footing(x, beneath)
        shift = self._shift(x, wall, silent, footing)
        strange = np.where(open_, self.goes_on, self.opens)
        hold = strange.copy()
        if shift is not None:
            hold[np.abs(shift.z) >= HELD] = 0.0  # NaN is not
            hold[silent & np.isnan(shift.z)] = 0.0
        hold[held >= self.most] = np.inf
        scores = owner.bank.step(self.places, x, times, hold)
        alone = (scores.score, scores.expected, scores.sigma)
        fresh = None if shift is None else self.levelled & np.isnan(shift.z)
        both = self._combined(x, alone, shift, footing)
        found = with_silence(both, silence, self.counted, fresh)
        owner.models.step(self.modelled, x, start)
        owner.held[which] = np.where(found.score >= strange, held + 1, 0)
        for row in np.flatnonzero((found.score >= self.opens) | open_).tolist():
            self._fold(row, start, x, scores, found)

    def _footing(self, x: Floats, beneath: Beneath) -> Footing | None:
        """How far values can be trusted; None where there is no average among them."""
        averages = self.averages
        if not len(averages):
            return None
        found = self.owner.row_counts.note(self.places[averages], x[averages], beneath)
        return found.among(x, averages)

    def _shift(
        self, x: Floats, wall: float, silent: NDArray[np.bool_], footing: Footing | None
    ) -> Shift | None:
        """Shifts of level; unknown for series that hourly baselines have no say on."""
        if not self.levelled.any():
            return None
        weight = 1.0 if footing is None else footing.weight
        found = self.owner.levels.step_all(self.which, x, wall, self.counted, silent, weight)
        if self.levelled.all():
            return found
        return found._replace(z=np.where(self.levelled, found.z, np.nan))

    def _combined(
        self,
        x: Floats,
        alone: tuple[Floats, Floats, Floats],
        shift: Shift | None,
        footing: Footing | None,
    ) -> Combined:
        found = combine(x, alone, shift, self.counted, self.least, footing)
        if shift is None or self.levelled.all():
            return found
        plain = combine(x, alone, None, self.counted, self.least, footing)
        return Combined(*(np.where(self.levelled, a, b) for a, b in zip(found, plain, strict=True)))

    def _fold(self, row: int, start: int, x: Floats, scores: Scores, found: Combined) -> None:
        owner, place = self.owner, int(self.places[row])
        going = owner.going.get(place)
        before = going.episode if going else None
        bucket = _bucket(row, start, x, scores, found)
        now, over = advance(before, bucket, self.rules[row])
        if over is not None and going is not None:
            end(owner, going, over, past=self.past)
        elif now is not None:
            if going is not None and before is not None and now.count == before.count:
                anomaly = going.anomaly
            else:
                said = owner.models.said(self.slots[row].key, start)
                anomaly = self._anomaly(row, now, going, x, found.expected)
                anomaly = _with_verdicts(anomaly, going, said)
                owner.changed[anomaly.id] = anomaly
            owner.open[place] = True
            owner.going[place] = Going(place=place, episode=now, anomaly=anomaly)

    def _anomaly(
        self, row: int, episode: Episode, going: Going | None, x: Floats, expected: Floats
    ) -> Anomaly:
        slot = self.slots[row]
        if going is not None and going.episode.peak == episode.peak:
            return grown(slot, going.anomaly, episode)
        rows = self.of_table[slot.table_id]
        beside, place = [self.slots[each] for each in rows], rows.index(row)
        made = anomaly_of(
            slot,
            episode,
            self.step,
            found=going.anomaly.detected_at
            if going
            else self.at[slot.table_id](episode.last + self.step),
            error_rate=error_rate_of(beside, place, x[rows]),
            contributors=parts_of(beside, place, x[rows], expected[rows]),
            past=self.past,
        )
        return _same_id(made, going)


def _with_verdicts(made: Anomaly, going: Going | None, said: Sequence[str]) -> Anomaly:
    """River's models that found one of its buckets strange are named with those that decided."""
    before = going.anomaly.algorithms if going is not None else ()
    heard = [each for each in RIVER if each in said or each in before]
    return msgspec.structs.replace(made, algorithms=(*made.algorithms, *heard)) if heard else made


def _same_id(made: Anomaly, going: Going | None) -> Anomaly:
    """An episode keeps its id, whatever late data does to its first bucket."""
    if going is None:
        return made
    known = going.anomaly
    return msgspec.structs.replace(
        made, id=known.id, revised=known.revised, past=known.past, opened_at=known.opened_at
    )


def _bucket(row: int, start: int, x: Floats, scores: Scores, found: Combined) -> Bucket:
    return Bucket(
        start=start,
        value=float(x[row]),
        expected=float(found.expected[row]),
        sigma=float(found.sigma[row]),
        score=float(found.score[row]),
        shift=float(found.shift[row]),
        off=0.0 if isnan(off := float(scores.off[row])) else off,
        parts=tuple(0.0 if isnan(each) else each for each in scores.parts[row].tolist()),
    )

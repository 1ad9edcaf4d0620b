"""Trees of series that begin to be looked at more closely: taught by what was there before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from datawatch_lab.engine.detection.values import values
from datawatch_lab.metrics.spans import EPOCH, floor_to

if TYPE_CHECKING:
    from datawatch_lab.engine.detection.run import Detectors
    from datawatch_lab.engine.detection.slots import Slot

ROWS = 3_000
"""Of the past that trees are taught; they are heard after two thirds of them."""


def look_closer(detectors: Detectors, wanted: Sequence[Slot]) -> None:
    """Let trees look at these series where ``ml`` has a say, and at no others.

    Args:
        detectors: whose bank it is.
        wanted: watched series.
    """
    joints, places = detectors.bank.joints, detectors.places
    known = set(joints.series)
    mine = [
        each
        for each in wanted
        if "ml" in detectors.algorithms(each.key)
        and (places[each.key] in known or each.table_id in detectors.ends)
    ]
    numbers = [places[each.key] for each in mine]
    if sorted(numbers) == joints.series:
        return
    joints.keep(numbers)
    fresh = [each for each in mine if places[each.key] not in known]
    for step in (60, 3_600):
        for table_id in sorted({each.table_id for each in fresh}):
            of_table = [
                each
                for each in fresh
                if each.table_id == table_id and detectors.watched[places[each.key]].step == step
            ]
            if of_table:
                _teach(detectors, of_table, timedelta(seconds=step), detectors.ends)


def _teach(
    detectors: Detectors,
    slots: Sequence[Slot],
    width: timedelta,
    ends: Mapping[int, datetime],
) -> None:
    from datawatch_lab.anomaly.history import departures_history  # loads scipy.signal

    end = floor_to(ends[slots[0].table_id], width)
    start = end - ROWS * width
    x = values(detectors.engine, slots, start, end, width)
    seconds = int(width.total_seconds())
    starts = int((start - EPOCH).total_seconds()) + seconds * np.arange(ROWS, dtype=np.int64)
    times = detectors.wall.seconds(starts)
    found = np.stack([departures_history(row, times) for row in x])
    numbers = np.array([detectors.places[each.key] for each in slots], dtype=np.int64)
    joints = detectors.bank.joints
    for column in range(ROWS):
        rows = found[:, column]
        there = ~np.isnan(rows[:, 0])
        if there.any():
            joints.learn(joints.look(numbers[there], rows[there]))
        if column % 64 == 0:
            detectors.check()

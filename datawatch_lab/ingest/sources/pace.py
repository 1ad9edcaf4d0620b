"""Replay at the pace of the event times: when the parts of what was read are due."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np

from datawatch_lab.ingest.cutting import Cut
from datawatch_lab.ingest.sources.forms import Form, JsonForm

_STEP = 0.1
"""Seconds of replay that are handed over in one go."""


class Pace:
    """Holds events back until they are due; the first one is due at once.

    Args:
        speed: seconds of event time that pass in one second.
        clock: monotonic seconds.
        halt: ends every wait when it is set.
        form: how the input is written.
    """

    def __init__(
        self,
        speed: float,
        clock: Callable[[], float],
        halt: threading.Event,
        form: Form | None = None,
    ) -> None:
        self.form = form or JsonForm()
        self.speed = speed
        self.clock = clock
        self.halt = halt
        self._begun: tuple[float, float] | None = None
        self._latest = -np.inf

    def parts(self, cut: Cut, source: str) -> Iterator[slice]:
        """Slices of the items, each given when it is due.

        Time goes forward only: an item without a time, or with an earlier one, is due with the item
        before it.
        """
        if not len(cut):
            return
        due = np.maximum.accumulate(np.maximum(_seconds(cut, source, self.form), self._latest))
        self._latest = float(due[-1])
        steps = np.floor(np.where(np.isfinite(due), due, 0.0) / (self.speed * _STEP))
        bounds = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(cut.items)]
        for start, stop in pairwise(bounds):
            self._wait_for(float(due[start]))
            yield slice(start, stop)

    def _wait_for(self, moment: float) -> None:
        if not np.isfinite(moment):
            return
        if self._begun is None:
            self._begun = moment, self.clock()
        first, begun = self._begun
        while not self.halt.is_set():
            left = begun + (moment - first) / self.speed - self.clock()
            if left <= 0:
                return
            self.halt.wait(min(left, 3_600.0))


def _seconds(cut: Cut, source: str, form: Form) -> np.ndarray:
    """Event time of each item, the latest of its events; -inf where there is none."""
    events = form.decode(cut, source).events
    timed = events.filter(events["ts"].is_valid())
    micros = timed["ts"].cast("int64").to_numpy()
    item = np.searchsorted(np.asarray(cut.offsets), timed["offset"].to_numpy(), side="right") - 1
    seconds = np.full(len(cut.items), -np.inf)
    np.maximum.at(seconds, item, micros / 1e6)
    return seconds

"""Events of a batch split by a label: sorted and cut into runs once for all measures of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from datawatch_lab.metrics.images import Codes, Events, Ints
from datawatch_lab.metrics.reduction import Runs, runs_of

_RADIX_BELOW = 2**15  # int16 sorts by radix


@dataclass(frozen=True)
class Split:
    """Events of one set, by the values of a label.

    Attributes:
        name: of the label field; '' for events that are not split.
        values: label values by code.
        event: the events, in order of time.
        codes: of each.
        order: the events in order of (code, time).
        used: the codes that occur, ascending.
        runs: of the ordered events; their ``series`` holds codes.
    """

    name: str
    values: list[str]
    event: Ints
    codes: Codes
    order: Ints
    used: Ints
    runs: Runs

    def in_order_of_seq(self, events: Events) -> Ints:
        """The codes that occur, in order of the first sequence number that they occur at."""
        first = np.full(len(self.values), np.iinfo(np.int64).max)
        np.minimum.at(first, self.codes, events.seq[self.event])
        return self.used[np.argsort(first[self.used], kind="stable")]


def split_of(events: Events, name: str, event: Ints) -> Split:
    """Split events by a label field; at least one event.

    Args:
        events: of a batch.
        name: of the field; '' for no split.
        event: positions, ascending.
    """
    if not name:
        codes, first = np.zeros(len(event), dtype=np.int32), np.zeros(1, dtype=np.int64)
        return Split("", [""], event, codes, event, first, runs_of(events, event, codes))
    values, of_events = events.labels(name).of_events()
    codes = of_events[event]
    narrow = codes.astype(np.int16) if len(values) < _RADIX_BELOW else codes
    order = np.argsort(narrow, kind="stable")
    used = np.flatnonzero(np.bincount(codes, minlength=len(values)))
    runs = runs_of(events, event[order], codes[order])
    return Split(name, values, event, codes, order, used, runs)

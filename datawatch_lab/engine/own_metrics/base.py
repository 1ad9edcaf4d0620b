"""What the metrics of our own share: buckets on whole minutes, labels, filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from datawatch_lab.core.errors import InputError, not_found
from datawatch_lab.core.values import MetricDef
from datawatch_lab.engine.windows import Window
from datawatch_lab.metrics.spans import ceil_to, floor_to

Labels = tuple[tuple[str, str], ...]
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Values:
    """Values over a window: edges of its buckets, and a row of values by labels."""

    edges: tuple[datetime, ...]
    rows: Mapping[Labels, np.ndarray]


class Slicing:
    """The labels of a metric that are asked for, and the values of them that are.

    Args:
        metric: whose labels they are.
        group_by: labels of the answer.
        filters: (label, value) pairs; several of one label are alternatives.

    Raises:
        NotFoundError: a label does not exist.
    """

    def __init__(
        self, metric: MetricDef, group_by: Sequence[str], filters: Iterable[tuple[str, str]]
    ) -> None:
        self.group_by = tuple(group_by)
        self._wanted: dict[str, set[str]] = {}
        for name, value in filters:
            self._wanted.setdefault(name, set()).add(value)
        for name in (*self.group_by, *self._wanted):
            if name not in metric.labels:
                raise not_found("label", name, metric.labels, where=metric.name)

    def labels(self, has: Mapping[str, str]) -> Labels | None:
        """The labels of something in the answer; None where the filters leave it out."""
        if any(has[name] not in allowed for name, allowed in self._wanted.items()):
            return None
        return tuple((name, has[name]) for name in self.group_by)


class Counts:
    """How many there were in each bucket, by labels; zero where there were none.

    Args:
        edges: of the buckets.
        slicing: what is asked.
    """

    def __init__(self, edges: tuple[datetime, ...], slicing: Slicing) -> None:
        self.edges, self._slicing = edges, slicing
        self._starts = np.array([each.timestamp() for each in edges])
        self._rows: dict[Labels, np.ndarray] = {} if slicing.group_by else {(): self._row()}

    def add(self, has: Mapping[str, str], start: datetime, end: datetime | None) -> None:
        """Count one in each bucket that [start, end] touches; without an end in all that follow."""
        labels = self._slicing.labels(has)
        if labels is None:
            return
        first = max(int(np.searchsorted(self._starts, start.timestamp(), side="right")) - 1, 0)
        last = len(self._starts) - 1
        if end is not None:
            last = int(np.searchsorted(self._starts, end.timestamp(), side="left"))
        self._rows.setdefault(labels, self._row())[first:last] += 1

    def add_once(self, has: Mapping[str, str], moment: datetime) -> None:
        """Count one in the bucket of a moment; nothing outside of the window."""
        labels = self._slicing.labels(has)
        place = int(np.searchsorted(self._starts, moment.timestamp(), side="right")) - 1
        if labels is not None and 0 <= place < len(self._starts) - 1:
            self._rows.setdefault(labels, self._row())[place] += 1

    def values(self) -> Values:
        """All that was counted."""
        return Values(self.edges, self._rows)

    def _row(self) -> np.ndarray:
        return np.zeros(len(self.edges) - 1)


def edges_of(metric: MetricDef, window: Window) -> tuple[datetime, ...]:
    """Edges of the buckets of a window, on whole minutes.

    Raises:
        InputError: the step is shorter than a minute.
    """
    if window.edges:
        return tuple(window.edges)
    if window.step is None:
        return floor_to(window.start, _MINUTE), ceil_to(window.end, _MINUTE)
    if window.step < _MINUTE:
        raise InputError(
            f"{metric.name} is kept by minute; the step is {window.step}.",
            hint="Take a step of a minute or more.",
        )
    start = floor_to(window.start, window.step, window.origin)
    end = ceil_to(window.end, window.step, window.origin)
    return tuple(start + window.step * n for n in range((end - start) // window.step + 1))

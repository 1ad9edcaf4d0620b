"""Windows of time on a grid, and what is looked at in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.errors import InputError
from datawatch_lab.metrics.spans import EPOCH

Labels = tuple[tuple[str, str], ...]
Row = NDArray[np.float64]

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_GRAINS = ((_HOUR, _MINUTE), (6 * _HOUR, 5 * _MINUTE), (_DAY, 15 * _MINUTE))


MOST_VALUES = 20_000_000
"""Series times windows that are worked out at once."""


def grain_of(over: timedelta) -> timedelta:
    """What the end of a window of that width is rounded down to.

    >>> grain_of(timedelta(minutes=5)), grain_of(timedelta(days=1))
    (datetime.timedelta(seconds=60), datetime.timedelta(seconds=900))
    """
    return next((grain for most, grain in _GRAINS if over <= most), _HOUR)


def floor(moment: datetime, grain: timedelta) -> datetime:
    """A moment rounded down to whole grains."""
    return moment - (moment - EPOCH) % grain


@dataclass(frozen=True)
class Ask:
    """What is looked at, whatever the time: hashable, so that rules share it."""

    metric: str
    aggregation: str = ""
    filters: Labels = ()
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Windows of one width, at equal distances: ``count`` of them, the first ending at ``first``.

    Attributes:
        stride: between the ends of neighbours; ``over``, or the grain of it.
    """

    over: timedelta
    first: datetime
    count: int
    stride: timedelta

    @property
    def start(self) -> datetime:
        """Where the first window begins."""
        return self.first - self.over

    @property
    def end(self) -> datetime:
        """Where the last window ends."""
        return self.first + (self.count - 1) * self.stride

    @property
    def ends(self) -> Row:
        """Ends of the windows in epoch seconds."""
        begin = (self.first - EPOCH).total_seconds()
        places = np.arange(self.count, dtype=np.float64)
        return np.asarray(begin + places * self.stride.total_seconds())


def check_size(series: int, grid: Grid) -> None:
    """Refuse what would not fit into memory.

    Raises:
        InputError: there are too many values; says what makes them fewer.
    """
    if series * grid.count > MOST_VALUES:
        raise InputError(
            f"{series:,} series over {grid.count:,} windows are too many to be worked out at once.",
            hint="Take a shorter range, filter the rule, or group it by fewer labels.",
        )

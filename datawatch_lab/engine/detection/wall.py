"""Seconds of a workspace's wall clock: what daily and weekly profiles go by.

Eight in the morning is the same hour in summer and in winter. When clocks are put back an hour
comes twice, when they are put on one is left out; nothing else goes by these seconds.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_UTC = ("UTC", "Etc/UTC")


class Wall:
    """The wall clock of a time zone.

    Args:
        zone: its IANA name.

    Attributes:
        zone: its IANA name.

    >>> Wall("Europe/Berlin").seconds(np.array([0, 15_552_000])).tolist()
    [3600.0, 15555600.0]
    """

    def __init__(self, zone: str) -> None:
        self.zone = zone

    def seconds(self, moments: NDArray[np.int64]) -> NDArray[np.float64]:
        """UTC seconds since 1970 plus the zone's offset at each moment; as many as moments."""
        if self.zone in _UTC:
            return moments.astype(np.float64)
        at = pl.from_epoch(pl.Series(moments, dtype=pl.Int64), "s").dt.replace_time_zone("UTC")
        wall = at.dt.convert_time_zone(self.zone).dt.replace_time_zone(None)
        return wall.dt.epoch("s").cast(pl.Float64).to_numpy()

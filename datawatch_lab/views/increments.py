"""What has changed in a series since it was last sent: points to correct, points to add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Columns = Mapping[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class Increment:
    """The way from what a browser has to what it should have.

    Attributes:
        patches: by column, (place, value) of points that were corrected.
        added: rows that come behind.
        rollover: rows to keep; older ones leave at the front.
    """

    patches: Mapping[str, list[tuple[int, object]]]
    added: Columns
    rollover: int


def increment(old: Columns, new: Columns, key: str = "x") -> Increment | None:
    """The difference, or None when the whole has to be sent anew.

    Rows match by ``key``, ascending in both. The old rows that remain must be the head of the new
    ones: a range that moves on, late corrections included.
    """
    before, after = old[key], new[key]
    if not len(before) or not len(after) or set(old) != set(new):
        return None
    gone = int(np.searchsorted(before, after[0]))
    kept = len(before) - gone
    if kept <= 0 or kept > len(after) or not np.array_equal(before[gone:], after[:kept]):
        return None
    patches: dict[str, list[tuple[int, object]]] = {}
    for name in old:
        was, now = old[name][gone:], new[name][:kept]
        same = was == now
        if now.dtype.kind == "f":
            same |= np.isnan(was) & np.isnan(now)
        places = np.flatnonzero(~same)
        if len(places):
            patches[name] = list(zip((places + gone).tolist(), now[places].tolist(), strict=True))
    added = {name: column[kept:] for name, column in new.items()}
    return Increment(patches, added, len(after))

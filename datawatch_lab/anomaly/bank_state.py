"""The state of a bank: what a `MetricDetector` holds for one series, as one array per field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.anomaly.evidence import HOURS, SLOTS, WARM_ROWS, WEIGHTS
from datawatch_lab.anomaly.tails import BINS, LOWEST
from datawatch_lab.core.errors import InputError

Array = NDArray[Any]
Rows = Array | slice
"""Numbers of series, none twice; a slice where they follow one another, which is quicker."""

VERSION = 2
PARTS = len(WEIGHTS)

FIELDS: dict[str, tuple[type, tuple[int, ...], float]] = {
    "known": (np.uint8, (), 0),
    "tails": (np.float32, (PARTS, BINS), 0),
    "total": (np.float64, (), 0),
    "weight": (np.float64, (), 1),
    "bins_from": (np.int16, (PARTS,), LOWEST),
    "scale": (np.float64, (), 0),
    "spread": (np.float64, (), 0),
    "log_spread": (np.float64, (), 0),
    "base": (np.float64, (), 0),
    "log_base": (np.float64, (), 0),
    "means": (np.float64, (4,), 0),
    "hours": (np.float32, (24,), np.nan),
    "weekly": (np.float32, (HOURS,), np.nan),
    "visits": (np.uint8, (HOURS,), 0),
    "slots": (np.float32, (SLOTS,), np.nan),
    "last": (np.float64, (), 0),
    "before": (np.float64, (), 0),
    "size": (np.float64, (), 0),
    "deviation": (np.float64, (), 0),
    "residual": (np.float64, (), 0),
    "changes": (np.int32, (), 0),
    "log_step": (np.float64, (), 0),
    "now": (np.float64, (), 0),
    "fatigue": (np.float64, (), 0),
    "heard": (np.float64, (), -np.inf),
    "start": (np.float64, (), 0),
    "alarm": (np.float64, (), -np.inf),
    "since": (np.int32, (), 0),
    "loudness": (np.float64, (), 0),
}
"""Field → type, shape for one series, value at the start.

``known`` is the number of values while warming, at most `WARM_ROWS`. While warming, the room of
``tails`` holds the values and times so far, see `State.waiting`. ``heard`` and ``since`` are the
policy's time of the last row and rows since the last alarm. ``residual`` is the slow mean of the
distance from what was expected, which bands are made of; no score depends on it.
"""


class State:
    """The arrays, one row a series."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.of: dict[str, Array] = {
            name: np.full((size, *shape), first, dtype=kind)
            for name, (kind, shape, first) in FIELDS.items()
        }
        self._numbers = np.arange(size)

    def numbers(self, rows: Rows) -> Array:
        """Series as numbers, to pair them with something else by series."""
        return self._numbers[rows] if isinstance(rows, slice) else rows

    def __getitem__(self, name: str) -> Array:
        return self.of[name]

    @property
    def waiting(self) -> Array:
        """Per series 2 × `WARM_ROWS` float64: values, then times; only while it warms."""
        room = self.of["tails"].reshape(self.size, PARTS * BINS).view(np.float64)
        return room[:, : 2 * WARM_ROWS]

    def restart(self, rows: Array) -> None:
        """Forget everything about some series."""
        for name, (_, _, first) in FIELDS.items():
            self.of[name][rows] = first

    def grow(self, size: int) -> None:
        """Make room for more series."""
        fresh = State(size - self.size)
        for name in FIELDS:
            self.of[name] = np.concatenate([self.of[name], fresh.of[name]])
        self.size = size
        self._numbers = np.arange(size)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.of.values())


def read_state(arrays: Mapping[str, Array]) -> State:
    """The state of arrays that `Bank.to_arrays` gave.

    Raises:
        InputError: of another version, or a field is missing or of another type or shape.
    """
    version = int(arrays["version"]) if "version" in arrays else None
    if version != VERSION:
        raise InputError(f"bank: arrays of version {version}, this release reads {VERSION}.")
    if missing := [name for name in FIELDS if name not in arrays]:
        raise InputError(f"bank: no array {', '.join(missing)}.")
    size = len(arrays["known"])
    state = State(size)
    for name, (kind, shape, _) in FIELDS.items():
        found = np.asarray(arrays[name])
        if found.dtype != kind or found.shape != (size, *shape):
            raise InputError(
                f"bank: array {name} is {found.dtype}{found.shape}, "
                f"not {np.dtype(kind)}{(size, *shape)}."
            )
        state.of[name] = np.array(found, order="C")  # a copy of our own, writable
    return state

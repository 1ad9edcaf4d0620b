"""Arrays that were stored, as the state of many series again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.core.errors import InputError

Array = NDArray[Any]
Fields = Mapping[str, tuple[Any, tuple[int, ...], Any]]
"""By name: type, shape of one series, and what a new one begins with."""


def restored(arrays: Mapping[str, Array], fields: Fields, by: str, what: str) -> dict[str, Array]:
    """Own copies of all fields.

    Args:
        arrays: by name, as they were stored.
        fields: those wanted.
        by: the one that has an entry a series.
        what: they are of, for the message.

    Raises:
        InputError: a field is missing or of another type or shape.
    """
    size = len(arrays[by]) if by in arrays else 0
    made: dict[str, Array] = {}
    for name, (kind, shape, _) in fields.items():
        found = arrays.get(name)
        if found is None or found.dtype != kind or found.shape != (size, *shape):
            raise InputError(f"{what}: no array {name} as this release has it.")
        made[name] = np.array(found, order="C")
    return made

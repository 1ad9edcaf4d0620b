"""Finding keys among stored rows, and which versions come late."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.engine.live.folding import places_of

HALVES = st.integers(-3, 3)
KEYS = st.lists(st.tuples(HALVES, HALVES), max_size=12)


def halves(keys: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Both halves of keys as arrays."""
    hi = np.array([key[0] for key in keys], dtype=np.int64)
    return hi, np.array([key[1] for key in keys], dtype=np.int64)


@given(KEYS, KEYS, st.booleans())
def test_a_key_is_found_by_both_of_its_halves(
    wanted: list[tuple[int, int]], stored: list[tuple[int, int]], narrow: bool
) -> None:
    """Each key is found where it stands, whether its low half is shared by others or not."""
    if narrow:
        wanted, stored = [(0, lo) for _, lo in wanted], [(0, lo) for _, lo in stored]
    stored = list(dict.fromkeys(stored))
    hi, lo = halves(stored)
    heads = pl.DataFrame({"k_hi": hi, "k_lo": lo})
    found = places_of(*halves(wanted), heads).tolist()
    assert found == [stored.index(key) if key in stored else -1 for key in wanted]

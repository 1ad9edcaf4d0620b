"""``unique``: no two rows hold one value at a time, in the order in which changes are stored.

Who holds which value is kept as pairs of hashes (value, row). Of a batch the pairs that its values
and rows have to do with are enough: every change of a row ends what the row held, and begins what
it holds now. A row breaks the rule when another row holds its value at that moment. Where the
columns of the rule hold the whole key of the table, or the table has none, a row breaks it when it
is *inserted* while its value is held.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.columns import not_null

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

PAIR = ("v_hi", "v_lo")
ROW = ("k_hi", "k_lo")

STEP_SCHEMA = {
    "seq": pl.Int64(),
    "place": pl.Int64(),  # of the image in its batch; -1 for a change that is not judged
    "v_hi": pl.Int64(),  # null: it holds nothing after this change
    "v_lo": pl.Int64(),
    "k_hi": pl.Int64(),
    "k_lo": pl.Int64(),
    "born": pl.Boolean(),  # an insert
}
"""Changes of rows as a rule of uniqueness sees them, in order of seq."""


@dataclass(frozen=True)
class Held:
    """What came of some steps.

    Attributes:
        broken: Boolean, parallel to the steps: another row held the value.
        now: the pairs that hold now, of the rows that the steps are about.
        rows: those rows.
    """

    broken: Bools
    now: pl.DataFrame
    rows: pl.DataFrame


def judge(steps: pl.DataFrame, held: pl.DataFrame, *, by_insert: bool) -> Held:
    """Which steps break a rule.

    Args:
        steps: `STEP_SCHEMA`.
        held: v_hi, v_lo, k_hi, k_lo: pairs that held before, of the values and rows of the steps.
        by_insert: the value is the row itself.
    """
    pairs = held.select(*PAIR, *ROW).unique()
    columns = pl.concat([pairs, steps.select(*PAIR, *ROW)])
    known = not_null(columns["v_lo"])
    v_hi, v_lo, k_hi, k_lo = (
        np.asarray(columns[name].fill_null(0).to_numpy()) for name in (*PAIR, *ROW)
    )
    first = pairs.height
    order = np.lexsort((np.arange(len(known)), k_lo, k_hi))  # by row, then as it happened
    here, there = order[1:], order[:-1]
    follows = (k_hi[here] == k_hi[there]) & (k_lo[here] == k_lo[there])
    was = np.full(len(known), -1)
    was[here[follows]] = there[follows]
    is_last = np.ones(len(known), dtype=np.bool_)
    is_last[there[follows]] = False
    is_last[:first] = False  # rows that did not change keep what they hold
    if by_insert:
        born = np.concatenate([np.zeros(first, dtype=np.bool_), steps["born"].to_numpy()])
        broken = born & known & (was >= 0) & known[was]
    else:
        broken = _held_by_another(v_hi, v_lo, known, was)
    ended = columns.filter(pl.Series(is_last))
    return Held(broken[first:], ended.filter(ended["v_lo"].is_not_null()), ended.select(*ROW))


def _held_by_another(v_hi: Ints, v_lo: Ints, known: Bools, was: Ints) -> Bools:
    """Where another row holds the value: by counting who begins and ends to hold it."""
    taken = np.flatnonzero(known)
    ends = np.flatnonzero((was >= 0) & known[was])
    places = np.concatenate([ends, taken])
    of = np.concatenate([was[ends], taken])
    delta = np.concatenate([np.full(len(ends), -1), np.ones(len(taken), dtype=np.int64)])
    order = np.lexsort((delta, places, v_lo[of], v_hi[of]))
    of, delta, places = of[order], delta[order], places[order]
    total = np.cumsum(delta)
    starts = np.ones(len(of), dtype=np.bool_)
    starts[1:] = (v_hi[of][1:] != v_hi[of][:-1]) | (v_lo[of][1:] != v_lo[of][:-1])
    before = (total - delta)[starts]
    holders = total - before[np.cumsum(starts) - 1]
    broken = np.zeros(len(known), dtype=np.bool_)
    broken[places[(delta > 0) & (holders > 1)]] = True
    return broken

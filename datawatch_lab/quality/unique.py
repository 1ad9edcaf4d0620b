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

    broken: np.ndarray
    now: pl.DataFrame
    rows: pl.DataFrame


def judge(steps: pl.DataFrame, held: pl.DataFrame, *, by_insert: bool) -> Held:
    """Which steps break a rule.

    Args:
        steps: `STEP_SCHEMA`.
        held: v_hi, v_lo, k_hi, k_lo: pairs that held before, of the values and rows of the steps.
        by_insert: the value is the row itself.
    """
    before = (
        held.select(*PAIR, *ROW)
        .unique()
        .with_columns(seq=pl.lit(-1, pl.Int64), step=pl.lit(-1, pl.Int64), born=pl.lit(value=False))
    )
    numbered = steps.with_row_index("step").with_columns(pl.col("step").cast(pl.Int64))
    columns = ["seq", "step", *PAIR, *ROW, "born"]
    every = pl.concat([before.select(columns), numbered.select(columns)])
    every = every.sort("seq", "step", maintain_order=True).with_row_index("n")
    last = every.group_by(ROW, maintain_order=True).last().filter(pl.col("step") >= 0)
    now = last.filter(pl.col("v_lo").is_not_null()).select(*PAIR, *ROW)
    rows = last.select(*ROW)
    broken = np.zeros(steps.height, dtype=np.bool_)
    hits = _born_twice(every) if by_insert else _held_by_another(every)
    hits = hits[hits >= 0]
    broken[hits] = True
    return Held(broken, now, rows)


def _born_twice(every: pl.DataFrame) -> np.ndarray:
    """Steps that insert a row whose value is held."""
    rows = every.with_columns(
        was=pl.col("v_lo").is_not_null().shift(1).over(ROW, order_by="n").fill_null(value=False)
    )
    return rows.filter(pl.col("born") & pl.col("was") & pl.col("v_lo").is_not_null())[
        "step"
    ].to_numpy()


def _held_by_another(every: pl.DataFrame) -> np.ndarray:
    """Steps whose value another row holds: by counting who begins and ends to hold it."""
    ends = every.with_columns(
        old_hi=pl.col("v_hi").shift(1).over(ROW, order_by="n"),
        old_lo=pl.col("v_lo").shift(1).over(ROW, order_by="n"),
    )
    released = ends.filter(pl.col("old_lo").is_not_null()).select(
        "n", pl.lit(-1, pl.Int64).alias("step"), v_hi="old_hi", v_lo="old_lo", delta=pl.lit(-1)
    )
    taken = ends.filter(pl.col("v_lo").is_not_null()).select(
        "n", "step", "v_hi", "v_lo", delta=pl.lit(1)
    )
    moves = pl.concat([released, taken]).sort("n", "delta")
    counted = moves.with_columns(holders=pl.col("delta").cum_sum().over(PAIR))
    return counted.filter((pl.col("delta") == 1) & (pl.col("holders") > 1))["step"].to_numpy()

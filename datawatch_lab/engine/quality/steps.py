"""Changes of rows as steps, which rules of uniqueness are judged by; verdicts of images back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from datawatch_lab.quality.images import Images
from datawatch_lab.quality.unique import STEP_SCHEMA
from datawatch_lab.quality.verdict import Verdict


def frame_of(
    *,
    seq: np.ndarray,
    place: np.ndarray,
    batch: int,
    value: tuple[np.ndarray, np.ndarray, np.ndarray],
    row: tuple[np.ndarray, np.ndarray],
    born: np.ndarray,
) -> pl.DataFrame:
    """Steps; values that are not known are null."""
    high, low, known = value
    mask = pl.Series(~np.asarray(known, dtype=bool))
    made = pl.DataFrame(
        {
            "seq": seq,
            "place": place.astype(np.int64),
            "v_hi": pl.Series(high).set(mask, None),
            "v_lo": pl.Series(low).set(mask, None),
            "k_hi": row[0],
            "k_lo": row[1],
            "born": np.asarray(born, dtype=bool),
        },
        schema=STEP_SCHEMA,
    )
    return made.with_columns(batch=pl.lit(batch, pl.Int64))


def verdicts_of(steps: pl.DataFrame, broken: np.ndarray, sides: Sequence[Images]) -> list[Verdict]:
    """Verdicts of images from those of steps."""
    looked = [np.zeros(len(images), dtype=np.bool_) for images in sides]
    failed = [mask.copy() for mask in looked]
    mine = steps.with_columns(broken=pl.Series(broken)).filter(
        (pl.col("place") >= 0) & pl.col("v_lo").is_not_null()
    )
    for (number,), part in mine.group_by("batch"):
        places = part["place"].to_numpy()
        looked[int(str(number))][places] = True
        failed[int(str(number))][places] = part["broken"].to_numpy()
    return [Verdict(a, b) for a, b in zip(looked, failed, strict=True)]

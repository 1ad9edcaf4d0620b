"""References that wait for their parent: no more of them than can be held."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from datawatch_lab.core.quality_results import ORPHAN_SCHEMA, Outcome
from datawatch_lab.engine.quality.tables import cast

MOST_ORPHANS = 100_000
"""Of a rule, the newest; those before stay violations, whatever comes."""


def capped(waiting: pl.DataFrame, outcome: Outcome) -> Outcome:
    """An outcome after which no more orphans of a rule wait than may.

    Args:
        waiting: those that wait before it.
        outcome: brings more.
    """
    came = pl.DataFrame(outcome.orphans)
    if not came.height or waiting.height + came.height <= MOST_ORPHANS:
        return outcome
    every = pl.concat([waiting, came], how="vertical_relaxed")
    place = pl.col("seq").rank("ordinal", descending=True).over("rule")
    over = every.filter(place > MOST_ORPHANS).select("id")
    left = came.join(over, on="id", how="anti", maintain_order="left")
    return replace(
        outcome,
        orphans=cast(left, ORPHAN_SCHEMA),
        settled=(*outcome.settled, *over["id"].to_list()),
    )

"""Versions that come late, or after a TRUNCATE: who is concerned, and what it changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from datawatch_lab.core.batches import Transitions
from datawatch_lab.core.columns import micros_of, side_by_side
from datawatch_lab.core.storage import LiveRows
from datawatch_lab.engine.live.folding import KEY, Folded, places_of
from datawatch_lab.engine.live.versions import GONE, HEADS, Versions
from datawatch_lab.metrics.images import label_texts

_ORDER = ("at", "ordinal", "sub")
_MICRO = pl.duration(microseconds=1)


def in_arrival_order(versions: Versions, stored: LiveRows) -> Versions:
    """Versions whose order of arrival is their order, as such; their times stay as they are.

    The order of one is never before that of the version of its row that came before it.
    """
    if not versions.heads["ordered"].any():
        return versions
    if stored.heads.height:
        floor = stored.heads.select(
            *KEY,
            floor=pl.when((pl.col("ordinal") > 0) | (pl.col("sub") > 0))
            .then(pl.col("at") + _MICRO)
            .otherwise(pl.col("at")),
        )
        heads = versions.heads.join(floor, on=KEY, how="left", maintain_order="left")
    else:
        heads = versions.heads.with_columns(pl.lit(None, HEADS["at"]).alias("floor"))
    heads = heads.with_row_index("place").sort("seq", maintain_order=True)
    own = pl.when("ordered").then(pl.max_horizontal("at", "floor")).otherwise("at")
    running = own.cum_max().over(KEY)
    heads = heads.with_columns(
        pl.when("ordered").then(running).otherwise("at").alias("at"),
        *(
            pl.when("ordered").then(pl.lit(0, pl.Int64)).otherwise(name).alias(name)
            for name in ("ordinal", "sub")
        ),
    ).sort("place")
    return replace(versions, heads=heads.select(list(HEADS)))


def older(versions: Versions, stored: LiveRows, clears: pl.DataFrame) -> pl.DataFrame:
    """Keys of versions that are older than the stored row or than a TRUNCATE: k_hi, k_lo.

    With them those keys that a change of key connects them to within the same commit.
    """
    nobody = pl.DataFrame(schema={name: HEADS[name] for name in KEY})
    if not (stored.heads.height or clears.height):
        return nobody
    free = ~versions.heads["ordered"].to_numpy()
    mine = [_order_column(versions.heads, name) for name in _ORDER]
    late = np.zeros(len(free), dtype=np.bool_)
    if stored.heads.height:
        hi, lo = (versions.heads[name].to_numpy() for name in KEY)
        place = places_of(hi, lo, stored.heads)
        theirs = [_order_column(stored.heads, name)[place] for name in _ORDER]
        late |= (place >= 0) & _before(mine, theirs)
    if clears.height:
        newest = clears.sort("at", "ordinal", "sub", "seq").tail(1)
        late |= _before(mine, [_order_column(newest, name) for name in _ORDER])
    late &= free
    if not late.any():
        return nobody
    seqs = pl.DataFrame([versions.heads["seq"].filter(pl.Series(late))]).unique()
    return versions.heads.join(seqs, on="seq", how="semi").select(*KEY).unique()


def _order_column(heads: pl.DataFrame, name: str) -> np.ndarray:
    return micros_of(heads[name]) if name == "at" else heads[name].to_numpy()


def _before(order: Sequence[np.ndarray], bounds: Sequence[np.ndarray]) -> np.ndarray:
    """Whether rows come before bounds, lexicographically."""
    result = np.zeros(len(order[0]), dtype=np.bool_)
    for column, bound in zip(reversed(order), reversed(bounds), strict=True):
        result = (column < bound) | ((column == bound) & result)
    return result


def connected(heads: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Keys, and those that a change of key leads to or from them: k_hi, k_lo, distinct."""
    moves = heads.filter(pl.col("from_hi").is_not_null())
    there = moves.select(*KEY)
    origin = moves.select(pl.col("from_hi").alias("k_hi"), pl.col("from_lo").alias("k_lo"))
    pairs = pl.concat(
        [
            pl.concat([there, origin.rename({"k_hi": "o_hi", "k_lo": "o_lo"})], how="horizontal"),
            pl.concat([origin, there.rename({"k_hi": "o_hi", "k_lo": "o_lo"})], how="horizontal"),
        ]
    )
    reached = pairs.join(keys, on=KEY, how="semi").select(
        pl.col("o_hi").alias("k_hi"), pl.col("o_lo").alias("k_lo")
    )
    return pl.concat([keys.select(*KEY), reached]).unique()


def cleared(versions: Versions) -> Versions:
    """With a removal of each row at each of its table's TRUNCATEs."""
    if not versions.clears.height or not versions.height:
        return versions
    keys = versions.heads.select(*KEY).unique(maintain_order=True)
    return with_removals(versions, keys.join(versions.clears, how="cross"))


def with_removals(versions: Versions, removals: pl.DataFrame) -> Versions:
    """With removals added: rows of KEY and the columns of ``Versions.clears``."""
    count = removals.height
    if not count:
        return versions
    heads = removals.with_columns(
        pl.lit(GONE, pl.UInt8).alias("kind"),
        pl.lit(None, pl.Int64).alias("from_hi"),
        pl.lit(None, pl.Int64).alias("from_lo"),
    ).select([pl.col(name).cast(dtype) for name, dtype in HEADS.items()])
    rows = versions.rows
    if rows.width:
        nulls = [pl.Series(c.name, [None], dtype=c.dtype).new_from_index(0, count) for c in rows]
        rows = pl.concat([rows, side_by_side(nulls)])
    else:
        rows = pl.DataFrame(height=versions.height + count)
    nothing = np.zeros(count, dtype=np.bool_)
    return replace(
        versions,
        heads=pl.concat([versions.heads, heads]),
        rows=rows,
        absent={name: np.concatenate([mask, nothing]) for name, mask in versions.absent.items()},
    )


def removals_of(stored: LiveRows, but: pl.DataFrame, clears: pl.DataFrame) -> Versions:
    """Removal of stored rows by the first of some new TRUNCATEs, but for some keys."""
    order = ["seq"] if clears["ordered"].any() else ["at", "ordinal", "sub", "seq"]
    first = clears.sort(order).head(1)
    keys = stored.heads.select(*KEY).join(but, on=KEY, how="anti", maintain_order="left")
    empty = Versions(pl.DataFrame(schema=HEADS), pl.DataFrame(), {}, clears)
    return with_removals(empty, keys.join(first, how="cross"))


def difference(before: Folded, after: Folded, fields: Sequence[str]) -> Transitions:
    """What a fold changed against an earlier one: transitions that went, and those that came."""
    old, new = _comparable(before, fields), _comparable(after, fields)
    names = [name for name in old.columns if name != "place"]
    went = old.join(new, on=names, how="anti", nulls_equal=True)["place"]
    came = new.join(old, on=names, how="anti", nulls_equal=True)["place"]
    steps = pl.concat([_weighed(before, went, -1), _weighed(after, came, 1)])
    return Transitions(
        steps,
        _picked((before.old, went), (after.old, came), fields),
        _picked((before.new, went), (after.new, came), fields),
    )


def _comparable(folded: Folded, fields: Sequence[str]) -> pl.DataFrame:
    sides = [
        label_texts(frame[name]).alias(f"{side}{place}")
        for side, frame in (("old", folded.old), ("new", folded.new))
        for place, name in enumerate(fields)
    ]
    return folded.steps.with_columns(sides).with_row_index("place")


def _weighed(folded: Folded, places: pl.Series, weight: int) -> pl.DataFrame:
    picked = folded.steps[places.sort()]
    return picked.select("at", "seq", pl.lit(weight, pl.Int64).alias("weight"), "had", "has")


def _picked(
    first: tuple[pl.DataFrame, pl.Series],
    second: tuple[pl.DataFrame, pl.Series],
    fields: Sequence[str],
) -> pl.DataFrame:
    from datawatch_lab.engine.live.columns import together

    height = len(first[1]) + len(second[1])
    if not fields:
        return pl.DataFrame(height=height)
    parts = [frame[places.sort()] for frame, places in (first, second)]
    return together([part.select(fields) for part in parts])

"""Versions of rows: what each change says about one row of a keyed table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch
from datawatch_lab.core.columns import nulls, picked, side_by_side, taken, under_one_another
from datawatch_lab.engine.live.columns import together
from datawatch_lab.engine.live.keys import NO_KEY, Bools, HashTexts, Ints, Keys, keys_of

PUT, PATCH, GONE = 0, 1, 2
"""What a version does: replaces the row, lays its fields over it, removes it."""

HEADS = {
    "k_hi": pl.Int64(),
    "k_lo": pl.Int64(),
    "at": pl.Datetime("us", "UTC"),  # the order of a version: at, ordinal, sub, seq
    "ordinal": pl.Int64(),
    "sub": pl.Int64(),
    "seq": pl.Int64(),
    "ts": pl.Datetime("us", "UTC"),  # event time
    "kind": pl.UInt8(),
    "ordered": pl.Boolean(),  # arrival is the order, see `DecodedBatch.ordered`
    "from_hi": pl.Int64(),  # key of the row that a change of key came from, else null
    "from_lo": pl.Int64(),
}

CLEARS = ("at", "ordinal", "sub", "seq", "ts", "ordered")
"""Columns of `HEADS` that a TRUNCATE has."""

_INSERT, _READ, _UPDATE, _DELETE, _TRUNCATE = b"crudt"
_PLACE = -1


@dataclass(frozen=True)
class Versions:
    """Versions of rows of one table.

    Attributes:
        heads: `HEADS`, one row a version.
        rows: their fields, parallel; null where a version removes the row.
        absent: by field, where a version lacks it; a field not named here is lacked by none.
        clears: `CLEARS` of each TRUNCATE.
        homeless: changes that name no row: an update or a delete without its key.
    """

    heads: pl.DataFrame
    rows: pl.DataFrame
    absent: Mapping[str, Bools] = field(default_factory=dict)
    clears: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={n: HEADS[n] for n in CLEARS})
    )
    homeless: int = 0

    @property
    def height(self) -> int:
        """Versions."""
        return int(self.heads.height)

    def lacks(self, name: str) -> Bools:
        """Where a version lacks a field."""
        if name not in self.rows.columns:
            return np.ones(self.height, dtype=np.bool_)
        return self.absent.get(name, np.zeros(self.height, dtype=np.bool_))

    def take(self, keep: pl.Series) -> Versions:
        """Those where ``keep`` is true."""
        mask = keep.to_numpy()
        absent = {name: lacks[mask] for name, lacks in self.absent.items()}
        rows = self.rows.filter(keep) if self.rows.width else pl.DataFrame(height=int(mask.sum()))
        return Versions(self.heads.filter(keep), rows, absent, self.clears, self.homeless)


def versions_of(
    batch: TableBatch,
    key: Sequence[str],
    hash_texts: HashTexts,
    fields: Sequence[str] | None = None,
) -> Versions:
    """The versions that a batch of a keyed table brings, in order of sequence number.

    A row without its key is a row of its own, found by nothing later.

    Args:
        batch: of one table.
        key: its key columns.
        hash_texts: see `keys.HashTexts`.
        fields: those wanted; None for all that the images have.
    """
    after, before = keys_of(batch.after, key, hash_texts), keys_of(batch.before, key, hash_texts)
    return versions_with(batch, after, before, fields)


def versions_with(
    batch: TableBatch, after: Keys, before: Keys, fields: Sequence[str] | None = None
) -> Versions:
    """`versions_of` a batch, whose images have these keys."""
    versions, _ = placed_versions(batch, after, before, fields)
    return versions


def placed_versions(
    batch: TableBatch, after: Keys, before: Keys, fields: Sequence[str] | None = None
) -> tuple[Versions, Ints]:
    """The same, and the position of the event of each version."""
    events, op = batch.events, batch.codes
    new, old = _of_events(batch.after, after, len(op)), _of_events(batch.before, before, len(op))
    has_image = np.zeros(len(op), dtype=np.bool_)
    has_image[batch.after.rows] = True
    puts = ((op == _INSERT) | (op == _READ)) & has_image
    is_update, is_delete, named = op == _UPDATE, op == _DELETE, new.known | old.known
    updates, deletes = is_update & has_image & named, is_delete & named
    moved = updates & new.known & old.known & ((new.hi != old.hi) | (new.lo != old.lo))
    placed = np.flatnonzero(puts | updates)
    removed = np.flatnonzero(deletes | moved)
    homeless = is_update | is_delete
    seq = events["seq"].to_numpy()
    main = _heads(batch, placed, _keys_for(new, old, seq, placed)).hstack(
        [
            pl.Series("kind", np.where(updates[placed], PATCH, PUT).astype(np.uint8)),
            _where("from_hi", old.hi[placed], moved[placed]),
            _where("from_lo", old.lo[placed], moved[placed]),
        ]
    )
    heads = [main]
    if len(removed):
        gone = _heads(batch, removed, _keys_for(old, new, seq, removed))
        count = len(removed)
        kind = pl.Series("kind", np.full(count, GONE, dtype=np.uint8))
        origin = [nulls(name, pl.Int64(), count) for name in ("from_hi", "from_lo")]
        heads.append(gone.hstack([kind, *origin]))
    rows, absent = _rows(batch, placed, moved, len(op), fields)
    versions = Versions(
        heads=picked(under_one_another(heads), list(HEADS)),
        rows=_under(rows, _nulls(rows, len(removed))) if len(removed) else rows,
        absent={
            name: np.concatenate([lacks, np.zeros(len(removed), dtype=np.bool_)])
            for name, lacks in absent.items()
        },
        clears=_clears(batch, np.flatnonzero(op == _TRUNCATE)),
        homeless=int((homeless & ~updates & ~deletes).sum()),
    )
    return versions, np.concatenate([placed, removed])


def joined(parts: Sequence[Versions]) -> Versions:
    """Several batches' versions as one; at least one part."""
    if len(parts) == 1:
        return parts[0]
    rows = together([part.rows for part in parts])
    absent = {
        name: np.concatenate([part.lacks(name) for part in parts])
        for name in rows.columns
        if any(name in part.absent or name not in part.rows.columns for part in parts)
    }
    return Versions(
        heads=pl.concat([part.heads for part in parts]),
        rows=rows,
        absent=absent,
        clears=pl.concat([part.clears for part in parts]),
        homeless=sum(part.homeless for part in parts),
    )


def _of_events(frame: RowFrame, keys: Keys, size: int) -> Keys:
    """Keys of images spread over the events that they belong to."""
    if len(frame.rows) == size:
        return keys
    spread = Keys(
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.int64),
        np.zeros(size, dtype=np.bool_),
    )
    spread.hi[frame.rows], spread.lo[frame.rows] = keys.hi, keys.lo
    spread.known[frame.rows] = keys.known
    return spread


def _keys_for(first: Keys, second: Keys, seq: Ints, events: Ints) -> tuple[Ints, Ints]:
    """The key of each event: from one image, else from the other, else one of its own."""
    hi = np.where(first.known, first.hi, np.where(second.known, second.hi, NO_KEY))
    lo = np.where(first.known, first.lo, np.where(second.known, second.lo, seq))
    return hi[events], lo[events]


def _heads(batch: TableBatch, events: Ints, keys: tuple[Ints, Ints]) -> pl.DataFrame:
    heads = picked(batch.events, ("ts", "ordinal", "sub", "seq", "ordered"))
    if len(events) != heads.height:
        heads = taken(heads, events)
    return heads.hstack(
        [
            heads["ts"].alias("at"),
            pl.Series("k_hi", keys[0], dtype=pl.Int64),
            pl.Series("k_lo", keys[1], dtype=pl.Int64),
        ]
    )


def _where(name: str, values: Ints, there: Bools) -> pl.Series:
    if not there.any():
        return nulls(name, pl.Int64(), len(values))
    return pl.Series(name, values, dtype=pl.Int64).set(pl.Series(~there), None)


def _rows(
    batch: TableBatch, events: Ints, moved: Bools, size: int, fields: Sequence[str] | None
) -> tuple[pl.DataFrame, dict[str, Bools]]:
    """Fields of the after images of some events, and which of them lack a field.

    A row that changed its key takes the fields it does not name from its before image.
    """
    frame = batch.after
    columns = _only(frame.columns, fields)
    if not columns.width:
        return pl.DataFrame(height=len(events)), {}
    at = np.full(size, _PLACE, dtype=np.int64)
    at[frame.rows] = np.arange(len(frame.rows))
    place = at[events]
    absent = {name: mask.to_numpy() for name, mask in frame.absent.items() if name in columns}
    if len(place) != columns.height or (place != np.arange(len(place))).any():
        columns = taken(columns, place)
        absent = {name: mask[place] for name, mask in absent.items()}
    absent = {name: mask for name, mask in absent.items() if mask.any()}
    if moved.any():
        columns, absent = _filled_up(batch, events, moved, size, (columns, absent), fields)
    return columns, absent


def _filled_up(
    batch: TableBatch,
    events: Ints,
    moved: Bools,
    size: int,
    images: tuple[pl.DataFrame, dict[str, Bools]],
    fields: Sequence[str] | None,
) -> tuple[pl.DataFrame, dict[str, Bools]]:
    """Fields that a change of key lacks, from its before image where that has them."""
    columns, absent = images
    old = _only(batch.before.columns, fields)
    at = np.full(size, _PLACE, dtype=np.int64)
    at[batch.before.rows] = np.arange(len(batch.before.rows))
    everywhere = np.ones(len(events), dtype=np.bool_)
    for name in old.columns:
        lacking = absent.get(name) if name in columns.columns else everywhere
        if lacking is None:
            continue
        absent_before = batch.before.absent.get(name)
        has = (
            np.ones(old.height, dtype=np.bool_)
            if absent_before is None
            else ~absent_before.to_numpy()
        )
        fill = lacking & moved[events] & (at[events] != _PLACE)
        fill[fill] = has[at[events[fill]]]
        if not fill.any():
            continue
        source = old[name][pl.Series(np.where(fill, at[events], 0), dtype=pl.UInt32)]
        present = columns[name] if name in columns.columns else _null_series(old[name], len(events))
        pair = together([pl.DataFrame({name: present}), pl.DataFrame({name: source})])
        merged = pl.select(
            pl.when(pl.Series(fill))
            .then(pair[name].tail(len(events)))
            .otherwise(pair[name].head(len(events)))
            .alias(name)
        )[name]
        columns = columns.with_columns(merged)
        absent[name] = lacking & ~fill
    return columns, absent


def _only(columns: pl.DataFrame, fields: Sequence[str] | None) -> pl.DataFrame:
    if fields is None:
        return columns
    return picked(columns, [name for name in fields if name in columns.columns])


def _under(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    if not first.width:
        return pl.DataFrame(height=first.height + second.height)
    return under_one_another([first, second])


def _nulls(like: pl.DataFrame, height: int) -> pl.DataFrame:
    if not like.width:
        return pl.DataFrame(height=height)
    return side_by_side([_null_series(column, height) for column in like])


def _null_series(like: pl.Series, height: int) -> pl.Series:
    return nulls(like.name, like.dtype, height)


def _clears(batch: TableBatch, events: Ints) -> pl.DataFrame:
    if not len(events):
        return pl.DataFrame(schema={name: HEADS[name] for name in CLEARS})
    picked = batch.events[pl.Series(events, dtype=pl.UInt32)]
    return picked.select(pl.col("ts").alias("at"), "ordinal", "sub", "seq", "ts", "ordered").cast(
        {name: HEADS[name] for name in CLEARS}
    )

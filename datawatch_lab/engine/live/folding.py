"""The fold: versions of rows in order, over the stored rows, to current rows and transitions.

Column by column, whatever the number of versions: each field of each version is taken from the
version that says it last, found by positions, not by walking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from datawatch_lab.core.batches import Transitions
from datawatch_lab.core.columns import kept, micros_of, not_null, nulls, picked, side_by_side, taken
from datawatch_lab.core.storage import LIVE_HEADS, LiveRows
from datawatch_lab.engine.live.columns import as_type, common_type
from datawatch_lab.engine.live.versions import GONE, PATCH, Versions

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

KEY = ("k_hi", "k_lo")
_NO_ROW = -1
_ORDER = ("ordinal", "sub", "seq")


@dataclass(frozen=True)
class Folded:
    """What a fold gives.

    Attributes:
        latest: the row of each key after its last version.
        steps: one row a transition: k_hi, k_lo, at (event time), seq, had, has.
        old, new: tracked fields, parallel to ``steps``.
    """

    latest: LiveRows
    steps: pl.DataFrame
    old: pl.DataFrame
    new: pl.DataFrame

    def transitions(self) -> Transitions:
        """As measures take them, each counting once."""
        weight = pl.Series("weight", np.ones(self.steps.height, dtype=np.int64))
        steps = picked(self.steps, ("at", "seq", "had", "has")).hstack([weight])
        return Transitions(steps, self.old, self.new)


def no_rows() -> LiveRows:
    """Nothing stored."""
    return LiveRows(pl.DataFrame(schema=LIVE_HEADS), pl.DataFrame())


def fold(
    versions: Versions, stored: LiveRows, tracked: Sequence[str], by_key: Ints | None = None
) -> Folded:
    """Fold versions over stored rows.

    Args:
        versions: none older than the stored row of its key.
        stored: rows of those keys as they were before; one per key.
        tracked: fields that transitions are wanted for.
        by_key: positions sorted by key, those of one key ascending, where they are known.
    """
    layout = _Layout(versions, stored, by_key)
    names = list(dict.fromkeys([*versions.rows.columns, *stored.rows.columns]))
    fields = {name: layout.effective(name) for name in names}
    moving = layout.had | layout.has
    last, moved = layout.places(layout.last), layout.places(moving)
    heads = layout.heads
    latest = LiveRows(
        kept(picked(heads, (*KEY, "at", "ordinal", "sub", "seq")), layout.last).hstack(
            [pl.Series("gone", layout.kind[last.versions] == GONE)]
        ),
        _frame([fields[name].new(last) for name in names], last.size),
    )
    steps = picked(heads, (*KEY, "seq")).hstack(
        [
            heads["ts"].alias("at"),
            pl.Series("had", layout.had),
            pl.Series("has", layout.has),
        ]
    )
    missing = [nulls(name, pl.String(), moved.size) for name in tracked if name not in fields]
    known = [fields[name] for name in tracked if name in fields]
    return Folded(
        latest,
        picked(kept(steps, moving), (*KEY, "at", "seq", "had", "has")),
        _frame([*(each.old(moved) for each in known), *missing], moved.size),
        _frame([*(each.new(moved) for each in known), *missing], moved.size),
    )


def _frame(columns: Sequence[pl.Series], height: int) -> pl.DataFrame:
    return side_by_side(columns) if columns else pl.DataFrame(height=height)


class _Places:
    """Some versions, and where what a field is before and after them stands, unless it is carried.

    Args:
        versions: numbers of the versions, sorted as in `_Layout`, ascending.
        own: position of each version of all.
        previous: position of the state before each version of all.
    """

    def __init__(self, versions: Ints, own: Ints, previous: Ints) -> None:
        self.versions, self._own, self._previous = versions, own, previous
        self.size = len(versions)

    @cached_property
    def new(self) -> pl.Series:
        """Positions after the versions."""
        return _index(self._own[self.versions])

    @cached_property
    def old(self) -> pl.Series:
        """Positions before the versions."""
        return _index(self._previous[self.versions])

    @cached_property
    def is_all_in_place(self) -> bool:
        """Whether these are all versions, as they came."""
        size = self.size
        return size == len(self._own) and bool((self._own == np.arange(size)).all())


def _index(places: Ints) -> pl.Series:
    return pl.Series(places.astype(np.uint32))


@dataclass(frozen=True)
class _Field:
    """A field before and after each version.

    Attributes:
        own: values of the versions as they came; None where they have none.
        values: those, of the stored rows, and null for no row, under one another.
        pointer: number of the version or the position from `_Layout.size` on that the value of
            each version stands at; None where it is its own.
        layout: of the versions.
    """

    own: pl.Series | None
    values: pl.Series
    pointer: Ints | None
    layout: _Layout

    def new(self, places: _Places) -> pl.Series:
        """What the field is after some versions."""
        if self.pointer is not None:
            return self._at(self.pointer[places.versions])
        if self.own is None:
            return self.values[places.new]
        return self.own if places.is_all_in_place else self.own[places.new]

    def old(self, places: _Places) -> pl.Series:
        """What the field was before some versions."""
        if self.pointer is None:
            return self.values[places.old]
        before, size = self.layout.previous[places.versions], self.layout.size
        own = before < size
        return self._at(np.where(own, self.pointer[np.where(own, before, 0)], before))

    def _at(self, numbers: Ints) -> pl.Series:
        return self.values[_index(self.layout.positions(numbers))]


class _Layout:
    """Versions sorted by key and order, and for each where the state before it stands.

    Numbers: 0 … n-1 are versions as sorted, n … n+m-1 stored rows, n+m is no row. Positions are
    the same with the versions as they came.
    """

    def __init__(self, versions: Versions, stored: LiveRows, by_key: Ints | None = None) -> None:
        order = _order(versions.heads, by_key)
        in_place = bool((order == np.arange(len(order))).all())
        self.heads = versions.heads if in_place else taken(versions.heads, order)
        self._versions, self._stored, self._perm = versions, stored, order
        n, m = self.heads.height, stored.heads.height
        self.size, self.none = n, n + m
        self.kind = self.heads["kind"].to_numpy()
        hi, lo = self.heads["k_hi"].to_numpy(), self.heads["k_lo"].to_numpy()
        self.first = np.ones(n, dtype=np.bool_)
        self.first[1:] = (hi[1:] != hi[:-1]) | (lo[1:] != lo[:-1])
        self.last = np.append(self.first[1:], np.ones(min(n, 1), dtype=np.bool_))
        self.previous = np.arange(n, dtype=np.int64) - 1
        self.previous[self.first] = self._stored_places()
        exists = np.concatenate(
            [
                self.kind != GONE,
                ~stored.heads["gone"].to_numpy().astype(np.bool_),
                np.zeros(1, dtype=np.bool_),
            ]
        )
        self.had: Bools = exists[self.previous]
        self.has: Bools = self.kind != GONE
        self._moves = self._moved_from()
        self._position = np.append(order, np.arange(n, n + m + 1))

    def positions(self, numbers: Ints) -> Ints:
        """Where what has some numbers stands."""
        found: Ints = self._position[numbers]
        return found

    def places(self, which: Bools) -> _Places:
        """Those versions where ``which`` is true."""
        before = self._position[self.previous]
        return _Places(np.flatnonzero(which), self._perm, before)

    def _stored_places(self) -> Ints:
        hi, lo = (self.heads[name].to_numpy()[self.first] for name in KEY)
        places = places_of(hi, lo, self._stored.heads)
        return np.where(places == _NO_ROW, self.none, places + self.size)

    def _moved_from(self) -> tuple[Ints, Ints]:
        """Versions that came from another key, and the position of the state they came from."""
        column = self.heads["from_hi"]
        none_moved = column.null_count() == len(column)
        moved = np.empty(0, dtype=np.int64) if none_moved else np.flatnonzero(not_null(column))
        if not moved.size:
            return moved, moved
        left = self.heads.with_row_index("place").filter(pl.col("kind") == GONE)
        came = self.heads[pl.Series(moved, dtype=pl.UInt32)].select(
            pl.col("from_hi").alias("k_hi"), pl.col("from_lo").alias("k_lo"), "seq"
        )
        places = came.join(
            left.select(*KEY, "seq", "place"), on=[*KEY, "seq"], how="left", maintain_order="left"
        )["place"]
        there = places.is_not_null().to_numpy()
        gone = places.cast(pl.Int64).fill_null(0).to_numpy()[there]
        return moved[there], self.previous[gone]

    def effective(self, name: str) -> _Field:
        """What a field is before and after each version."""
        lacks = self._lacks(name)
        carry = (self.kind == PATCH) & lacks if lacks is not None else lacks
        pointer = self._carried(carry) if carry is not None and carry.any() else None
        mine = self._versions.rows
        values = self._combined(name)
        same = name in mine.columns and mine[name].dtype == values.dtype
        return _Field(mine[name] if same else None, values, pointer, self)

    def _carried(self, carry: Bools) -> Ints:
        """For each version the position that its value stands at."""
        source = np.arange(self.size, dtype=np.int64)
        begins = carry & (self.first | ~self.had)
        source[begins] = np.where(self.had[begins], self.previous[begins], self.none)
        anchors = ~carry | begins
        moved, origin = self._moves
        if moved.size:
            lacking = carry[moved]
            source[moved[lacking]] = origin[lacking]
            anchors[moved[lacking]] = True
        nearest = np.maximum.accumulate(np.where(anchors, np.arange(self.size), 0))
        pointer: Ints = source[nearest]
        if moved.size:  # a state may have come from one that itself carries
            for _ in range(len(moved) + 1):
                inner = pointer < self.size
                stepped = np.where(inner, source[nearest[np.where(inner, pointer, 0)]], pointer)
                if (stepped == pointer).all():
                    break
                pointer = stepped
        return pointer

    def _lacks(self, name: str) -> Bools | None:
        """Where a version lacks a field; None for nowhere."""
        if name in self._versions.rows.columns and name not in self._versions.absent:
            return None
        return self._versions.lacks(name)[self._perm]

    def _combined(self, name: str) -> pl.Series:
        """Values of the versions, of the stored rows, and null for no row."""
        mine, theirs = self._versions.rows, self._stored.rows
        present = [frame[name] for frame in (mine, theirs) if name in frame.columns]
        dtype = common_type(present)
        nothing = nulls(name, dtype, 1)
        own = mine[name] if name in mine.columns else nothing.new_from_index(0, self.size)
        stored = (
            as_type(theirs[name], dtype)
            if name in theirs.columns
            else nothing.new_from_index(0, self.none - self.size)
        )
        parts = [as_type(own, dtype), stored, nothing]
        return pl.concat([part.alias(name) for part in parts if len(part)])


def places_of(hi: Ints, lo: Ints, heads: pl.DataFrame) -> Ints:
    """Where each key stands among the rows of ``heads``, one a key; -1 for one that is not there.

    Args:
        hi: first halves of the keys.
        lo: second halves.
        heads: with the columns of `KEY`.
    """
    known_hi, known_lo = (heads[name].to_numpy() for name in KEY)
    found = np.full(len(lo), _NO_ROW, dtype=np.int64)
    if not len(known_lo) or not len(lo):
        return found
    if known_hi.any() or hi.any():
        # halves of hashes are spread evenly, so that equal low halves are rare: they are few steps
        order = np.lexsort((known_hi, known_lo))
    else:
        order = np.argsort(known_lo, kind="stable")
    sorted_lo, sorted_hi = known_lo[order], known_hi[order]
    place = np.searchsorted(sorted_lo, lo)
    open_ = np.arange(len(lo))
    while len(open_):
        at = place[open_]
        inside = at < len(order)
        open_, at = open_[inside], at[inside]
        same = sorted_lo[at] == lo[open_]
        open_, at = open_[same], at[same]
        hit = sorted_hi[at] == hi[open_]
        found[open_[hit]] = order[at[hit]]
        open_ = open_[~hit]
        place[open_] += 1
    return found


def _order(heads: pl.DataFrame, by_key: Ints | None) -> Ints:
    """Positions sorted by key, then by order of versions."""
    hi, lo = heads["k_hi"].to_numpy(), heads["k_lo"].to_numpy()
    if by_key is None:
        by_key = np.argsort(lo, kind="stable")
        if hi.any():
            by_key = by_key[np.argsort(hi[by_key], kind="stable")]
    order = [micros_of(heads["at"]), *(heads[name].to_numpy() for name in _ORDER)]
    repeated = (lo[by_key][1:] == lo[by_key][:-1]) & (hi[by_key][1:] == hi[by_key][:-1])
    later = np.flatnonzero(repeated) + 1
    if _ascending([(each[by_key[later - 1]], each[by_key[later]]) for each in order]):
        return by_key
    return np.lexsort((*reversed(order), lo, hi))


def _ascending(columns: Sequence[tuple[Ints, Ints]]) -> bool:
    """Whether no second row comes before its first, lexicographically, given pairs by column."""
    undecided = np.ones(len(columns[0][0]), dtype=np.bool_)
    for first, second in columns:
        if (undecided & (second < first)).any():
            return False
        undecided &= second == first
    return True

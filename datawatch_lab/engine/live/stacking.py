"""The fold of many tables at once: their rows as those of one table, then parted again.

A fold costs a table about as much for ten versions as for a thousand. So the versions of all tables
stand under one another; keys are numbered, tables in order, and a field stands in the n-th column
of its type. What is rare (a TRUNCATE, a change of key, a version that comes late) is left to the
fold of a single table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch, Transitions
from datawatch_lab.core.columns import nulls, picked, side_by_side, taken, under_one_another
from datawatch_lab.core.storage import LIVE_HEADS, LiveAsk, LiveRows
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.live.columns import as_type, common_type
from datawatch_lab.engine.live.folding import KEY, Folded, fold, places_of
from datawatch_lab.engine.live.keys import Bools, HashTexts, Ints, Keys, keys_of
from datawatch_lab.engine.live.revising import in_arrival_order, older
from datawatch_lab.engine.live.versions import CLEARS, GONE, HEADS, PATCH, Versions, placed_versions

_NO_CLEARS = pl.DataFrame(schema={name: HEADS[name] for name in CLEARS})

Tracked = Callable[[TableInfo], Sequence[str]]
"""Fields of a table that transitions are wanted for."""


@dataclass(frozen=True)
class Keyed:
    """A commit's one batch of a keyed table, and the keys of its images."""

    table: TableInfo
    batch: TableBatch
    after: Keys
    before: Keys

    @classmethod
    def of(cls, table: TableInfo, batch: TableBatch, hash_texts: HashTexts) -> Keyed:
        """With the keys that the table has."""
        after = keys_of(batch.after, table.key, hash_texts)
        return cls(table, batch, after, keys_of(batch.before, table.key, hash_texts))


Needed = Callable[[Keyed, Bools], Sequence[str]]
"""Stored fields that the fold of a table asks for, given which images are of updates."""


@dataclass(frozen=True)
class Parted:
    """What became of one table, as in `Folded`; and what `Store.live_versions` shall find."""

    latest: LiveRows
    transitions: Transitions
    index: pl.DataFrame


class Stack:
    """Versions of several tables as those of one table without fields.

    Attributes:
        tables: in order.
        versions: with the keys that each table has.
        owner: place of the table of each version.
    """

    def __init__(self, tables: Sequence[Keyed]) -> None:
        self.tables = tables
        sizes = np.array([each.batch.events.height for each in tables], dtype=np.int64)
        self._starts: Ints = np.cumsum(sizes) - sizes
        events = under_one_another([each.batch.events for each in tables])
        after, before = (
            self._images([getattr(each.batch, side) for each in tables])
            for side in ("after", "before")
        )
        self._after = after.rows
        batch = TableBatch(table=tables[0].table, events=events, after=after, before=before)
        self.versions, self._event = placed_versions(
            batch,
            _joined([each.after for each in tables]),
            _joined([each.before for each in tables]),
        )
        self.owner: Ints = np.repeat(np.arange(len(tables)), sizes)[self._event]

    def _images(self, frames: Sequence[RowFrame]) -> RowFrame:
        rows = [frame.rows + start for frame, start in zip(frames, self._starts, strict=True)]
        places = np.concatenate(rows)
        return RowFrame(places, pl.DataFrame(height=len(places)))

    @property
    def unusual(self) -> set[int]:
        """Tables with a change of key; all if there is a TRUNCATE, or a change of no row."""
        if self.versions.homeless or self.versions.clears.height:
            return set(range(len(self.tables)))
        origin = self.versions.heads["from_hi"]
        if origin.null_count() == len(origin):
            return set()
        return set(self.owner[origin.is_not_null().to_numpy()].tolist())

    def asks(self, needed: Needed) -> list[LiveAsk]:
        """What to ask of stored rows, by table."""
        keys = taken(picked(self.versions.heads, KEY), self.first)
        updates = np.zeros(len(self._after), dtype=np.bool_)
        patches = (self.versions.heads["kind"] == PATCH).to_numpy()
        updates[self.image[patches[: len(self.image)]]] = True
        of_table = zip(self.tables, _slices(self.counts), _slices(self.heights), strict=True)
        return [
            LiveAsk(each.table, keys[mine], needed(each, updates[images]))
            for each, mine, images in of_table
        ]

    @cached_property
    def heights(self) -> list[int]:
        """Images of each table."""
        return [len(each.batch.after.rows) for each in self.tables]

    @cached_property
    def image(self) -> Ints:
        """Place among the images of all tables of each version that has one; these come first."""
        at = np.full(int(self._event.max(initial=-1)) + 1, -1, dtype=np.int64)
        inside = self._after < len(at)
        at[self._after[inside]] = np.flatnonzero(inside)
        whole = int((self.versions.heads["kind"] != GONE).sum())
        return at[self._event[:whole]]

    @property
    def _small(self) -> type[np.uint16 | np.int64]:
        """A type for places of tables: numpy sorts 16 bits by their digits."""
        return np.uint16 if len(self.tables) < 2**16 else np.int64

    @cached_property
    def _ranked(self) -> tuple[Ints, Bools]:
        """Versions sorted by table and key, and which of them have a key that is new there."""
        hi, lo = (self.versions.heads[name].to_numpy() for name in KEY)
        wide = bool(hi.any())
        order = np.lexsort((lo, hi)) if wide else np.argsort(lo, kind="stable")
        order = order[np.argsort(self.owner[order].astype(self._small), kind="stable")]
        fresh = np.zeros(len(order), dtype=np.bool_)
        fresh[:1] = True
        for column in (self.owner, hi, lo) if wide else (self.owner, lo):
            ranked = column[order]
            fresh[1:] |= ranked[1:] != ranked[:-1]
        return order, fresh

    @cached_property
    def first(self) -> Ints:
        """A version of each key, keys in order of their numbers."""
        order, fresh = self._ranked
        return order[fresh]

    @cached_property
    def numbers(self) -> Ints:
        """The number of the key of each version; those of a table follow one another."""
        order, fresh = self._ranked
        numbers = np.empty(len(order), dtype=np.int64)
        numbers[order] = np.cumsum(fresh) - 1
        return numbers

    @cached_property
    def counts(self) -> list[int]:
        """Keys of each table."""
        return _counted(self.owner[self.first], len(self.tables))

    def fold(self, stored: Sequence[LiveRows], tracked: Tracked) -> dict[int, Parted]:
        """What becomes of tables, by place; those with versions that come late are left out.

        Args:
            stored: rows of the keys that were asked for, by table.
            tracked: see `Tracked`.
        """
        columns = _Columns(self, stored)
        heads = _with_numbers(self.versions.heads, self.numbers)
        there = _with_numbers(
            under_one_another([picked(each.heads, list(LIVE_HEADS)) for each in stored]),
            self._numbers_of(stored),
        )
        versions = Versions(heads, columns.of_versions(), columns.absent())
        known = LiveRows(there, columns.of_stored())
        late = older(versions, known, _NO_CLEARS)["k_lo"].to_numpy()
        behind = set(self.owner[self.first[late]].tolist())
        of_table = [tracked(each.table) for each in self.tables]
        order, _ = self._ranked
        moved = in_arrival_order(versions, known)
        folded = fold(moved, known, columns.named(of_table), order)
        parts = self._parted(folded, columns, of_table)
        return {place: each for place, each in enumerate(parts) if place not in behind}

    def _numbers_of(self, stored: Sequence[LiveRows]) -> Ints:
        """The number of the key of each stored row."""
        keys = {name: self.versions.heads[name].to_numpy()[self.first] for name in KEY}
        narrow = not keys["k_hi"].any()
        found = [np.empty(0, dtype=np.int64)]
        for mine, rows in zip(_slices(self.counts), stored, strict=True):
            if not rows.heads.height:
                continue
            hi, lo = (rows.heads[name].to_numpy() for name in KEY)
            if narrow:
                place = np.searchsorted(keys["k_lo"][mine], lo)
            else:
                place = places_of(hi, lo, pl.DataFrame({name: keys[name][mine] for name in KEY}))
            found.append(mine.start + place)
        return np.concatenate(found)

    def _parted(
        self, folded: Folded, columns: _Columns, tracked: Sequence[Sequence[str]]
    ) -> list[Parted]:
        keys = taken(picked(self.versions.heads, KEY), self.first)
        rest = [name for name in LIVE_HEADS if name not in KEY]
        heads = keys.hstack(picked(folded.latest.heads, rest))
        moved = folded.transitions()
        owners = self.owner[self.first]
        steps = _counted(owners[folded.steps["k_lo"].to_numpy()], len(self.tables))
        index = self._index()
        parts = []
        for place, (mine, own) in enumerate(zip(_slices(self.counts), _slices(steps), strict=True)):
            rows = columns.of_table(place, folded.latest.rows, columns.names(place), mine)
            old, new = (
                columns.of_table(place, side, tracked[place], own)
                for side in (moved.old, moved.new)
            )
            latest = LiveRows(heads[mine], rows)
            parts.append(Parted(latest, Transitions(moved.steps[own], old, new), index[place]))
        return parts

    def _index(self) -> list[pl.DataFrame]:
        """Key and sequence number of the versions of each table whose order may be asked for."""
        free = ~self.versions.heads["ordered"].to_numpy()
        order = np.argsort(self.owner, kind="stable")
        order = order[free[order]]
        rows = taken(picked(self.versions.heads, (*KEY, "seq")), order)
        counts = _counted(self.owner[order], len(self.tables))
        return [rows[mine] for mine in _slices(counts)]


class _Columns:
    """Where the fields of several tables stand: each in the n-th column of its type.

    Args:
        stack: the versions.
        stored: rows by table.
    """

    def __init__(self, stack: Stack, stored: Sequence[LiveRows]) -> None:
        self._stack = stack
        self._stored = stored
        self._types: dict[str, pl.DataType] = {}
        self._of: list[dict[str, str]] = [
            self._placed(each.batch.after.columns, rows.rows)
            for each, rows in zip(stack.tables, stored, strict=True)
        ]

    def _placed(self, images: pl.DataFrame, rows: pl.DataFrame) -> dict[str, str]:
        """The column that each field of a table stands in."""
        types = dict(zip(images.columns, images.dtypes, strict=True))
        for name, dtype in zip(rows.columns, rows.dtypes, strict=True):
            known = types.get(name)
            if known is None:
                types[name] = dtype
            elif known != dtype:
                types[name] = common_type([images[name], rows[name]])
        counted: Counter[str] = Counter()
        placed: dict[str, str] = {}
        for name, dtype in types.items():
            word = str(dtype)
            counted[word] += 1
            placed[name] = column = f"{word} {counted[word]}"
            self._types.setdefault(column, dtype)
        return placed

    def names(self, place: int) -> list[str]:
        """Fields of a table."""
        return list(self._of[place])

    def named(self, fields: Sequence[Sequence[str]]) -> list[str]:
        """The columns of some fields of each table."""
        pairs = zip(self._of, fields, strict=True)
        return list({of[name]: None for of, names in pairs for name in names if name in of})

    def of_versions(self) -> pl.DataFrame:
        """Values of the versions; null where a version removes a row."""
        stack = self._stack
        frames = [each.batch.after.columns for each in stack.tables]
        images = self._stacked(frames, stack.heights)
        gone = stack.versions.height - len(stack.image)
        if not images.width:
            return pl.DataFrame(height=stack.versions.height)
        if len(stack.image) != images.height or (stack.image != np.arange(images.height)).any():
            images = taken(images, stack.image)
        if not gone:
            return images
        return images.vstack(side_by_side([nulls(c.name, c.dtype, gone) for c in images]))

    def absent(self) -> dict[str, Bools]:
        """Where a version lacks a field, by column; for columns that some version may lack."""
        stack = self._stack
        masks: dict[str, Bools] = {}
        tables = zip(stack.tables, self._of, _slices(stack.heights), strict=True)
        for each, of, mine in tables:
            frame = each.batch.after
            for name, column in of.items():
                lacks = frame.absent.get(name)
                if lacks is None and name in frame.columns.columns:
                    continue
                mask = masks.setdefault(column, np.zeros(sum(stack.heights), dtype=np.bool_))
                mask[mine] = True if lacks is None else lacks.to_numpy()
        gone = np.zeros(stack.versions.height - len(stack.image), dtype=np.bool_)
        return {name: np.concatenate([mask[stack.image], gone]) for name, mask in masks.items()}

    def of_stored(self) -> pl.DataFrame:
        """Values of the stored rows."""
        heights = [each.heads.height for each in self._stored]
        return self._stacked([each.rows for each in self._stored], heights)

    def of_table(
        self, place: int, rows: pl.DataFrame, names: Sequence[str], part: slice
    ) -> pl.DataFrame:
        """Fields of one table, from rows of all."""
        of, size = self._of[place], part.stop - part.start
        columns = [
            rows[of[name]].slice(part.start, size).alias(name)
            if name in of
            else nulls(name, pl.String(), size)
            for name in names
        ]
        return side_by_side(columns) if columns else pl.DataFrame(height=size)

    def _stacked(self, frames: Sequence[pl.DataFrame], heights: Sequence[int]) -> pl.DataFrame:
        """Frames of all tables under one another, a field in its column."""
        held: dict[str, dict[int, pl.Series]] = {name: {} for name in self._types}
        for place, (of, frame) in enumerate(zip(self._of, frames, strict=True)):
            for column in frame:
                held[of[column.name]][place] = column
        if not held:
            return pl.DataFrame(height=sum(heights))
        return side_by_side(
            [_under(name, self._types[name], columns, heights) for name, columns in held.items()]
        )


def _under(
    name: str, dtype: pl.DataType, columns: Mapping[int, pl.Series], heights: Sequence[int]
) -> pl.Series:
    parts: list[pl.Series] = []
    missing = 0
    for place, height in enumerate(heights):
        column = columns.get(place)
        if column is None:
            missing += height
            continue
        if missing:
            parts.append(nulls(name, dtype, missing))
            missing = 0
        parts.append(as_type(column, dtype).alias(name))
    if missing or not parts:
        parts.append(nulls(name, dtype, missing))
    return pl.concat(parts, rechunk=True) if len(parts) > 1 else parts[0]


def _joined(keys: Sequence[Keys]) -> Keys:
    return Keys(
        np.concatenate([each.hi for each in keys]),
        np.concatenate([each.lo for each in keys]),
        np.concatenate([each.known for each in keys]),
    )


def _with_numbers(heads: pl.DataFrame, numbers: Ints) -> pl.DataFrame:
    """Heads with the numbers of the keys in the place of the keys."""
    rest = picked(heads, [name for name in heads.columns if name not in KEY])
    zeros = pl.Series("k_hi", np.zeros(len(numbers), dtype=np.int64))
    return side_by_side([zeros, pl.Series("k_lo", numbers), *rest.get_columns()])


def _counted(owners: Ints, tables: int) -> list[int]:
    counted: list[int] = np.bincount(owners, minlength=tables).tolist()
    return counted


def _slices(sizes: Sequence[int]) -> list[slice]:
    ends = np.cumsum(sizes, dtype=np.int64).tolist()
    return [slice(end - size, end) for end, size in zip(ends, sizes, strict=True)]

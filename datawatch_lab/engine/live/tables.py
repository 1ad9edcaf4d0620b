"""Live tables: what a commit makes of current rows, in whatever order events come.

Most versions are newer than what is stored of their row and are folded over it. A version that is
older than the stored one, or than a TRUNCATE, is put in its place: all versions of its row are
folded anew, and what that changes about transitions is taken back and put right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from datawatch_lab.core.batches import RowFrame, TableBatch, Transitions
from datawatch_lab.core.columns import kept, picked
from datawatch_lab.core.storage import LIVE_HEADS, LiveAsk, LiveChange, LiveRows, Store
from datawatch_lab.core.values import TableInfo
from datawatch_lab.engine.live.asking import needed, needed_by, tracked
from datawatch_lab.engine.live.changes import Changed, LiveResult, Past
from datawatch_lab.engine.live.columns import together
from datawatch_lab.engine.live.folding import KEY, Folded, fold, no_rows
from datawatch_lab.engine.live.revising import (
    cleared,
    connected,
    difference,
    in_arrival_order,
    older,
    removals_of,
)
from datawatch_lab.engine.live.stacking import Keyed, Stack
from datawatch_lab.engine.live.versions import (
    CLEARS,
    HEADS,
    Versions,
    joined,
    versions_of,
)

log = logging.getLogger(__name__)

AsBatch = Callable[[TableInfo, pl.DataFrame], TableBatch]
"""Makes a batch of rows of the log."""

_CHUNK = 500_000

TOGETHER = 2
"""Tables from which on those that can be are folded together."""

_NO_CLEARS = pl.DataFrame(schema={name: HEADS[name] for name in CLEARS})


@dataclass
class LiveTables:
    """Makes current rows of changes; keeps no rows itself, only when tables were truncated."""

    store: Store
    as_batch: AsBatch
    _clears: dict[int, pl.DataFrame] | None = None

    def change(self, changes: Sequence[Changed]) -> list[LiveResult | None]:
        """What a commit's batches do, by table; None where no row of a keyed table changes.

        Stored rows are asked for once for all tables.
        """
        together = self._together(changes)
        made: list[LiveResult | None] = [together.get(place) for place in range(len(changes))]
        due: list[tuple[int, Versions]] = []
        for place, each in enumerate(changes):
            if place in together:
                continue
            if each.before.key != each.table.key:
                made[place] = self._restart(each.before, each.table, each.batches, each.past)
            elif each.table.key:
                versions = self._versions(each.table, each.batches)
                if self._comes_late(each.table, versions):
                    made[place] = self._revise_all(each.table, versions, each.past)
                elif versions.height or versions.clears.height:
                    due.append((place, versions))
        asks = [
            LiveAsk(table, _distinct(versions.heads), needed_by(table, versions))
            for table, versions in ((changes[place].table, versions) for place, versions in due)
        ]
        rows = self.store.live_rows_of(asks) if asks else []
        for (place, versions), ask, stored in zip(due, asks, rows, strict=True):
            made[place] = self._advance(ask.table, versions, ask.keys, stored)
        return made

    def _together(self, changes: Sequence[Changed]) -> dict[int, LiveResult | None]:
        """What becomes of tables that can be folded together, by place; see `stacking`."""
        places = [place for place, each in enumerate(changes) if self._is_plain(each)]
        if len(places) < TOGETHER:
            return {}
        keyed = [
            Keyed.of(changes[place].table, changes[place].batches[0], self.store.hash_texts)
            for place in places
        ]
        stack = Stack(keyed)
        if unusual := stack.unusual:
            usual = [n for n in range(len(places)) if n not in unusual]
            if len(usual) < TOGETHER:
                return {}
            places = [places[n] for n in usual]
            stack = Stack([keyed[n] for n in usual])
        begun = [_begins(changes[place]) for place in places]
        parts = stack.fold(self._stored(stack.asks(needed), begun), tracked)
        made: dict[int, LiveResult | None] = {}
        for number, part in parts.items():
            table, restart = changes[places[number]].table, begun[number]
            change = LiveChange(table, part.latest, part.index, restart=restart)
            result = LiveResult(change, [part.transitions], restarted=restart)
            made[places[number]] = result if restart or stack.counts[number] else None
        return made

    def _stored(self, asks: Sequence[LiveAsk], begun: Sequence[bool]) -> list[LiveRows]:
        """Stored rows by table; none of those that begin."""
        due = [ask for ask, begins in zip(asks, begun, strict=True) if not begins]
        found = iter(self.store.live_rows_of(due) if due else ())
        return [no_rows() if begins else next(found) for begins in begun]

    def _is_plain(self, change: Changed) -> bool:
        """Whether a table may be folded with others."""
        if not change.table.key or len(change.batches) != 1:
            return False
        if b"t"[0] in change.batches[0].codes:
            return False
        if change.before.key != change.table.key:
            return _begins(change)
        return not self._known_clears(change.table).height

    def rebuild(self, table: TableInfo, past: Past) -> LiveResult:
        """The live table made anew from the log."""
        return self._restart(table, table, (), past)

    def history(
        self, table: TableInfo, fields: Collection[str], past: Past
    ) -> Iterator[Transitions]:
        """Transitions of some fields of a keyed table: all that the log holds.

        Rows that have not changed since before the log begins count from their last change on.
        """
        wanted = sorted({*fields} - {""})
        every = [*self._older_rows(table, wanted), *past()]
        parts = [versions_of(each, table.key, self.store.hash_texts, wanted) for each in every]
        if parts:
            yield _whole(joined(parts), wanted).transitions()

    def keep(self, results: Iterable[LiveResult]) -> None:
        """Remember what was stored."""
        known = self._clears
        for result in results:
            if result.clears is not None and result.clears.height and known is not None:
                table_id = result.change.table.id
                earlier = known.get(table_id)
                both = [result.clears] if earlier is None else [earlier, result.clears]
                known[table_id] = pl.concat(both)

    def _versions(self, table: TableInfo, batches: Sequence[TableBatch]) -> Versions:
        versions = joined([versions_of(b, table.key, self.store.hash_texts) for b in batches])
        if versions.homeless:
            log.warning(
                "%s: %d updates or deletes without their key (%s) change no row",
                table.name,
                versions.homeless,
                ", ".join(table.key),
            )
        return versions

    def _older_rows(self, table: TableInfo, fields: Sequence[str]) -> Iterator[TableBatch]:
        """Rows that have not changed since before the log begins, as snapshot rows."""
        if not table.key:
            return
        first = self.store.first_seq()
        if first <= 1:
            return
        for rows in self.store.live_scan(table, [*{*fields, *table.key}], chunk=_CHUNK):
            old = rows.heads["seq"] < first
            if old.any():
                yield _as_snapshot(table, LiveRows(rows.heads.filter(old), rows.rows.filter(old)))

    def _restart(
        self, before: TableInfo, table: TableInfo, batches: Sequence[TableBatch], past: Past
    ) -> LiveResult:
        parts: list[Versions] = []
        recent: list[Versions] = []
        if table.key:
            names = [column.name for column in table.columns]
            every = [*self._older_rows(before, names), *past()]
            parts = [versions_of(each, table.key, self.store.hash_texts) for each in every]
            recent = [versions_of(each, table.key, self.store.hash_texts) for each in batches]
            parts += recent
        if not parts:
            change = LiveChange(table, no_rows(), _index(None), restart=True)
            return LiveResult(change, (), restarted=True)
        versions = joined(parts)
        folded = _whole(versions, tracked(table))
        change = LiveChange(table, folded.latest, _index(versions), restart=True)
        moved = (folded.transitions(),)
        clears = joined(recent).clears if recent else None
        return LiveResult(change, moved, restarted=True, clears=clears)

    def _advance(
        self, table: TableInfo, versions: Versions, keys: pl.DataFrame, stored: LiveRows
    ) -> LiveResult:
        """Lay versions over the stored rows of their keys."""
        clears = self._known_clears(table)
        index = _index(versions)
        made = _Made()
        late = older(versions, stored, clears)
        if late.height:
            late, past_versions = self._connected(table, late, versions)
            is_late = _among(versions.heads, late)
            self._revise(table, past_versions, versions.take(is_late), clears, made)
            versions = versions.take(~is_late)
        if versions.clears.height:
            self._clear(table, pl.concat([keys, late.select(*KEY)]).unique(), versions.clears, made)
        if versions.height:
            versions = in_arrival_order(cleared(versions), stored)
            made.add(fold(versions, stored, tracked(table)))
        return _result(table, made, index, versions)

    def _clear(
        self, table: TableInfo, but: pl.DataFrame, clears: pl.DataFrame, made: _Made
    ) -> None:
        """Remove all stored rows, but for those of some keys, which are folded otherwise."""
        for rows in self.store.live_scan(table, tracked(table), chunk=_CHUNK):
            removed = in_arrival_order(removals_of(rows, but, clears), rows)
            made.add(fold(removed, rows, tracked(table)))

    def _revise(
        self,
        table: TableInfo,
        past: Versions | None,
        fresh: Versions,
        clears: pl.DataFrame,
        made: _Made,
    ) -> None:
        """Fold some rows from all of their versions, and add what that changes."""
        fields = tracked(table)
        before = _nothing(fields) if past is None else _whole(_with(past, clears), fields)
        every = fresh if past is None else joined([past, fresh])
        after = _whole(_with(every, pl.concat([clears, fresh.clears])), fields)
        made.puts.append(after.latest)
        made.transitions.append(difference(before, after, fields))

    def _connected(
        self, table: TableInfo, keys: pl.DataFrame, fresh: Versions
    ) -> tuple[pl.DataFrame, Versions | None]:
        """Keys with all that changes of key connect them to, and their stored versions."""
        while True:
            past = self._stored_versions(table, keys)
            heads = [fresh.heads] if past is None else [fresh.heads, past.heads]
            further = connected(pl.concat(heads), keys)
            if further.height == keys.height:
                break
            keys = further
        return keys, None if past is None else past.take(_among(past.heads, keys))

    def _revise_all(self, table: TableInfo, versions: Versions, past: Past) -> LiveResult:
        """Fold the whole table anew: a TRUNCATE came later than what followed it."""
        made, index = _Made(), _index(versions)
        fields = tracked(table)
        parts = [versions_of(each, table.key, self.store.hash_texts) for each in past()]
        before = _whole(joined(parts), fields) if parts else _nothing(fields)
        after = _whole(joined([*parts, versions]), fields)
        made.puts.append(after.latest)
        made.transitions.append(difference(before, after, fields))
        return _result(table, made, index, versions)

    def _stored_versions(self, table: TableInfo, keys: pl.DataFrame) -> Versions | None:
        """Versions of the events that concern some keys; those of other keys may be among them."""
        found = self.store.live_versions(table, keys)
        if not found.height:
            return None
        batch = self.as_batch(table, found.unique("seq", maintain_order=True).sort("seq"))
        return versions_of(batch, table.key, self.store.hash_texts)

    def _known_clears(self, table: TableInfo) -> pl.DataFrame:
        """`CLEARS` of the stored TRUNCATEs of a table."""
        if self._clears is None:
            self._clears = {
                int(str(table_id)): self._clears_in(table, frame)
                for (table_id,), frame in self.store.read_truncates().group_by("table_id")
            }
        return self._clears.get(table.id, _NO_CLEARS)

    def _clears_in(self, table: TableInfo, frame: pl.DataFrame) -> pl.DataFrame:
        return versions_of(self.as_batch(table, frame), ("",), self.store.hash_texts).clears

    def _comes_late(self, table: TableInfo, versions: Versions) -> bool:
        """Whether something stored may be newer than a TRUNCATE of this commit."""
        if not versions.clears.height:
            return False
        clears = versions.clears.filter(~pl.col("ordered"))
        newest = self.store.newest_event(table.id)
        return bool(
            clears.height and newest is not None and (clears["at"].min() or newest) <= newest  # type: ignore[operator]
        )


def _begins(change: Changed) -> bool:
    """Whether the key is new and the log empty, so that the changes are all there is."""
    return change.before.key != change.table.key and change.past() == ()


@dataclass
class _Made:
    """What came of a commit so far."""

    puts: list[LiveRows] = field(default_factory=list)
    transitions: list[Transitions] = field(default_factory=list)

    def add(self, folded: Folded) -> None:
        self.puts.append(folded.latest)
        self.transitions.append(folded.transitions())

    def rows(self) -> LiveRows:
        if not self.puts:
            return no_rows()
        parts = [picked(put.heads, list(LIVE_HEADS)) for put in self.puts]
        heads = parts[0] if len(parts) == 1 else pl.concat(parts)
        return LiveRows(heads, together([put.rows for put in self.puts]))


def _result(table: TableInfo, made: _Made, index: pl.DataFrame, versions: Versions) -> LiveResult:
    change = LiveChange(table, made.rows(), index)
    return LiveResult(change, made.transitions, clears=versions.clears)


def _as_snapshot(table: TableInfo, rows: LiveRows) -> TableBatch:
    """Stored rows as a batch of snapshot rows, each with the order of its last version."""
    heads = rows.heads
    events = heads.select(
        "seq",
        pl.lit("r").alias("op"),
        pl.col("at").alias("ts"),
        pl.col("at").alias("received"),
        "ordinal",
        "sub",
        pl.lit(value=False).alias("ordered"),
    )
    images = RowFrame(np.arange(heads.height, dtype=np.int64), rows.rows)
    return TableBatch(table=table, events=events, after=images, before=RowFrame.empty())


def _whole(versions: Versions, fields: Sequence[str]) -> Folded:
    """The fold of all versions there are."""
    return fold(in_arrival_order(cleared(versions), no_rows()), no_rows(), fields)


def _nothing(fields: Sequence[str]) -> Folded:
    empty = Versions(pl.DataFrame(schema=HEADS), pl.DataFrame(), {}, _NO_CLEARS)
    return fold(empty, no_rows(), fields)


def _with(versions: Versions, clears: pl.DataFrame) -> Versions:
    return replace(versions, clears=clears)


def _among(heads: pl.DataFrame, keys: pl.DataFrame) -> pl.Series:
    """Which rows have one of the keys."""
    marked = keys.select(*KEY).with_columns(pl.lit(value=True).alias("among"))
    found = heads.select(*KEY).join(marked, on=KEY, how="left", maintain_order="left")["among"]
    return found.fill_null(value=False)


def _index(versions: Versions | None) -> pl.DataFrame:
    """What `Store.live_versions` shall find: versions whose order may yet be asked for."""
    names = (*KEY, "seq")
    if versions is None:
        return pl.DataFrame(schema={name: HEADS[name] for name in names})
    free = ~versions.heads["ordered"].to_numpy()
    return kept(picked(versions.heads, names), free)


def _distinct(heads: pl.DataFrame) -> pl.DataFrame:
    """The different keys: k_hi, k_lo."""
    if heads["k_hi"].to_numpy().any():
        return picked(heads, KEY).unique()
    lo = np.unique(heads["k_lo"].to_numpy())
    return pl.DataFrame([pl.Series("k_hi", np.zeros(len(lo), np.int64)), pl.Series("k_lo", lo)])

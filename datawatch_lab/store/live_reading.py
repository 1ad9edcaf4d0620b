"""Questions about live tables: rows by key, all rows, versions of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from datawatch_lab.core.columns import (
    arrow_of,
    kept,
    nulls,
    picked,
    side_by_side,
    under_one_another,
)
from datawatch_lab.core.storage import LIVE_HEADS, LOG_SCHEMA, LiveAsk, LiveRows
from datawatch_lab.store.live_mirror import NOTHING, found_in
from datawatch_lab.store.live_slots import HUGEINT, Slot, as_text, join_slots
from datawatch_lab.store.live_state import (
    HEADS,
    SHARED,
    LiveTable,
    LiveTables,
    shared_columns,
)
from datawatch_lab.store.live_views import current_rows
from datawatch_lab.store.sql import fetch_arrow, fetch_row, fetch_with, quote_identifier

_KEYS = ("k_hi", "k_lo")
_GIVEN = "wanted_keys"
_NO_HEADS = pl.DataFrame(schema=LIVE_HEADS)
_NO_TEXT = nulls("", pl.String(), 0)
_WORTH_ASKING_TOGETHER = 2  # tables


def read_rows(
    con: duckdb.DuckDBPyConnection, tables: LiveTables, asks: Sequence[LiveAsk]
) -> list[LiveRows]:
    """The stored rows of some keys, gone ones too; see `core.storage.Store.live_rows`.

    What stands in the delta that tables share is looked up for all of them at once.
    """
    stored = [tables.get(each.table.id) for each in asks]
    asks = [_possible(*pair) for pair in zip(stored, asks, strict=True)]
    fresh = _in_shared(con, stored, asks)
    return [
        _of_table(con, each, ask, found)
        for each, ask, found in zip(stored, asks, fresh, strict=True)
    ]


def _possible(stored: LiveTable | None, ask: LiveAsk) -> LiveAsk:
    """A question without the keys that no row can have."""
    may = None if stored is None else stored.may_have(ask.keys)
    return ask if may is None else replace(ask, keys=kept(ask.keys, may))


def _of_table(
    con: duckdb.DuckDBPyConnection,
    stored: LiveTable | None,
    ask: LiveAsk,
    fresh: pl.DataFrame | None,
) -> LiveRows:
    """The rows of one table; ``fresh`` are those of its delta, if they were looked up."""
    parts: list[pl.DataFrame] = []
    wanted = picked(ask.keys, _KEYS)
    if stored is None or not wanted.height:
        return _no_rows(ask.fields)
    slots = [slot for slot in stored.slots if slot.field in ask.fields]
    sources = _sources(stored, slots, delta=fresh is None)
    looks: list[Callable[[pl.DataFrame], pl.DataFrame]] = [
        partial(_look_up, con, each, narrow=stored.narrow) for each in sources
    ]
    if stored.mirror is not None and stored.mirror.height:
        looks.insert(0, partial(_remembered, stored, slots))
    if fresh is not None:
        looks.insert(0, lambda _: fresh)
    for place, look in enumerate(looks):
        found = look(wanted)
        if found.height:
            parts.append(_with_texts(found, {slot.column: slot for slot in slots}))
        if found.height == wanted.height:
            break
        if found.height and place + 1 < len(looks):
            wanted = wanted.join(found.select(_KEYS), on=_KEYS, how="anti")
    if not parts:
        return _no_rows(ask.fields)
    found = parts[0] if len(parts) == 1 else pl.concat(parts, how="diagonal")
    return _as_rows(found, slots, ask.fields)


def _in_shared(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[LiveTable | None],
    asks: Sequence[LiveAsk],
) -> list[pl.DataFrame | None]:
    """Rows of the delta that tables share, by slot column; None for what is looked up otherwise.

    Decimals and moments are text here, which is what becomes of them.
    """
    found: list[pl.DataFrame | None] = [None] * len(asks)
    places = [
        place
        for place, each in enumerate(tables)
        if each is not None
        and each.shared
        and each.mirror is None
        and each.delta_rows
        and asks[place].keys.height
    ]
    if len(places) < _WORTH_ASKING_TOGETHER:
        return found
    columns = [_of_shared(tables[place], asks[place].fields) for place in places]
    sizes = [asks[place].keys.height for place in places]
    ids = np.array([asks[place].table.id for place in places], dtype=np.int32)
    keys = under_one_another([picked(asks[place].keys, _KEYS) for place in places])
    given = arrow_of(keys.hstack([pl.Series("table_id", np.repeat(ids, sizes))]))
    wanted = {there: slot for each in columns for there, slot in each.items()}
    rows = _read_shared(con, given, wanted)
    parts = rows.partition_by("table_id", as_dict=True, maintain_order=True)
    for place, mine in zip(places, columns, strict=True):
        part = parts.get((asks[place].table.id,), rows[:0])
        slots = [part[there].alias(slot.column) for there, slot in mine.items()]
        found[place] = picked(part, [*LIVE_HEADS]).hstack(slots)
    return found


def _of_shared(stored: LiveTable | None, fields: Sequence[str]) -> dict[str, Slot]:
    """The slots of some fields by column of the delta that tables share."""
    slots = () if stored is None else stored.slots
    there = shared_columns(slots)
    return {there[slot.column]: slot for slot in slots if slot.field in fields}


def _read_shared(
    con: duckdb.DuckDBPyConnection, given: pa.Table, wanted: Mapping[str, Slot]
) -> pl.DataFrame:
    """Rows of the shared delta by table and key: heads and some of its columns."""
    columns = [
        f"a.{there}::VARCHAR AS {there}" if slot.type == HUGEINT else f"a.{there}"
        for there, slot in wanted.items()
    ]
    heads = [f"a.{name}" for name in (*HEADS, "gone")]
    found = fetch_with(
        con,
        given,
        f"SELECT a.table_id, {', '.join([*heads, *columns])} FROM {SHARED} a SEMI JOIN given b "
        "ON a.table_id = b.table_id AND a.k_lo = b.k_lo AND a.k_hi = b.k_hi",
    )
    return _with_texts(pl.DataFrame(found), wanted)


def _with_texts(rows: pl.DataFrame, slots: Mapping[str, Slot]) -> pl.DataFrame:
    """Rows with those columns as text that are read as such."""
    texts = [
        as_text(slot, rows[name])
        for name, slot in slots.items()
        if slot.is_read_as_text and name in rows.columns
    ]
    return rows.with_columns(texts) if texts else rows


def _sources(stored: LiveTable, slots: Sequence[Slot], *, delta: bool) -> Iterator[str]:
    """What to select from where; a key that an earlier one has is not asked of a later one."""
    if delta and stored.delta_rows and stored.mirror is None:
        columns = [*HEADS, "gone", *map(_fetched, slots)]
        yield f"{', '.join(columns)} FROM {stored.delta}"
    if stored.base_slots is not None:
        held = [slot for slot in slots if slot.column in stored.base_slots]
        columns = [*HEADS, "FALSE AS gone", *map(_fetched, held)]
        yield f"{', '.join(columns)} FROM {stored.base}"
    if stored.has_graves:
        yield f"{', '.join(HEADS)}, TRUE AS gone FROM {stored.graves}"


def _look_up(
    con: duckdb.DuckDBPyConnection, source: str, wanted: pl.DataFrame, *, narrow: bool
) -> pl.DataFrame:
    """Rows of a source by key; looked up by half of the key, which takes half the time."""
    sql = f"SELECT {source} a SEMI JOIN given b ON a.k_lo = b.k_lo"
    found = pl.DataFrame(fetch_with(con, arrow_of(wanted), sql))
    if narrow and (wanted["k_hi"] == 0).all():
        return found
    return found.join(wanted, on=_KEYS, how="semi")


def _remembered(stored: LiveTable, slots: Sequence[Slot], wanted: pl.DataFrame) -> pl.DataFrame:
    """Rows of the delta by key, from its mirror."""
    mirror = NOTHING if stored.mirror is None else stored.mirror
    held = [slot.column for slot in slots if slot.column in mirror.columns]
    there = found_in(mirror, wanted, narrow=stored.narrow)
    return kept(picked(mirror, [*LIVE_HEADS, *held]), there)


def _fetched(slot: Slot) -> str:
    """Integers of 128 bits travel as text: Arrow has no type for all of them."""
    return f"{slot.column}::VARCHAR AS {slot.column}" if slot.type == HUGEINT else slot.column


def _as_rows(found: pl.DataFrame, slots: Sequence[Slot], fields: Sequence[str]) -> LiveRows:
    at = found["at"].cast(LIVE_HEADS["at"])
    heads = pl.DataFrame([at if name == "at" else found[name] for name in LIVE_HEADS])
    return LiveRows(heads, join_slots(found, slots, fields))


def _no_rows(fields: Sequence[str]) -> LiveRows:
    rows = [_NO_TEXT.alias(name) for name in fields]
    return LiveRows(_NO_HEADS, side_by_side(rows) if rows else pl.DataFrame())


def scan_rows(
    con: duckdb.DuckDBPyConnection, stored: LiveTable | None, fields: Sequence[str], chunk: int
) -> Iterator[LiveRows]:
    """Every current row in frames of about ``chunk`` rows; ``con`` is in a transaction."""
    if stored is None:
        return
    slots = [slot for slot in stored.slots if slot.field in fields]
    heads = [*HEADS, *(slot.column for slot in slots)]
    columns = [*HEADS, "FALSE AS gone", *map(_fetched, slots)]
    reader = con.sql(
        f"SELECT {', '.join(columns)} FROM ({current_rows(stored, heads)})"
    ).to_arrow_reader(chunk)
    with reader:
        for batch in reader:
            frame = pl.DataFrame(pa.Table.from_batches([batch]))
            if frame.height:
                yield _as_rows(frame, slots, fields)


def count_rows(con: duckdb.DuckDBPyConnection, stored: LiveTable | None) -> int:
    """Rows that are not gone."""
    if stored is None:
        return 0
    (rows,) = fetch_row(con, f"SELECT count(*) FROM ({current_rows(stored, ['k_lo'])})")
    return int(rows)


def read_versions(
    con: duckdb.DuckDBPyConnection, table_id: int, keys: pl.DataFrame
) -> pl.DataFrame:
    """Versions of some keys with the events they came from, in order of seq."""
    columns = ", ".join(f"l.{quote_identifier(name)}" for name in LOG_SCHEMA.names)
    con.register(_GIVEN, keys.select(_KEYS).to_arrow())
    try:
        found = fetch_arrow(
            con,
            f"WITH v AS (SELECT a.* FROM current.versions a SEMI JOIN {_GIVEN} b "
            "ON a.k_lo = b.k_lo AND a.k_hi = b.k_hi WHERE a.table_id = ?) "
            f"SELECT v.k_hi, v.k_lo, {columns} FROM v JOIN changes.log l ON l.seq = v.seq "
            "ORDER BY v.seq, v.k_hi, v.k_lo",
            [table_id],
        )
    finally:
        con.unregister(_GIVEN)
    times = [pl.col(name).dt.replace_time_zone("UTC") for name in ("ts", "received")]
    return pl.DataFrame(found).with_columns(times)

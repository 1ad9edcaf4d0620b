"""Views ``live.<name>``: the current rows of a table, in the user's own columns."""

from __future__ import annotations

from collections.abc import Sequence

from datawatch_lab.core.values import Column, Role, TableInfo
from datawatch_lab.store.live_slots import (
    BIGINT,
    DOUBLE,
    HUGEINT,
    TIMESTAMP,
    VARCHAR,
    Slot,
)
from datawatch_lab.store.live_state import LiveTable
from datawatch_lab.store.sql import quote_identifier
from datawatch_lab.store.views import column_value, free_column

_DECIMAL_PLACES = 9
_DECIMAL_TEXT = f"DECIMAL(38, {_DECIMAL_PLACES})"
_ISO = "%Y-%m-%dT%H:%M:%S.%fZ"
_UNSEEN = {"integer": BIGINT, "number": DOUBLE, "boolean": "BOOLEAN"}


def live_sql(table: TableInfo, name: str, stored: LiveTable | None) -> str:
    """The statement that makes the live view of one table.

    Args:
        table: as known now; without a key its rows are those that were inserted or read.
        name: of the view.
        stored: how its rows are kept; None when it has none yet.
    """
    shown = _shown_names(table)
    if not table.key:
        values = [column_value(column) for column in table.columns]
        source = f"changes.log WHERE table_id = {table.id:d} AND op IN ('c', 'r')"
    elif stored is None:
        values = [field_value(column, ()) for column in table.columns]
        source = "(SELECT 1) WHERE FALSE"
    else:
        values = [
            field_value(column, [slot for slot in stored.slots if slot.field == column.name])
            for column in table.columns
        ]
        source = f"({current_rows(stored, [slot.column for slot in stored.slots])}) r"
    columns = [
        f"{value} AS {quote_identifier(label)}"
        for column, value, label in zip(table.columns, values, shown, strict=True)
        if column.name not in table.stated.dropped
    ]
    return (
        f"CREATE OR REPLACE VIEW live.{quote_identifier(name)} AS SELECT "
        + (",\n    ".join(columns) or "NULL AS nothing")
        + f"\nFROM {source}"
    )


def current_rows(stored: LiveTable, columns: Sequence[str]) -> str:
    """A SELECT of columns (heads or slots) of the rows that are not gone."""
    fresh = f"SELECT {_listed(columns)} FROM {stored.delta} WHERE NOT gone"
    if not stored.has_base:
        return fresh
    settled = _listed([stored.in_base(column) for column in columns])
    return (
        f"SELECT {settled} FROM {stored.base} a ANTI JOIN {stored.delta} b ON {stored.same_key} "
        f"UNION ALL {fresh}"
    )


def field_value(column: Column, slots: Sequence[Slot]) -> str:
    """The expression that makes one column of a field's slots.

    One slot is shown as it is. Integers of both sizes are HUGEINT; integers and decimals DECIMAL;
    those and doubles DOUBLE if no digit is lost; moments and text of moments TIMESTAMP; whatever
    else comes together is text.
    """
    if not slots:
        return f"CAST(NULL AS {_unseen(column)})"
    text = next((slot for slot in slots if slot.type == VARCHAR), None)
    if text and column.type in ("integer", "number") and _decimals(slots):
        return _coalesced(slots, _DECIMAL_TEXT)
    if text and column.role is Role.TIMESTAMP and _moments(slots):
        return _coalesced(slots, TIMESTAMP)
    if len(slots) == 1:
        return slots[0].column
    return _coalesced(slots, _common_type(slots))


def _decimals(slots: Sequence[Slot]) -> bool:
    """Whether every value fits `_DECIMAL_TEXT`."""
    return all(
        slot.type == BIGINT or slot.decimal or 0 < slot.scale <= _DECIMAL_PLACES for slot in slots
    )


def _moments(slots: Sequence[Slot]) -> bool:
    """Whether every value is a moment."""
    return all(slot.type == TIMESTAMP or slot.moment for slot in slots)


def _common_type(slots: Sequence[Slot]) -> str:
    """The type that holds every value of several slots, or VARCHAR."""
    types = {slot.type for slot in slots}
    if types == {BIGINT, HUGEINT}:
        return HUGEINT
    scales = [slot.scale for slot in slots]
    if not all(slot.type in (BIGINT, DOUBLE) or slot.scale for slot in slots):
        return VARCHAR
    if DOUBLE in types:
        exact = all(slot.exact for slot in slots if slot.type != DOUBLE)
        return DOUBLE if exact else VARCHAR
    return f"DECIMAL(38, {max(scales)})"


def _coalesced(slots: Sequence[Slot], type_: str) -> str:
    parts = ", ".join(_cast(slot, type_) for slot in slots)
    return f"coalesce({parts})" if len(slots) > 1 else parts


def _cast(slot: Slot, type_: str) -> str:
    if slot.type == type_:
        return slot.column
    if slot.type == TIMESTAMP:
        return f"strftime({slot.column}, '{_ISO}')"
    return f"CAST({slot.column} AS {type_})"


def _unseen(column: Column) -> str:
    return TIMESTAMP if column.role is Role.TIMESTAMP else _UNSEEN.get(column.type, VARCHAR)


def _shown_names(table: TableInfo) -> list[str]:
    taken: set[str] = set()
    names: list[str] = []
    for column in table.columns:
        names.append(free_column(column.name, taken))
        taken.add(names[-1].casefold())
    return names


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(columns) or "1"

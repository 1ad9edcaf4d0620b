"""Which columns the rows of a table have: a state that grows with the log, column-wise.

What it finds depends on the rows and their order alone, not on how they are cut into windows: it
counts rows, and looks for the row at which a count is reached.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

CONFIRMED = 3
"""Rows that must have a new column before it counts: one row may be a slip."""

FIRST_ROWS = 20
"""Rows in which a table shows what columns it has; later ones are new."""

LEAST_ABSENT = 20
"""Rows without a column at least, before it counts as gone."""

_CHANCE = 1e-6
"""How unlikely so many rows without a column must be, were it still there."""

_MOST_ABSENT = 100_000

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class ColumnState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was seen of one column.

    Attributes:
        first: row at which it came, from 1.
        first_seq, first_at: of that row; microseconds since 1970.
        present: rows that had it.
        last: the newest row that had it.
        place: its place among the fields of the first row that had it.
        told: a finding was made of its coming, or it was there from the beginning.
        gone: a finding was made of its going.
        gap_seq, gap_at: of the row after the newest that had it.
        kind: of its values in JSON: integer, number, boolean, text, json; '' before one was seen.
        kind_rows: sampled values of that kind.
        other, other_rows, other_seq, other_at: another kind that began to come, since when.
    """

    first: int
    first_seq: int
    first_at: int
    present: int = 0
    last: int = 0
    place: int = -1
    told: bool = False
    gone: bool = False
    gap_seq: int = 0
    gap_at: int = 0
    kind: str = ""
    kind_rows: int = 0
    other: str = ""
    other_rows: int = 0
    other_seq: int = 0
    other_at: int = 0


class TableState(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was seen of the rows of one table.

    Attributes:
        rows: whole rows that came in order of event time; others say nothing of the present.
        described: its first columns were told.
        newest: event time of the newest, microseconds since 1970.
        columns: by name.
    """

    rows: int = 0
    described: bool = False
    newest: int = -(1 << 62)
    columns: dict[str, ColumnState] = {}


@dataclass(frozen=True)
class Window:
    """Rows of one table, in order of sequence number.

    Attributes:
        seq, at: int64; ``at`` is event time, microseconds since 1970.
        code: which of ``fields`` each row has.
        fields: sets of field names, each in the order of a row.
    """

    seq: Ints
    at: Ints
    code: Ints
    fields: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Finding:
    """A column that came or went.

    Attributes:
        what: ``came``, ``went`` or ``back`` (it had gone).
        column: its name.
        seq, at: of the first row with it, or without it.
        row: that row.
        until: sequence number of the row that settled it.
        confidence: in (0, 1].
        why: in words.
    """

    what: Literal["came", "went", "back"]
    column: str
    seq: int
    at: int
    row: int
    until: int
    confidence: float
    why: str


def absent_rows(column: ColumnState, rows: int) -> int:
    """Rows without a column after which it is gone: too many to be chance, by its share so far."""
    share = min((column.present + 1) / (rows - column.first + 3), 1 - 1e-9)
    needed = math.ceil(math.log(_CHANCE) / math.log1p(-share))
    return min(max(needed, LEAST_ABSENT), _MOST_ABSENT)


def advance(state: TableState, window: Window) -> list[Finding]:
    """Take rows into a state; gives what they show, in order of their rows."""
    current = np.maximum(np.maximum.accumulate(window.at), state.newest)
    in_order = window.at >= current
    at, seq, code = window.at[in_order], window.seq[in_order], window.code[in_order]
    if not len(at):
        return []
    state.newest = int(at[-1])
    rows = _Rows(seq, at, state.rows)
    state.rows += len(at)
    fields = [frozenset(each) for each in window.fields]
    used = np.unique(code)
    names = dict.fromkeys(name for each in used for name in window.fields[each])
    found: list[Finding] = []
    for name in {**dict.fromkeys(state.columns), **names}:
        member = np.array([name in each for each in fields])
        present = member[code]
        first = int(code[np.argmax(present)]) if present.any() else -1
        place = window.fields[first].index(name) if first >= 0 else -1
        found += _follow(state, name, rows, present, place)
    return sorted(found, key=lambda each: (each.row, each.column))


@dataclass(frozen=True)
class _Rows:
    """Rows that come in order, after ``before`` others."""

    seq: Ints
    at: Ints
    before: int


def _follow(state: TableState, name: str, rows: _Rows, present: Bools, place: int) -> list[Finding]:
    """Findings on one column."""
    held = np.flatnonzero(present)
    column = state.columns.get(name)
    if column is None:
        first = int(held[0])
        column = state.columns[name] = ColumnState(
            first=rows.before + first + 1,
            first_seq=int(rows.seq[first]),
            first_at=int(rows.at[first]),
            place=place,
        )
        column.told = column.first <= FIRST_ROWS
        column.last = column.first
    found: list[Finding] = []
    end = rows.before + len(present)
    numbers = rows.before + held + 1
    if len(present) and not present[0] and column.last == rows.before:
        _gap(column, rows, column.last + 1)
    jumps = np.flatnonzero(np.diff(numbers, prepend=column.last, append=end + 1) > LEAST_ABSENT)
    start = 0
    for jump in (*jumps.tolist(), len(numbers)):
        if jump > start:  # a stretch in which it is there, with short gaps
            found += _there(name, column, rows, numbers[start:jump])
            start = jump
        ahead = int(numbers[jump]) if jump < len(numbers) else end + 1
        if rows.before <= column.last < end:
            _gap(column, rows, column.last + 1)
        found += _missing(name, column, rows, ahead)
    return found


def _gap(column: ColumnState, rows: _Rows, row: int) -> None:
    """Note the row after the newest that had it."""
    column.gap_seq = int(rows.seq[row - rows.before - 1])
    column.gap_at = int(rows.at[row - rows.before - 1])


def _there(name: str, column: ColumnState, rows: _Rows, numbers: Ints) -> list[Finding]:
    seen = column.present
    column.present += len(numbers)
    column.last = int(numbers[-1])
    column.gap_seq = column.gap_at = 0
    if column.gone:
        column.gone = False
        row = int(numbers[0])
        at = row - rows.before - 1
        why = "rows have it again"
        seq = int(rows.seq[at])
        return [Finding("back", name, seq, int(rows.at[at]), row, seq, 0.9, why)]
    if column.told or seen + len(numbers) < CONFIRMED:
        return []
    column.told = True
    why = f"{CONFIRMED} rows have it that {column.first - 1} rows before did not"
    first = column.first_seq, column.first_at, column.first
    settled = int(numbers[CONFIRMED - seen - 1])
    until = int(rows.seq[settled - rows.before - 1])
    return [Finding("came", name, *first, until, 0.95, why)]


def _missing(name: str, column: ColumnState, rows: _Rows, ahead: int) -> list[Finding]:
    """What follows from rows without it, up to the next one that has it (or the end)."""
    missing = ahead - column.last - 1
    if column.gone or not column.told or missing < LEAST_ABSENT:
        return []
    needed = absent_rows(column, column.last)
    if missing < needed:
        return []
    column.gone = True
    share = column.present / max(column.last - column.first + 1, 1)
    why = f"{share:.0%} of the rows before had it, and {needed} since not"
    sure = min(0.99, 0.6 + 0.39 * share)
    row = column.last + 1
    until = int(rows.seq[column.last + needed - rows.before - 1])
    return [Finding("went", name, column.gap_seq, column.gap_at, row, until, sure, why)]


def kinds_follow(
    state: TableState, samples: Sequence[tuple[int, int, Mapping[str, str]]]
) -> list[tuple[str, str, str, int, int]]:
    """Take kinds of values into a state.

    Args:
        state: of the table.
        samples: sequence number, event time and kind by column of sampled rows, in order.

    Returns:
        column, kind before, kind now, sequence number and time of the first such value; a kind is
        another one when `CONFIRMED` sampled values in a row have it. An integer among numbers is
        none.
    """
    found = []
    for seq, at, kinds in samples:
        for name, kind in kinds.items():
            column = state.columns.get(name)
            if column is None or not kind:
                continue
            if not column.kind or kind == column.kind or (column.kind, kind) == _FINE:
                column.kind = column.kind or kind
                column.kind_rows += 1
                column.other_rows = 0
                continue
            if column.other != kind or not column.other_rows:
                column.other, column.other_rows = kind, 0
                column.other_seq, column.other_at = seq, at
            column.other_rows += 1
            if column.other_rows >= CONFIRMED:
                if column.kind_rows >= CONFIRMED:
                    found.append((name, column.kind, kind, column.other_seq, column.other_at))
                column.kind, column.kind_rows, column.other_rows = kind, column.other_rows, 0
    return found


_FINE = ("number", "integer")

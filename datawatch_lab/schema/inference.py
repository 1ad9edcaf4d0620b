"""From what rows show of their columns to recorded changes; probable renamings among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher

import msgspec

from datawatch_lab.core.schema_changes import (
    ColumnShape,
    Facts,
    Kind,
    SchemaChange,
    SchemaShape,
    Step,
    TableShape,
)
from datawatch_lab.schema.differences import facts
from datawatch_lab.schema.impact import judged
from datawatch_lab.schema.presence import (
    CONFIRMED,
    FIRST_ROWS,
    ColumnState,
    Finding,
    TableState,
)
from datawatch_lab.schema.reading import identity


@dataclass(frozen=True)
class Likeness:
    """How alike the values of a column that went and of one that came are.

    Attributes:
        values: share of the new values that the old column had too, in [0, 1]; None when there
            are too many to compare.
        old, new: kind of their values: integer, number, boolean, text, json; '' for mixed or none.
    """

    values: float | None = None
    old: str = ""
    new: str = ""


Alike = Callable[[str, str, int, int], Likeness]
"""Given both names, the sequence number of the first row without the old one, and that of the row
up to which to look."""

RENAME_FROM = 0.7
"""Confidence from which on a column that went and one that came are told as one renamed."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = ("", "integer", "number", "boolean", "text", "json")


@dataclass(frozen=True)
class Rename:
    """A column that probably goes on under another name."""

    old: str
    new: str
    confidence: float
    why: tuple[str, ...]


def first_sight(table: str, state: TableState, source: str) -> SchemaChange | None:
    """The columns that a table has by its first rows; None when there were no rows."""
    told = {name: each for name, each in state.columns.items() if each.first <= FIRST_ROWS}
    if not told:
        return None
    first = min(told.values(), key=lambda each: each.first)
    ordered = sorted(told.items(), key=lambda item: (item[1].first, item[1].place))
    columns = tuple(ColumnShape(name=name) for name, _ in ordered)
    shape = TableShape(columns=columns, partial=True)
    step = Step(kind=Kind.DESCRIBE, table=table, after=facts(shape))
    return _change(step, source, first.first_seq, first.first_at, 1.0, ("its rows have them",))


def read_findings(
    table: str,
    findings: Sequence[Finding],
    state: TableState,
    shape: SchemaShape,
    source: str,
    alike: Alike = lambda *_: Likeness(),
) -> list[SchemaChange]:
    """Changes that findings show, but those that the source told of by itself.

    Args:
        table: qualified name.
        findings: in order.
        state: that they were made of.
        shape: what is known of the schema.
        source: name of the source, for the record.
        alike: see `Alike`; asked for probable renamings only.
    """
    known = shape.tables.get(table)
    has = set() if known is None else {each.name for each in known.columns}
    changes = []
    for each in findings:
        if each.what == "went":
            if each.column in has:
                changes.append(_gone(table, each, state, source, alike))
        elif each.column not in has:
            step = Step(
                kind=Kind.ADD_COLUMN, table=table, name=each.column, after={"nullable": True}
            )
            changes.append(_found(step, source, each))
    return changes


def _gone(
    table: str, finding: Finding, state: TableState, source: str, alike: Alike
) -> SchemaChange:
    rename = probable_rename(finding, state, alike)
    if rename is None:
        step = Step(
            kind=Kind.DROP_COLUMN,
            table=table,
            name=finding.column,
            before=facts(ColumnShape(name=finding.column)),
        )
        return _found(step, source, finding)
    step = Step(
        kind=Kind.RENAME_COLUMN,
        table=table,
        name=rename.old,
        before={"name": rename.old},
        after={"name": rename.new},
    )
    made = _change(step, source, finding.seq, finding.at, rename.confidence, rename.why)
    new = state.columns[rename.new]
    came = Step(kind=Kind.ADD_COLUMN, table=table, name=rename.new)
    return msgspec.structs.replace(made, supersedes=(_id(came, new.first_seq),))


def probable_rename(finding: Finding, state: TableState, alike: Alike) -> Rename | None:
    """The column that one which went probably goes on as; None when none is likely enough."""
    old = state.columns[finding.column]
    candidates = (
        _judged_pair(finding, name, old, new, alike)
        for name, new in state.columns.items()
        if name != finding.column
        and not new.gone
        and new.first > FIRST_ROWS
        and abs(new.first - finding.row) <= CONFIRMED
    )
    best = max(candidates, key=lambda each: each.confidence, default=None)
    return best if best is not None and best.confidence >= RENAME_FROM else None


def _judged_pair(
    finding: Finding, name: str, old: ColumnState, new: ColumnState, alike: Alike
) -> Rename:
    """Evidence for and against; each reason in words."""
    sure, why = 0.5, [f"{name} came when {finding.column} went"]
    found = alike(finding.column, name, finding.seq, finding.until)
    if found.old and found.new:
        same = found.old == found.new
        sure += 0.15 if same else -0.3
        why.append(f"both hold {found.old}" if same else f"one holds {found.old}, one {found.new}")
    if old.place == new.place:
        sure += 0.15
        why.append("it stands in the same place")
    if found.values is not None:
        sure += 0.3 * found.values - 0.1
        why.append(f"{found.values:.0%} of its values were values of {finding.column}")
    spelled = SequenceMatcher(None, finding.column.lower(), name.lower()).ratio()
    if spelled >= 0.6:
        sure += 0.1
        why.append("the names are alike")
    return Rename(finding.column, name, round(min(max(sure, 0.0), 0.97), 2), tuple(why))


def read_kinds(
    table: str,
    found: Sequence[tuple[str, str, str, int, int]],
    shape: SchemaShape,
    source: str,
) -> Iterator[SchemaChange]:
    """Changes of type that values show, where the source does not declare a type itself."""
    known = shape.tables.get(table)
    for column, was, now, seq, at in found:
        declared = known.column(column) if known is not None else None
        if declared is not None and declared.type not in _KINDS:
            continue
        step = Step(
            kind=Kind.MODIFY_COLUMN,
            table=table,
            name=column,
            before={"type": was},
            after={"type": now},
        )
        why = (f"values in JSON are {now} where they were {was}",)
        yield _change(step, source, seq, at, 0.8, why)


def _found(step: Step, source: str, finding: Finding) -> SchemaChange:
    return _change(step, source, finding.seq, finding.at, finding.confidence, (finding.why,))


def _id(step: Step, seq: int) -> str:
    target: Facts = {} if step.kind is Kind.ADD_COLUMN else step.after or {}
    return identity("rows", step.table, step.kind, step.name, seq, target)


def _change(
    step: Step, source: str, seq: int, at: int, confidence: float, why: tuple[str, ...]
) -> SchemaChange:
    impact, reason = judged(step)
    return SchemaChange(
        id=_id(step, seq),
        seq=seq,
        number=0,
        at=_EPOCH + timedelta(microseconds=at),
        step=step,
        impact=impact,
        reason=reason,
        origin="rows",
        source=source,
        confidence=round(confidence, 2),
        why=why,
    )

"""What the fields of a table are: role, type, sensitivity and key, from evidence.

Choices made where analysts differ: postal codes, phone numbers and versions such as ``1.2.3`` are
text; latitude, longitude, ratings, ages and years are numeric (averages and ranges of them mean
something); numbered documents (``invoice_no``) are ids; countries, currencies and languages are
states while they have few values; tokens and keys of access are text and sensitive. The rules
themselves stand in `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from datawatch_lab.core.values import Column, Correction, Role
from datawatch_lab.metrics import shapes
from datawatch_lab.metrics.evidence import Evidence, FieldEvidence
from datawatch_lab.metrics.hints import hint_of
from datawatch_lab.metrics.rules import Case, Verdict, judge, settled
from datawatch_lab.metrics.sensitivity import is_person_table, is_sensitive

KEY_ROWS = 200
"""Rows that a key which is not named like one must have been unique in."""


def infer(
    evidence: Evidence,
    corrections: Mapping[str, Correction] | None = None,
    key: Sequence[str] = (),
    types: Mapping[str, str] | None = None,
) -> tuple[Column, ...]:
    """The columns of a table as its evidence shows them, in order of first appearance.

    Args:
        evidence: of the table, see `evidence.observe`.
        corrections: by field name; the role and sensitivity that they set hold whatever the
            values say.
        key: key columns that the source named; they are ids unless their values are times.
        types: types that the source declares, by field name; they win over inferred ones.

    Returns:
        One column per field. Without any value the name decides, with a low confidence.
    """
    fixed, declared = corrections or {}, types or {}
    return tuple(
        _column(
            _declared(field, declared.get(field.name, "")),
            evidence.table,
            fixed.get(field.name, Correction()),
            is_key=field.name in key,
            declared=declared.get(field.name, ""),
        )
        for field in evidence.fields
    )


def _declared(field: FieldEvidence, declared: str) -> FieldEvidence:
    """The field as its declared type shows it: 0 and 1 of a boolean are no numbers."""
    if declared not in (Role.BOOLEAN.value, Role.JSON.value):
        return field
    return msgspec.structs.replace(field, kinds=(declared,))


def infer_key(evidence: Evidence) -> tuple[str, ...]:
    """The key that a table shows without naming it: its unique id without nulls, or ().

    A field called ``id`` or after the table needs two rows; its values may come again after their
    row was deleted, or when a snapshot reads the row once more. Another id needs `KEY_ROWS`, since
    ids of other tables seldom repeat among the first few rows.
    """
    singular = evidence.table.lower().removesuffix("s")
    own = {"id", "uuid", "_id", f"{singular}_id", f"{singular}id", f"{evidence.table.lower()}_id"}
    fitting = [
        field.name
        for field in evidence.fields
        if (field.unique or (field.unique_at_a_time and field.name.lower() in own))
        and field.rows >= max(2, evidence.rows)
        and judge(_case(field, evidence.table)).role is Role.ID
    ]
    named = [name for name in fitting if name.lower() in own]
    if not named and evidence.rows < KEY_ROWS:
        return ()
    return tuple((named or fitting)[:1])


def _case(field: FieldEvidence, table: str, *, is_key: bool = False) -> Case:
    return Case(field, hint_of(field.name), is_key, is_person_table(table))


_SETTERS = {
    "user": "Set by a user.",
    "config": "Set in the configuration.",
    "schema": "Known from the schema of the stream.",
}


def _column(
    field: FieldEvidence, table: str, said: Correction, *, is_key: bool, declared: str
) -> Column:
    case = _case(field, table, is_key=is_key)
    verdict = judge(case)
    roles = {verdict.role, said.role or verdict.role}  # a mask goes only when a user takes it off
    sensitive = any(is_sensitive(field, case.hint, role, table) for role in roles)
    if said.role is not None:
        verdict = Verdict(said.role, 1.0, _SETTERS[said.by])
    by = "" if said.by == "schema" or (said.role, said.sensitive) == (None, None) else said.by
    return Column(
        name=field.name,
        type=declared or type_of(field, verdict.role),
        role=verdict.role,
        confidence=round(verdict.confidence, 2),
        reason=verdict.reason,
        sensitive=sensitive if said.sensitive is None else said.sensitive,
        corrected_by=by,
    )


def type_of(field: FieldEvidence, role: Role) -> str:
    """integer, number, boolean, text or json: the narrowest that holds every JSON type seen."""
    kind = settled(field.kinds)
    if not kind:
        return {Role.NUMERIC: "number", Role.BOOLEAN: "boolean", Role.JSON: "json"}.get(
            role, "text"
        )
    if kind == "text" and role is Role.NUMERIC:
        if shapes.share(field.shapes, shapes.INTEGER) == 1:
            return "integer"
        return "number" if shapes.share(field.shapes, *shapes.NUMBERS) == 1 else "text"
    return kind

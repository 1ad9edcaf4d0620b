"""How much a step can break, and why, in words.

*Breaking*: who reads the table as before fails, or reads something else under the same name.
*Risky*: it works on, but writes may fail, values may be lost, or rules may not know what comes.
*Safe*: nobody who works as before notices.
"""

from __future__ import annotations

from collections.abc import Callable

from datawatch_lab.core.schema_changes import Facts, Impact, Kind, Step
from datawatch_lab.schema.types import family, fate, is_precision

Verdict = tuple[Impact, str]


def judged(step: Step) -> Verdict:
    """The class of a step and its reason."""
    fixed = _FIXED.get(step.kind)
    if fixed is not None:
        return fixed
    return _RULES[step.kind](step.before or {}, step.after or {})


_FIXED: dict[Kind, Verdict] = {
    Kind.ADD_TABLE: ("safe", "nothing reads a new table yet"),
    Kind.DROP_TABLE: ("breaking", "what reads the table finds it no more"),
    Kind.RENAME_TABLE: ("breaking", "what reads the table under its old name finds it no more"),
    Kind.DROP_COLUMN: ("breaking", "what reads the column finds it no more"),
    Kind.RENAME_COLUMN: ("breaking", "what reads the column under its old name finds it no more"),
    Kind.RENAME_INDEX: ("safe", "names of indexes are read by nobody but hints"),
    Kind.ADD_PRIMARY_KEY: ("risky", "rows that have no value there, or the same one, are refused"),
    Kind.DROP_PRIMARY_KEY: (
        "breaking",
        "rows can no longer be told apart, so updates and deletes of a row cannot be followed",
    ),
    Kind.ADD_FOREIGN_KEY: ("risky", "writes whose parent row is missing are refused"),
    Kind.DROP_FOREIGN_KEY: ("risky", "rows may come whose parent is missing"),
    Kind.ADD_CHECK: ("risky", "writes that do not meet the check are refused"),
    Kind.DROP_CHECK: ("risky", "values may come that were refused before"),
    Kind.DROP_CONSTRAINT: ("risky", "it is not known what the constraint held back"),
    Kind.ADD_ENUM_VALUE: ("risky", "rules and dashboards that list the values do not know it"),
    Kind.DROP_ENUM_VALUE: ("breaking", "writes of the value fail, and rows that had it changed"),
    Kind.RENAME_ENUM_VALUE: ("breaking", "what compares with the old value finds none"),
    Kind.ADD_TYPE: ("safe", "no column has a new type yet"),
    Kind.DROP_TYPE: ("breaking", "columns of the type go with it"),
    Kind.RENAME_TYPE: ("risky", "casts to the type by its old name fail"),
    Kind.DESCRIBE: ("safe", "the table is told as it is; nothing changed"),
    Kind.OTHER: ("safe", "rows keep their shape"),
    Kind.UNPARSED: ("risky", "the statement was not understood, so anything may have changed"),
}


def _add_column(before: Facts, after: Facts) -> Verdict:
    del before
    if after.get("generated"):
        return "safe", "the database fills the column itself"
    if after.get("nullable") is False and after.get("default") is None:
        return "risky", "it must have a value and has no default: writers that do not know it fail"
    return "safe", "writers that do not know the column still succeed"


def _type(before: Facts, after: Facts) -> Verdict:  # noqa: PLR0911 — one for each class
    was, now = before.get("type"), after.get("type")
    if was is None and now is None:
        return "risky", "values of the enum stand in another order, so they sort otherwise"
    if not was:
        return "risky", f"it is {now} now; what it was is not known"
    words = f"from {was} to {now}"
    found = fate(was, str(now))
    if found in ("same", "wider"):
        return "safe", f"{words}: every value fits"
    if found == "another":
        return "breaking", f"{words}: values of another kind, so what computes with them fails"
    if family(str(now)) == "float":
        return "risky", f"{words}: values are no longer exact"
    if is_precision(was, str(now)):
        return "risky", f"{words}: longer values are cut or refused"
    return "risky", f"{words}: values that do not fit are cut or refused"


def _nullability(before: Facts, after: Facts) -> Verdict:
    del before
    if after.get("nullable"):
        return "risky", "nulls may come where there were none"
    return "risky", "writes without a value are refused"


def _default(before: Facts, after: Facts) -> Verdict:
    was, now = before.get("default"), after.get("default")
    if was is None and now is not None:
        return "safe", "only rows that leave the column out get it"
    if now is None and was is not None:
        return "risky", "rows that leave the column out get no value any more"
    if was == now:
        return "risky", "the database no longer fills the column in the same way"
    return "risky", f"rows that leave the column out get {now} in place of {was}"


def _index(unique: str, plain: str) -> Callable[[Facts, Facts], Verdict]:
    def rule(before: Facts, after: Facts) -> Verdict:
        is_unique = bool((after or before).get("unique"))
        return ("risky", unique) if is_unique else ("safe", plain)

    return rule


_RULES: dict[Kind, Callable[[Facts, Facts], Verdict]] = {
    Kind.ADD_COLUMN: _add_column,
    Kind.MODIFY_COLUMN: _type,
    Kind.CHANGE_PRECISION: _type,
    Kind.CHANGE_NULLABILITY: _nullability,
    Kind.CHANGE_DEFAULT: _default,
    Kind.ADD_INDEX: _index(
        "writes of a value that is there already are refused", "no data changes"
    ),
    Kind.DROP_INDEX: _index(
        "the same value may come twice", "no data changes; reads may be slower"
    ),
}

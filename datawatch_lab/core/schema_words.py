"""Steps of schemas in words, for lists, annotations and messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datawatch_lab.core.schema_changes import Facts, Kind, Step

_DESCRIBED = 3


def titled(step: Step, table: str = "") -> str:
    """One line that says what happened.

    Args:
        step: what.
        table: name of the table to show; that of the step for ''.

    >>> titled(Step(kind=Kind.DROP_COLUMN, table="orders", name="note"))
    'orders: column note dropped'
    >>> before, after = {"type": "int"}, {"type": "bigint"}
    >>> titled(Step(kind=Kind.MODIFY_COLUMN, table="t", name="n", before=before, after=after))
    't: column n is bigint, was int'
    """
    words = _WORDS[step.kind](step.name, step.before or {}, step.after or {})
    place = table or step.table
    if not words:
        words = " ".join(step.note.split())[:80] or step.kind.replace("_", " ")
    return f"{place}: {words}" if place else words


def _said(words: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        del before, after
        return words.format(name=name)

    return say


def _renamed(words: str, fact: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        was, now = before.get(fact), after.get(fact)
        return words.format(name=name, was=was, now=now)

    return say


def _listed(values: Any) -> str:
    return ", ".join(map(str, values)) if isinstance(values, list | tuple) else str(values)


def _type(name: str, before: Facts, after: Facts) -> str:
    if "type" not in after:
        return f"column {name} has its values in another order"
    was = before.get("type")
    return f"column {name} is {after['type']}" + (f", was {was}" if was else "")


def _null(name: str, before: Facts, after: Facts) -> str:
    del before
    return f"column {name} {'may be' if after.get('nullable') else 'must not be'} null"


def _default(name: str, before: Facts, after: Facts) -> str:
    was, now = before.get("default"), after.get("default")
    if now is None:
        return f"column {name} has no default any more" + (f", had {was}" if was else "")
    return f"column {name} is {now} by default" + (f", was {was}" if was else "")


def _added(name: str, before: Facts, after: Facts) -> str:
    del before
    kind = after.get("type")
    return f"column {name} added" + (f" ({kind})" if kind else "")


def _describe(name: str, before: Facts, after: Facts) -> str:
    del name, before
    names = [str(each["name"]) for each in after.get("columns", ())]
    more = f" and {len(names) - _DESCRIBED} more" if len(names) > _DESCRIBED else ""
    return f"described: {', '.join(names[:_DESCRIBED])}{more}"


def _index(words: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        facts = after or before
        unique = "unique index" if facts.get("unique") else "index"
        over = facts.get("columns")
        return f"{unique} {name} {words}" + (f" ({_listed(over)})" if over else "")

    return say


def _key(words: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        del name
        over = (after or before).get("columns")
        return f"primary key {words}" + (f" ({_listed(over)})" if over else "")

    return say


def _foreign(words: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        facts = after or before
        target = facts.get("references")
        return f"foreign key {name} {words}" + (f" (to {target})" if target else "")

    return say


def _value(words: str) -> Callable[[str, Facts, Facts], str]:
    def say(name: str, before: Facts, after: Facts) -> str:
        was, now = before.get("value"), after.get("value")
        return words.format(name=name, was=was, now=now)

    return say


_WORDS: dict[Kind, Callable[[str, Facts, Facts], str]] = {
    Kind.ADD_TABLE: _said("table added"),
    Kind.DROP_TABLE: _said("table dropped"),
    Kind.RENAME_TABLE: _renamed("table renamed to {now}", "table"),
    Kind.ADD_COLUMN: _added,
    Kind.DROP_COLUMN: _said("column {name} dropped"),
    Kind.RENAME_COLUMN: _renamed("column {name} renamed to {now}", "name"),
    Kind.MODIFY_COLUMN: _type,
    Kind.CHANGE_PRECISION: _type,
    Kind.CHANGE_NULLABILITY: _null,
    Kind.CHANGE_DEFAULT: _default,
    Kind.ADD_INDEX: _index("added"),
    Kind.DROP_INDEX: _index("dropped"),
    Kind.RENAME_INDEX: _renamed("index {name} renamed to {now}", "name"),
    Kind.ADD_PRIMARY_KEY: _key("added"),
    Kind.DROP_PRIMARY_KEY: _key("dropped"),
    Kind.ADD_FOREIGN_KEY: _foreign("added"),
    Kind.DROP_FOREIGN_KEY: _foreign("dropped"),
    Kind.ADD_CHECK: _said("check {name} added"),
    Kind.DROP_CHECK: _said("check {name} dropped"),
    Kind.DROP_CONSTRAINT: _said("constraint {name} dropped"),
    Kind.ADD_ENUM_VALUE: _value("value {now} added to {name}"),
    Kind.DROP_ENUM_VALUE: _value("value {was} dropped from {name}"),
    Kind.RENAME_ENUM_VALUE: _value("value {was} of {name} renamed to {now}"),
    Kind.ADD_TYPE: _said("type {name} added"),
    Kind.DROP_TYPE: _said("type {name} dropped"),
    Kind.RENAME_TYPE: _renamed("type {name} renamed to {now}", "name"),
    Kind.DESCRIBE: _describe,
    Kind.OTHER: _said(""),
    Kind.UNPARSED: _said("not understood: look at the statement"),
}

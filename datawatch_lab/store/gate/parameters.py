"""Values that a query names, ``$name``: bound by DuckDB, and never part of its text."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.store.gate.values import Parameter


def bind(tree: exp.Expr, given: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values that a query names, by name, as DuckDB takes them.

    Args:
        tree: of the query.
        given: every value that it may name; what it does not name is left out.

    Raises:
        InputError: it names a value that was not given; names the nearest and all there are.
    """
    found: dict[str, Any] = {}
    for node, name in _named(tree):
        if name not in given:
            raise _unknown(node, name, given)
        found[name] = _value(given[name])
    return found


def named_in(tree: exp.Expr) -> list[str]:
    """The names of the values that a query names, each once."""
    return list(dict.fromkeys(name for _, name in _named(tree) if name))


def _named(tree: exp.Expr) -> Iterator[tuple[exp.Expr, str]]:
    """What stands for values, and their names; '' for one without."""
    for node in tree.find_all(exp.Placeholder, exp.Parameter):
        yield node, node.name if isinstance(node, exp.Placeholder) else ""


def _value(value: Parameter) -> Any:
    """A time as TIMESTAMP in UTC, as those of all tables; several texts as a list of them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return value


def _unknown(node: exp.Expr, name: str, given: Mapping[str, Parameter]) -> InputError:
    said = node.sql("duckdb")
    if not given:
        return InputError(
            f"the query has an open parameter, {said}.", hint="Write the value itself."
        )
    near = difflib.get_close_matches(name, given, n=1, cutoff=0.6)
    guess = f"; did you mean ${near[0]}?" if near else "."
    known = ", ".join(f"${each}" for each in sorted(given))
    return InputError(
        f"the query names {said}, for which there is no value{guess} Values: {known}.",
        details={"name": name, "known": sorted(given)[:100]},
    )

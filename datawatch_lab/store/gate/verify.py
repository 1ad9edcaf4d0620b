"""The second look: what DuckDB's own parser makes of the text that is about to run.

The first look is at a tree of another parser. Should the two ever read a text differently, this is
what counts, since it is what runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator
from typing import Any

import duckdb
import msgspec
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.store.gate.functions import ALLOWED, OPERATORS, TABLE_FUNCTIONS
from datawatch_lab.store.gate.parse import generate

Reference = tuple[str, str]
"""Schema and name of a table, in lower case; '' for the schema of a bare name."""

_OURS = frozenset({"error"})  # put in by `check`
_SOURCES = frozenset(
    {
        "BASE_TABLE",
        "SUBQUERY",
        "JOIN",
        "TABLE_FUNCTION",
        "EXPRESSION_LIST",
        "EMPTY",
        "PIVOT",
    }
)


def verify(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    allowed: Collection[Reference],
    parameters: Collection[str] = (),
) -> None:
    """Compare every table and function of the query, as DuckDB reads it, with what is allowed.

    Args:
        con: any connection; nothing is read from tables.
        tree: of the query as it will run.
        allowed: the tables that it may read.
        parameters: names of the values that are bound.

    Raises:
        InputError: names the function or the table that is not allowed.
    """
    (text,) = con.execute(
        "SELECT json_serialize_sql(?::VARCHAR)", [generate(_without_pivots(tree))]
    ).fetchall()[0]
    read = msgspec.json.decode(text)
    if read.get("error"):
        raise InputError(f"the query cannot be read: {read.get('error_message', 'unknown')}.")
    for node in _objects(read):
        _check_parameter(node, parameters)
        if "function_name" in node:
            _check_function(node)
        if "from_table" in node:
            _check_source(node["from_table"])
        if "table_name" in node:
            _check_table(node, allowed)


def _without_pivots(tree: exp.Expr) -> exp.Expr:
    """The query with each PIVOT statement as a SELECT of its parts: DuckDB cannot serialise one."""

    def plain(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Pivot) or node.this is None:
            return node
        group = node.args.get("group")
        parts = [
            *node.expressions,
            *(node.args.get("using") or ()),
            *(group.expressions if group else ()),
        ]
        select = exp.select(*(each.copy() for each in parts)).from_(node.this.copy())
        with_ = node.args.get("with_")
        if with_ is not None:
            select.set("with_", with_.copy())
        return select

    return tree.copy().transform(plain)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object in a value; without recursion, which a deep query would exhaust."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _check_parameter(node: dict[str, Any], parameters: Collection[str]) -> None:
    if node.get("class") == "PARAMETER" and node.get("identifier") not in parameters:
        raise InputError("the query has an open parameter.", hint="Write the value itself.")


def _check_function(node: dict[str, Any]) -> None:
    name = str(node["function_name"])
    low = name.casefold()
    if node.get("schema") or node.get("catalog"):
        raise InputError(f"{name}: functions are named without a schema.")
    if low not in ALLOWED and low not in TABLE_FUNCTIONS | OPERATORS | _OURS:
        near = difflib.get_close_matches(low, ALLOWED, n=1, cutoff=0.7)
        guess = f"; did you mean {near[0]}?" if near else "."
        raise InputError(
            f"the function {name} is not allowed{guess}",
            hint="docs/sql.md lists the functions: those that only work on values.",
            details={"function": name},
        )


def _check_source(source: Any) -> None:
    waiting = [source]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, dict):
            continue
        kind = one.get("type")
        if kind not in _SOURCES:
            raise InputError(f"{str(kind).replace('_', ' ').lower()} is not allowed after FROM.")
        if kind == "TABLE_FUNCTION":
            _check_table_function(one)
        waiting += [one.get("left"), one.get("right"), one.get("source")]


def _check_table(one: dict[str, Any], allowed: Collection[Reference]) -> None:
    found = (str(one.get("schema_name", "")).casefold(), str(one["table_name"]).casefold())
    catalog = str(one.get("catalog_name", ""))
    if found not in allowed or catalog not in ("", "temp"):
        raise InputError(f"{'.'.join(filter(None, found))} cannot be read.")


def _check_table_function(one: dict[str, Any]) -> None:
    name = str(one.get("function", {}).get("function_name", "")).casefold()
    if name not in TABLE_FUNCTIONS:
        raise InputError(f"{name} is not allowed after FROM.")

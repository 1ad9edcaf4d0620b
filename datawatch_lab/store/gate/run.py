"""Carries one parsed statement out on a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import duckdb
import pyarrow as pa
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.store.gate.check import check
from datawatch_lab.store.gate.expand import Expansion, expand
from datawatch_lab.store.gate.fetch import fetch
from datawatch_lab.store.gate.listing import describe, show
from datawatch_lab.store.gate.names import Names, check_ctes
from datawatch_lab.store.gate.parameters import bind
from datawatch_lab.store.gate.parse import generate
from datawatch_lab.store.gate.values import MAX_ROWS, Parameter, Workspace
from datawatch_lab.store.gate.verify import verify
from datawatch_lab.store.gate.watch import watched

_MEMORY = "1GB"  # of sorts and hash tables of one query


def answer(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    workspace: Workspace,
    *,
    rows: int = MAX_ROWS,
    masked: bool = True,
    parameters: Mapping[str, Parameter] = MappingProxyType({}),
) -> tuple[pa.Table, str, tuple[str, ...]]:
    """The rows of a statement, at what they were cut ('' when not), and the masked columns.

    Args:
        con: a connection that is closed afterwards.
        tree: from `parse`; changed.
        workspace: what it may ask about.
        rows: most rows.
        masked: sensitive values are masked.
        parameters: values that it may name.

    Raises:
        InputError: it is refused or cannot be run; says why.
    """
    names = Names(workspace)
    if isinstance(tree, exp.Show):
        return *_bounded(show(tree, names), rows), ()
    done = Expansion(parameters=bind(tree, parameters))
    if isinstance(tree, exp.Describe):
        described, _ = _described(con, tree, names, done, masked=masked)
        table, cut = _bounded(described, rows)
    else:
        table, cut = _answered(con, tree, names, done, rows=rows, masked=masked)
    return table, cut, tuple(done.masked)


def _bounded(table: pa.Table, rows: int) -> tuple[pa.Table, str]:
    """The first rows, and at what they were cut."""
    return table.slice(0, rows), f"{rows:,} rows" if table.num_rows > rows else ""


def _described(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Describe,
    names: Names,
    done: Expansion,
    *,
    masked: bool,
) -> tuple[pa.Table, str]:
    inner = tree.this
    if isinstance(inner, exp.Table) and isinstance(inner.this, exp.Identifier):
        return describe(con, inner, names), ""
    if not isinstance(inner, exp.Query):
        raise InputError("DESCRIBE takes a table, a metric or a query.")
    text = _prepared(con, inner, names, done, masked=masked)
    return fetch(con, f"DESCRIBE {text}", done.columns, parameters=done.parameters)


def _answered(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    names: Names,
    done: Expansion,
    *,
    rows: int,
    masked: bool,
) -> tuple[pa.Table, str]:
    text = _prepared(con, tree, names, done, masked=masked)
    with watched(con) as ended:
        try:
            return fetch(con, text, done.columns, rows=rows, parameters=done.parameters)
        except duckdb.InterruptException:
            if not ended:
                raise
            raise InputError(
                "the query was ended: its texts or lists need more memory than it may use.",
                hint="Make them shorter, or of fewer rows at a time.",
            ) from None
        except InputError as error:
            if done.masked and "masked" not in error.message:
                error.hint = f"{error.hint} Masked here: {', '.join(done.masked)}.".strip()
            raise


def _prepared(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    names: Names,
    done: Expansion,
    *,
    masked: bool,
) -> str:
    """The query as it will run, on a connection that is ready for it."""
    check(tree)
    check_ctes(tree)
    con.execute(f"SET operator_memory_limit = '{_MEMORY}'")
    con.execute("BEGIN TRANSACTION READ ONLY")
    expand(con, tree, names, done, masked=masked)
    verify(con, tree, done.allowed, done.parameters)
    return generate(tree)

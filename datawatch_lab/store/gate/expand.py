"""Puts what a name stands for in its place: a view, a masked view, or a metric made a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
from sqlglot import exp

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.values import TableInfo
from datawatch_lab.store.gate.metric_views import columns_of, make_view
from datawatch_lab.store.gate.names import (
    SCHEMAS,
    Names,
    Relation,
    sensitive_columns,
    visible_ctes,
)
from datawatch_lab.store.gate.values import MASK
from datawatch_lab.store.gate.verify import Reference
from datawatch_lab.store.sql import quote_identifier, quote_text

_TEMPORARY = ("temp", "main")
_META_COLUMNS = frozenset(
    {
        "_before",
        "_ddl",
        "_event_id",
        "_op",
        "_position",
        "_received",
        "_seq",
        "_source",
        "_ts",
        "_txid",
    }
)


@dataclass
class Expansion:
    """What a query became.

    Attributes:
        allowed: the tables that it reads now.
        masked: sensitive columns that it sees masked, as ``customers.email``.
        columns: names of columns of those tables.
        made: temporary views by what they stand for.
        parameters: values that it names, by name, as DuckDB takes them.
    """

    allowed: set[Reference] = field(default_factory=set)
    masked: list[str] = field(default_factory=list)
    columns: set[str] = field(default_factory=set)
    made: dict[tuple[str, ...], str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


def expand(
    con: duckdb.DuckDBPyConnection,
    tree: exp.Expr,
    names: Names,
    done: Expansion,
    *,
    masked: bool,
) -> None:
    """Resolve every table of a query, in place; temporary views are made on the connection.

    Args:
        con: the connection that the query will run on.
        tree: of the query; changed.
        names: what there is.
        done: what was done is added to it.
        masked: sensitive values are masked.

    Raises:
        NotFoundError: a table, view or metric does not exist; names the nearest.
        InputError: it may not be read, or the labels of a metric do not go together.
    """
    found = [(table, names.find(table.db, table.name)) for table in _references(tree, done)]
    _unqualify(tree, found)
    spoken = _Spoken(tree, found)
    for table, relation in found:
        if relation.table is None:
            _place_metric(con, table, relation, names, spoken, done)
        else:
            _place_table(con, table, relation, relation.table, done, masked=masked)


def _references(tree: exp.Expr, done: Expansion) -> list[exp.Table]:
    """The tables of a query that are no WITH parts."""
    found = []
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        if table.catalog:
            raise InputError(
                f"{table.catalog}.{table.db}.{table.name} cannot be read: "
                "there is one database, which needs no name."
            )
        if not table.db and table.name.casefold() in visible_ctes(table):
            done.allowed.add(("", table.name.casefold()))
        else:
            found.append(table)
    return found


def _unqualify(tree: exp.Expr, found: Sequence[tuple[exp.Table, Relation]]) -> None:
    """``live.orders.amount`` becomes ``orders.amount``: what it is called after FROM."""
    known = {(table.db.casefold(), table.name.casefold()) for table, _ in found if table.db}
    for column in tree.find_all(exp.Column):
        where = (str(column.db).casefold(), str(column.table).casefold())
        if where in known and not column.catalog and where[0] in SCHEMAS:
            column.set("db", None)


def _place_table(
    con: duckdb.DuckDBPyConnection,
    table: exp.Table,
    relation: Relation,
    source: TableInfo,
    done: Expansion,
    *,
    masked: bool,
) -> None:
    done.columns |= {column.name for column in source.columns}
    if relation.schema == "changes":
        done.columns |= _META_COLUMNS
    hidden = masked and any(column.sensitive for column in source.columns)
    if not hidden:
        _rename(table, (relation.schema, relation.name))
        done.allowed.add((relation.schema, relation.name.casefold()))
        return
    key = (relation.schema, relation.name)
    if key not in done.made:
        view = done.made[key] = f"gate_{len(done.made)}"
        done.masked += make_masked_view(con, view, relation, source)
    _place_view(table, done.made[key], done)


def make_masked_view(
    con: duckdb.DuckDBPyConnection, view: str, relation: Relation, source: TableInfo
) -> list[str]:
    """Make the temporary view of a table whose sensitive values are masked; gives those columns.

    A value that is null stays null. In ``_before`` the fields are masked one by one; a text there
    that is no JSON is masked as a whole.
    """
    place = f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"
    shown = [each[0] for each in con.execute(f"SELECT * FROM {place} LIMIT 0").description or ()]
    hidden = sensitive_columns(source, shown)
    swaps = [
        f"CASE WHEN {quote_identifier(each)} IS NOT NULL THEN {quote_text(MASK)} END "
        f"AS {quote_identifier(each)}"
        for each in hidden
    ]
    if relation.schema == "changes":
        swaps.append(f"{_masked_image(source)} AS _before")
    replaced = f" REPLACE ({', '.join(swaps)})" if swaps else ""
    con.execute(f"CREATE TEMP VIEW {quote_identifier(view)} AS SELECT *{replaced} FROM {place}")
    return [f"{relation.name}.{each}" for each in hidden]


def _masked_image(source: TableInfo) -> str:
    masked = "_before"
    for column in source.columns:
        if column.sensitive:
            path = "/" + column.name.replace("~", "~0").replace("/", "~1")  # RFC 6901
            masked = f"json_replace({masked}, {quote_text(path)}, to_json({quote_text(MASK)}))"
    return (
        f"CASE WHEN _before IS NULL THEN NULL WHEN json_valid(_before) THEN {masked}::VARCHAR "
        f"ELSE {quote_text(MASK)} END"
    )


def _place_metric(
    con: duckdb.DuckDBPyConnection,
    table: exp.Table,
    relation: Relation,
    names: Names,
    spoken: _Spoken,
    done: Expansion,
) -> None:
    alias = table.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        raise InputError(
            f"{relation}: its columns cannot be renamed after FROM.",
            hint="Rename them after SELECT: status AS state.",
        )
    workspace = names.workspace
    labels = workspace.metrics[relation.name]
    done.columns |= {name for name, _ in columns_of(labels)}
    used = tuple(label for label in labels if spoken.of(table, label))
    key = ("metrics", relation.name, *used)
    if key not in done.made:
        view = done.made[key] = f"gate_{len(done.made)}"
        make_view(con, view, workspace.states(relation.name, used), workspace.now)
    _place_view(table, done.made[key], done)


def _place_view(table: exp.Table, view: str, done: Expansion) -> None:
    if not table.alias:
        name = exp.to_identifier(table.name, quoted=True)
        alias = table.args.get("alias") or exp.TableAlias()
        alias.set("this", name)
        table.set("alias", alias)
    _rename(table, (*_TEMPORARY, view))
    done.allowed.add((_TEMPORARY[1], view))


def _rename(table: exp.Table, parts: tuple[str, ...]) -> None:
    *rest, name = (exp.to_identifier(each, quoted=True) for each in parts)
    table.set("this", name)
    table.set("db", rest[-1])
    table.set("catalog", rest[0] if len(rest) > 1 else None)


class _Spoken:
    """Which labels of its metrics a query names, and so splits them by.

    A name counts wherever it stands in the query, unless it is said to be of another table, or
    only left out by ``* EXCLUDE (name)``.
    """

    def __init__(self, tree: exp.Expr, found: Sequence[tuple[exp.Table, Relation]]) -> None:
        self._sources = {table.alias_or_name.casefold() for table, _ in found}
        self._named = {
            (column.table.casefold(), column.name.casefold())
            for column in tree.find_all(exp.Column)
            if not _is_left_out(column)
        }
        for join in tree.find_all(exp.Join):
            self._named |= {("", each.name.casefold()) for each in join.args.get("using") or ()}

    def of(self, table: exp.Table, label: str) -> bool:
        """Whether the query names a label of this table."""
        others = self._sources - {table.alias_or_name.casefold()}
        return any(
            name in (label.casefold(), f"{label.casefold()}_") and where not in others
            for where, name in self._named
        )


def _is_left_out(column: exp.Expr) -> bool:
    star = column.find_ancestor(exp.Star)
    return star is not None and any(
        column is each or column in each.find_all(exp.Column)
        for each in star.args.get("except_") or ()
    )

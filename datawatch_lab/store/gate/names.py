"""Which tables, views and metrics a query may name, and what a name in it means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from sqlglot import exp

from datawatch_lab.core.errors import InputError, NotFoundError, not_found
from datawatch_lab.core.values import TableInfo
from datawatch_lab.store.gate.values import Workspace

Schema = Literal["live", "changes", "metrics"]
SCHEMAS: tuple[str, ...] = get_args(Schema)

MAX_TABLES = 500
"""Tables that a query may read once its WITH parts are put in where they are named."""

_SYSTEM = ("duckdb_", "pg_", "pragma_", "sqlite_", "information_schema", "gate_")
_FILES = (".csv", ".parquet", ".json", ".ndjson", ".txt", ".gz", ".zst", ".duckdb", ".db", ".xlsx")
_WHERE = "Tables stand in live (rows now) and changes (every change); metrics in metrics."


@dataclass(frozen=True)
class Relation:
    """What a name after FROM means.

    Attributes:
        schema: where it stands.
        name: as it is spelled there.
        table: its source table; None for a metric.
    """

    schema: Schema
    name: str
    table: TableInfo | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class Names:
    """Finds relations by name; case does not matter, as in SQL."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace

    @cached_property
    def tables(self) -> dict[str, TableInfo]:
        """Tables by the name of their views."""
        return {
            name: table
            for table in self.workspace.tables
            if (name := self.workspace.view_name(table.id)) is not None
        }

    def relations(self) -> list[Relation]:
        """Everything that can be asked, tables before metrics."""
        found = [
            Relation(schema, name, table)
            for schema in ("live", "changes")
            for name, table in self.tables.items()
        ]
        return [*found, *(Relation("metrics", name) for name in self.workspace.metrics)]

    def find(self, schema: str, name: str) -> Relation:
        """The relation ``schema.name``, or for '' the live table of that name.

        Raises:
            NotFoundError: there is none; names the nearest.
            InputError: it is no relation of this workspace, but a file or a catalogue.
        """
        where = schema.casefold()
        if where == "":
            return self._bare(name)
        if where == "metrics":
            return Relation("metrics", _match(name, self.workspace.metrics, "metric"))
        if where in ("live", "changes"):
            shown = _match(name, self.tables, "table", where=where)
            return Relation("live" if where == "live" else "changes", shown, self.tables[shown])
        raise InputError(f"{schema}.{name} cannot be read: {schema!r} is not open.", hint=_WHERE)

    def _bare(self, name: str) -> Relation:
        if _is_file(name):
            raise InputError(
                f"{name!r} cannot be read: queries see no files.",
                hint="Take a file in with `datawatch ingest`; then it is a table.",
            )
        if _is_system(name):
            raise InputError(f"{name} cannot be read: the catalogue is not open.", hint=_WHERE)
        try:
            shown = _match(name, self.tables, "table")
        except NotFoundError as error:
            if any(each.casefold() == name.casefold() for each in self.workspace.metrics):
                raise InputError(
                    f"{name} is a metric, not a table.", hint=f"Write metrics.{name}."
                ) from None
            raise error from None
        return Relation("live", shown, self.tables[shown])


def _match(name: str, options: Iterable[str], kind: str, *, where: str = "") -> str:
    """The option of that name; a different case counts when only one option has it."""
    if name in (known := list(options)):
        return name
    near = [each for each in known if each.casefold() == name.casefold()]
    if len(near) == 1:
        return near[0]
    if near:
        raise InputError(
            f"{name} could be {' or '.join(near)}: these names differ by case only.",
            hint="Write the one that you mean exactly.",
        )
    raise not_found(kind, name, known, where=where)


def _is_file(name: str) -> bool:
    low = name.casefold()
    return "/" in name or "\\" in name or "*" in name or low.endswith(_FILES)


def _is_system(name: str) -> bool:
    return name.casefold().startswith(_SYSTEM)


def visible_ctes(node: exp.Expr) -> set[str]:
    """Names of the WITH parts that a place in a query can see, in lower case.

    A part sees those before it; itself only where the WITH is RECURSIVE.
    """
    found: set[str] = set()
    child, parent = node, node.parent
    while parent is not None:
        if isinstance(parent, exp.With):
            place = next(i for i, each in enumerate(parent.expressions) if each is child)
            upto = place + 1 if parent.args.get("recursive") else place
            found |= {_cte_name(each) for each in parent.expressions[:upto]}
        else:
            with_ = parent.args.get("with_")
            if with_ is not None and with_ is not child:
                found |= {_cte_name(each) for each in with_.expressions}
        child, parent = parent, parent.parent
    return found


def _cte_name(cte: exp.Expr) -> str:
    return str(cte.alias).casefold()


def check_ctes(tree: exp.Expr) -> None:
    """Refuse names of WITH parts that DuckDB has taken, and parts that multiply without end.

    DuckDB may put a part in wherever it is named, so ten parts that each name the one before twice
    are a thousand tables.

    Raises:
        InputError: names the part, or says how large the query would be.
    """
    for cte in tree.find_all(exp.CTE):
        if _is_system(cte.alias):
            raise InputError(
                f"WITH {cte.alias}: names of that kind are DuckDB's own; take another."
            )
    sizes: dict[str, int] = {}
    for cte in tree.find_all(exp.CTE, bfs=False):
        sizes[_cte_name(cte)] = max(sizes.get(_cte_name(cte), 0), _size(cte, sizes))
    total = _size(tree, sizes)
    if total > MAX_TABLES:
        raise InputError(
            f"the query reads {total:,} tables once its WITH parts are put in; "
            f"most is {MAX_TABLES}.",
            hint="Let each part name the ones before it less often.",
        )


def _size(node: exp.Expr, sizes: dict[str, int]) -> int:
    """Tables that a part reads, its own WITH parts not counted."""
    total = 1
    for table in node.find_all(exp.Table):
        holder = table.find_ancestor(exp.CTE)
        if holder is None or holder is node:
            total += sizes.get(str(table.name).casefold(), 1) if not table.args.get("db") else 1
    return min(total, 10**9)


def sensitive_columns(table: TableInfo | None, shown: Sequence[str]) -> list[str]:
    """Those of a view's columns that hold sensitive values.

    A view gives a column a number after its name where another has that name but for case, so every
    column that may be a sensitive one counts.
    """
    if table is None:
        return []
    names = [each.name.casefold() for each in table.columns if each.sensitive]
    return [each for each in shown if any(_is_column(each.casefold(), name) for name in names)]


def _is_column(shown: str, name: str) -> bool:
    rest = shown.removeprefix(name)
    return shown == name or (rest != shown and rest[:1] == "_" and rest[1:].isdecimal())

"""The tables of a workspace: which (schema, table) of a source is which workspace table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count

import msgspec

from datawatch_lab.core.names import DEFAULT_SCHEMAS
from datawatch_lab.core.values import TableInfo


class TableRegistry:
    """Resolves source names to tables and hands out new ones.

    A table of a default schema keeps its bare name; one of another schema does too unless that
    name is taken, then it is qualified: ``sales.orders`` becomes ``sales_orders``. An envelope
    that names no schema means the table that has the bare name. Names that differ by case stay
    apart.
    """

    def __init__(self, tables: Iterable[TableInfo] = ()) -> None:
        self._by_id: dict[int, TableInfo] = {}
        self._by_key: dict[tuple[str, str], int] = {}
        self._by_name: dict[str, int] = {}
        for table in tables:
            self._add(table)

    def __iter__(self) -> Iterator[TableInfo]:
        return iter(tuple(self._by_id.values()))

    def __getitem__(self, table_id: int) -> TableInfo:
        return self._by_id[table_id]

    def find_id(self, table_id: int) -> TableInfo | None:
        """The table with that id, or None."""
        return self._by_id.get(table_id)

    def named(self, name: str) -> TableInfo | None:
        """The table with that workspace name, or None."""
        found = self._by_name.get(name)
        return None if found is None else self._by_id[found]

    @property
    def names(self) -> tuple[str, ...]:
        """Workspace names in order of appearance."""
        return tuple(table.name for table in tuple(self._by_id.values()))

    def copy(self) -> TableRegistry:
        """A registry that can be changed without changing this one."""
        return TableRegistry(self._by_id.values())

    def find(self, schema: str, table: str) -> TableInfo | None:
        """The table that a source means by (schema, table), or None when it is new."""
        exact = self._by_key.get((schema, table))
        if exact is None and schema in DEFAULT_SCHEMAS:
            exact = next(
                (
                    self._by_key[other, table]
                    for other in sorted(DEFAULT_SCHEMAS)
                    if (other, table) in self._by_key
                ),
                None,
            )
            if exact is None and schema == "":
                exact = self._by_name.get(table)
        return None if exact is None else self._by_id[exact]

    def resolve(self, schema: str, table: str) -> tuple[TableInfo, bool]:
        """The table for (schema, table) and whether it is new."""
        found = self.find(schema, table)
        if found is not None:
            return found, False
        made = TableInfo(
            id=max(self._by_id, default=0) + 1,
            schema=schema,
            table=table,
            name=self._free_name(schema, table),
        )
        self._add(made)
        return made, True

    def replace(self, table: TableInfo) -> None:
        """Put a newer picture of a known table."""
        self._by_id[table.id] = table

    def _add(self, table: TableInfo) -> None:
        self._by_id[table.id] = table
        self._by_key[table.schema, table.table] = table.id
        self._by_name[table.name] = table.id

    def _free_name(self, schema: str, table: str) -> str:
        wanted = [table] + ([f"{schema}_{table}"] if schema else [])
        numbered = (f"{wanted[-1]}_{n}" for n in count(2))
        return next(name for name in chain(wanted, numbered) if name not in self._by_name)


def with_columns(table: TableInfo, **changes: object) -> TableInfo:
    """The table with some attributes replaced."""
    return msgspec.structs.replace(table, **changes)

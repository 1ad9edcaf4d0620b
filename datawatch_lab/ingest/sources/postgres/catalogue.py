"""What the system catalogue of a database says of its tables, columns, keys and types."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from datawatch_lab.ingest.sources.postgres.driver import query
from datawatch_lab.ingest.sources.postgres.pgoutput import Attribute, Relation, lsn_number
from datawatch_lab.ingest.sources.postgres.relations import TableName
from datawatch_lab.ingest.sources.postgres.selection import Selection
from datawatch_lab.ingest.sources.postgres.types import TypeRow

_PAGE = 8192
_HEADERS = (24, 40)  # bytes, of a page and of the first page of a segment

_TYPES = """
WITH RECURSIVE used AS (
    SELECT oid, typelem, typbasetype FROM pg_catalog.pg_type WHERE oid = ANY(%s)
    UNION
    SELECT t.oid, t.typelem, t.typbasetype
    FROM pg_catalog.pg_type t JOIN used u ON t.oid IN (u.typelem, u.typbasetype))
SELECT t.oid::bigint, t.typname, t.typtype::text, t.typcategory::text, t.typelem::bigint,
       t.typbasetype::bigint, t.typdelim::text
FROM pg_catalog.pg_type t JOIN used USING (oid)
"""

_KEY = """
SELECT a.attname
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = %s AND i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY k.place
"""

_FILLED = """
SELECT a.attname FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND a.attname = ANY(%s) AND NOT a.attisdropped
      AND a.attgenerated = '' AND (a.atthasdef OR a.atthasmissing OR a.attidentity <> '')
"""

_COLUMNS = """
SELECT a.attname, a.atttypid::bigint, a.atttypmod,
       c.relreplident = 'f' OR coalesce(a.attnum = ANY(i.indkey), false)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND
    CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""

_TABLES = """
SELECT c.oid::bigint, n.nspname, c.relname, c.relkind::text, c.relreplident::text,
       c.relreplident = 'f' OR EXISTS (
           SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND
           CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident
           ELSE false END),
       pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%%'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass
                  AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
"""

_SIZE = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint,
       coalesce(bool_and(c.reltuples >= 0), true),
       coalesce(sum(pg_catalog.pg_relation_size(c.oid)), 0)::bigint
FROM (SELECT %s::oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(%s)) t
JOIN pg_catalog.pg_class c ON c.oid = t.oid AND c.relkind = 'r'
"""


@dataclass(frozen=True)
class Table:
    """A table of the database that can be published.

    Attributes:
        kind: ``r``, or ``p`` for a partitioned one.
        identity: replica identity, as in `pgoutput.Relation`.
        identified: whether its identity lets updates and deletes be published; without, publishing
            them would make them fail.
        owned, readable: what the role may do with it.
    """

    oid: int
    schema: str
    table: str
    kind: str
    identity: str
    identified: bool
    owned: bool
    readable: bool

    @property
    def name(self) -> TableName:
        """Schema and table."""
        return self.schema, self.table


@dataclass(frozen=True)
class Published:
    """A table as a publication has it.

    Attributes:
        columns: names of the published ones; None for all.
        filter: condition of the rows that are published; None for all.
    """

    table: Table
    columns: tuple[str, ...] | None
    filter: str | None


class Catalogue:
    """Asks one connection; not safe across threads."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection

    @property
    def version(self) -> int:
        """Version of the server as a number, such as 150018."""
        return int(self.connection.server_version)

    def setting(self, name: str) -> str:
        """A setting of the server as text."""
        return str(query(self.connection, "SELECT current_setting(%s)", [name])[0][0])

    def system(self) -> str:
        """What names the cluster for good: its system identifier."""
        rows = query(self.connection, "SELECT system_identifier FROM pg_control_system()")
        return str(rows[0][0])

    def database(self) -> str:
        """Name of the database."""
        return str(query(self.connection, "SELECT current_database()")[0][0])

    def superuser(self) -> bool:
        """Whether the role is a superuser."""
        return self.setting("is_superuser") == "on"

    def now(self) -> datetime:
        """The server's clock."""
        moment: datetime = query(self.connection, "SELECT clock_timestamp()")[0][0]
        return moment

    def flushed(self) -> int:
        """LSN up to which the server's log is on its disk: the end of its last whole record.

        Right behind the header of a page it is the end of the page before.
        """
        lsn = lsn_number(query(self.connection, "SELECT pg_current_wal_flush_lsn()::text")[0][0])
        into_page = lsn % _PAGE
        return lsn - into_page if into_page in _HEADERS else lsn

    def types(self, oids: Iterable[int]) -> Sequence[TypeRow]:
        """Rows of ``pg_type`` for these oids and what they are made of."""
        return [TypeRow(*row) for row in query(self.connection, _TYPES, [list(oids)])]

    def key(self, relation: Relation) -> tuple[str, ...]:
        """The primary key of a table, in its order; () when it has none."""
        return tuple(str(name) for (name,) in query(self.connection, _KEY, [relation.oid]))

    def filled(self, name: TableName, columns: Sequence[str]) -> bool:
        """Whether any of some columns has, or had when it was added, a value by itself."""
        return bool(query(self.connection, _FILLED, [*name, list(columns)]))

    def partition(self, relation: Relation) -> bool:
        """Whether a table is a partition of another."""
        text = "SELECT relispartition FROM pg_catalog.pg_class WHERE oid = %s"
        rows = query(self.connection, text, [relation.oid])
        return bool(rows and rows[0][0])

    def tables(self, selection: Selection) -> list[Table]:
        """The tables of the selection that can be published; partitions are in their parents."""
        tables = [Table(*row) for row in query(self.connection, _TABLES)]
        return [table for table in tables if selection.table(table.name)]

    def relation(self, table: Table, columns: tuple[str, ...] | None = None) -> Relation:
        """The table as its relation message has it."""
        attributes = [Attribute(*row) for row in query(self.connection, _COLUMNS, [table.oid])]
        kept = [each for each in attributes if columns is None or each.name in columns]
        return Relation(table.oid, table.schema, table.table, table.identity, tuple(kept))

    def published(self, publications: Sequence[str], selection: Selection) -> list[Published]:
        """The tables of the selection that these publications have."""
        lists = "attnames, rowfilter" if self.version >= 150000 else "NULL, NULL"
        rows = query(
            self.connection,
            f"SELECT schemaname, tablename, {lists} FROM pg_publication_tables "  # noqa: S608
            "WHERE pubname = ANY(%s) ORDER BY schemaname, tablename",
            [list(publications)],
        )
        tables = {table.name: table for table in self.tables(selection)}
        found: dict[TableName, Published] = {}
        for schema, name, columns, condition in rows:
            table = tables.get((schema, name))
            if table is not None:
                listed = _names(columns)
                found[table.name] = Published(table, listed, condition)
        return list(found.values())

    def estimate(self, table: Table) -> tuple[int, bool]:
        """Rows of a table, and whether that rests on statistics; else on its size only."""
        rows, known, size = query(self.connection, _SIZE, [table.oid, table.oid])[0]
        return (int(rows), True) if known and rows else (int(size) // 100, False)


def _names(value: Any) -> tuple[str, ...] | None:
    """An array of names, which the driver may leave as text."""
    if value is None:
        return None
    if isinstance(value, str):
        return tuple(part.strip('"') for part in value.strip("{}").split(",") if part)
    return tuple(str(each) for each in value)

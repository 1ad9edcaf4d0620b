"""What a server says of itself and of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from datawatch_lab.ingest.sources.mysql.driver import query
from datawatch_lab.ingest.sources.mysql.types import Column
from datawatch_lab.ingest.sources.postgres.selection import Selection

TableName = tuple[str, str]
"""Database and table."""

SYSTEM = ("mysql", "information_schema", "performance_schema", "sys")

_TABLES = """
SELECT TABLE_SCHEMA, TABLE_NAME, coalesce(TABLE_ROWS, 0) FROM information_schema.TABLES
WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN %s AND (%s = '' OR TABLE_SCHEMA = %s)
ORDER BY 1, 2
"""

_COLUMNS = """
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS
WHERE (TABLE_SCHEMA, TABLE_NAME) IN %s ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION
"""

_KEYS = """
SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.STATISTICS
WHERE INDEX_NAME = 'PRIMARY' AND (TABLE_SCHEMA, TABLE_NAME) IN %s
ORDER BY TABLE_SCHEMA, TABLE_NAME, SEQ_IN_INDEX
"""

_CHECKS = """
SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
WHERE CHECK_CLAUSE LIKE 'json_valid(`%%`)' AND (CONSTRAINT_SCHEMA, TABLE_NAME) IN %s
"""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: database and table.
        columns: in the order of the definition, those that are not wanted left out.
        key: columns of the primary key; () for none.
        rows: about how many it has.
    """

    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int = 0

    @property
    def types(self) -> dict[str, str]:
        """What its columns are declared as."""
        return {column.name: column.form.declared for column in self.columns}


@dataclass(frozen=True)
class Place:
    """A place in the binary log.

    Attributes:
        file: of the log.
        pos: byte in it.
        gtid: what is before, as a set (MySQL) or a place in each domain (MariaDB); '' without.
    """

    file: str
    pos: int
    gtid: str = ""

    @property
    def ordinal(self) -> int:
        """One number that grows with the log."""
        return ordinal(self.file, self.pos)


def ordinal(file: str, pos: int) -> int:
    """Number of the file above the byte in it.

    >>> ordinal("binlog.000002", 4) - ordinal("binlog.000001", 4) == 2**40
    True
    """
    digits = file.rpartition(".")[2]
    return ((int(digits) if digits.isdigit() else 0) << 40) + pos


class Catalogue:
    """Asks one connection; not safe across threads."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._settings: dict[str, str] = {}

    def _ask(self, text: str, values: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        return query(self.connection, text, values)

    @property
    def version(self) -> str:
        """As the server tells it."""
        return str(self._ask("SELECT version()")[0][0])

    @property
    def mariadb(self) -> bool:
        """Whether it is MariaDB."""
        return "mariadb" in self.version.lower()

    def setting(self, name: str) -> str:
        """A global variable as text, '' when the server has none of that name."""
        found = self._ask("SHOW GLOBAL VARIABLES LIKE %s", [name.replace("_", r"\_")])
        return str(found[0][1]) if found else ""

    def now(self) -> datetime:
        """The server's clock."""
        found: datetime = self._ask("SELECT utc_timestamp(6)")[0][0]
        return found.replace(tzinfo=UTC)

    def server(self) -> str:
        """What names the server for good; '' when it has no such name."""
        return self.setting("server_uuid") or self.setting("server_uid")

    def grants(self) -> str:
        """Global rights of the user, in capitals, one grant a line."""
        return "\n".join(str(row[0]) for row in self._ask("SHOW GRANTS")).upper()

    def place(self) -> Place:
        """The end of the binary log; needs the right REPLICATION CLIENT."""
        new = not self.mariadb and self._newer((8, 2))
        found = self._ask("SHOW BINARY LOG STATUS" if new else "SHOW MASTER STATUS")
        if not found:
            return Place("", 0)
        gtid = self._executed() if self.gtids else ""
        return Place(str(found[0][0]), int(found[0][1]), gtid)

    def _executed(self) -> str:
        variable = "gtid_binlog_pos" if self.mariadb else "gtid_executed"
        return str(self._ask(f"SELECT @@global.{variable}")[0][0]).replace("\n", "")

    def gtid_at(self, file: str, pos: int) -> str:
        """MariaDB: the GTID position of a place in the log."""
        return str(self._ask("SELECT binlog_gtid_pos(%s, %s)", [file, pos])[0][0] or "")

    @property
    def gtids(self) -> bool:
        """Whether transactions have global ids; in MariaDB they always do."""
        return self.mariadb or self.setting("gtid_mode").upper() == "ON"

    def _newer(self, than: tuple[int, int]) -> bool:
        parts = self.version.split("-")[0].split(".")
        return tuple(int(part) for part in parts[:2]) >= than

    def log_bytes(self) -> dict[str, int]:
        """Size of each file of the binary log that the server keeps."""
        return {str(row[0]): int(row[1]) for row in self._ask("SHOW BINARY LOGS")}

    def names(self, database: str, selection: Selection) -> dict[TableName, int]:
        """The tables that are wanted, and about how many rows each has."""
        found = self._ask(_TABLES, [SYSTEM, database, database])
        return {(s, t): int(rows) for s, t, rows in found if selection.table((s, t))}

    def tables(self, names: Mapping[TableName, int], selection: Selection) -> list[Table]:
        """Tables as they are now; those that are gone, or may not be read, are missing."""
        if not names:
            return []
        wanted = list(names)
        keys: dict[TableName, list[str]] = {}
        for schema, table, column in self._ask(_KEYS, [wanted]):
            keys.setdefault((schema, table), []).append(column)
        checked = {
            (schema, table, clause[len("json_valid(`") : -len("`)")].replace("``", "`"))
            for schema, table, clause in (self._ask(_CHECKS, [wanted]) if self.mariadb else ())
        }
        columns: dict[TableName, list[Column]] = {}
        for schema, table, name, type_ in self._ask(_COLUMNS, [wanted]):
            key = keys.get((schema, table), ())
            held = columns.setdefault((schema, table), [])
            if name in key or selection.column((schema, table), name):
                text = type_.decode() if isinstance(type_, bytes) else type_
                held.append(Column(name, text, (schema, table, name) in checked))
        return [
            Table(name, tuple(held), tuple(keys.get(name, ())), names[name])
            for name, held in columns.items()
        ]

    def readable(self, name: TableName) -> bool:
        """Whether the user may select from a table."""
        from datawatch_lab.ingest.sources.mysql.driver import driver, quoted

        try:
            self._ask(f"SELECT 1 FROM {quoted(*name)} LIMIT 0")  # noqa: S608 — quoted
        except driver().MySQLError:
            return False
        return True

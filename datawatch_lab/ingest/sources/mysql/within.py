"""Which tables of a server are read: those of the database in the address that are selected."""

from __future__ import annotations

from dataclasses import dataclass

from datawatch_lab.ingest.sources.mysql.catalogue import SYSTEM, TableName
from datawatch_lab.ingest.sources.postgres.selection import Selection


@dataclass(frozen=True)
class Within:
    """A selection in one database, or in all but the server's own.

    The log is that of the whole server, so what the address leaves out is left out here.

    Attributes:
        selection: what is wanted of them.
        database: the one; '' for all.
        folded: the server does not tell names apart by their case (lower_case_table_names).
    """

    selection: Selection
    database: str = ""
    folded: bool = False

    def table(self, name: TableName) -> bool:
        """Whether a table is read."""
        schema, wanted = name[0], self.database
        if self.folded:
            schema, wanted = schema.lower(), wanted.lower()
        if schema.lower() in SYSTEM or (wanted and schema != wanted):
            return False
        return self.selection.table(name)

    def column(self, name: TableName, column: str) -> bool:
        """Whether a column that is not of the key is read."""
        return self.selection.column(name, column)

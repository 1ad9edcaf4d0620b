"""The ordinary connection beside the stream: what the log does not say is asked here."""

from __future__ import annotations

import zlib
from typing import Any

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.endpoints import Endpoint
from datawatch_lab.ingest.sources.mysql import driver
from datawatch_lab.ingest.sources.mysql.catalogue import Catalogue, Table, TableName, ordinal
from datawatch_lab.ingest.sources.mysql.options import MysqlOptions
from datawatch_lab.ingest.sources.mysql.position import Position


class Session:
    """A connection that is opened when it is needed, and again when it broke; for one thread.

    Args:
        address: of the server.
        options: which tables are wanted.
    """

    def __init__(self, address: Endpoint, options: MysqlOptions) -> None:
        self.address = address
        self._options = options
        self._connection: Any = None

    def open(self) -> Catalogue:
        """The catalogue through a connection that answers.

        Raises:
            SourceError: the server cannot be reached or refuses.
        """
        if self._connection is not None:
            try:
                self._connection.ping(reconnect=False)
            except (driver.driver().MySQLError, OSError):
                self.close()
        if self._connection is None:
            self._connection = driver.connect(self.address)
        return Catalogue(self._connection)

    def close(self) -> None:
        """Close the connection; asking opens it again."""
        if self._connection is not None and self._connection.open:
            self._connection.close()
        self._connection = None

    def tables(self) -> list[Table]:
        """All tables that are wanted.

        Raises:
            SourceError: there is none, or the server cannot be asked.
        """
        selection, database = self._options.selection, self.address.path
        with driver.telling(self.address):
            catalogue = self.open()
            found = catalogue.tables(catalogue.names(database, selection), selection)
        if not found:
            user = self.address.user or "root"
            raise SourceError(
                f"{self.address}: there is no table to read here.",
                hint="Check the name of the database, the include and exclude lists, and "
                f"GRANT SELECT ON *.* TO '{user}'@'%';",
            )
        return found

    def table(self, name: TableName) -> Table | None:
        """See `decode.Lookup`."""
        with driver.telling(self.address):
            found = self.open().tables({name: 0}, self._options.selection)
        return found[0] if found else None


def bytes_after(catalogue: Catalogue, position: Position) -> int:
    """Bytes of the binary log behind a position, over all files that the server keeps."""
    here = (position.file, position.pos)
    sizes = {file: size for file, size in catalogue.log_bytes().items() if size}
    later = [size for file, size in sizes.items() if ordinal(file, 0) > ordinal(here[0], 0)]
    return max(0, sizes.get(here[0], here[1]) - here[1]) + sum(later)


def server_number(slot: str) -> int:
    """The number that a reader registers with; other readers of the server need another.

    >>> server_number("datawatch") == server_number("datawatch") != server_number("other")
    True
    """
    return 1 << 24 | zlib.crc32(slot.encode()) >> 8

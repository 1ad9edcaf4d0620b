"""The ordinary connection beside the stream: what messages do not say is asked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from datawatch_lab.ingest.sources.postgres import driver
from datawatch_lab.ingest.sources.postgres.address import Address
from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue
from datawatch_lab.ingest.sources.postgres.pgoutput import Relation
from datawatch_lab.ingest.sources.postgres.relations import TableName
from datawatch_lab.ingest.sources.postgres.types import PgType, TypeRow, Types

Answer = TypeVar("Answer")


class Session:
    """A connection that is opened when it is needed, and again when it broke; for one thread."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.known = Types()
        """Types met so far."""
        self._connection: Any = None

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue through a connection that is open; it may have broken since."""
        if self._connection is None or self._connection.closed:
            self._connection = driver.connect(self.address)
        return Catalogue(self._connection)

    def open(self) -> Catalogue:
        """The catalogue through a connection that answers.

        Raises:
            SourceError: the server cannot be reached or refuses.
        """
        return self._ask(lambda catalogue: (catalogue.setting("server_version"), catalogue)[1])

    def close(self) -> None:
        """Close the connection; asking opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def types(self, oids: Iterable[int]) -> Sequence[TypeRow]:
        """See `decode.Lookup`."""
        wanted = list(oids)
        return self._ask(lambda catalogue: catalogue.types(wanted))

    def key(self, relation: Relation) -> tuple[str, ...]:
        """See `decode.Lookup`."""
        return self._ask(lambda catalogue: catalogue.key(relation))

    def filled(self, name: TableName, columns: Sequence[str]) -> bool:
        """See `decode.Lookup`."""
        return self._ask(lambda catalogue: catalogue.filled(name, columns))

    def partition(self, relation: Relation) -> bool:
        """See `decode.Lookup`."""
        return self._ask(lambda catalogue: catalogue.partition(relation))

    def known_types(self, oids: Sequence[int]) -> list[PgType]:
        """The types with these oids."""
        unknown = set(oids) - self.known.oids
        if unknown:
            self.known.learn(self.types(unknown))
        return [self.known[oid] for oid in oids]

    def _ask(self, question: Callable[[Catalogue], Answer]) -> Answer:
        """Ask once more on a new connection when the old one broke."""
        errors = driver.psycopg2()
        try:
            return question(self.catalogue)
        except (errors.OperationalError, errors.InterfaceError):
            self.close()
            return question(self.catalogue)

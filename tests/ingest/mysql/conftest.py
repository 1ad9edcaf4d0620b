"""A MariaDB server for the tests of this folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.services import mariadb

_NUMBERS = itertools.count()


class Shop:
    """A database on the server."""

    def __init__(self, server: mariadb.Server, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def url(self) -> str:
        """Its address, as root."""
        return self.server.url(database=self.name)

    def query(self, text: str, values: list[object] | None = None) -> list[tuple[object, ...]]:
        """Run a statement in its own transaction."""
        return self.server.query(text, values, database=self.name)


@pytest.fixture
def shop(mariadb_server: mariadb.Server) -> Iterator[Shop]:
    """An empty database of its own."""
    name = f"shop{next(_NUMBERS)}"
    with mariadb_server.database(name):
        yield Shop(mariadb_server, name)

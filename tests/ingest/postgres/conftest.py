"""A database of its own for each test of this folder."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.services import postgres

_NUMBERS = itertools.count()


@pytest.fixture
def shop(postgres_server: postgres.Server) -> Iterator[Shop]:
    """An empty database of its own."""
    name = f"shop{next(_NUMBERS)}"
    with postgres_server.database(name):
        yield Shop(postgres_server, name)


class Shop:
    """A database on the server."""

    def __init__(self, server: postgres.Server, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def url(self) -> str:
        """Its address, as a superuser."""
        return self.server.url(database=self.name)

    def query(self, text: str, values: list[object] | None = None) -> list[tuple[object, ...]]:
        """Run statements, each in its own transaction when there is one only."""
        return self.server.query(text, values, database=self.name)

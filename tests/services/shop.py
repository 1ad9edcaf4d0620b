"""A database with a few tables on a private server, for tests of what watches it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from tests.services.postgres import Server

_NUMBERS = itertools.count()

_TABLES = """
CREATE TYPE state AS ENUM ('new', 'paid', 'sent');
CREATE TABLE orders (id bigint PRIMARY KEY, customer int, amount numeric(10, 2), state state);
CREATE TABLE empty_one (id int PRIMARY KEY, note text);
CREATE TABLE audit (what text);
INSERT INTO orders SELECT g, g % 100, g / 10.0, 'new' FROM generate_series(1, {rows}) g;
INSERT INTO audit SELECT 'begin ' || g FROM generate_series(1, 10) g;
ANALYZE;
"""


class Shop:
    """A database on the server: orders with a key, one table that is empty, one without a key."""

    def __init__(self, server: Server, name: str) -> None:
        self.server = server
        self.name = name

    @property
    def url(self) -> str:
        """Its address, as a superuser, with the password."""
        return self.server.url(database=self.name)

    @property
    def source(self) -> str:
        """The name that its source has by default."""
        return f"postgresql:127.0.0.1:{self.server.port}/{self.name}"

    def query(self, text: str, values: list[object] | None = None) -> list[tuple[object, ...]]:
        """Run statements, each in its own transaction when there is one only."""
        return self.server.query(text, values, database=self.name)

    def slots(self) -> list[str]:
        """Names of the slots of this database."""
        rows = self.server.query(
            "SELECT slot_name FROM pg_replication_slots WHERE database = %s ORDER BY 1",
            [self.name],
        )
        return [str(name) for (name,) in rows]

    def publications(self) -> list[str]:
        """Names of its publications."""
        return [
            str(name) for (name,) in self.query("SELECT pubname FROM pg_publication ORDER BY 1")
        ]


@contextmanager
def shop(server: Server, rows: int = 1_000) -> Iterator[Shop]:
    """A shop of its own with so many orders; gone at the end."""
    name = f"watched{next(_NUMBERS)}"
    with server.database(name):
        made = Shop(server, name)
        made.query(_TABLES.format(rows=rows))
        yield made

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource, slot_status
from tests.ingest.sink import exact
from tests.ingest.source_contract import Rig, Rows, SourceContract, fresh, sink
from tests.services.postgres import Server

__all__ = ["fresh", "sink"]

pytestmark = pytest.mark.services

_NAME = "contract"


def make_source(url: str, *, follow: bool, small: bool = False) -> PostgresSource:
    """A source as the suite wants it; ``small`` batches and buffers show what lies between them."""
    sizes = {"batch_rows": 1_000, "copy_bytes": 16_384, "buffer_bytes": 65_536} if small else {}
    return PostgresSource(url, PostgresOptions(follow=follow, **sizes))  # type: ignore[arg-type]


class PostgresRig(Rig):
    """A database on a private server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.version = f"PostgreSQL {server.version}"
        self._exists = False

    def _query(self, text: str, values: Any = None) -> list[tuple[Any, ...]]:
        return self.server.query(text, values, database=_NAME)

    def reset(self) -> None:
        self.close()
        self.server.query(f"CREATE DATABASE {_NAME}")
        self._exists = True
        self._query(
            "CREATE TABLE items (id bigint PRIMARY KEY, name text, price numeric(10,2), "
            "made timestamptz DEFAULT now(), tags text[])"
        )

    def close(self) -> None:
        """Drop the database."""
        if self._exists:
            self.server.query(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active"
            )
            while self.server.query("SELECT 1 FROM pg_replication_slots WHERE active"):
                pass
            self.server.query(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE database = %s",
                [_NAME],
            )
            self.server.query(f"DROP DATABASE {_NAME} WITH (FORCE)")
            self._exists = False

    def source(self, *, follow: bool, **options: Any) -> PostgresSource:
        return make_source(self.server.url(database=_NAME), follow=follow, **options)

    def factory(self, *, follow: bool) -> tuple[str, dict[str, Any]]:
        arguments = {"url": self.server.url(database=_NAME), "follow": follow, "small": True}
        return "tests.ingest.postgres.test_contract:make_source", arguments

    def insert(self, first: int, count: int) -> None:
        self._query(
            "INSERT INTO items (id, name, price, tags) SELECT n, 'item \"' || n || E'\"\\n', "
            "n * 1.25, ARRAY['a', n::text] FROM generate_series(%s, %s) AS n",
            [first, first + count - 1],
        )

    def churn(self, seed: int, changes: int) -> None:
        draw = random.Random(seed)
        connection = self.server.connect(_NAME)
        connection.autocommit = False
        with connection.cursor() as cursor:
            for number in range(changes):
                new = 1_000_000 * (seed + 1) + number
                kind = draw.random()
                if kind < 0.4:
                    cursor.execute("INSERT INTO items (id, name) VALUES (%s, %s)", [new, "ü"])
                elif kind < 0.7:
                    cursor.execute(
                        "UPDATE items SET price = coalesce(price, 0) + 1 WHERE id IN "
                        "(SELECT id FROM items WHERE id %% 97 = %s LIMIT 3 FOR UPDATE SKIP LOCKED)",
                        [draw.randrange(97)],
                    )
                elif kind < 0.85:
                    cursor.execute(
                        "DELETE FROM items WHERE id = (SELECT id FROM items WHERE id %% 89 = %s "
                        "LIMIT 1 FOR UPDATE SKIP LOCKED)",
                        [draw.randrange(89)],
                    )
                else:
                    cursor.execute(
                        "UPDATE items SET id = %s WHERE id = (SELECT id FROM items "
                        "WHERE id %% 83 = %s LIMIT 1 FOR UPDATE SKIP LOCKED)",
                        [-new, draw.randrange(83)],
                    )
                if draw.random() < 0.1:
                    connection.rollback()
                elif draw.random() < 0.5:
                    connection.commit()
        connection.commit()
        connection.close()

    def rows(self) -> Rows:
        found = self._query("SET TimeZone = 'UTC'; SELECT to_jsonb(items)::text FROM items")
        rows = [exact(text) for (text,) in found]
        for row in rows:
            row["made"] = row["made"].replace("+00:00", "Z")
        return {(row["id"],): row for row in rows}

    def add_column(self) -> None:
        self._query("ALTER TABLE items ADD COLUMN added integer")
        self._query("INSERT INTO items (id, added) VALUES (-1, 7)")
        self._query("UPDATE items SET name = name")

    def restart(self) -> None:
        self.server.restart("kill")

    def wrong_credentials(self) -> tuple[PostgresSource, str]:
        secret = "not-the-s3cret"  # noqa: S105 — of no server
        url = self.server.url(database=_NAME, password=secret)
        return PostgresSource(url, PostgresOptions(follow=False)), secret

    def missing_rights(self) -> PostgresSource:
        self._query(
            "DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN PASSWORD 's3cret/pass@word'"
        )
        url = self.server.url("guest", _NAME)
        return PostgresSource(url, PostgresOptions(follow=False))

    def behind(self) -> int:
        return slot_status(self.server.url(database=_NAME), "datawatch")[0].lag_bytes


@pytest.fixture(scope="module")
def rig(postgres_server: Server) -> Iterator[PostgresRig]:
    """The server with one database for each test in turn."""
    made = PostgresRig(postgres_server)
    yield made
    made.close()


class TestPostgres(SourceContract):
    """The contract, kept by PostgreSQL."""

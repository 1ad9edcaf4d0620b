from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pymysql  # type: ignore[import-untyped]
import pytest

from datawatch_lab.ingest.sources.mysql import MysqlOptions, MysqlSource
from datawatch_lab.ingest.sources.mysql.options import Mode
from tests.ingest.sink import exact
from tests.ingest.source_contract import Rig, Rows, SourceContract, fresh, sink
from tests.services.mariadb import Server

__all__ = ["fresh", "sink"]

pytestmark = pytest.mark.services

_NAME = "contract"
_TABLE = (
    "CREATE TABLE items (id bigint PRIMARY KEY, name varchar(80), price decimal(10,2), "
    "made datetime(6) DEFAULT now(6), tags json)"
)


def make_source(url: str, *, follow: bool, small: bool = False, mode: Mode = "auto") -> MysqlSource:
    """A source as the suite wants it; ``small`` batches and buffers show what lies between them."""
    sizes = {"batch_bytes": 16_384, "copy_rows": 500, "buffer_bytes": 65_536} if small else {}
    return MysqlSource(url, MysqlOptions(follow=follow, mode=mode, **sizes))  # type: ignore[arg-type]


class MariaRig(Rig):
    """A database on a private server, read by its GTIDs."""

    mode: Mode = "gtid"

    def __init__(self, server: Server) -> None:
        self.server = server
        self.version = f"MariaDB {server.version}"
        self._last: MysqlSource | None = None

    def _query(self, text: str, values: Any = None) -> list[tuple[Any, ...]]:
        return self.server.query(text, values, database=_NAME)

    def reset(self) -> None:
        self.close()
        self.server.query(f"CREATE DATABASE {_NAME} CHARACTER SET utf8mb4")
        self._query(_TABLE)

    def close(self) -> None:
        """Drop the database."""
        self.server.query(f"DROP DATABASE IF EXISTS {_NAME}")

    def source(self, *, follow: bool, **options: Any) -> MysqlSource:
        url = self.server.url(database=_NAME)
        self._last = make_source(url, follow=follow, mode=self.mode, **options)
        return self._last

    def factory(self, *, follow: bool) -> tuple[str, dict[str, Any]]:
        url = self.server.url(database=_NAME)
        arguments = {"url": url, "follow": follow, "small": True, "mode": self.mode}
        return "tests.ingest.mysql.test_contract:make_source", arguments

    def insert(self, first: int, count: int) -> None:
        connection = self.server.connect(_NAME, autocommit=False)
        rows = [
            (n, f'item "{n}"\n', n * 1.25, f'["a", "{n}"]') for n in range(first, first + count)
        ]
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO items (id, name, price, tags) VALUES (%s, %s, %s, %s)", rows
            )
        connection.commit()
        connection.close()

    def churn(self, seed: int, changes: int) -> None:
        draw = random.Random(seed)
        connection = self.server.connect(_NAME, autocommit=False)
        cursor = connection.cursor()
        for number in range(changes):
            new = 1_000_000 * (seed + 1) + number
            kind = draw.random()
            try:
                if kind < 0.4:
                    cursor.execute("INSERT INTO items (id, name) VALUES (%s, %s)", [new, "ü"])
                elif kind < 0.7:
                    cursor.execute(
                        "UPDATE items SET price = coalesce(price, 0) + 1 WHERE id %% 97 = %s "
                        "LIMIT 3", [draw.randrange(97)],
                    )  # fmt: skip
                elif kind < 0.85:
                    cursor.execute(
                        "DELETE FROM items WHERE id %% 89 = %s LIMIT 1", [draw.randrange(89)]
                    )
                else:
                    cursor.execute(
                        "UPDATE items SET id = %s WHERE id %% 83 = %s LIMIT 1",
                        [-new, draw.randrange(83)],
                    )
            except pymysql.OperationalError:  # a deadlock among several: rolled back
                continue
            if draw.random() < 0.1:
                connection.rollback()
            elif draw.random() < 0.5:
                connection.commit()
        connection.commit()
        connection.close()

    def rows(self) -> Rows:
        columns = [str(row[0]) for row in self._query("SHOW COLUMNS FROM items")]
        found = self._query("SELECT * FROM items")
        rows = [dict(zip(columns, row, strict=True)) for row in found]
        for row in rows:
            moment = row["made"].isoformat()
            row["made"] = moment.rstrip("0") if row["made"].microsecond else moment
            row["tags"] = None if row["tags"] is None else exact(row["tags"])
        return {(row["id"],): row for row in rows}

    def add_column(self) -> None:
        self._query("ALTER TABLE items ADD COLUMN added integer")
        self._query("INSERT INTO items (id, added) VALUES (-1, 7)")
        self._query("UPDATE items SET name = concat(name, '!')")

    def restart(self) -> None:
        self.server.restart("kill")

    def wrong_credentials(self) -> tuple[MysqlSource, str]:
        secret = "not-the-s3cret"  # noqa: S105 — of no server
        url = self.server.url(database=_NAME, password=secret)
        return MysqlSource(url, MysqlOptions(follow=False)), secret

    def missing_rights(self) -> MysqlSource:
        url = self.server.user("guest", f"SELECT ON {_NAME}.*")
        return MysqlSource(f"{url}/{_NAME}", MysqlOptions(follow=False))

    def behind(self) -> int:
        assert self._last is not None
        return self._last.lag()


class MariaFileRig(MariaRig):
    """The same, read by file and position."""

    mode: Mode = "file"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(MariaRig, id="gtid"),
        pytest.param(MariaFileRig, id="file", marks=pytest.mark.soak),
    ],
)
def rig(mariadb_server: Server, request: pytest.FixtureRequest) -> Iterator[MariaRig]:
    """The server with one database for each test in turn."""
    made: MariaRig = request.param(mariadb_server)
    yield made
    made.close()


class TestMariaDB(SourceContract):
    """The contract, kept by MariaDB's binary log."""

    patience = 4.0
    flood = 10_000
    sections = ("snapshot", "transaction")

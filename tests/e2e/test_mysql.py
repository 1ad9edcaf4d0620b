"""A MariaDB shop under writes, watched by the whole product, beside SQL on the shop itself."""

from __future__ import annotations

import contextlib
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.intake import ingest_source
from tests.e2e import follow_kills
from tests.e2e.follower import source_of
from tests.services.mariadb import Server
from tests.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

_ORDERS = (
    "CREATE TABLE orders (id bigint AUTO_INCREMENT PRIMARY KEY, customer int, "
    "amount decimal(12,2), status enum('new','paid','sent') DEFAULT 'new', note varchar(60), "
    "placed datetime(6) DEFAULT now(6), flags set('a','b'), legacy int)"
)
_LINES = (
    "CREATE TABLE order_lines (order_id bigint, line int, sku varchar(20), "
    "PRIMARY KEY (order_id, line))"
)


class Writer:
    """Writes one transaction at a call, on a connection of its own."""

    def __init__(self, server: Server, database: str, seed: int) -> None:
        self._connection = server.connect(database, autocommit=False)
        self._draw = random.Random(seed)

    def close(self) -> None:
        """End the connection, and what it did not commit."""
        self._connection.close()

    def __call__(self, number: int) -> None:
        """Write one transaction."""
        draw, cursor = self._draw, self._connection.cursor()
        for _ in range(draw.randint(1, 6)):
            kind = draw.random()
            if kind < 0.5:
                cursor.execute(
                    "INSERT INTO orders (customer, amount, note, flags) VALUES (%s, %s, %s, %s)",
                    [draw.randrange(50), Decimal(draw.randrange(10**6)) / 100, f"n {number}",
                     draw.choice(("", "a", "a,b"))],
                )  # fmt: skip
                cursor.execute("INSERT INTO order_lines VALUES (%s, 1, 'sku')", [cursor.lastrowid])
            elif kind < 0.8:
                cursor.execute(
                    "UPDATE orders SET status = 'paid', amount = amount + 1 WHERE id %% 23 = %s "
                    "LIMIT 5", [draw.randrange(23)],
                )  # fmt: skip
            elif kind < 0.9:
                cursor.execute(
                    "DELETE FROM orders WHERE id %% 41 = %s LIMIT 1", [draw.randrange(41)]
                )
            else:
                cursor.execute(
                    "UPDATE orders SET id = -id WHERE id > 0 AND id %% 37 = %s "
                    "LIMIT 1", [draw.randrange(37)],
                )  # fmt: skip
        if draw.random() < 0.1:
            self._connection.rollback()
        else:
            self._connection.commit()


@contextmanager
def shop(server: Server, name: str, rows: int = 500) -> Iterator[str]:
    """A shop with so many orders; gives its address."""
    with server.database(name) as url:
        for statement in (_ORDERS, _LINES):
            server.query(statement, database=name)
        server.query(
            "INSERT INTO orders (customer, amount, note) SELECT seq %% 50, seq / 7, 'first' "
            "FROM seq_1_to_" + str(rows), [], database=name,
        )  # fmt: skip
        yield url


def differences(server: Server, database: str, workspace: Workspace) -> list[str]:
    """Where live tables are not the tables of the shop, row by row."""
    return [
        f"{table} {key}: {mine.get(key)} and not {theirs.get(key)}"
        for table, keys in (("orders", 1), ("order_lines", 2))
        for mine, theirs in [(_live(workspace, table, keys), _there(server, database, table, keys))]
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]


Rows = dict[tuple[Any, ...], dict[str, Any]]


def _there(server: Server, database: str, table: str, keys: int) -> Rows:
    with contextlib.closing(server.connect(database)) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT * FROM `{table}`")
        names = [column[0] for column in cursor.description]
        rows = [dict(zip(names, map(_plain, row), strict=True)) for row in cursor.fetchall()]
    return {tuple(list(row.values())[:keys]): row for row in rows}


def _live(workspace: Workspace, table: str, keys: int) -> Rows:
    answer = workspace.sql(f'SELECT * FROM live."{table}"', masked=False)
    assert not answer.truncated
    names = [column.name for column in answer.columns]
    there = [n for n in names if not n.startswith("_")]
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    made = [{name: _plain(row[name]) for name in there} for row in rows]
    key = ("id",) if table == "orders" else ("order_id", "line")
    return {tuple(row[name] for name in key[:keys]): row for row in made}


def _plain(value: Any) -> Any:
    """Numbers by value and moments as text without zeros at their end."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, (int, float, Decimal)):
        return Decimal(str(value)).normalize()
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    with contextlib.suppress(ArithmeticError):
        return Decimal(text).normalize()
    text = text.removesuffix("+00:00").removesuffix("Z").replace(" ", "T")
    return text.rstrip("0") if "." in text and ":" in text else text


@contextmanager
def watching(workspace: Workspace, url: str) -> Iterator[Any]:
    """Follow in a thread; then read the rest."""
    source = source_of(url, follow=True, small=True)
    failed: list[BaseException] = []

    def read() -> None:
        try:
            ingest_source(workspace, source)
        except BaseException as error:  # noqa: BLE001 — raised below
            failed.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        source.stop()
        thread.join(120)
        if failed:
            raise failed[0]
    ingest_source(workspace, source_of(url, follow=False))


ALTERATIONS = (
    "ALTER TABLE orders ADD COLUMN channel varchar(20)",
    "ALTER TABLE orders ADD COLUMN vat decimal(5,2) NOT NULL DEFAULT 19.00",
    "ALTER TABLE orders MODIFY amount decimal(20,4)",
    "ALTER TABLE orders CHANGE note remark varchar(80)",
    "ALTER TABLE orders DROP COLUMN legacy",
    "CREATE INDEX by_customer ON orders (customer)",
)
"""Run one after another under writes; `Rewriter` names no column that changes its name."""


class Rewriter(Writer):
    """A writer that names no column that is altered."""

    def __call__(self, number: int) -> None:
        """Write one transaction."""
        del number
        draw, cursor = self._draw, self._connection.cursor()
        cursor.execute("INSERT INTO orders (customer) VALUES (%s)", [draw.randrange(50)])
        cursor.execute(
            "UPDATE orders SET status = 'sent' WHERE id %% 31 = %s LIMIT 4", [draw.randrange(31)]
        )
        self._connection.commit()


def test_alterations_under_load_reach_the_schema_log(
    mariadb_server: Server, tmp_path: Path
) -> None:
    """Columns are added, widened, renamed and dropped under writes: rows and history follow."""
    with (
        shop(mariadb_server, "altered") as url,
        open_workspace(tmp_path / "w.duckdb") as workspace,
    ):
        with watching(workspace, url) as source:
            eventually(lambda: source.reading)
            with (
                contextlib.closing(Rewriter(mariadb_server, "altered", 1)) as writer,
                follow_kills.load(writer) as calls,
            ):
                for statement in ALTERATIONS:
                    mariadb_server.query(statement, database="altered")
                    before = calls[0]
                    eventually(lambda before=before: calls[0] >= before + 15)  # type: ignore[misc]
        wrong = differences(mariadb_server, "altered", workspace)
        assert not wrong, f"{len(wrong)} differences: {wrong[:5]}"
        query = "SELECT _ddl FROM changes.orders WHERE _op = 'ddl' ORDER BY _seq"
        told = [json.loads(text)["ddl_command"] for (text,) in workspace.sql(query).rows]
        assert told == list(ALTERATIONS)
        kinds = {str(change.kind) for change in workspace.schema_changes().changes}
        assert {"add_column", "rename_column", "drop_column"} <= kinds
        assert workspace.ledger().quarantined == 0


def test_removed_and_watched_again_it_is_right(mariadb_server: Server, tmp_path: Path) -> None:
    """After the log was purged the source fails; its way out is to remove it and watch it again."""
    with (
        shop(mariadb_server, "again") as url,
        open_workspace(tmp_path / "w.duckdb") as workspace,
    ):
        name = workspace.watch(url).name

        def state() -> str:
            return str(workspace.sources()[0].state)

        eventually(lambda: state() == "streaming")
        assert workspace.unwatch(name).removed
        mariadb_server.query("DELETE FROM orders WHERE id % 2 = 0", database="again")
        mariadb_server.query("FLUSH BINARY LOGS")
        last = str(mariadb_server.query("SHOW MASTER STATUS")[0][0])

        def are_gone() -> bool:
            mariadb_server.query(f"PURGE BINARY LOGS TO '{last}'")
            return str(mariadb_server.query("SHOW BINARY LOGS")[0][0]) == last

        eventually(are_gone, "a log that a reader still holds stays")
        assert workspace.watch(url).name == name
        eventually(lambda: state() == "streaming", workspace.sources)
        mariadb_server.query("INSERT INTO orders (customer) VALUES (1)", database="again")
        eventually(lambda: not differences(mariadb_server, "again", workspace))


def test_two_deaths_of_the_engine_leave_no_trace(mariadb_server: Server, tmp_path: Path) -> None:
    """Killed with a batch in hand and inside a commit, under writes: nothing lost or doubled."""
    assert_survives(mariadb_server, tmp_path, seed=1, kills=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_ten_deaths_of_the_engine_leave_no_trace(mariadb_server: Server, tmp_path: Path) -> None:
    """The same with ten deaths at drawn points."""
    assert_survives(mariadb_server, tmp_path, seed=2, kills=10)


def assert_survives(server: Server, folder: Path, *, seed: int, kills: int) -> None:
    """Kill an engine under writes, catch up, and compare rows and counts with the shop."""
    name = f"killed{seed}"
    with shop(server, name) as url:
        with contextlib.closing(Writer(server, name, seed)) as writer:
            deaths = follow_kills.campaign(url, folder, writer, seed=seed, kills=kills)
        assert deaths.total() == kills
        with open_workspace(folder / "w.duckdb") as workspace:
            wrong = differences(server, name, workspace)
            assert not wrong, f"{len(wrong)} differences: {wrong[:5]}"
            ids = "SELECT count(*), count(DISTINCT _event_id) FROM changes.orders"
            ((rows, distinct),) = workspace.sql(ids).rows
            assert rows == distinct > 0

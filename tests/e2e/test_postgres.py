"""A PostgreSQL shop under writes, watched by the whole product, beside SQL on the shop itself."""

from __future__ import annotations

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.ingest.sources.postgres import PostgresOptions, PostgresSource
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.intake import ingest_source
from tests.e2e import pg_compare, pg_kills, pg_shop, pg_speed
from tests.e2e.pg_engine import SECTIONS
from tests.services.postgres import Server
from tests.waiting import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

TRANSACTIONS = 800


@contextmanager
def watching(workspace: Workspace, url: str, **options: Any) -> Iterator[PostgresSource]:
    """Watch in a thread; what ends it is raised at the end, and then the rest is read."""
    source = PostgresSource(url, PostgresOptions(**options))
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
        thread.join(timeout=120)
        if failed:
            raise failed[0]
    assert not thread.is_alive(), "the source does not stop"
    ingest_source(workspace, PostgresSource(url, PostgresOptions(follow=False, **options)))


def compared(url: str, *looks: Callable[[pg_compare.Source], list[str]]) -> list[str]:
    """What is wrong, by several looks at one state of the shop."""
    source = pg_compare.Source(url)
    try:
        return [wrong for look in looks for wrong in look(source)]
    finally:
        source.close()


class Watched:
    """A shop after a while of writing, and the workspace that watched all of it."""

    def __init__(self, url: str, workspace: Workspace, written: int) -> None:
        self.url = url
        self.workspace = workspace
        self.written = written


@pytest.fixture(scope="module")
def watched(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Four connections write before, during and after the copy; then everything is read."""
    path = tmp_path_factory.mktemp("watched") / "w.duckdb"
    with pg_shop.shop(postgres_server, "watched") as url, open_workspace(path) as workspace:
        with pg_shop.Load(url, seed=1) as load:
            load.go_on(50)
            options = {"slot": "watched", "copy_bytes": 200_000, "batch_rows": 5_000}
            with watching(workspace, url, **options) as source:
                load.go_on(TRANSACTIONS // 2)
                eventually(lambda: source.reading, "the source does not stream", 120)
                load.go_on(TRANSACTIONS // 2)
                load.stop()
        yield Watched(url, workspace, load.transactions)


def test_live_tables_are_the_source_tables_row_by_row(watched: Watched) -> None:
    """Every keyed table, every column, numbers by value and times as moments.

    Numeric, double, real, timestamps with and without zone, date, interval, range, enum, uuid,
    bytea, jsonb, arrays, nulls; key changes, composite keys, truncates, rollbacks, savepoints; and
    a wide text that most updates do not send. The table without a key has what was inserted.
    """
    wrong = compared(
        watched.url, lambda source: pg_compare.all_row_differences(watched.workspace, source)
    )
    assert not wrong, f"{len(wrong)} differences: {wrong[:8]}"
    assert watched.written > TRANSACTIONS


def test_metrics_of_the_present_say_what_sql_says(watched: Watched) -> None:
    """Rows of each table, rows by state, and totals of exact numbers."""
    wrong = compared(
        watched.url, lambda source: pg_compare.metric_differences(watched.workspace, source)
    )
    assert not wrong, f"{len(wrong)} differences: {wrong[:8]}"


def test_every_change_is_in_the_log_once(watched: Watched) -> None:
    """Inserts, updates, deletes and truncates of each table, as the writers noted them."""
    wrong = compared(
        watched.url,
        lambda source: pg_compare.count_differences(watched.workspace, source),
        lambda _: pg_compare.ledger_differences(watched.workspace, duplicates=False),
    )
    assert not wrong, f"{len(wrong)} differences: {wrong[:8]}"


def test_the_load_was_what_it_should_be(watched: Watched) -> None:
    """Each kind of change came for each kind of table, some rows from the copy, most after it."""
    query = "SELECT _op, count(*) FROM changes.{} GROUP BY 1"
    for table, ops in {
        "orders": "rcud",
        "payments": "rcud",
        "customers": "rcu",
        "products": "rcu",
        "order_items": "rcud",
        "carts": "ct",
        "audit_log": "rc",
    }.items():
        rows = watched.workspace.sql(query.format(table)).rows
        found = {op: count for op, count in rows if op in "rcudt"}
        assert set(found) == set(ops), (table, found)
    thin = "SELECT count(*) FROM changes.products WHERE _op = 'u' AND manual IS NULL"
    assert watched.workspace.sql(thin).rows[0][0] > 20, "no wide text was left out"


def test_six_deaths_of_the_engine_leave_no_trace(postgres_server: Server, tmp_path: Path) -> None:
    """Killed in the copy twice, before the stream, in a transaction, in a commit, before feedback.

    The server dies once as well. Then live tables, metrics and the number of changes are right.
    """
    hits = pg_kills.campaign(postgres_server, tmp_path, seed=1, crashes=1)
    assert set(hits) == {*SECTIONS, "server"}


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_thirty_deaths_of_the_engine_and_five_of_the_server_leave_no_trace(
    postgres_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five shops, each with six deaths of the engine at drawn points and one of the server."""
    hits: Counter[str] = Counter()
    for seed in range(11, 16):
        folder = tmp_path / str(seed)
        folder.mkdir()
        with capsys.disabled():
            hits += pg_kills.campaign(postgres_server, folder, seed=seed, crashes=1)
    with capsys.disabled():
        print(f"\n  deaths by section: {dict(hits)}")
    assert hits["server"] == 5
    assert hits.total() == 35
    assert all(hits[section] >= 3 for section in SECTIONS)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_the_source_reads_half_as_fast_as_the_driver_alone(
    postgres_server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same changes by the driver, the source and the whole product, in turn, each thrice."""
    speeds = pg_speed.measure(postgres_server, tmp_path, 200_000)
    with capsys.disabled():
        print(f"\n  {speeds}")
    assert speeds.source >= 0.5 * speeds.plain


ALTERATIONS = (
    "ALTER TABLE orders ADD COLUMN channel text",
    "ALTER TABLE orders ALTER points TYPE bigint",
    "ALTER TABLE orders ALTER amount TYPE numeric(20, 6)",
    "ALTER TABLE orders RENAME due TO deadline",
    "ALTER TABLE orders DROP COLUMN legacy",
    "ALTER TABLE orders ALTER points TYPE text USING 'p' || points",
    "ALTER TABLE audit_log ADD COLUMN host text",
    "ALTER TABLE orders ADD COLUMN vat numeric(5, 2) NOT NULL DEFAULT 19.00",
)
"""Run one after another under writes; writers name none of the columns that go or change names."""


@pytest.mark.parametrize("told", [True, False], ids=["event trigger", "inferred"])
def test_columns_that_change_under_load_are_followed(
    postgres_server: Server, tmp_path: Path, told: bool
) -> None:
    """Columns are added, widened, renamed, retyped and dropped: live rows are the source's rows.

    Each change is in the log as a DDL event, and no row change is lost.
    """
    name = "altered_told" if told else "altered_inferred"
    with (
        pg_shop.shop(postgres_server, name, 1_000) as url,
        open_workspace(tmp_path / "w.duckdb") as workspace,
    ):
        with watching(workspace, url, event_trigger=told) as source:
            eventually(lambda: source.reading, "the source does not stream")
            with pg_shop.Load(url, seed=7, connections=3, pause=0.05) as load:
                for alteration in ALTERATIONS:
                    _alter(postgres_server, name, alteration)
                    load.go_on(30)
                load.stop()
        wrong = compared(
            url,
            lambda source: pg_compare.all_row_differences(workspace, source),
            lambda source: pg_compare.count_differences(workspace, source),
            lambda _: pg_compare.ledger_differences(workspace, duplicates=False),
        )
        assert not wrong, f"{len(wrong)} differences: {wrong[:8]}"
        commands = _commands(workspace)
        if told:
            assert [each for each in commands if "ALTER TABLE" in each] == list(ALTERATIONS)
        else:
            text = "; ".join(commands)
            for part in (
                "ADD COLUMN channel",
                "ADD COLUMN vat",
                "RENAME COLUMN due TO deadline",
                "DROP COLUMN legacy",
                "points TYPE bigint",
                "points TYPE text",
            ):
                assert part in text, commands


def _alter(server: Server, name: str, statement: str) -> None:
    """Run DDL as soon as the writers let it."""
    with contextlib.closing(server.connect(name)) as connection, connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '20s'")
        cursor.execute(statement)


def _commands(workspace: Workspace) -> list[str]:
    """The DDL commands of the log, in order."""
    found = []
    for table in workspace.tables():
        query = f"SELECT _seq, _ddl FROM changes.{table.name} WHERE _op = 'ddl'"
        for seq, extra in workspace.sql(query).rows:
            found.append((seq, json.loads(extra)["ddl_command"]))
    return [command for _, command in sorted(found)]

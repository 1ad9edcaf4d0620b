"""Watched databases in an engine: told what is stored, resumed, dropped, measured, no password."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from datawatch_lab.core.batches import DecodedBatch, Offset, nothing
from datawatch_lab.core.errors import InputError, NotFoundError, SourceError, WorkspaceError
from datawatch_lab.core.watching import State, Watch, WatchSettings, WatchState
from datawatch_lab.engine import Engine, intake
from datawatch_lab.engine.receipts import Receipt
from datawatch_lab.engine.watching.run import WatchRun
from datawatch_lab.ingest.sources.postgres.statistics import Sample, statistics_row
from tests.services.postgres import PASSWORD, URL_PASSWORD, Server
from tests.services.shop import Shop, shop
from tests.waiting import PATIENCE, eventually


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Shop]:
    """A shop of this test alone."""
    with shop(postgres_server) as made:
        yield made


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on an empty workspace."""
    made = Engine.open(tmp_path / "w.duckdb")
    yield made
    made.close()


def only(engine: Engine) -> WatchState:
    """The one source that is watched."""
    (state,) = engine.watching.states()
    return state


def streams(engine: Engine) -> bool:
    """Whether the one source has copied and follows; fails when it cannot any more."""
    state = only(engine)
    assert state.state != "failed", state
    return state.state == "streaming"


def rows(engine: Engine, table: str = "orders") -> int:
    """Rows of a live table."""
    return engine.store.live_count(engine.table(table))


WRONG = "wrong-secret"


class Told:
    """A source of empty batches that remembers what it hears."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, object]] = []
        self.stopped = False
        self.name = "told"

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """Three batches without events."""
        del resume
        for number in range(3):
            yield nothing("told", Offset("told", {"number": number}))

    def stop(self) -> None:
        """Remember it."""
        self.stopped = True

    def stored(self, position: Mapping[str, object]) -> None:
        """Remember it."""
        self.heard.append(position)


def test_a_source_hears_what_is_stored(engine: Engine) -> None:
    """After a run, every offset was told to the source, in order, also the last one."""
    source = Told()
    intake.run(engine, source)
    assert source.heard == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_after_a_failure_nothing_more_is_acknowledged() -> None:
    """A batch that cannot be stored stops the source, and later ones are not acknowledged."""
    source = Told()
    acknowledgement = intake.Acknowledgement(source)
    futures: list[Future[Receipt]] = [Future(), Future(), Future()]
    for number, each in enumerate(futures):
        acknowledgement.follow(each, Offset("told", {"number": number}))
    receipt = object()
    futures[0].set_result(receipt)  # type: ignore[arg-type]  # what it holds is of no matter
    futures[1].set_exception(WorkspaceError("full"))
    futures[2].set_result(receipt)  # type: ignore[arg-type]
    assert source.heard == [{"number": 0}]
    assert source.stopped


class Copying(Told):
    """A source that gives a copy, and follows when it is told to."""

    reading = False
    trouble = None

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """The same batches, as parts of a copy."""
        for batch in super().batches(resume):
            yield replace(batch, backfill=True)


def test_a_copy_is_over_when_it_is_stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits until a source follows finds all rows; rows that are read again end nothing."""
    source = Copying()
    monkeypatch.setattr("datawatch_lab.engine.watching.run.open_system", lambda *_: source)
    run = WatchRun(engine, Watch(name="told", url="system://", slot="s"), "system://")
    copy = run._counted.batches(None)
    next(copy)
    next(copy)
    source.reading = True
    run._counted.stored({"number": 0})
    assert run.state().state == "starting"
    run._counted.stored({"number": 1})
    assert run.state().state == "streaming"
    next(copy)
    assert run.state().state == "streaming"


class Slow:
    """An engine that stores nothing until it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Future[Receipt]] = []

    def begin(self, source: str) -> None:
        """Nothing was stored."""
        del source

    def submit(self, batch: DecodedBatch) -> Future[Receipt]:
        """Take a batch."""
        assert batch.received == 0
        self.waiting.append(Future())
        return self.waiting[-1]


def test_a_run_that_fails_leaves_no_batch_in_the_queue() -> None:
    """It ends with the first fault, when all that was read after that batch has ended too."""
    slow, faults = Slow(), [WorkspaceError("full"), WorkspaceError("after it")]
    raised: list[BaseException] = []

    def run() -> None:
        try:
            intake.run(slow, Told())  # type: ignore[arg-type]  # what a run asks of an engine
        except WorkspaceError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: len(slow.waiting) == 3)
    for waiting, fault in zip(slow.waiting, faults, strict=False):
        waiting.set_exception(fault)
    thread.join(0.2)
    assert not raised
    slow.waiting[2].set_exception(WorkspaceError("the last"))
    thread.join(PATIENCE)
    assert raised == faults[:1]


def test_a_database_is_copied_followed_and_let_go(database: Shop, engine: Engine) -> None:
    """Copy, then changes; its slot advances; dropped, nothing of it is left on the server."""
    made = engine.watching.add(WatchSettings(url=database.url))
    assert made.name == database.source
    eventually(lambda: streams(engine))
    assert rows(engine) == 1_000
    empty = engine.table("empty_one")
    assert empty.key == ("id",)
    types = {each.name: each.type for each in empty.columns}
    assert types == {"id": "integer", "note": "text"}
    assert engine.sql("SELECT id, note FROM live.empty_one").table.num_rows == 0
    database.query("INSERT INTO orders SELECT g, 1, 2, 'paid' FROM generate_series(2001, 2500) g")
    eventually(lambda: rows(engine) == 1_500)
    database.query("INSERT INTO empty_one VALUES (1, 'first')")
    database.query("DELETE FROM orders WHERE id <= 100")
    eventually(lambda: rows(engine) == 1_400)
    eventually(lambda: rows(engine, "empty_one") == 1)
    found = engine.sql("SELECT id, note FROM live.empty_one").table.to_pylist()
    assert found == [{"id": 1, "note": "first"}]
    eventually(lambda: only(engine).lag_bytes == 0)
    assert only(engine).rows == 1_000 + 10 + 500 + 100 + 1
    assert database.slots() == [made.slot]
    dropped = engine.watching.drop(made.name)
    assert (dropped.removed, dropped.left) == (True, "")
    assert database.slots() == database.publications() == []
    assert engine.watching.states() == []
    assert rows(engine) == 1_400
    with pytest.raises(NotFoundError):
        engine.watching.drop(made.name)


def test_a_restart_goes_on_with_the_same_slot(
    database: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed while nobody read comes after a restart, with a password of the environment."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    url = database.url.replace(URL_PASSWORD, "${SHOP_PASSWORD}")
    path = tmp_path / "w.duckdb"
    engine = Engine.open(path)
    slot = engine.watching.add(WatchSettings(url=url)).slot
    eventually(lambda: streams(engine))
    engine.close()
    database.query("DELETE FROM orders WHERE id <= 10")
    database.query("UPDATE orders SET state = 'sent' WHERE id = 11")
    engine = Engine.open(path)
    try:
        assert only(engine).state == "stopped"
        engine.watching.resume()
        eventually(lambda: rows(engine) == 990)
        assert (only(engine).slot, only(engine).resumes) == (slot, True)
        assert only(engine).rows <= 11
        assert not engine.quarantined()
    finally:
        engine.close()
    assert database.slots() == [slot]


def test_without_a_password_a_restart_says_what_to_do(
    database: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file holds the password; the source fails with the ways to give it, and then goes on."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    path = tmp_path / "w.duckdb"
    engine = Engine.open(path)
    engine.watching.add(WatchSettings(url=database.url))
    eventually(lambda: streams(engine))
    assert PASSWORD not in repr(only(engine))
    engine.close()
    for file in tmp_path.iterdir():
        assert PASSWORD.encode() not in file.read_bytes()
        assert URL_PASSWORD.encode() not in file.read_bytes()
    engine = Engine.open(path)
    try:
        engine.watching.resume()
        eventually(lambda: only(engine).state == "failed")
        state = only(engine)
        assert not state.resumes
        assert "no password supplied" in state.message
        assert "PGPASSWORD" in state.hint
        engine.watching.add(WatchSettings(url=database.url))
        eventually(lambda: streams(engine))
    finally:
        engine.close()


def test_watched_anew_after_a_removal_it_is_equal_again(database: Shop, engine: Engine) -> None:
    """A new slot, and tables that are emptied and copied: rows deleted in between do not stay."""
    first = engine.watching.add(WatchSettings(url=database.url))
    eventually(lambda: streams(engine))
    engine.watching.drop(first.name)
    database.query("DELETE FROM orders WHERE id <= 400")
    second = engine.watching.add(WatchSettings(url=database.url))
    assert second.slot != first.slot
    eventually(lambda: streams(engine))
    assert rows(engine) == 600


def test_a_server_that_restarts_is_connected_again(database: Shop, engine: Engine) -> None:
    """The state says so meanwhile, and nothing is lost."""
    engine.watching.add(WatchSettings(url=database.url))
    eventually(lambda: streams(engine))
    database.server.stop()
    try:
        eventually(lambda: only(engine).state == "reconnecting")
        assert only(engine).message
    finally:
        database.server.start()
    database.query("DELETE FROM orders WHERE id = 1")
    eventually(lambda: rows(engine) == 999)
    assert only(engine).state == "streaming"


def test_a_configured_source_waits_for_its_server(database: Shop, engine: Engine) -> None:
    """A server that is down when the engine starts is tried again, not an error."""
    database.server.stop()
    try:
        engine.watching.resume([WatchSettings(url=database.url, name="shop")])
        eventually(lambda: only(engine).state == "reconnecting")
    finally:
        database.server.start()
    eventually(lambda: streams(engine))
    assert only(engine).name == "shop"
    assert engine.store.watches.all()[0].configured


def test_a_wrong_password_is_told_at_once_and_nothing_is_kept(
    database: Shop, engine: Engine
) -> None:
    """The error has no password in it, and there is no source after it."""
    url = database.server.url(database=database.name, password=WRONG)
    with pytest.raises(SourceError, match="password authentication failed") as caught:
        engine.watching.add(WatchSettings(url=url))
    assert WRONG not in str(caught.value)
    assert engine.watching.states() == []
    assert database.slots() == []


def test_the_lag_is_a_metric_and_the_server_a_table(database: Shop, engine: Engine) -> None:
    """`pg_lag_bytes` can be asked for by that name, and the server's load is a stream table."""
    engine.watching.add(WatchSettings(url=database.url))
    eventually(lambda: "pg_lag_bytes" in engine.metrics())
    answer = engine.sql("SELECT source, database, connections, lag_bytes FROM live.postgres_server")
    first = answer.table.to_pylist()[0]
    assert (first["source"], first["database"]) == (database.source, database.name)
    assert first["connections"] >= 1
    assert first["lag_bytes"] is not None
    metric = engine.metric("pg_lag_bytes")
    assert (metric.unit, metric.table) == ("B", "postgres_server")


def test_two_workspaces_share_no_slot(database: Shop, tmp_path: Path) -> None:
    """Both follow one database, each with a slot and publications of its own."""
    engines = [Engine.open(tmp_path / f"{number}.duckdb") for number in range(2)]
    try:
        for each in engines:
            each.watching.add(WatchSettings(url=database.url))
        for each in engines:
            eventually(lambda each=each: streams(each))  # type: ignore[misc]
        database.query("DELETE FROM orders WHERE id <= 5")
        for each in engines:
            eventually(lambda each=each: rows(each) == 995)  # type: ignore[misc]
        assert len(database.slots()) == 2
        engines[0].watching.drop(database.source)
        database.query("DELETE FROM orders WHERE id <= 10")
        eventually(lambda: rows(engines[1]) == 990)
    finally:
        for each in engines:
            each.close()


def test_a_common_password_is_no_obstacle(
    database: Shop, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that is also the name of user and database is left out, and nothing else."""
    monkeypatch.delenv("PGPASSWORD", raising=False)
    database.query("DROP ROLE IF EXISTS shop; CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'shop'")
    url = database.server.url(
        user="shop",
        password="shop",  # noqa: S106 — that is the test
        database=database.name,
    )
    made = engine.watching.add(WatchSettings(url=url))
    assert made.url == url.replace(":shop@", "@")
    eventually(lambda: streams(engine))


def test_only_databases_that_can_be_watched_are(engine: Engine) -> None:
    """Another scheme is refused with what can be watched, without the password."""
    with pytest.raises(InputError, match="oracle:// cannot be watched") as caught:
        engine.watching.add(WatchSettings(url="oracle://ada:secret@db/shop"))
    assert "secret" not in str(caught.value)


def sample(seconds: float, **counters: int) -> Sample:
    """A sample so many seconds after the first, with these counters."""
    known = dict.fromkeys(
        ("commits", "rollbacks", "deadlocks", "blocks_hit", "blocks_read", "rows_inserted"), 0
    ) | dict.fromkeys(("rows_updated", "rows_deleted"), 0)
    server = {
        **known,
        **counters,
        "at": datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds),
        "database": "shop",
        "connections": 3,
        "active_connections": 1,
        "statements": None,
        "mean_query_ms": None,
        "dead_rows": 0,
        "live_rows": 5,
        "size_bytes": 1_000,
        "oldest_transaction_seconds": 0.0,
    }
    return Sample(server, None)


def test_rates_are_changes_a_second() -> None:
    """The first row knows no rate; a rate is of the time between; a reset counter gives none."""
    first = sample(0, commits=100, blocks_hit=900, blocks_read=100)
    row = statistics_row("shop", "slot", first, None)
    assert (row["transactions_per_s"], row["cache_hit_ratio"]) == (None, None)
    later = sample(10, commits=150, blocks_hit=980, blocks_read=120)
    row = statistics_row("shop", "slot", later, first)
    assert row["transactions_per_s"] == 5.0
    assert row["cache_hit_ratio"] == pytest.approx(0.8)
    assert row["queries_per_s"] is None
    again = statistics_row("shop", "slot", sample(20, commits=7), later)
    assert again["transactions_per_s"] is None


def test_states_have_words() -> None:
    """Every state a source can be in is one that faces know."""
    from typing import get_args

    from datawatch_lab.cli.watching import _STATES

    assert set(get_args(State)) == set(_STATES)

"""Every attack and mistake of `sql_attacks`, run for real against a workspace with data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Self

import duckdb
import polars as pl
import pytest

from datawatch_lab.core.errors import BusyError, InputError, WorkspaceError
from datawatch_lab.engine import Engine
from datawatch_lab.store.gate import watch
from datawatch_lab.store.gate.gate import AT_ONCE
from tests.store.sql_attacks import BOUNDED, CANARY, REFUSED
from tests.store.sql_shop import NOW, ORDERS, change, open_shop, order, take
from tests.waiting import PATIENCE

HONEST = "SELECT count(*) AS n, max(id) AS top FROM live.orders"


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files that nobody may read, and nobody may add to."""
    folder = tmp_path_factory.mktemp("canary")
    (folder / "secret.csv").write_text(f"secret\n{CANARY}\n", encoding="utf-8")
    (folder / "secret.json").write_text(f'{{"secret": "{CANARY}"}}\n', encoding="utf-8")
    pl.DataFrame({"secret": [CANARY]}).write_parquet(folder / "secret.parquet")
    return folder


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, canary: Path) -> Iterator[Engine]:
    """The shop, with a short timeout."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAWATCH_CANARY", CANARY)
        patch.chdir(canary)
        found = open_shop(
            tmp_path_factory.mktemp("shop") / "w.duckdb", query_timeout=timedelta(seconds=1.5)
        )
        yield found
        found.close()


@contextmanager
def _patiently(engine: Engine) -> Iterator[None]:
    """The shop without its short timeout: a busy machine may need more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.store._file.readers, "timeout", timedelta(seconds=PATIENCE))
        yield


def _state(engine: Engine, canary: Path) -> tuple[object, ...]:
    """What must be the same after an attack: rows, version, files."""
    with _patiently(engine):
        table = engine.sql(HONEST).table.to_pylist()
    files = sorted((each.name, each.stat().st_size) for each in canary.iterdir())
    return table, engine.version, files


@pytest.mark.parametrize(("what", "query", "word"), REFUSED, ids=[row[0] for row in REFUSED])
def test_it_is_refused_with_a_sentence(
    engine: Engine, canary: Path, what: str, query: str, word: str
) -> None:
    """Nothing of a file, a variable or the store is in the answer; the next query works."""
    canary_frame = pl.DataFrame({"secret": [CANARY]})
    before = _state(engine, canary)
    with _patiently(engine), pytest.raises(InputError) as caught:
        engine.sql(query.format(canary=canary))
    said = str(caught.value)
    assert word in said
    assert CANARY not in said
    assert "gate_" not in said.replace("gate_0 ", "") or "gate_0" in query
    assert said.rstrip()[-1] in ".:" or "Masked" in said or "line" in said
    assert _state(engine, canary) == before
    assert canary_frame.height == 1


@pytest.mark.parametrize(("what", "query", "word"), BOUNDED, ids=[row[0] for row in BOUNDED])
def test_it_ends_by_time_or_memory(
    engine: Engine, canary: Path, what: str, query: str, word: str
) -> None:
    """With a sentence, while the writer goes on."""
    before = _state(engine, canary)
    with pytest.raises(InputError, match=r"The query was ended|the query was ended|cannot be run"):
        engine.sql(query)
    assert _state(engine, canary) == before


def test_the_writer_is_not_held_up_by_a_long_query(tmp_path: Path) -> None:
    """An event that comes while a cross join runs is stored while it still runs."""
    engine = open_shop(tmp_path / "w.duckdb", query_timeout=timedelta(minutes=5))
    ended: list[WorkspaceError] = []

    def ask() -> None:
        try:
            engine.sql(BOUNDED[1][1])
        except WorkspaceError as error:
            ended.append(error)

    thread = Thread(target=ask)
    thread.start()
    row = order(ORDERS + 1)
    take(engine, [change(900_000, "orders", "INSERT", NOW, row)])
    assert engine.sql(HONEST).table.to_pylist()[0]["top"] == ORDERS + 1
    assert thread.is_alive()
    engine.close()
    thread.join()
    assert "closed during a query" in str(ended[0])


def test_memory_that_duckdb_does_not_count_ends_a_query(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the process grows beyond what DuckDB has in its books."""
    sizes = iter([0])
    monkeypatch.setattr(watch, "_resident", lambda: next(sizes, 2 * watch.MAX_GROWTH))
    with _patiently(engine):
        with pytest.raises(InputError, match="texts or lists need more memory"):
            engine.sql(BOUNDED[0][1])
        monkeypatch.undo()
        assert engine.sql(HONEST).table.num_rows == 1


class Full:
    """A connection of a DuckDB that is out of memory twice; its query ends when it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.over = Event()

    def cursor(self) -> Self:
        """One more; here the same."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def execute(self, _: str) -> Self:
        """Ask for its books."""
        self.asked += 1
        if self.asked < 3:
            raise duckdb.OutOfMemoryException("no block of 16 KiB is left")
        return self

    def fetchall(self) -> list[tuple[int]]:
        """Nothing is in them."""
        return [(0,)]

    def interrupt(self) -> None:
        """The query is over."""
        self.over.set()


def test_memory_is_watched_while_duckdb_cannot_tell_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A query that takes all of it leaves none to ask with; the next look is not its last."""
    monkeypatch.setattr(watch, "_resident", lambda: 2 * watch.MAX_GROWTH)
    con, ended = Full(), list[bool]()
    watch._watch(con, 0, con.over, ended)  # type: ignore[arg-type]  # what it asks of a connection
    assert (con.asked, ended) == (3, [True])


def test_more_queries_than_turns_wait_and_are_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may then try again."""
    gate = engine.store.gate
    with ExitStack() as turns, monkeypatch.context() as hurried:
        for _ in range(AT_ONCE):
            turns.enter_context(gate._turn())
        hurried.setattr(engine.store._file.readers, "timeout", timedelta())
        with pytest.raises(BusyError, match="4 queries are running"):
            engine.sql("SELECT 1")
    with _patiently(engine):
        assert engine.sql("SELECT 1").table.num_rows == 1


def test_there_are_sixty_and_more() -> None:
    """The list does not shrink unseen."""
    assert len(REFUSED) + len(BOUNDED) >= 60
    names = [row[0] for row in (*REFUSED, *BOUNDED)]
    assert len(set(names)) == len(names)


def test_the_fence_holds_where_the_gate_is_not(engine: Engine, canary: Path) -> None:
    """A connection of the store reads no file, even for SQL that never saw the gate."""
    canary_frame = pl.DataFrame({"secret": [CANARY]})
    attempts = (
        f"SELECT * FROM '{canary}/secret.csv'",
        f"COPY (SELECT 1) TO '{canary}/out.csv'",
        f"ATTACH '{canary}/x.duckdb'",
        "SELECT * FROM canary_frame",
        "SET enable_external_access = true",
        "SET python_enable_replacements = true",
        "LOAD httpfs",
    )
    for text in attempts:
        with engine.store._file.readers._root.cursor() as con, pytest.raises(duckdb.Error):
            con.execute(text)
    assert canary_frame.height == 1

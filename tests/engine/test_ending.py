"""An engine that cannot be built, or does not end well, holds nothing and says what is so."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import NamedTuple

import pytest

from datawatch_lab.core.batches import Offset
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.engine import Engine
from datawatch_lab.engine.journal import Journal
from datawatch_lab.engine.upkeep import Upkeep
from datawatch_lab.engine.watching import Watching
from datawatch_lab.engine.writer import Writer
from datawatch_lab.store import DuckStore
from tests.engine.test_engine import order, take


class Usage(NamedTuple):
    """Of a disk, bytes."""

    free: int


def _threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("datawatch")}


def test_a_journal_that_cannot_be_used_is_named_and_lets_go(tmp_path: Path) -> None:
    """What it is called and what to do; afterwards it opens in the same process."""
    path = tmp_path / "w.duckdb"
    Engine.open(path).close()
    journal = tmp_path / "w.duckdb.journal"
    journal.unlink()
    journal.mkdir()
    before = _threads()
    for _ in range(2):  # the second is told the same, not that the file is in use
        with pytest.raises(WorkspaceError, match=r"w\.duckdb\.journal cannot be used"):
            Engine.open(path)
    assert _threads() <= before
    journal.rmdir()
    Engine.open(path).close()


def test_whatever_fails_while_it_is_built_the_file_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what comes last of all; writer, journal and stages end."""
    path, before = tmp_path / "w.duckdb", _threads()
    with monkeypatch.context() as broken:
        broken.setattr(Watching, "__init__", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Engine.open(path)
    assert Engine.owner(path) is None
    assert _threads() <= before
    Engine.open(path).close()


def test_a_nearly_full_disk_releases_the_file_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No check-point is begun, and nothing raised though the end of the run cannot be noted."""
    path = tmp_path / "w.duckdb"
    engine = Engine.open(path)
    take(engine, order(1))
    engine.end(Offset("file", {"read": 1}))
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _: Usage(0))
        full.setattr(DuckStore, "checkpoint", lambda _: 1 / 0)
        fault = WorkspaceError("no space")
        full.setattr(Upkeep, "store_endings", lambda _: (_ for _ in ()).throw(fault))
        engine.close()
    assert "nearly full" in caplog.text
    assert "could not be noted: no space" in caplog.text
    assert Engine.owner(path) is None
    engine = Engine.open(path)
    assert engine.last_seq == 1
    engine.close()


def test_what_fails_on_the_way_stops_no_other_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A part beside it that fails is a line of the log; others are raised when all is released."""

    class Stubborn:
        """Does not end."""

        def __init__(self, engine: Engine) -> None:
            del engine

        def close(self) -> None:
            """Fail."""
            raise ZeroDivisionError

    class Willing(Stubborn):
        """Ends."""

        ended = False

        def close(self) -> None:
            """Note it."""
            Willing.ended = True

    close = Journal.close

    def failing(journal: Journal) -> None:
        close(journal)
        raise OSError("gone")

    monkeypatch.setattr(Journal, "close", failing)
    path, before = tmp_path / "w.duckdb", _threads()
    engine = Engine.open(path)
    engine.beside(Stubborn)
    engine.beside(Willing)
    with pytest.raises(OSError, match="gone"):
        engine.close()
    assert "Stubborn could not be ended" in caplog.text
    assert Willing.ended
    assert Engine.owner(path) is None
    assert _threads() <= before
    engine.close()  # harmless when repeated


def test_a_failed_check_point_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its words do not say that nothing was stored."""
    import duckdb

    class Full:
        def execute(self, _: str) -> None:
            raise duckdb.IOException("no space")

    with DuckStore.open(tmp_path / "w.duckdb") as store, monkeypatch.context() as full:
        full.setattr(store._file, "writer", Full())
        with pytest.raises(WorkspaceError, match="Nothing is lost: the write-ahead log has it"):
            store.checkpoint()
        full.undo()


def test_a_writer_that_cannot_start_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of all parts."""
    path = tmp_path / "w.duckdb"
    with monkeypatch.context() as broken:
        broken.setattr(Writer, "__init__", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Engine.open(path)
    Engine.open(path).close()

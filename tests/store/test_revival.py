"""A file that DuckDB gave up is opened anew under those who read and write."""

from __future__ import annotations

import threading
from pathlib import Path

import duckdb
import pytest

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.store import DuckStore, file
from tests.store.builders import identify, ledger_rows, log_rows, make_commit


def store_events(store: DuckStore, first: int, count: int = 5) -> None:
    """Commit so many events from a number on."""
    ids = [f"e{first + n}" for n in range(count)]
    rows = log_rows(store, ids, first)
    store.commit(
        make_commit(log=rows, ledger=ledger_rows(("http", "orders", count, count, 0, 0, 0)))
    )


def test_a_store_that_was_given_up_goes_on(tmp_path: Path) -> None:
    """What was committed is there, the next commit too, and so it is after the next opening."""
    path = tmp_path / "w.duckdb"
    with DuckStore.open(path) as store:
        store_events(store, 1)
        store._file.give_up()
        assert identify(store, ["e1", "e9"]).seen.tolist() == [True, False]
        store_events(store, 6)
        store._file.give_up()
        store.checkpoint()
        assert store.ledger()["http", "orders"].applied == 10
    with DuckStore.open(path) as store:
        assert [seq for frame in store.read_log(1) for seq in frame["seq"]] == list(range(1, 11))


def test_readers_wait_while_it_is_opened(tmp_path: Path) -> None:
    """Questions of other threads are answered before and after; none sees it half open."""
    with DuckStore.open(tmp_path / "w.duckdb") as store:
        store_events(store, 1)
        faults: list[BaseException] = []
        over = threading.Event()

        def ask() -> None:
            while not over.is_set():
                try:
                    assert store.ledger()["http", "orders"].applied >= 5
                except WorkspaceError as fault:
                    if "closed during" not in fault.message:  # interrupted, to be asked again
                        faults.append(fault)

        readers = [threading.Thread(target=ask) for _ in range(3)]
        for reader in readers:
            reader.start()
        for turn in range(5):
            store._file.give_up()
            store_events(store, 6 + 5 * turn)
        over.set()
        for reader in readers:
            reader.join()
        assert faults == []
        assert store.ledger()["http", "orders"].applied == 30


def test_a_file_that_went_on_elsewhere_is_not_taken(tmp_path: Path) -> None:
    """A store that does not find the version it knows refuses, rather than mix two histories."""
    with DuckStore.open(tmp_path / "w.duckdb") as store:
        store_events(store, 1)
        store._file.version += 1
        store._file.give_up()
        with pytest.raises(WorkspaceError, match="holds version 1, not 2"):
            store_events(store, 6)
        with pytest.raises(WorkspaceError):
            store.ledger()


def test_there_is_no_check_point_without_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On a disk that is nearly full none is begun, closing is fine, and nothing is lost."""
    path = tmp_path / "w.duckdb"
    monkeypatch.setattr(file, "_ROOM_BYTES", 2**62)
    with DuckStore.open(path) as store:
        store_events(store, 1)
    assert "nearly full" in caplog.text
    with DuckStore.open(path) as store:
        assert store.ledger()["http", "orders"].applied == 5


def test_errors_say_whether_the_disk_or_the_data_is_at_fault(tmp_path: Path) -> None:
    """The engine sets an event aside for the one and waits for the other."""
    with DuckStore.open(tmp_path / "w.duckdb") as store:
        data = store._file.failed(duckdb.ConversionException("1e400"), "could not store a batch")
        disk = store._file.failed(duckdb.IOException("No space left"), "could not store a batch")
        assert data.details == {"statement": True}
        assert disk.details == {}
        assert "Check the disk" in disk.hint

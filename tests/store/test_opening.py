"""Paths and files that are no workspace, and migrations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from datawatch_lab.core.errors import MigrationError, WorkspaceError
from datawatch_lab.store import DuckStore
from datawatch_lab.store.migrations import available, migrate
from tests.store.builders import NOON, log_rows, make_commit


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """And how to make it; nothing is made."""
    with pytest.raises(WorkspaceError, match=r"no folder .*nowhere.*mkdir -p"):
        DuckStore.open(tmp_path / "nowhere" / "shop.duckdb")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["live.duckdb", "Changes.duckdb", "metrics"])
def test_a_name_that_is_a_schema_is_refused(tmp_path: Path, name: str) -> None:
    """DuckDB names the file's catalogue after it, and could not tell the two apart."""
    with pytest.raises(WorkspaceError, match="is the name of a schema"):
        DuckStore.open(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_workspace(tmp_path: Path) -> None:
    """The hint names a file in it."""
    with pytest.raises(WorkspaceError, match=r"is a folder.*datawatch\.duckdb"):
        DuckStore.open(tmp_path)


def test_a_file_that_may_not_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before DuckDB sees it, and with the command that helps."""
    path = tmp_path / "shop.duckdb"
    DuckStore.open(path).close()
    path.chmod(0o400)
    if os.geteuid() == 0:  # the superuser may write to anything
        monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(WorkspaceError, match=r"cannot be written to.*chmod u\+rw"):
        DuckStore.open(path)


def test_a_file_of_another_format_is_left_alone(tmp_path: Path) -> None:
    """Its bytes stay, and the lock is let go."""
    path = tmp_path / "notes.txt"
    path.write_text("hello " * 1000)
    with pytest.raises(WorkspaceError, match="not a workspace"):
        DuckStore.open(path)
    assert path.read_text() == "hello " * 1000
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["notes.txt"]


def test_a_foreign_duckdb_file_is_left_alone(tmp_path: Path) -> None:
    """Somebody's own database does not become a workspace by a slip."""
    path = tmp_path / "mine.duckdb"
    with duckdb.connect(str(path)) as con:
        con.execute("CREATE TABLE mine AS SELECT 1 AS x")
    with pytest.raises(MigrationError, match="not a DataWatch workspace"):
        DuckStore.open(path)
    with duckdb.connect(str(path)) as con:
        assert con.execute("SHOW ALL TABLES").fetchall()[0][2] == "mine"


def test_an_empty_file_becomes_a_workspace(tmp_path: Path) -> None:
    """As a crash during the very first opening may leave one."""
    path = tmp_path / "shop.duckdb"
    path.touch()
    with DuckStore.open(path) as store:
        assert store.catalogue().last_seq == 0


def test_a_file_open_in_plain_duckdb_is_explained(tmp_path: Path) -> None:
    """DuckDB's own lock of another process becomes a sentence."""
    path = tmp_path / "shop.duckdb"
    DuckStore.open(path).close()
    script = "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('x',flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(WorkspaceError, match="open in another program"):
            DuckStore.open(path)
        process.communicate(b"\n")
    DuckStore.open(path).close()


def test_a_newer_file_is_refused(tmp_path: Path) -> None:
    """With both versions and what to do."""
    path = tmp_path / "shop.duckdb"
    DuckStore.open(path).close()
    with duckdb.connect(str(path)) as con:
        con.execute("INSERT INTO meta.migrations VALUES (999, 'later', now()::TIMESTAMP)")
    with pytest.raises(MigrationError, match=r"newer DataWatch Lab: its version is 999.*upgrade"):
        DuckStore.open(path)


def test_versions_start_at_one_without_gaps() -> None:
    """Files of the package are numbered in order."""
    assert list(available()) == list(range(1, len(available()) + 1))


def test_a_file_is_brought_forward(tmp_path: Path) -> None:
    """Each step runs once, in order, and what was stored stays."""
    last = max(available())
    path = tmp_path / "shop.duckdb"
    with DuckStore.open(path) as store:
        store.commit(make_commit(log=log_rows(store, ["a"], 1)))
    more = ("9999_more.sql", "ALTER TABLE changes.log ADD COLUMN more INTEGER")
    steps = {**available(), last + 1: more}
    with duckdb.connect(str(path)) as con:
        assert migrate(con, path.name, NOON, steps) == last + 1
        assert migrate(con, path.name, NOON, steps) == last + 1
        assert con.execute("SELECT event_id, more FROM changes.log").fetchall() == [("a", None)]
        done = con.execute("SELECT version, name FROM meta.migrations").fetchall()
        assert done == [(version, name) for version, (name, _) in steps.items()]


def test_a_failing_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """Its first half is undone, and its version not recorded."""
    path = tmp_path / "shop.duckdb"
    last = max(available())
    DuckStore.open(path).close()
    broken = ("9999_bad.sql", "CREATE TABLE meta.half (x INTEGER); SELECT * FROM nowhere;")
    with duckdb.connect(str(path)) as con:
        with pytest.raises(MigrationError, match=f"version {last + 1}"):
            migrate(con, path.name, NOON, {**available(), last + 1: broken})
        assert con.execute("SELECT max(version) FROM meta.migrations").fetchone() == (last,)
        assert "half" not in [row[2] for row in con.execute("SHOW ALL TABLES").fetchall()]
    DuckStore.open(path).close()


def test_sketches_in_lists_are_brought_into_slots(tmp_path: Path) -> None:
    """Every cell of a file from before version 23, whatever the length of its list."""
    path = tmp_path / "shop.duckdb"
    before = {version: step for version, step in available().items() if version < 23}
    shown = ("bins", "registers")
    with duckdb.connect(str(path)) as con:
        migrate(con, path.name, NOON, before)
        for length in (1, 7, 8, 9, 16, 17, 400):
            con.execute(
                "INSERT INTO measures.new_bins SELECT 2, $1, TIMESTAMP '2026-03-01', "
                "list((r + 1) * 1048576 + 524288 - $1 + r), $1 > 8 FROM range($1) t(r)",
                [length],
            )
            con.execute(
                "INSERT INTO measures.new_registers SELECT 0, $1, TIMESTAMP '2026-03-01', "
                "list((r * 3 - 20 + 1048576) * 64 + r % 50), TRUE FROM range($1) t(r)",
                [length],
            )
        states = [con.execute(f"FROM measures.fresh_{n} ORDER BY ALL").fetchall() for n in shown]
        assert len(states[0]) == len(states[1]) == 458
        migrate(con, path.name, NOON)
        for name, old in zip(shown, states, strict=True):
            assert con.execute(f"FROM measures.fresh_{name} ORDER BY ALL").fetchall() == old
            assert con.execute(f"FROM measures.all_{name} ORDER BY ALL").fetchall() == old

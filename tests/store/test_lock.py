"""One owner per workspace, and what others are told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from datawatch_lab.core.errors import WorkspaceError, WorkspaceLockedError
from datawatch_lab.store import DuckStore, acquire, owner

HOLD = """
import sys, time
from datawatch_lab.store import DuckStore
store = DuckStore.open(sys.argv[1], what="datawatch serve")
store.lock.publish("http://127.0.0.1:3002")
print("held", flush=True)
time.sleep(60)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """A process that owns the workspace."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_owns_it(tmp_path: Path) -> None:
    """The message has pid, what it is, its address, and what to do; kill -9 frees the file."""
    path = tmp_path / "shop.duckdb"
    process = hold(path)
    try:
        found = owner(path)
        assert found is not None
        assert (found.pid, found.what) == (process.pid, "datawatch serve")
        with pytest.raises(WorkspaceLockedError) as caught:
            DuckStore.open(path)
        text = str(caught.value)
        assert f"process {process.pid} at http://127.0.0.1:3002" in text
        assert "dw.connect('http://127.0.0.1:3002')" in text
        assert caught.value.details["address"] == "http://127.0.0.1:3002"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert Path(f"{path}.lock").exists()
    assert owner(path) is None
    with DuckStore.open(path) as store:
        assert store.lock.info.pid == os.getpid()
    assert not Path(f"{path}.lock").exists()


def test_the_same_process_cannot_open_it_twice(tmp_path: Path) -> None:
    """Neither by another name of the same file; the hint says that it is open here."""
    path = tmp_path / "shop.duckdb"
    link = tmp_path / "link.duckdb"
    with DuckStore.open(path):
        link.symlink_to(path)
        with pytest.raises(WorkspaceLockedError, match="this very process"):
            DuckStore.open(link)
    with DuckStore.open(link):
        assert owner(path) is not None


def test_publish_replaces_the_address(tmp_path: Path) -> None:
    """The address may come and go; a shorter text leaves no rest of a longer one."""
    path = tmp_path / "shop.duckdb"
    with acquire(path, "datawatch demo") as lock:
        lock.publish("http://127.0.0.1:3002/with/a/long/path")
        lock.publish("http://h:1")
        found = owner(path)
        assert found is not None
        assert found.address == "http://h:1"
        lock.publish(None)
        found = owner(path)
        assert found is not None
        assert found.address is None
    assert owner(path) is None
    lock.release()


def test_a_stale_or_empty_lock_file_is_taken_over(tmp_path: Path) -> None:
    """What a lock file says does not matter when nobody holds it."""
    path = tmp_path / "shop.duckdb"
    Path(f"{path}.lock").write_text("not json")
    assert owner(path) is None
    with acquire(path, "first"), pytest.raises(WorkspaceLockedError, match="in use by first"):
        acquire(path, "second")
    with acquire(path, "third") as lock:
        assert lock.info.what == "third"


def test_the_workspace_of_another_user_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock file is theirs to read: the words say so, and whom to ask."""

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("datawatch_lab.store.lock.os.open", refused)  # tests may run as root
    with pytest.raises(WorkspaceError, match="belongs to another user") as caught:
        owner(tmp_path / "w.duckdb")
    assert caught.value.hint == "Ask its owner for a link."

"""A full disk and a read-only one: said clearly, nothing acknowledged lost, well again after."""

from __future__ import annotations

import json
import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.engine import Engine
from datawatch_lab.ingest.decode import decode
from tests.e2e.conftest import COMMAND
from tests.e2e.served import Served
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(400)

MEGABYTE = 1024 * 1024
SMALL, LARGE = 6 * MEGABYTE, 400 * MEGABYTE
BATCH = 400


@dataclass
class Disk:
    """A folder in which space runs out, and can be given.

    Attributes:
        folder: for the workspace.
        before: what a process does first that is to feel the want of space.
        give_space: ends it, for a process that runs; ``None`` as its number is this one.
    """

    folder: Path
    before: Callable[[], None] | None
    give_space: Callable[[int], None]


def _mount(folder: Path, size: int, *, again: bool = False, only_read: bool = False) -> bool:
    options = f"{'remount,' if again else ''}size={size}{',ro' if only_read else ''}"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or not _mount(folder, SMALL):
        pytest.skip("a small file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=False)


@pytest.fixture(params=["file system", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    """A small file system, or a process whose files may not grow beyond a limit.

    The second is for those who may not mount one; ``--soak`` takes both.
    """
    if request.param == "limit" and os.geteuid() == 0 and not request.config.getoption("--soak"):
        pytest.skip("a small file system is the same, and quicker; --soak takes both")
    if request.param == "file system":
        folder = request.getfixturevalue("mounted")
        return Disk(folder, None, lambda _: _give(folder))
    limits = (SMALL // 2, resource.RLIM_INFINITY)
    return Disk(
        tmp_path,
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits),
        _lift,
    )


def _give(folder: Path) -> None:
    assert _mount(folder, LARGE, again=True)


def _lift(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def events(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Events of about now, each with its number as key."""
    now = datetime.now(UTC).isoformat()
    return [
        {
            "id": f"e{number}", "operation": "INSERT", "table": "orders", "timestamp": now,
            "after": {"id": number, "amount": number % 97, "note": f"{number:x}" * 40},
        }
        for number in numbers
    ]  # fmt: skip


def fill(server: Served) -> tuple[int, str]:
    """Post batches, then single events, until each is refused; how many were taken, and why not."""
    taken, told = 0, ""
    for size in (BATCH, 1):
        while True:
            answer = server.post(events(range(taken, taken + size)))
            if answer.status_code != 202:
                break
            taken += size
            assert taken < 2_000_000, "the disk does not fill up"
        assert answer.status_code == 503, answer.text
        error = answer.json()["error"]
        assert error["code"] == "workspace_unavailable"
        told = error["message"] + error["hint"]
    return taken, told


def wants_space(text: str) -> bool:
    """Whether a text says that there is no room."""
    return "No space left" in text or "File too large" in text


def test_a_full_disk_is_said_and_survived(disk: Disk) -> None:
    """503 with the reason and a degraded state; with space all goes on, without a restart."""
    workspace = disk.folder / "w.duckdb"
    with Served(workspace, before=disk.before) as server:
        taken, told = fill(server)
        assert wants_space(told)
        assert "Check the disk" in told
        health = server.get("/health")
        assert health["status"] == "degraded"
        assert wants_space(health["problem"])
        assert wants_space(server.get("/stats")["problem"])
        assert server.get("/ledger")["applied"] <= taken  # it still answers

        disk.give_space(server.process.pid)
        more = events(range(taken, taken + BATCH))
        eventually(
            lambda: server.post(more).status_code == 202, lambda: repr(server.get("/health"))
        )
        taken += BATCH
        assert server.post(events([taken])).status_code == 202
        taken += 1
        server.settle()
        assert server.get("/health")["status"] == "ok"
        assert server.get("/health")["problem"] == ""
        check(server, taken)
        server.kill()
    with Served(workspace) as server:
        check(server, taken)


def test_killed_while_the_disk_is_full(disk: Disk) -> None:
    """What was answered 202 is there once space is back, though nothing could be tidied up."""
    workspace = disk.folder / "w.duckdb"
    with Served(workspace, before=disk.before) as server:
        taken, _ = fill(server)
        server.kill()
    told = why_not_served(workspace, disk)
    assert not told or wants_space(told), told
    disk.give_space(os.getpid())
    with Served(workspace) as server:
        check(server, taken)


def why_not_served(workspace: Path, disk: Disk) -> str:
    """Why a server does not start without space; '' when it does, and answers."""
    try:
        with Served(workspace, before=disk.before) as server:
            server.get("/ledger")
    except RuntimeError as ended:
        return str(ended)
    return ""


def check(server: Served, taken: int) -> None:
    """Exactly the acknowledged events are there, once each."""
    ledger = server.get("/ledger")
    assert ledger["received"] == ledger["applied"] + ledger["duplicate"] + ledger["late"]
    assert ledger["applied"] == taken
    assert server.count("SELECT count(*) AS n FROM changes.orders") == taken
    assert server.count("SELECT count(DISTINCT id) AS n FROM live.orders") == taken
    assert server.count("SELECT max(id) AS n FROM live.orders") == taken - 1


def submit_until_full(engine: Engine) -> int:
    """Submit batches until there is no space; gives how many events were stored."""
    taken, places = 0, range(BATCH)
    while True:
        lines = [json.dumps(each).encode() for each in events(range(taken, taken + BATCH))]
        stored = engine.submit(decode(lines, places, places, source="t"))
        if fault := stored.exception(60):
            assert wants_space(str(fault)), fault
            return taken
        taken += BATCH


def rows(engine: Engine) -> int | None:
    """Rows of the table; None while the file cannot be read."""
    try:
        answer = engine.sql("SELECT count(*) AS n FROM live.orders").table.to_pylist()
    except WorkspaceError:
        return None
    return int(answer[0]["n"])


def test_a_check_point_without_space_costs_nothing(mounted: Path) -> None:
    """DuckDB gives a file up whose check-point fails; it is opened anew, readers included."""
    engine = Engine.open(mounted / "w.duckdb")
    try:
        taken = submit_until_full(engine)
        with pytest.raises(WorkspaceError, match="check-pointed"):
            engine.store.checkpoint()
        _give(mounted)
        eventually(lambda: rows(engine) is not None)
        assert rows(engine) == taken
        engine.store.checkpoint()
        assert engine.store.ledger()["t", "orders"].applied == taken
    finally:
        engine.close()


def test_a_read_only_disk_is_said(mounted: Path) -> None:
    """A workspace that cannot be written to is refused with a sentence, and is as it was."""
    path = mounted / "w.duckdb"
    Engine.open(path).close()
    before = path.read_bytes()
    assert _mount(mounted, SMALL, again=True, only_read=True)
    done = subprocess.run(
        [*COMMAND, "status", "--workspace", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "cannot be" in done.stderr
    assert _mount(mounted, SMALL, again=True)
    assert path.read_bytes() == before
    Engine.open(path).close()

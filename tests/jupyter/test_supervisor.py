"""The engine as Jupyter's server has it: found, started, started again, ended."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from datawatch_lab.jupyter.owner import owner_of
from datawatch_lab.jupyter.supervisor import SERVE, Supervisor
from datawatch_lab.service.access import make_token
from datawatch_lab.store.lock import acquire
from tests.waiting import PATIENCE, eventually


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the workspace is; nothing is there yet."""
    return tmp_path / "w.duckdb"


def test_without_an_engine_it_says_so(path: Path) -> None:
    """A free workspace is stopped; whether the file exists is told."""
    supervisor = Supervisor(path)
    assert supervisor.find() is None
    assert (supervisor.state().name, supervisor.state().exists) == ("stopped", False)
    path.touch()
    assert supervisor.state().exists
    assert not supervisor.stop()


def test_a_lock_file_left_behind_is_nobody(path: Path) -> None:
    """The file of an owner that crashed names nobody."""
    Path(f"{path}.lock").write_text('{"pid": 1, "address": "http://127.0.0.1:1"}')
    assert owner_of(path) is None
    assert Supervisor(path).state().name == "stopped"


def test_an_owner_with_an_address_is_the_engine(path: Path) -> None:
    """Whoever serves the workspace is found, with the token beside it, which no repr shows."""
    token = make_token(path)
    with acquire(path, "datawatch demo") as lock:
        assert Supervisor(path).state().name == "starting"
        lock.publish("http://127.0.0.1:3999/")
        found = Supervisor(path).find()
        assert found is not None
        assert (found.address, found.token) == ("http://127.0.0.1:3999", token)
        assert token not in repr(found)
        state = Supervisor(path).state()
        assert (state.name, state.by) == ("running", "datawatch demo")
        assert not Supervisor(path).stop()  # it runs in somebody's terminal
    assert Supervisor(path).find() is None


def test_a_kernel_that_has_the_file_is_named(path: Path) -> None:
    """A workspace open in a process that serves nobody is taken; the message says by which."""
    with acquire(path, "Python"):
        state = Supervisor(path).state()
        assert state.name == "taken"
        assert f"process {os.getpid()}" in state.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_token_of_somebody_else_is_refused(path: Path) -> None:
    """The engine of another user is not used."""
    make_token(path)
    Path(f"{path}.token").chmod(0)
    with acquire(path, SERVE) as lock:
        lock.publish("http://127.0.0.1:3999")
        assert Supervisor(path).state().name == "refused"


def test_an_engine_that_falls_over_is_started_again_later_and_later(path: Path) -> None:
    """Pauses grow, so an engine that cannot start burns nothing; its words show."""
    count = path.with_name("count")
    script = (
        f"import sys; open({str(count)!r}, 'a').write('x'); "
        "print('at http://127.0.0.1/?token=secret'); sys.exit('Error: the disk is full.')"
    )
    clock = Clock()
    supervisor = Supervisor(path, command=[sys.executable, "-c", script], clock=clock)

    def ended() -> bool:
        supervisor.tick()
        return supervisor.state().name == "failed"

    supervisor.start()
    eventually(ended)
    assert supervisor.state().message == "the disk is full."
    assert supervisor.log.stat().st_mode & 0o777 == 0o600
    clock.now = 0.9
    supervisor.tick()
    assert count.read_text() == "x"
    clock.now = 1.1
    supervisor.tick()
    eventually(lambda: count.read_text() == "xx")
    eventually(ended)
    clock.now = 2.5
    supervisor.tick()
    assert supervisor.state().name == "failed"  # the second pause is two seconds
    clock.now = 3.5
    supervisor.tick()
    eventually(lambda: count.read_text() == "xxx")
    eventually(ended)


def test_an_engine_that_was_told_to_end_stays_ended(path: Path) -> None:
    """Stop means stop: no tick starts it again."""
    clock = Clock()
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    supervisor = Supervisor(path, command=sleeper, clock=clock)
    supervisor.start()
    assert supervisor.state().name == "starting"
    assert supervisor.stop()
    eventually(lambda: supervisor.state().name == "stopped")
    clock.now = 1_000.0
    supervisor.tick()
    supervisor.tick()
    assert supervisor.state().name == "stopped"


def test_an_engine_outlives_jupyter_and_is_found_again(path: Path) -> None:
    """Started by one server, found with the same process by the next, ended by that one."""
    first = Supervisor(path)
    first.start()
    first.start()  # said again, it is still one
    try:
        eventually(lambda: first.state().name == "running", seconds=100)
        owner = owner_of(path)
        assert owner is not None
        assert owner.what == SERVE
        assert os.getsid(owner.pid) == owner.pid  # Jupyter's signals do not reach it
        again = Supervisor(path)
        again.start()
        found = again.find()
        assert found is not None
        headers = {"Authorization": f"Bearer {found.token}"}
        address = f"{found.address}/api/v1/datawatch/stats"
        answer = httpx.get(address, headers=headers, trust_env=False, timeout=PATIENCE)
        assert answer.json()["workspace"] == str(path)
        after = owner_of(path)
        assert after is not None
        assert after.pid == owner.pid
        assert again.stop()
        eventually(lambda: first.state().name == "stopped")
    finally:
        left = owner_of(path)
        if left is not None and left.pid:
            os.kill(left.pid, signal.SIGKILL)

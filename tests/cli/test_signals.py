"""Ending in good order: by a key, by a signal, by closing the terminal, and with one's parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from datawatch_lab.cli import lab
from datawatch_lab.cli.lab import command
from datawatch_lab.cli.signals import Interruption
from tests.waiting import PATIENCE, eventually

ON_A_TERMINAL = """
import fcntl, sys, termios
from pathlib import Path
from datawatch_lab.cli.options import say
from datawatch_lab.cli.signals import Interruption
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
with Interruption() as interruption:
    print("ready", flush=True)
    interruption.wait()
    say("Stopping …")
    print("Stopped.", flush=True)
    Path(sys.argv[1]).write_text(str(interruption.server_status))
"""
TIED = """
import time
from datawatch_lab.cli.report_tied import end_with_the_server
end_with_the_server()
print("tied", flush=True)
time.sleep(600)
"""
STARTS_TIED = f"""
import sys, time
from pathlib import Path
from datawatch_lab.cli import lab
lab.command = lambda port, folder, _: [sys.executable, "-c", {TIED!r}]
folder = Path(sys.argv[1])
started = lab.Jupyter(folder / "w.duckdb", 1, folder, folder / "log")
while "tied" not in started.log.read_text():
    time.sleep(0.05)
print(started._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def _hangups() -> Iterator[None]:
    """SIGHUP is as it was afterwards."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_a_closed_terminal_ends_it_in_good_order(tmp_path: Path) -> None:
    """It comes to its last line, though there is nobody any more whom it could tell."""
    import pty

    outside, inside = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, str(tmp_path / "status")],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        start_new_session=True,
    ) as process:
        os.close(inside)
        said = b""
        while b"ready" not in said:
            said += os.read(outside, 1_000)
        os.close(outside)
        assert process.wait(PATIENCE) == 0
    assert (tmp_path / "status").read_text() == str(128 + signal.SIGHUP)


@pytest.mark.usefixtures("_hangups")
def test_a_hang_up_asks_and_never_insists() -> None:
    """System and shell may both send it; only a second Ctrl-C or SIGTERM insists."""
    with Interruption() as interruption:
        interruption._screens = []  # those of who runs the tests stay
        stopped: list[str] = []
        interruption.stops(lambda: stopped.append("once"))
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
        interruption.wait()
        assert interruption.signal == signal.SIGHUP
        assert stopped == ["once"]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("_hangups")
def test_who_is_to_outlive_the_terminal_does() -> None:
    """``nohup`` lets SIGHUP be ignored; so it is left."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Interruption() as interruption:
        signal.raise_signal(signal.SIGHUP)
        assert interruption.signal == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_jupyterlab_ends_with_a_program_that_was_killed(tmp_path: Path) -> None:
    """Also when it could not say good-bye: the system closes the pipe between them."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS_TIED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        process.kill()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_jupyterlab_is_started_tied(tmp_path: Path) -> None:
    """The command is JupyterLab's own, behind a module that watches its standard input."""
    asked = [*command(8888, tmp_path, lab._TIED), "--version"]
    with subprocess.Popen(
        asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("4.")

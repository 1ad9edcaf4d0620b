"""Events on disk: in order, bounded, and still there after the process is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from datawatch_lab.client import spool as spool_module
from datawatch_lab.client.spool import Spool, spool_folder
from tests.client.conftest import lines


def everything(spool: Spool, step: int = 3) -> list[bytes]:
    """All lines, forgotten as they are read."""
    found: list[bytes] = []
    while spool.lines:
        head = spool.head(step).lines
        spool.advance(head)
        found += head
    return found


def test_lines_come_back_in_order_and_leave_nothing(tmp_path: Path) -> None:
    """What is read and forgotten leaves no file, and closing leaves no folder."""
    spool = Spool(tmp_path / "s", 1_000_000)
    assert spool.append(lines(5))
    assert spool.append(lines(4, start=5))
    assert everything(spool) == lines(9)
    assert spool.size == 0
    spool.close()
    assert not (tmp_path / "s").exists()


def test_a_batch_that_failed_goes_before_what_came_after_it(tmp_path: Path) -> None:
    """Lines for a reserved place stand before lines that were written earlier but are younger."""
    spool = Spool(tmp_path, 1_000_000)
    place = spool.reserve()
    spool.append(lines(3, start=10))
    spool.append(lines(3), place)
    assert everything(spool) == [*lines(3), *lines(3, start=10)]


def test_it_is_bounded(tmp_path: Path) -> None:
    """Lines beyond the bound are not taken, and reading makes room again."""
    spool = Spool(tmp_path, 100)
    some = lines(9)
    assert spool.append(some)
    assert not spool.append(lines(9, start=100))
    assert everything(spool) == some
    assert spool.append(lines(9, start=100))


def test_a_disk_that_fails_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When flushing fails the lines are not there, and the next ones are whole."""
    spool = Spool(tmp_path, 1_000_000)
    spool.append(lines(2))
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _full)
        with pytest.raises(OSError, match="No space"):
            spool.append(lines(2, start=50))
    spool.append(lines(2, start=2))
    assert everything(spool) == lines(4)


@pytest.mark.parametrize("failing", ["fsync", "pwrite"])
def test_a_full_disk_leaves_no_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Segments that could not be begun are none: what is sent later is whole, and counted right."""
    spool = Spool(tmp_path, 1_000_000)
    place = spool.reserve()
    with monkeypatch.context() as broken:
        broken.setattr(os, failing, lambda *_: _full(0))
        for _ in range(3):
            with pytest.raises(OSError, match="No space"):
                spool.append(lines(2, start=50))
            with pytest.raises(OSError, match="No space"):
                spool.append(lines(2, start=50), place)
    assert list(tmp_path.glob("*/*.ndjson")) == []
    spool.append(lines(4, start=2))
    spool.append(lines(2), place)
    assert spool.lines == 6
    assert everything(spool, step=1) == lines(6)
    assert (spool.lines, spool.size) == (0, 0)


def _full(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_line_that_was_being_written_is_no_line(tmp_path: Path) -> None:
    """What a kill cut short at the end of a segment is left out; it was not promised."""
    first = Spool(tmp_path, 1_000_000)
    first.append(lines(3))
    (segment,) = tmp_path.glob("*/*.ndjson")
    with segment.open("ab") as file:
        file.write(b'{"id": 3, "aft')
    first.disown()
    second = Spool(tmp_path, 1_000_000)
    assert second.adopt() == 3
    assert everything(second) == lines(3)


def test_what_a_living_process_holds_is_not_taken(tmp_path: Path) -> None:
    """A second spool adopts nothing while the first one lives, and all once it is gone."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from datawatch_lab.client.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1]), 10**6)\n"
        "spool.append([b'1', b'2'])\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder:
        assert holder.stdout.readline() == b"ready\n"
        spool = Spool(tmp_path, 10**6)
        assert spool.adopt() == 0
        holder.kill()
        holder.wait()
        assert spool.adopt() == 2
    assert everything(spool) == [b"1", b"2"]


def test_lines_whose_file_was_deleted_are_counted(tmp_path: Path) -> None:
    """Somebody who empties the folder costs the lines in it, and the spool says how many."""
    spool = Spool(tmp_path, 1_000_000)
    spool.append(lines(3))
    next(tmp_path.glob("*/*.ndjson")).unlink()
    head = spool.head(10)
    assert (head.lines, head.lost, spool.lines, spool.size) == ([], 3, 0, 0)


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Events may hold anything: folder and files are the user's alone."""
    spool = Spool(tmp_path / "s", 1_000_000)
    spool.append(lines(1))
    for each in (tmp_path / "s").rglob("*"):
        assert each.stat().st_mode & 0o077 == 0


def test_servers_have_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for one server is not sent to another."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    here, there = spool_folder("http://127.0.0.1:3002"), spool_folder("http://127.0.0.1:3003")
    assert here != there
    assert here.parent == tmp_path / "datawatch" / "spool"


class SpoolMachine(RuleBasedStateMachine):
    """A spool against a list, with processes that end and others that go on."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = Path(tempfile.mkdtemp())
        self.spool = Spool(self.folder, 10**6)
        self.model: list[bytes] = []
        self.in_flight: tuple[int, list[bytes]] | None = None
        self.next = 0

    def _fresh(self, count: int) -> list[bytes]:
        self.next += count
        return lines(count, start=self.next - count)

    @rule(count=st.integers(1, 6))
    def append(self, count: int) -> None:
        """More lines at the end."""
        fresh = self._fresh(count)
        self.spool.append(fresh)
        self.model += fresh

    @precondition(lambda self: not self.model and self.in_flight is None)
    @rule(count=st.integers(1, 4))
    def take_flight(self, count: int) -> None:
        """A batch that is sent from memory while nothing older waits."""
        self.in_flight = (self.spool.reserve(), self._fresh(count))

    @precondition(lambda self: self.in_flight is not None)
    @rule()
    def fail(self) -> None:
        """It could not be sent: it goes before what came meanwhile."""
        assert self.in_flight is not None
        place, batch = self.in_flight
        self.spool.append(batch, place)
        self.model = [*batch, *self.model]
        self.in_flight = None

    @precondition(lambda self: self.in_flight is None)
    @rule(most=st.integers(1, 8), share=st.floats(0, 1))
    def send(self, most: int, share: float) -> None:
        """The oldest lines, of which some are sent."""
        head = self.spool.head(most).lines
        assert head == self.model[: len(head)]
        assert bool(head) == bool(self.model)
        done = head[: round(share * len(head))]
        self.spool.advance(done)
        self.model = self.model[len(done) :]

    @precondition(lambda self: self.in_flight is None)
    @rule()
    def end(self) -> None:
        """The process ends and the next one goes on; what was half sent is sent again."""
        self.spool.disown()
        known = self.model
        self.spool = Spool(self.folder, 10**6)
        self.spool.adopt()
        found = []
        while head := self.spool.head(100).lines:
            self.spool.advance(head)
            found += head
        assert found[len(found) - len(known) :] == known
        self.model = []

    @invariant()
    def counts(self) -> None:
        """It knows how much waits."""
        assert self.spool.lines == len(self.model)

    def teardown(self) -> None:
        """Leave nothing."""
        self.spool.close()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_long_spools_are_cut_into_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that is full is not appended to, and sent ones are deleted one by one."""
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES", 50)
    spool = Spool(tmp_path, 1_000_000)
    for start in range(0, 40, 4):
        spool.append(lines(4, start=start))
    files = len(list(tmp_path.glob("*/*.ndjson")))
    assert files > 3
    spool.advance(spool.head(20).lines)
    assert 0 < len(list(tmp_path.glob("*/*.ndjson"))) < files
    assert everything(spool) == lines(20, start=20)

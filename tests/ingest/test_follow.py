from __future__ import annotations

import gzip
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import zstandard

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.sources.file import FileSource
from datawatch_lab.ingest.sources.forms import JsonForm
from datawatch_lab.ingest.sources.place import Place
from datawatch_lab.ingest.sources.streams import ByteStream
from tests.ingest.samples import event, ids, text, texts
from tests.waiting import PATIENCE, eventually

LINES = [line + b"\n" for line in texts(9)]
LINGER = "datawatch_lab.ingest.sources.place.LINGER"


class Following:
    """A followed file: what was read of it so far."""

    def __init__(self, path: Path, resume: Mapping[str, Any] | None) -> None:
        self.source = FileSource(path, follow=True)
        self.batches: list[DecodedBatch] = []
        self.failure: list[BaseException] = []
        self.thread = threading.Thread(target=self._run, args=(resume,))
        self.thread.start()

    def _run(self, resume: Mapping[str, Any] | None) -> None:
        try:
            for batch in self.source.batches(resume):
                self.batches.append(batch)
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            self.failure.append(error)

    def wait_for(self, numbers: list[int]) -> None:
        """Wait until these events have come, and no others."""
        self.until(lambda: len(ids(self.batches)) >= len(numbers))
        assert ids(self.batches) == [f"evt-{number}" for number in numbers]

    def until(self, done: Callable[[], bool]) -> None:
        """Wait for something, or a failure."""
        eventually(lambda: done() or self.failure, lambda: repr(ids(self.batches)))
        assert not self.failure, self.failure


@contextmanager
def following(path: Path, resume: Mapping[str, Any] | None = None) -> Iterator[Following]:
    """A file that is followed until the block ends."""
    run = Following(path, resume)
    try:
        yield run
    finally:
        run.source.stop()
        run.thread.join(PATIENCE)
    assert not run.failure
    assert not run.thread.is_alive()


def append(path: Path, data: bytes) -> None:
    """Add bytes to a file."""
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of two lines."""
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(LINES[:2]))
    return file


def test_a_growing_file(path: Path) -> None:
    """Lines come as they are written; one without its end waits for it."""
    with following(path) as run:
        run.wait_for([1, 2])
        append(path, LINES[2] + LINES[3][:50])
        run.wait_for([1, 2, 3])
        time.sleep(0.25)
        run.wait_for([1, 2, 3])
        append(path, LINES[3][50:])
        run.wait_for([1, 2, 3, 4])
    assert all(batch.bad.num_rows == 0 for batch in run.batches)


def test_a_half_line_is_not_lost_by_a_stop(path: Path) -> None:
    """Stopped in the middle of a line, the file goes on at its start."""
    append(path, LINES[2][:30])
    with following(path) as run:
        run.wait_for([1, 2])
    append(path, LINES[2][30:])
    assert run.batches[-1].offset
    with following(path, run.batches[-1].offset.position) as again:
        again.wait_for([3])


def test_a_finished_file_is_gone_on_with(path: Path) -> None:
    """Following takes up a file at the end to which it was read before."""
    *_, last = FileSource(path).batches(None)
    assert last.offset
    assert last.offset.position["done"]
    with following(path, last.offset.position) as run:
        append(path, LINES[2])
        run.wait_for([3])


def test_a_file_that_is_replaced(path: Path) -> None:
    """A renamed file is read to its end, its last line too, then the new one from its start."""
    with following(path) as run:
        run.wait_for([1, 2])
        path.rename(path.with_suffix(".1"))
        append(path.with_suffix(".1"), LINES[2] + LINES[3].strip())
        run.wait_for([1, 2, 3])
        path.write_bytes(LINES[4])
        run.wait_for([1, 2, 3, 4, 5])
        append(path, LINES[5])
        run.wait_for([1, 2, 3, 4, 5, 6])
    assert run.batches[-1].events["line"].to_pylist() == [2]


def test_writers_that_hear_late_of_a_rotation_lose_no_line(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new file is there, empty, and lines still go to the old one; then to the new one."""
    with following(path) as run:
        run.wait_for([1, 2])
        old = path.with_suffix(".1")
        path.rename(old)
        path.touch()
        time.sleep(0.4)
        append(old, LINES[2])
        run.wait_for([1, 2, 3])
        with monkeypatch.context() as waiting:
            waiting.setattr(LINGER, PATIENCE)  # both are written before it is over
            append(path, LINES[4])
            append(old, LINES[3])  # of a writer that hears of it after the other
        run.wait_for([1, 2, 3, 4, 5])


@contextmanager
def read_whole(path: Path, clock: Callable[[], float]) -> Iterator[Place]:
    """The end of a file that is read."""
    with closing(ByteStream(os.fspath(path))) as stream:
        place = Place(stream, JsonForm(), clock)
        while stream.read(10_000):
            pass
        yield place


def test_a_file_is_left_a_second_after_the_next_one_was_written(path: Path) -> None:
    """However long that is empty; not while the old one still has something."""
    now = [0.0]
    with read_whole(path, lambda: now[0]) as place:
        old = path.with_suffix(".1")
        path.rename(old)
        assert not place.moved()
        path.touch()
        for now[0] in (1.0, 400.0):
            assert not place.moved()
        append(path, LINES[2])
        assert not place.moved()
        now[0] = 401.0
        assert place.moved()
        append(old, LINES[3])
        assert not place.moved()


def test_a_deleted_file_is_left_after_a_while(path: Path) -> None:
    """It holds its disk space, so it is left though the new one is empty."""
    now = [50.0]
    with read_whole(path, lambda: now[0]) as place:
        path.unlink()
        path.touch()
        for now[0], left in ((50.0, False), (79.0, False), (80.0, False), (81.0, True)):
            assert place.moved() is left


def test_a_file_that_is_cut(path: Path) -> None:
    """A truncated file is read from its start again."""
    with following(path) as run:
        run.wait_for([1, 2])
        path.write_bytes(LINES[2])
        run.wait_for([1, 2, 3])


def test_a_file_that_is_written_anew_and_longer(path: Path) -> None:
    """Another content is seen even if the file is not shorter than before."""
    with following(path) as run:
        run.wait_for([1, 2])
        path.write_bytes(b"".join(LINES[5:9]))
        run.wait_for([1, 2, 6, 7, 8, 9])


def test_a_growing_array(path: Path) -> None:
    """Elements of an array come once the comma behind them has come."""
    path.write_bytes(b"[\n" + LINES[0].strip() + b",\n" + LINES[1].strip())
    with following(path) as run:
        run.wait_for([1])
        append(path, b"\n]\n" + text(event(3)) + b"\n")
        run.wait_for([1, 2, 3])


def test_a_file_that_is_replaced_atomically(path: Path) -> None:
    """A new file renamed over the old one: the old one's last lines come, then the new one."""
    with following(path) as run:
        run.wait_for([1, 2])
        fresh = path.with_suffix(".tmp")
        fresh.write_bytes(LINES[3] + LINES[4])
        append(path, LINES[2])
        fresh.replace(path)
        run.wait_for([1, 2, 3, 4, 5])
        append(path, LINES[5])
        run.wait_for([1, 2, 3, 4, 5, 6])


def test_a_replacement_with_the_same_beginning(path: Path) -> None:
    """A file that begins with the same bytes is another one: its events are duplicates."""
    with following(path) as run:
        run.wait_for([1, 2])
        fresh = path.with_suffix(".tmp")
        fresh.write_bytes(b"".join(LINES[:3]))
        fresh.replace(path)
        run.wait_for([1, 2, 1, 2, 3])


def test_a_file_that_is_deleted_and_made_again(path: Path) -> None:
    """While it is gone nothing comes and nothing fails; what was written before it went is read."""
    with following(path) as run:
        run.wait_for([1, 2])
        append(path, LINES[2])
        path.unlink()
        run.wait_for([1, 2, 3])
        path.write_bytes(LINES[3])
        run.wait_for([1, 2, 3, 4])
        path.unlink()
        path.write_bytes(LINES[4])
        run.wait_for([1, 2, 3, 4, 5])


def test_a_file_that_is_compressed_on_rotation(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renamed, written to once more, packed and deleted, as logrotate does: nothing is missing."""
    old = path.with_suffix(".1")
    with following(path) as run:
        run.wait_for([1, 2])
        path.rename(old)
        with monkeypatch.context() as waiting:
            waiting.setattr(LINGER, PATIENCE)  # the old one is written before it is over
            path.write_bytes(LINES[3])
            append(old, LINES[2])
        old.with_suffix(".1.gz").write_bytes(gzip.compress(old.read_bytes()))
        old.unlink()
        run.until(lambda: len(ids(run.batches)) >= 4)
        assert ids(run.batches) == ["evt-1", "evt-2", "evt-3", "evt-4"]


def test_a_file_that_is_copied_and_cut(path: Path) -> None:
    """``copytruncate`` keeps the file and empties it: it is read from its start again."""
    with following(path) as run:
        run.wait_for([1, 2])
        path.with_suffix(".1").write_bytes(path.read_bytes())
        with path.open("r+b") as file:
            file.truncate()
        append(path, LINES[4])
        run.wait_for([1, 2, 5])


def test_a_last_line_without_its_end_before_a_rotation(path: Path) -> None:
    """A line that is never ended is taken for whole once another file has the path."""
    with following(path) as run:
        run.wait_for([1, 2])
        append(path, LINES[2].rstrip(b"\n"))
        time.sleep(0.25)
        run.wait_for([1, 2])
        path.rename(path.with_suffix(".1"))
        path.write_bytes(LINES[3])
        run.wait_for([1, 2, 3, 4])


PACKED: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
}


@pytest.mark.parametrize("ending", PACKED)
def test_rotated_while_nobody_read(path: Path, ending: str) -> None:
    """After a stop the rest is read from the sibling that was the file, packed or not."""
    with following(path) as run:
        run.wait_for([1, 2])
    append(path, LINES[2] + LINES[3].rstrip(b"\n"))
    path.with_name(f"log.ndjson.1{ending}").write_bytes(PACKED[ending](path.read_bytes()))
    path.with_name("log.ndjson.2").write_bytes(b"".join(LINES[6:8]))
    os.utime(path.with_name("log.ndjson.2"), (1, 1))
    path.unlink()
    path.write_bytes(LINES[4])
    assert run.batches[-1].offset
    with following(path, run.batches[-1].offset.position) as again:
        again.wait_for([3, 4, 5])
    assert again.batches[-1].offset
    append(path, LINES[5])
    with following(path, again.batches[-1].offset.position) as once_more:
        once_more.wait_for([6])


def test_rotated_often_while_nobody_read(path: Path) -> None:
    """All files that came between are read, in the order in which they were written."""
    with following(path) as run:
        run.wait_for([1, 2])
    append(path, LINES[2])
    for number, name in enumerate(("log.ndjson.2.gz", "log.ndjson.1"), 3):
        old = path.with_name(name)
        old.write_bytes(PACKED[".gz" if old.suffix == ".gz" else ""](path.read_bytes()))
        os.utime(old, (number, number))  # clocks of file systems are coarse
        path.unlink()
        path.write_bytes(LINES[number])
    path.with_name("log.ndjson.notes").write_bytes(LINES[8])
    assert run.batches[-1].offset
    with following(path, run.batches[-1].offset.position) as again:
        again.wait_for([3, 4, 5])


def test_rotated_while_nobody_read_and_stopped_in_the_rest(path: Path) -> None:
    """A stop within the rest of the old file goes on there: nothing is lost, nothing is twice."""
    with following(path) as run:
        run.wait_for([1, 2])
    append(path, b"".join(LINES[2:6]))
    path.rename(path.with_name("log.ndjson.1"))
    path.write_bytes(LINES[6])
    assert run.batches[-1].offset
    source = FileSource(path, follow=True, batch_bytes=len(LINES[2]) + 5)
    found, position = [], run.batches[-1].offset.position
    for batch in source.batches(position):
        found += ids([batch])
        assert batch.offset
        position = batch.offset.position
        source.stop()
    assert 0 < len(found) < 4
    with following(path, position) as rest:
        rest.until(lambda: len(found) + len(ids(rest.batches)) >= 5)
    assert found + ids(rest.batches) == [f"evt-{number}" for number in range(3, 8)]

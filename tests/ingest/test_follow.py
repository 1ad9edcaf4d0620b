from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.ingest.sources.file import FileSource
from tests.ingest.samples import event, ids, text, texts

LINES = [line + b"\n" for line in texts(9)]


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
        """Wait for something, five seconds at most."""
        end = time.monotonic() + 5
        while not done():
            assert not self.failure, self.failure
            assert time.monotonic() < end, ids(self.batches)
            time.sleep(0.01)


@contextmanager
def following(path: Path, resume: Mapping[str, Any] | None = None) -> Iterator[Following]:
    """A file that is followed until the block ends."""
    run = Following(path, resume)
    try:
        yield run
    finally:
        run.source.stop()
        run.thread.join(5)
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

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.ingest.sources.file import FileSource
from tests.ingest.samples import event, ids, text


class Timeline(threading.Event):
    """A clock, and a sign to stop whose waits move it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        """Nobody stops it; the time goes by at once."""
        self.now += timeout or 0
        return False


def stamped(number: int, seconds: float, **changed: Any) -> bytes:
    """An event at so many seconds."""
    return text(event(number, timestamp=1_767_225_600 + seconds, **changed))


@pytest.fixture
def timeline() -> Timeline:
    """A clock that waits move."""
    return Timeline()


def run(path: Path, timeline: Timeline, speed: float, resume: Any = None) -> list[Any]:
    """What comes of a paced file, and when."""
    source = FileSource(path, speed=speed, clock=timeline.clock)
    source._halt = timeline
    start = timeline.now
    return [(timeline.now - start, batch) for batch in source.batches(resume)]


@pytest.mark.parametrize("speed", [1.0, 60.0])
def test_events_come_when_they_are_due(tmp_path: Path, timeline: Timeline, speed: float) -> None:
    """Events come at the pace of their times; late and undated ones with those before them."""
    lines = [
        stamped(1, 0),
        stamped(2, 10),
        stamped(3, 4),
        b"{bad",
        text({**event(4), "timestamp": None}),
        stamped(5, 3_600),
    ]
    path = tmp_path / "a"
    path.write_bytes(b"\n".join(lines))
    due = {found: when for when, batch in run(path, timeline, speed) for found in ids([batch])}
    assert due == {
        f"evt-{number}": pytest.approx(seconds / speed, abs=0.2)
        for number, seconds in [(1, 0), (2, 10), (3, 10), (4, 10), (5, 3_600)]
    }


@pytest.mark.parametrize("form", ["lines", "array"])
def test_each_part_can_be_resumed(tmp_path: Path, timeline: Timeline, form: str) -> None:
    """The parts together are the file, and reading can go on after each of them."""
    lines = [stamped(number, number * 0.5) for number in range(20)]
    data = b"\n".join(lines) if form == "lines" else b"[" + b",\n".join(lines) + b"]"
    path = tmp_path / "a"
    path.write_bytes(data)
    parts = [batch for _, batch in run(path, timeline, 1.0)]
    assert len(parts) >= 20
    wanted = [f"evt-{number}" for number in range(20)]
    assert ids(parts) == wanted
    for at, part in enumerate(parts[:-1]):
        rest = [batch for _, batch in run(path, timeline, 1.0, part.offset.position)]
        assert ids(parts[: at + 1]) + ids(rest) == wanted
    assert parts[-1].offset.position["done"]


def test_a_stop_ends_a_long_wait(tmp_path: Path) -> None:
    """A replay that waits for an hour ends at once when it is stopped."""
    path = tmp_path / "a"
    path.write_bytes(stamped(1, 0) + b"\n" + stamped(2, 3_600))
    source = FileSource(path, speed=1.0)
    batches = source.batches(None)
    first = next(batches)
    threading.Timer(0.05, source.stop).start()
    assert ids([first, *batches]) == ["evt-1"]

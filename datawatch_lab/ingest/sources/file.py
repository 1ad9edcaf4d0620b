"""Files as a source: NDJSON and JSON arrays, plain, gzip or zstd; once, followed, or replayed.

Where to resume is kept as a fingerprint of the head of the input (never its name), a byte offset
and a line. A file that was read to its end (``done``) by a run that came to its own end (it then
adds ``closed``) starts again from the beginning, so all its events come as duplicates, unless it is
followed. One of which either is missing goes on where it stopped, even if it has grown. A file
whose head is another, or that is shorter than what was read, is a new one. A file that is replaced
while it is followed is read to its end, then the new one from its start; an event without an id
that stands in both at the same offset is taken for the same.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from datawatch_lab.core.batches import DecodedBatch, Offset
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.cutting import Cut
from datawatch_lab.ingest.decode import decode
from datawatch_lab.ingest.sources.pace import Pace
from datawatch_lab.ingest.sources.place import Place
from datawatch_lab.ingest.sources.streams import ByteStream

Progress = Callable[[int, int | None, int], None]
"""Told bytes done, bytes in all (None for a pipe), both as stored, and events received."""

_POLL = 0.1


class FileSource:
    """Reads a file, or the standard input for ``-``.

    Args:
        path: the file. What it holds is told by its first bytes, not by its name.
        follow: go on when the file grows, is replaced or cut; ends with `stop` only.
        speed: replay at this many times the pace of the event times; None: as fast as possible.
        name: of the source; ``file:<name of the file>`` by default.
        batch_bytes: about how many decompressed bytes make a batch.
        progress: called after each batch was taken.
        clock: monotonic seconds, to keep the pace by.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        follow: bool = False,
        speed: float | None = None,
        name: str | None = None,
        batch_bytes: int = 4 * 1024 * 1024,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed is not None and not speed > 0:
            raise InputError(
                f"speed {speed:g} is not above 0.",
                hint="1 is as it happened, 60 a minute a second.",
            )
        self.path = os.fspath(path)
        self.follow = follow
        self.speed = speed
        self.batch_bytes = batch_bytes
        self.progress = progress
        self.clock = clock
        self._name = name or f"file:{'stdin' if self.path == '-' else Path(self.path).name}"
        self._halt = threading.Event()
        self._events = 0

    @property
    def name(self) -> str:
        """Name of the source in the ledger."""
        return self._name

    def stop(self) -> None:
        """Ask it to end after the batch in hand; safe from another thread."""
        self._halt.set()

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """Decoded batches from where ``resume`` says, or from the start.

        The last batch of a file that was read to its end may be empty: it carries the offset that
        says so.

        Raises:
            SourceError: the file cannot be opened or read, or is compressed and to be followed.
        """
        again = True
        while again and not self._halt.is_set():
            stream = ByteStream(self.path)
            try:
                again = yield from self._read(Place(stream), resume)
            finally:
                stream.close()
            resume = None

    def _read(
        self, place: Place, resume: Mapping[str, object] | None
    ) -> Generator[DecodedBatch, None, bool]:
        """Read one file; returns whether another has taken its place."""
        stream = place.stream
        if self.follow and stream.compressed:
            raise SourceError(
                f"{self.path}: a compressed file cannot be followed.",
                hint="Read it without following, or follow the file that is written.",
            )
        if not place.go_to(resume, finished_counts=self.follow):
            if stream.pipe:
                raise SourceError(
                    f"{self.path}: ends before the place where reading stopped the last time.",
                    hint="If it is a new input, give the source another name.",
                )
            return True
        pace = Pace(self.speed, self.clock, self._halt) if self.speed else None
        while not self._halt.is_set():
            if not stream.readable(_POLL):
                continue
            if self.follow and place.rewritten():
                yield from self._give(place.finish(), place, pace)
                return True
            data = stream.read(self.batch_bytes)
            if data:
                yield from self._give(place.cut(data), place, pace)
            elif not self.follow or stream.pipe:
                yield from self._give(place.finish(), place, pace, done=True)
                return False
            elif place.moved():
                yield from self._give(place.finish(), place, pace)
                return True
            else:
                self._halt.wait(_POLL)
        return False

    def _give(
        self, cut: Cut, place: Place, pace: Pace | None, *, done: bool = False
    ) -> Iterator[DecodedBatch]:
        if pace is None:
            if cut.items or done:
                yield from self._hand_over(cut, place.position(done=done), place)
            return
        for part in pace.parts(cut, self._name):
            if self._halt.is_set():
                return
            last = part.stop == len(cut.items)
            position = place.position(done=done) if last else place.position_before(cut, part.stop)
            yield from self._hand_over(cut[part], position, place)
        if done and not cut.items:
            yield from self._hand_over(cut, place.position(done=True), place)

    def _hand_over(
        self, cut: Cut, position: Mapping[str, object], place: Place
    ) -> Iterator[DecodedBatch]:
        batch = decode(
            cut.items,
            cut.lines,
            cut.offsets,
            source=self._name,
            offset=Offset(self._name, position),
            refused=cut.refused,
        )
        yield replace(batch, fresh=place.began_anew and not self._events)
        self._events += batch.received
        if self.progress is not None:
            self.progress(place.stream.taken, place.stream.total, self._events)

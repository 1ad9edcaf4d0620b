"""Files as a source: JSON, CSV, Parquet, plain, gzip or zstd; once, followed, or replayed.

Where to resume is kept as a fingerprint of the head of the input (never its name), a byte offset
and a line. A file that was read to its end (``done``) by a run that came to its own end (it then
adds ``closed``) starts again from the beginning, so all its events come as duplicates, unless it is
followed. One of which either is missing goes on where it stopped, even if it has grown. A file
whose head is another, or that is shorter than what was read, is a new one. A file that is replaced
while it is followed is read to its end, then the new one from its start; an event without an id
that stands in both at the same offset is taken for the same. One that was rotated away while nobody
read it is looked for among its siblings, by its fingerprint, and read to its end first.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from datawatch_lab.core.batches import DecodedBatch, Offset, nothing
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.ingest.cutting import Cut
from datawatch_lab.ingest.sources.csv import CsvForm
from datawatch_lab.ingest.sources.forms import Form, FormatName, JsonForm, format_of, table_name
from datawatch_lab.ingest.sources.pace import Pace
from datawatch_lab.ingest.sources.parquet import ParquetRows
from datawatch_lab.ingest.sources.place import Place
from datawatch_lab.ingest.sources.rotated import is_about, rotated
from datawatch_lab.ingest.sources.streams import ByteStream

Progress = Callable[[int, int | None, int], None]
"""Told bytes done, bytes in all (None for a pipe), both as stored, and events received."""

log = logging.getLogger(__name__)

_POLL = 0.1
_HEAD = 4_096
_FIRST_BYTES = 2 * 1024 * 1024


class FileSource:
    """Reads a file, or the standard input for ``-``.

    Args:
        path: the file. What it holds is told by its first bytes, not by its name.
        follow: go on when the file grows, is replaced or cut; ends with `stop` only.
        speed: replay at this many times the pace of the event times; None: as fast as possible.
        name: of the source; ``file:<name of the file>`` by default.
        batch_bytes: about how many decompressed bytes make a batch at most; the first are smaller,
            so that numbers show soon, and a flood is stored in few large transactions.
        progress: called after each batch was taken.
        clock: monotonic seconds, to keep the pace by.
        format: ``json``, ``csv`` or ``parquet``; ``auto``: by ending and first bytes.
        table: of the rows of a CSV or Parquet file; by default the name of the file.
        time_column: the column of such rows' event times; '' for none; by default one is found.
        delimiter: of a CSV file; by default it is found.
        header: whether a CSV file begins with the names of its columns; by default found out.
    """

    def __init__(  # noqa: PLR0913 - the options of one command
        self,
        path: str | os.PathLike[str],
        *,
        follow: bool = False,
        speed: float | None = None,
        name: str | None = None,
        batch_bytes: int = 24 * 1024 * 1024,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        format: FormatName = "auto",
        table: str | None = None,
        time_column: str | None = None,
        delimiter: str = "",
        header: bool | None = None,
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
        self.format = format
        self.table = table or table_name(self.path)
        self.time_column = time_column
        self.delimiter = delimiter
        self.header = header
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
        if self.follow and resume is not None and self.path != "-":
            yield from self._left_behind(resume)
        again, first = True, True
        while again and not self._halt.is_set():
            stream = self._opened(wait=not first)
            if stream is None:
                return
            first = False
            try:
                format_ = self._format(stream)
                if format_ == "parquet":
                    yield from self._rows(resume, stream)
                    return
                form = self._csv() if format_ == "csv" else JsonForm()
                again = yield from self._read(Place(stream, form), resume)
            finally:
                stream.close()
            resume = None

    def _opened(self, *, wait: bool) -> ByteStream | None:
        """The file; one that was there before is waited for. None when told to stop meanwhile."""
        while True:
            try:
                return ByteStream(self.path)
            except SourceError:
                if not wait or Path(self.path).exists():
                    raise
            if self._halt.wait(_POLL):
                return None

    def _left_behind(self, resume: Mapping[str, object]) -> Iterator[DecodedBatch]:
        """What was not read yet of the file that the position is of, where it was rotated away."""
        make = self._csv if resume.get("form") else JsonForm
        if not Path(self.path).exists() or is_about(self.path, make(), resume):
            return
        place_in: Mapping[str, object] | None = resume
        for each in rotated(self.path, make, resume):
            log.info("%s: %s is read to its end first", self.path, each)
            stream = ByteStream(each)
            try:
                yield from self._rest(Place(stream, make()), place_in)
            finally:
                stream.close()
            place_in = None

    def _rest(self, place: Place, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """What is left of a file that does not grow any more."""
        place.go_to(resume, finished_counts=True)
        while not self._halt.is_set() and (data := place.stream.read(self.batch_bytes)):
            yield from self._give(place.cut(data), place, None)
        if not self._halt.is_set():
            yield from self._give(place.finish(), place, None)

    def _format(self, stream: ByteStream) -> FormatName:
        if self.format != "auto":
            return self.format
        head = b""
        if not stream.pipe:
            head = stream.read(_HEAD)
            stream.unread(head)
        return format_of(self.path, head)

    def _csv(self) -> Form:
        return CsvForm(
            self.table,
            time_column=self.time_column,
            delimiter=self.delimiter,
            header=self.header,
            backfill=not self.follow,
        )

    def _rows(
        self, resume: Mapping[str, object] | None, stream: ByteStream
    ) -> Iterator[DecodedBatch]:
        """The rows of a Parquet file."""
        if stream.pipe or stream.compressed or self.follow or self.speed:
            what = "followed" if self.follow else "replayed at a pace" if self.speed else "unpacked"
            raise SourceError(
                f"{self.path}: a Parquet file cannot be {what if not stream.pipe else 'piped'}.",
                hint="Name the file itself, without these options.",
            )
        rows = ParquetRows(self.path, self.table, time_column=self.time_column)
        anew = True
        for part in rows.parts(resume, self._name):
            if self._halt.is_set():
                return
            offset = Offset(self._name, part.position)
            first_row = part.batch.events["line"][0].as_py() if part.batch.events.num_rows else 1
            fresh = anew and first_row == 1
            anew = False
            yield replace(part.batch, offset=offset, fresh=fresh)
            self._events += part.batch.received
            if self.progress is not None and stream.total is not None:
                done = stream.total * part.rows // max(rows.total, 1)
                self.progress(done, stream.total, self._events)
        if anew:
            yield nothing(self._name, Offset(self._name, rows.position(rows.total, done=True)))

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
        pace = Pace(self.speed, self.clock, self._halt, place.form) if self.speed else None
        size = min(_FIRST_BYTES, self.batch_bytes)
        while not self._halt.is_set():
            if not stream.readable(_POLL):
                continue
            if self.follow and place.rewritten():
                yield from self._give(place.finish(), place, pace)
                return True
            data = stream.read(size)
            if data:
                size = min(2 * len(data), self.batch_bytes) if len(data) == size else size
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
            if len(cut) or done:
                yield from self._hand_over(cut, partial(place.position, done=done), place)
            return
        for part in pace.parts(cut, self._name):
            if self._halt.is_set():
                return
            last = part.stop == len(cut)
            position = (
                partial(place.position, done=done)
                if last
                else partial(place.position_before, cut, part.stop)
            )
            yield from self._hand_over(cut[part], position, place)
        if done and not len(cut):
            yield from self._hand_over(cut, partial(place.position, done=True), place)

    def _hand_over(
        self, cut: Cut, position: Callable[[], Mapping[str, object]], place: Place
    ) -> Iterator[DecodedBatch]:
        batch = place.form.decode(cut, self._name)
        offset = Offset(self._name, position())
        yield replace(batch, offset=offset, fresh=place.began_anew and not self._events)
        self._events += batch.received
        if self.progress is not None:
            self.progress(place.stream.taken, place.stream.total, self._events)

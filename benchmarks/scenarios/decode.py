"""Bytes to typed columns, nothing stored, by format and by shape of rows; in CPU time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median

from benchmarks.events import Mix, write_events
from benchmarks.formats import FORMATS
from benchmarks.ingesting import ORJSON, events_file
from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, UnmeasurableError, of_size

NAME = "decode"
FULL, QUICK = 100_000, 5_000
MIXES = {
    NAME: Mix(),
    "decode_200_tables": Mix(kind="eight", tables=200),
    "decode_wide": Mix(kind="wide"),
}
_WIDE = 10  # events of a hundred fields are fewer by this factor
_TURNS, _POSTS = 3, 400
_SINGLE = "decode_single"


def _files(context: Context) -> dict[str, Path]:
    names = [*MIXES, *(f"decode_{name}" for name in FORMATS)]
    return {name: events_file(context, name) for name in names}


def prepare(context: Context) -> None:
    """A file of each shape of rows, and the first one in the other formats."""
    files, size = _files(context), context.size(FULL, QUICK)
    for name, mix in MIXES.items():
        write_events(files[name], size // (_WIDE if mix.kind == "wide" else 1), mix)
    lines = files[NAME].read_bytes().splitlines()
    for name, written in FORMATS.items():
        with files[f"decode_{name}"].open("w") as out:
            out.writelines(written(json.loads(line), at) + "\n" for at, line in enumerate(lines, 1))


def subject(context: Context) -> Sample:
    """Events a second of CPU time, and microseconds for the body of one; in turns with orjson."""
    values: dict[str, float] = {}
    against: dict[str, float] = {}
    with Meter() as meter:
        for name, file in _files(context).items():
            events, own, other = _in_turns(file)
            values[name], against[name] = events / own, events / other
        lines = _files(context)[NAME].read_bytes().splitlines()[-_POSTS:]
        values[_SINGLE], against[_SINGLE] = _single(lines)
    return Sample(values, against, cpu_seconds=meter.cpu_seconds, memory_bytes=peak_bytes())


def _in_turns(file: Path) -> tuple[int, float, float]:
    """How many events a file has, and the CPU seconds that each way takes for them at best."""
    from datawatch_lab.ingest.sources.file import FileSource

    loads = _loads()
    lines = file.read_bytes().splitlines()
    own: list[float] = []
    other: list[float] = []
    for _ in range(_TURNS):
        with _cpu(other):
            for line in lines:
                loads(line)
        with _cpu(own):
            batches = FileSource(file).batches(None)
            decoded = sum(batch.events.num_rows for batch in batches)
        if decoded != len(lines):
            raise UnmeasurableError(f"{decoded} of {len(lines)} events were decoded")
    return len(lines), min(own), min(other)


def _single(lines: list[bytes]) -> tuple[float, float]:
    """Median microseconds of CPU for the body of one post, and for orjson of it."""
    from datawatch_lab.ingest.sources.http import decode_body

    loads, numbers = _loads(), count()
    own: list[float] = []
    other: list[float] = []
    for line in lines:
        with _cpu(own):
            decode_body(line, id_factory=lambda: str(next(numbers)))
        with _cpu(other):
            loads(line)
    return median(own) * 1e6, median(other) * 1e6


def _loads() -> Callable[[bytes], object]:
    try:
        import orjson
    except ModuleNotFoundError:
        raise UnmeasurableError("orjson is not installed") from None
    return orjson.loads


@contextmanager
def _cpu(taken: list[float]) -> Iterator[None]:
    """Add the CPU seconds of this process for a block, those of its other threads too."""
    start = time.process_time()
    yield
    taken.append(time.process_time() - start)


SCENARIO = Scenario(
    name=NAME,
    about="files to typed columns, nothing stored, by format, and one posted event; CPU time",
    figures=(
        *(Figure(name, "events/s", "higher") for name in MIXES),
        *(Figure(f"decode_{name}", "events/s", "higher") for name in FORMATS),
        Figure(_SINGLE, "µs", "lower"),
    ),
    prepare=prepare,
    subject=subject,
    against=ORJSON,
    scaled=of_size(FULL, QUICK, "events"),
)

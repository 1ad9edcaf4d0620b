"""What is fuzzed: one function of bytes a target; it raises where a law does not hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from datawatch_lab.ingest.rows import decode_images
from datawatch_lab.ingest.telemetry.streams import STREAMS
from tests.fuzz.laws import (
    check_alone,
    check_body,
    check_csv,
    check_file,
    check_telemetry,
    decoded,
)
from tests.fuzz.nasty import FORMATS, compact

CORPUS = Path(__file__).with_name("corpus")
"""Inputs that once broke something, a folder a target; `tests/fuzz/test_corpus.py` runs them."""

BEFORE = compact({**FORMATS["savegress"], "id": "before"})
AFTER = compact({**FORMATS["datawatch"], "id": "after"})


def fuzz_lines(data: bytes) -> None:
    """Lines of a file between two good ones, which live; each is read as it is alone."""
    items = [BEFORE, *data.split(b"\n"), AFTER]
    batch = decoded(items)
    good = set(batch.events["line"].to_pylist())
    assert {1, len(items)} <= good, "a good neighbour was lost"
    check_alone(items, batch)


def fuzz_format(name: str, data: bytes) -> None:
    """An item of a format in which some bytes are others.

    The first two bytes say where, the third how many go; the rest takes their place.
    """
    whole = compact(FORMATS[name])
    at = int.from_bytes(data[:2], "big") % len(whole)
    gone = data[2] % 32 if len(data) > 2 else 0
    put = data[3:].replace(b"\n", b" ")
    fuzz_lines(whole[:at] + put + whole[at + gone :])


def fuzz_image(data: bytes) -> None:
    """A row image: typed, or a misfit with its reason; never in both, never in none."""
    data = data if data[:1] == b"{" else b"{" + data  # what is no object does not come so far
    images = [b'{"id":1,"a":1}', data, b'{"id":2,"a":"x"}']
    found = decode_images(images)
    wrong = {at for at, reason in found.misfits if reason}
    assert wrong | set(found.kept.tolist()) == {0, 1, 2}
    assert not wrong & {0, 2}
    assert found.columns.height == len(found.kept)


def _pieces(check: Callable[[bytes, Sequence[int]], object], data: bytes) -> None:
    count = data[0] % 8 if data else 0
    bounds = [int.from_bytes(data[1 + 2 * n : 3 + 2 * n], "big") for n in range(count)]
    check(data[1 + 2 * count :], bounds)


def fuzz_body(data: bytes) -> None:
    """A request's body; its first byte chooses how it says it is written and packed."""
    choice = data[0] if data else 0
    types = ("", "application/json", "application/x-ndjson", "text/csv")
    encodings = ("", "gzip", "zstd", "identity", "br")
    check_body(data[1:], types[choice % len(types)], encodings[choice // 4 % len(encodings)])


def fuzz_telemetry(data: bytes) -> None:
    """A body posted to a stream of telemetry, as JSON or as lines; its first byte chooses."""
    names, choice = sorted(STREAMS), data[0] if data else 0
    check_telemetry(
        STREAMS[names[choice % len(names)]],
        data[1:],
        "application/x-ndjson" if choice & 64 else "",
    )


TARGETS: dict[str, Callable[[bytes], None]] = {
    "lines": fuzz_lines,
    **{name.replace(" ", "-"): partial(fuzz_format, name) for name in FORMATS},
    "image": fuzz_image,
    "file": partial(_pieces, check_file),
    "csv": partial(_pieces, check_csv),
    "body": fuzz_body,
    "telemetry": fuzz_telemetry,
}

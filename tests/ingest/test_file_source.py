from __future__ import annotations

import gzip
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import InputError, SourceError
from datawatch_lab.core.sources import Source
from datawatch_lab.ingest import cutting
from datawatch_lab.ingest.sources.file import FileSource
from tests.ingest.samples import event, ids, text, texts

COUNT = 300
LINES = texts(COUNT)
WANTED = [f"evt-{number}" for number in range(1, COUNT + 1)]
NDJSON = b"".join(line + b"\n" for line in LINES)
ARRAY = b"[" + b",".join(LINES) + b"]"
EVENTS = [json.loads(line) for line in LINES]

FORMS = {
    "ndjson": NDJSON,
    "ndjson without the last line end": NDJSON[:-1],
    "ndjson with carriage returns": NDJSON.replace(b"\n", b"\r\n"),
    "ndjson with blank lines": b"\n\n" + NDJSON.replace(b"\n", b"\n\n"),
    "ndjson with a byte order mark": b"\xef\xbb\xbf" + NDJSON,
    "array on one line": ARRAY,
    "array printed over lines": json.dumps(EVENTS, indent=2).encode(),
    "arrays, one a line": b"[" + b"]\n[".join(LINES) + b"]\n",
    "array, then lines": b"[\n" + LINES[0] + b"\n]\n" + b"\n".join(LINES[1:]),
    "objects printed over lines": b"\n".join(json.dumps(e, indent=1).encode() for e in EVENTS),
    "one batch": text({"batch_id": "1", "events": EVENTS}),
    "one batch printed over lines": json.dumps({"events": EVENTS}, indent=1).encode(),
}
PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "gzip of two members": lambda data: gzip.compress(data[:500]) + gzip.compress(data[500:]),
    "zstd": zstandard.compress,
    "zstd of two frames": lambda data: (
        zstandard.compress(data[:500]) + zstandard.ZstdCompressor().compress(data[500:])
    ),
}


def write(path: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path.write_bytes(data)
    return path


def read(path: Path, resume: Any = None, **options: Any) -> list[DecodedBatch]:
    """All batches of a file."""
    return list(FileSource(path, **options).batches(resume))


def position(batch: DecodedBatch) -> dict[str, Any]:
    """The resume position of a batch, through JSON."""
    assert batch.offset is not None
    found = json.loads(json.dumps(batch.offset.position))
    assert isinstance(found, dict)
    return found


def bad(batches: list[DecodedBatch]) -> list[dict[str, Any]]:
    """All bad rows."""
    return [row for batch in batches for row in batch.bad.to_pylist()]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_in_every_packing(tmp_path: Path, form: str, packing: str) -> None:
    """The same events come out of any layout and compression, under a name that says nothing."""
    path = write(tmp_path / "data.txt", PACKINGS[packing](FORMS[form]))
    batches = read(path, batch_bytes=20_000)
    assert bad(batches) == []
    assert ids(batches) == WANTED
    assert position(batches[-1])["done"] is True
    assert all(not position(batch)["done"] for batch in batches[:-1])


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("form", [form for form in FORMS if "one batch" not in form])
def test_resuming_at_every_batch_equals_one_pass(tmp_path: Path, form: str, packing: str) -> None:
    """Stopped after any batch, and read again from there, nothing is lost and nothing is twice."""
    data = FORMS[form]
    broken = data.replace(b'"evt-200"', b'"evt-200', 1)
    path = write(tmp_path / "a", PACKINGS[packing](broken))
    whole = read(path, batch_bytes=5_000)
    renamed = path.rename(tmp_path / "b")
    for at, batch in enumerate(whole[:-1]):
        rest = read(renamed, position(batch), batch_bytes=9_000)
        assert ids(whole[: at + 1]) + ids(rest) == ids(whole)
        assert bad(whole[: at + 1]) + bad(rest) == bad(whole)
        assert [row["line"] for b in rest for row in b.events.to_pylist()] == [
            row["line"] for b in whole[at + 1 :] for row in b.events.to_pylist()
        ]


def test_a_finished_file_starts_again_and_an_unfinished_one_goes_on(tmp_path: Path) -> None:
    """After its end a file is read from the start; one that was not ended continues when grown."""
    path = write(tmp_path / "a", NDJSON)
    batches = read(path, batch_bytes=5_000)
    closed = {**position(batches[-1]), "closed": True}
    again = read(path, closed)
    assert ids(again) == WANTED
    assert [batch.fresh for batch in again] == [True, *[False] * (len(again) - 1)]
    middle = position(batches[3])
    with path.open("ab") as file:
        file.write(text(event(999)) + b"\n")
    assert ids(batches[:4]) + ids(read(path, middle)) == [*WANTED, "evt-999"]
    assert ids(read(path, closed)) == [*WANTED, "evt-999"]


def test_a_run_killed_after_its_last_batch_is_gone_on_with(tmp_path: Path) -> None:
    """A file read to its end by a run that could not say so any more is not read once more."""
    path = write(tmp_path / "a", NDJSON)
    last = position(read(path)[-1])
    assert last["done"]
    again = read(path, last)
    assert ids(again) == []
    assert position(again[-1]) == last
    assert not any(batch.fresh for batch in again)


@pytest.mark.parametrize("packing", ["plain", "gzip"])
def test_another_file_under_the_same_name_is_new(tmp_path: Path, packing: str) -> None:
    """Another head, or fewer bytes than were read, mean another file: read from its start."""
    pack = PACKINGS[packing]
    path = write(tmp_path / "a", pack(NDJSON))
    late = position(read(path, batch_bytes=5_000)[-2])
    write(path, pack(b"".join(line + b"\n" for line in texts(5, table="other"))))
    assert ids(read(path, late)) == WANTED[:5]
    write(path, pack(NDJSON[: len(NDJSON) // 2].rpartition(b"\n")[0]))
    again = ids(read(path, late))
    assert again == WANTED[: len(again)]
    assert len(again) > 100


def test_identity_does_not_depend_on_name_or_batches(tmp_path: Path) -> None:
    """Events without an id, and bad lines, are the same under another name and other batches."""
    data = b"".join(line + b"\n" for line in [*texts(50, id=None), b"{bad", b"{bad"])
    first = read(write(tmp_path / "a", data), batch_bytes=1_000)
    second = read(write(tmp_path / "b", gzip.compress(data)), batch_bytes=3_000)
    assert ids(first) == ids(second)
    assert len(set(ids(first))) == 50
    assert [row["event_id"] for row in bad(first)] == [row["event_id"] for row in bad(second)]
    assert len({row["event_id"] for row in bad(first)}) == 2


def test_bad_lines_have_their_line_and_offset(tmp_path: Path) -> None:
    """Bad rows among good ones say where they stand, counted over batches and blank lines."""
    lines = [*LINES[:20], b"", b"{bad", *LINES[20:40], b"\xff\xfe", LINES[40]]
    data = b"\n".join(lines)
    batches = read(write(tmp_path / "a", data), batch_bytes=700)
    rows = bad(batches)
    assert [row["line"] for row in rows] == [22, 43]
    assert [data[row["offset"] :].startswith(row["raw"]) for row in rows] == [True, True]
    assert ids(batches) == WANTED[:41]


@pytest.mark.parametrize(
    ("tail", "good", "words"),
    [
        (b"," + LINES[9][:40], 9, "not closed"),
        (b",", 9, "not closed"),
        (b"", 9, "not closed"),
        (b"] trailing " + LINES[9] + b"\n" + LINES[10], 9, "text after the end of the array"),
        (b"} , " + LINES[9] + b"]", 9, "was not opened"),
    ],
)
@pytest.mark.parametrize("batch_bytes", [100, 1_000_000])
def test_a_broken_array_gives_what_stands_before(
    tmp_path: Path, tail: bytes, good: int, words: str, batch_bytes: int
) -> None:
    """Items before the fault come, and one bad row stands for the rest."""
    path = write(tmp_path / "a", b"[" + b",\n".join(LINES[:9]) + tail)
    batches = read(path, batch_bytes=batch_bytes)
    assert ids(batches) == WANTED[:good]
    (row,) = bad(batches)
    assert words in row["reason"]
    assert position(batches[-1])["done"] is True


def test_a_broken_element_is_one_bad_row(tmp_path: Path) -> None:
    """An element that is no event does not take its neighbours along."""
    data = b"[" + b",".join([LINES[0], b'{"a":}', LINES[1], b"", LINES[2]]) + b"]"
    batches = read(write(tmp_path / "a", data))
    assert ids(batches) == WANTED[:3]
    assert [row["line"] for row in bad(batches)] == [2, 4]


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("form", ["ndjson", "array on one line"])
@pytest.mark.parametrize("share", [0.3, 0.9, 1.0])
def test_a_cut_compressed_file(tmp_path: Path, form: str, packing: str, share: float) -> None:
    """What can be read of a cut file comes, and one bad row says that the rest is missing."""
    noise = random.Random(1)
    lines = [text(event(n, note="".join(noise.choices("abcdefgh", k=500)))) for n in range(2_000)]
    data = b"\n".join(lines) if form == "ndjson" else b"[" + b",".join(lines) + b"]"
    packed = PACKINGS[packing](data)
    path = write(tmp_path / "a", packed[: int(len(packed) * share) - 5])
    batches = read(path, batch_bytes=50_000)
    found = ids(batches)
    assert found == [f"evt-{n}" for n in range(len(found))]
    assert len(found) >= 2_000 * share * 0.6 - 300
    assert [row["reason"] for row in bad(batches)] == [
        "the compressed file ends before its end: it was cut short"
    ]


def test_a_damaged_compressed_file(tmp_path: Path) -> None:
    """Bytes that are no gzip end the reading with one bad row."""
    packed = bytearray(gzip.compress(NDJSON))
    packed[-8:] = b"damaged!"
    batches = read(write(tmp_path / "a", bytes(packed)))
    assert "damaged here" in bad(batches)[-1]["reason"]
    assert len(bad(batches)) == 1


def test_a_line_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line beyond the bound is one bad row with its head; the lines around it come."""
    monkeypatch.setattr(cutting, "MAX_ITEM", 3_000)
    monkeypatch.setattr(cutting, "KEPT_OF_LONG", 500)
    data = b"\n".join([LINES[0], text({"a": "x" * 9_000}), LINES[1], b"y" * 9_000])
    for batch_bytes in (700, 100_000):
        batches = read(write(tmp_path / "a", data), batch_bytes=batch_bytes)
        if batch_bytes == 700:
            assert ids(batches) == WANTED[:2]
            rows = bad(batches)
            assert [(row["line"], len(row["raw"])) for row in rows] == [(2, 500), (4, 500)]
            assert all("more than 3,000 bytes" in row["reason"] for row in rows)
            assert data[rows[1]["offset"] :] == b"y" * 9_000


def test_progress_counts_stored_bytes(tmp_path: Path) -> None:
    """Progress runs to the size of the file as stored, and counts events."""
    packed = gzip.compress(NDJSON)
    seen: list[tuple[int, int | None, int]] = []
    read(
        write(tmp_path / "a", packed),
        batch_bytes=5_000,
        progress=lambda done, total, events: seen.append((done, total, events)),
    )
    assert seen[-1] == (len(packed), len(packed), COUNT)
    assert seen == sorted(seen)
    assert len(seen) > 5


def test_stop_ends_after_the_batch_in_hand(tmp_path: Path) -> None:
    """A stopped source ends, and what it gave can be resumed without loss."""
    path = write(tmp_path / "a", NDJSON)
    source = FileSource(path, batch_bytes=5_000)
    given = []
    for batch in source.batches(None):
        given.append(batch)
        source.stop()
    assert len(given) == 1
    assert ids(given) + ids(read(path, position(given[0]))) == WANTED


def test_names_and_protocol(tmp_path: Path) -> None:
    """A source is called after its file unless it is given a name."""
    source: Source = FileSource(tmp_path / "orders.ndjson")
    assert source.name == "file:orders.ndjson"
    assert FileSource("x", name="shop").name == "shop"
    assert FileSource("-").name == "file:stdin"
    batches = read(write(tmp_path / "a", b""), name="shop")
    assert [(batch.source, batch.received) for batch in batches] == [("shop", 0)]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """Missing files, directories and wrong options are told with what to do."""
    with pytest.raises(SourceError, match=r"nowhere: there is no such file. Check the name"):
        read(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="is a directory"):
        read(tmp_path)
    with pytest.raises(SourceError, match="a compressed file cannot be followed"):
        read(write(tmp_path / "a", gzip.compress(b"{}")), follow=True)
    with pytest.raises(InputError, match="speed 0 is not above 0"):
        FileSource("a", speed=0)


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe is read to its end, and resumed by skipping what was read before."""

    class Piped:
        def __init__(self, data: bytes) -> None:
            self.out, into = os.pipe()
            os.write(into, data)
            os.close(into)

        def fileno(self) -> int:
            return self.out

    data = b"".join(line + b"\n" for line in LINES[:100])
    monkeypatch.setattr("sys.stdin", Piped(data))
    batches = read(Path("-"), batch_bytes=5_000)
    assert ids(batches) == WANTED[:100]
    monkeypatch.setattr("sys.stdin", Piped(data))
    assert ids(batches[:2]) + ids(read(Path("-"), position(batches[1]))) == WANTED[:100]
    monkeypatch.setattr("sys.stdin", Piped(data[:5_000]))
    with pytest.raises(SourceError, match="ends before the place"):
        read(Path("-"), position(batches[3]))

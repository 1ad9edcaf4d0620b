from __future__ import annotations

import gzip
import itertools
import json
from typing import Any

import pytest
import zstandard

from datawatch_lab.core.batches import DecodedBatch
from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.sources.http import Outcome, decode_body, outcomes
from tests.ingest.samples import event, ids, text, texts


def posted(body: bytes, **options: Any) -> DecodedBatch:
    """A decoded body."""
    numbers = itertools.count()
    return decode_body(body, id_factory=lambda: f"new-{next(numbers)}", **options)


BODIES = {
    "array": b"[" + b", ".join(texts(3)) + b"]",
    "batch": text({"batch_id": "7", "batch_size": 3, "events": [event(n) for n in (1, 2, 3)]}),
    "ndjson": b"\n".join(texts(3)) + b"\n",
    "array printed over lines": json.dumps([event(n) for n in (1, 2, 3)], indent=2).encode(),
    "batch printed over lines": json.dumps({"events": [event(n) for n in (1, 2, 3)]}, indent=2)
    .encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_every_kind_of_body(kind: str, encoding: str) -> None:
    """Arrays, batches and lines give their events, packed or not."""
    body = BODIES[kind]
    packed = {"": body, "gzip": gzip.compress(body, mtime=0), "zstd": zstandard.compress(body)}
    batch = posted(packed[encoding], content_encoding=encoding)
    assert ids([batch]) == ["evt-1", "evt-2", "evt-3"]
    assert (batch.source, batch.offset, batch.bad.num_rows) == ("http", None, 0)


def test_one_event() -> None:
    """A body may be one event, printed as it likes."""
    assert ids([posted(json.dumps(event(), indent=4).encode() + b"\n")]) == ["evt-1"]


@pytest.mark.parametrize("kind", ["application/x-ndjson", "application/jsonl; charset=utf-8"])
def test_the_content_type_says_lines(kind: str) -> None:
    """A body that is said to be lines is read by line, whatever it begins with."""
    batch = posted(b"{\n" + texts(1)[0], content_type=kind)
    assert ids([batch]) == ["evt-1"]
    assert batch.bad["line"].to_pylist() == [1]


def test_equal_posts_without_id_are_two_events() -> None:
    """What has no id gets one that was never given before."""
    batch = posted(b"[" + b",".join([text(event(id=None))] * 2) + b"]")
    assert ids([batch]) == ["new-0", "new-1"]


def test_outcomes_in_the_order_of_the_body() -> None:
    """Each event has an answer at its place: accepted, rejected with the reason, or as told."""
    body = b"[" + b",".join([texts(1)[0], b"5", text(event(2)), text(event(3, after={}))]) + b"]"
    found = outcomes(posted(body), {"evt-2": "duplicate"})
    assert [(o.index, o.line, o.status) for o in found] == [
        (0, 1, "accepted"),
        (1, 2, "rejected"),
        (2, 3, "duplicate"),
        (3, 4, "rejected"),
    ]
    assert found[0] == Outcome(0, 1, "accepted", "evt-1", "orders", "")
    assert "number" in found[1].reason
    assert (found[3].table, "row image" in found[3].reason) == ("orders", True)


def test_outcomes_of_equal_elements() -> None:
    """Equal elements keep their places."""
    body = b"[" + b",".join([b"5", texts(1)[0], b"5", b"5"]) + b"]"
    assert [o.status[0] for o in outcomes(posted(body))] == ["r", "a", "r", "r"]
    batch = b'{"events":' + body + b"}"
    assert [o.status[0] for o in outcomes(posted(batch))] == ["r", "a", "r", "r"]


def test_broken_bodies_keep_what_is_whole() -> None:
    """Of a broken array or broken lines the sound events come, the rest is bad."""
    broken = posted(b"[" + b",".join(texts(2)) + b", {")
    assert (ids([broken]), broken.bad.num_rows) == (["evt-1", "evt-2"], 1)
    lines = posted(b"\n".join([texts(1)[0], b"{bad", texts(2)[1]]))
    assert (ids([lines]), lines.bad["line"].to_pylist()) == (["evt-1", "evt-2"], [2])
    assert posted(b"{nonsense").bad.num_rows == 1


@pytest.mark.parametrize(
    ("body", "options", "status", "words"),
    [
        (b" \n", {}, 400, "the body is empty"),
        (b"[]", {"content_encoding": "br"}, 415, "'br' is not known. Known are gzip"),
        (b"[]", {"content_encoding": "gzip"}, 400, "the body is not gzip"),
        (gzip.compress(b"{}" * 99, mtime=0)[:-9], {}, 400, "cut short"),
        (zstandard.compress(b"{}" * 99)[:-3], {}, 400, "cut short"),
        (b"\x1f\x8bnonsense-and-more", {}, 400, "damaged"),
        (b" " * 101, {"max_bytes": 100}, 413, "more than 100 bytes"),
        (
            gzip.compress(b" " * 10**7, mtime=0),
            {"max_bytes": 10**6},
            413,
            "more than 1,000,000 bytes",
        ),
        (zstandard.compress(b" " * 10**7), {"max_bytes": 10**6}, 413, "Send smaller batches"),
        (
            gzip.compress(b" " * 999, mtime=0) * 99,
            {"max_bytes": 9_999},
            413,
            "more than 9,999 bytes",
        ),
    ],
)
def test_refused_bodies(body: bytes, options: dict[str, Any], status: int, words: str) -> None:
    """A body that cannot be taken is refused with the right status and what to do."""
    with pytest.raises(InputError) as error:
        posted(body, **options)
    assert words in str(error.value)
    assert error.value.status == status

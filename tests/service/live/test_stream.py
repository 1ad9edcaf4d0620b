"""Streams and what one client is sent of them: in order, without a gap, without a queue."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.service.answers import QueryAnswer
from datawatch_lab.service.live.outbox import Outbox
from datawatch_lab.service.live.points import MetricChange, MetricsData, apply, whole
from datawatch_lab.service.live.stream import Limits, Stream, StreamKey
from datawatch_lab.service.live.topics import Metrics, Question
from tests.service.live.fakes import QUESTION, Page, document
from tests.service.live.test_points import answers, plain

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST = 1_000_000
KEY = StreamKey(QUESTION, "viewer", "1s")
METRICS = StreamKey(Question("metrics", ("m",)), "viewer", "1s")


def pages(limits: Limits | None = None) -> Stream:
    """A stream of pages whose first answer is in."""
    stream = Stream(KEY, document(), FIRST, limits or Limits())
    stream.advance(Page(0), NOW)
    return stream


def drain(outbox: Outbox) -> list[dict[str, Any]]:
    """All that a client is to be sent now."""
    found = []
    while (text := outbox.next()) is not None:
        found.append(msgspec.json.decode(text))
    return found


def test_first_the_whole_then_what_happens() -> None:
    """A client is sent the whole, then each happening once, oldest first, then the whole again."""
    stream, outbox = pages(), Outbox()
    assert outbox.follow(stream) is None
    (first,) = drain(outbox)
    assert (first["type"], first["data"]["number"], first["seq"]) == ("snapshot", 0, FIRST)
    assert (first["after"], first["reason"], first["stream"]) == (None, "start", "dashboard-1s")
    stream.advance(Page(1, [2, 1]), NOW)
    found = drain(outbox)
    assert [each["type"] for each in found] == ["event", "event", "dashboard_update"]
    assert [each["data"] for each in found[:2]] == [1, 2]
    assert [(each["after"], each["seq"]) for each in found] == [
        (FIRST, FIRST + 1),
        (FIRST + 1, FIRST + 2),
        (FIRST + 2, FIRST + 3),
    ]
    assert drain(outbox) == []
    stream.advance(Page(2, [2, 2, 1]), NOW)  # a second one that looks the same
    assert [each["type"] for each in drain(outbox)] == ["event", "dashboard_update"]


def test_a_message_is_encoded_once() -> None:
    """Clients that keep up are sent the same object, not bytes that are equal."""
    stream = pages()
    outboxes = [Outbox() for _ in range(3)]
    for each in outboxes:
        each.follow(stream)
    assert len({id(each.next()) for each in outboxes}) == 1
    stream.advance(Page(1), NOW)
    assert len({id(each.next()) for each in outboxes}) == 1


def test_who_reads_too_slowly_is_sent_one_message_for_many() -> None:
    """A client that was away for several updates gets the newest, told what it stands for."""
    stream, outbox = pages(), Outbox()
    outbox.follow(stream)
    drain(outbox)
    for number in range(1, 6):
        stream.advance(Page(number, [number]), NOW)
    (found,) = drain(outbox)
    assert (found["type"], found["data"]["number"]) == ("dashboard_update", 5)
    assert (found["after"], found["seq"], found["skipped"]) == (FIRST, FIRST + 10, 9)


def test_who_comes_back_misses_nothing() -> None:
    """With the number of its last message, a client is sent all later ones, one by one."""
    stream, outbox = pages(), Outbox()
    for number in range(1, 6):
        stream.advance(Page(number), NOW)
    assert outbox.follow(stream, FIRST + 2) == 3
    found = drain(outbox)
    assert [each["data"]["number"] for each in found] == [3, 4, 5]
    assert outbox.follow(stream, FIRST + 5) == 0
    assert drain(outbox) == []


@pytest.mark.parametrize("since", [0, FIRST - 1, FIRST, FIRST + 6, 2**53])
def test_a_gap_is_said(since: int) -> None:
    """What is not kept, or was never sent, is made up for by the whole, and it says so."""
    stream, outbox = pages(Limits(ring_messages=3)), Outbox()
    for number in range(1, 6):
        stream.advance(Page(number), NOW)
    assert outbox.follow(stream, since) is None
    (found,) = drain(outbox)
    assert (found["type"], found["reason"], found["data"]["number"]) == ("snapshot", "gap", 5)


def test_the_ring_is_bounded() -> None:
    """The ring holds as many messages and bytes as it may, and always the newest update."""
    stream = pages(Limits(ring_messages=1_000, ring_bytes=10_000))
    for number in range(1, 50):
        stream.advance(Page(number, padding="x" * 1_000), NOW)
    assert stream.later(stream.seq - 8) is not None
    assert stream.later(stream.seq - 12) is None
    stream.advance(Page(50, list(range(100)), padding="x" * 20_000), NOW)
    kept = stream.later(stream.seq - 101)
    assert kept is not None
    assert len(kept) == 101
    assert stream.later(stream.seq - 102) is None


def test_an_answer_that_is_too_large_is_refused() -> None:
    """The first answer is measured; the error says how large it is and what to do."""
    stream = Stream(KEY, document(), FIRST, Limits(whole_bytes=1_000))
    with pytest.raises(InputError, match=r"1,000 may be followed.*shorter range"):
        stream.advance(Page(0, padding="x" * 2_000), NOW)


def test_a_failure_is_told_once_and_then_it_goes_on() -> None:
    """While updates fail, followers are told once, and then sent what comes."""
    stream, outbox = pages(), Outbox()
    outbox.follow(stream)
    drain(outbox)
    for _ in range(3):
        stream.fail(DataWatchError("it is broken", hint="mend it"))
        found = drain(outbox)
        assert [each["type"] for each in found] in (["error"], [])
    stream.advance(Page(1), NOW)
    assert [each["type"] for each in drain(outbox)] == ["dashboard_update"]
    stream.fail(DataWatchError("it is broken", hint="mend it"))
    (found_again,) = drain(outbox)
    assert found_again["stream"] == "dashboard-1s"
    assert found_again["error"]["message"] == "it is broken"


def test_streams_take_turns() -> None:
    """A stream with much to say does not hold back another."""
    busy, other, outbox = pages(), Stream(METRICS, document(), FIRST), Outbox()
    other.advance(Page(0), NOW)
    for stream in (busy, other):
        outbox.follow(stream)
    drain(outbox)
    busy.advance(Page(1, list(range(50))), NOW)
    other.advance(Page(1), NOW)
    names = [each["stream"] for each in drain(outbox)]
    assert len(names) == 52
    assert other.name in names[:2]


class Reader:
    """A client as the documentation describes it: it applies what it is sent."""

    def __init__(self) -> None:
        self.seq: int | None = None
        self.held: MetricChange | None = None

    def take(self, text: bytes) -> None:
        """Apply a message; it must follow on what is there."""
        said = msgspec.json.decode(text)
        data = msgspec.convert(said["data"], MetricsData)
        assert said["after"] is None or said["after"] == self.seq
        for each in data.metrics.values():
            self.held = apply(None if said["after"] is None else self.held, each)
        self.seq = said["seq"]


@settings(deadline=None)
@given(answers(most=12), st.data())
def test_every_client_ends_with_the_answer(found: list[QueryAnswer], data: st.DataObject) -> None:
    """Clients that are slow, leave, come back or lose the ring have the answer in the end."""
    small = Limits(ring_messages=data.draw(st.integers(1, 6)))
    stream = Stream(METRICS, Metrics(), FIRST, small)
    stream.advance({"m": found[0]}, NOW)
    outbox, reader = Outbox(), Reader()
    outbox.follow(stream)
    for answer in found[1:]:
        for _ in range(data.draw(st.integers(0, 3))):
            text = outbox.next()
            if text is not None and data.draw(st.booleans()):  # else it is lost on the way
                reader.take(text)
            elif text is not None:
                outbox = Outbox()
                outbox.follow(stream, reader.seq)
        stream.advance({"m": answer}, NOW)
    while (text := outbox.next()) is not None:
        reader.take(text)
    assert reader.held is not None
    assert plain(reader.held) == plain(whole(found[-1]))
    assert reader.seq == stream.seq

"""The background part: batches, tries, the spool; nothing lost, nothing out of order."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datawatch_lab.client.batches import Limits
from datawatch_lab.client.delivery import deliver
from datawatch_lab.client.sender import Sender
from datawatch_lab.client.stats import Rejection
from datawatch_lab.client.transport import Delivered, Later, Refused, Reply
from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.service.answers import EventOutcome, EventsAnswer
from tests.client.conftest import MakeSender, Scripted, lines
from tests.waiting import PATIENCE, eventually

AWAY = Later("the server does not answer")


def put_all(sender: Sender, events: Sequence[bytes]) -> None:
    """Hand events over one by one."""
    for each in events:
        sender.put(each)


def balanced(sender: Sender) -> bool:
    """Whether every event is accounted for."""
    found = sender.stats
    return found.queued + found.recovered == found.sent + found.dropped + found.waiting


def test_a_full_batch_is_sent_at_once(make_sender: MakeSender) -> None:
    """With as many events as a batch has, nobody waits for the interval."""
    transport = Scripted()
    sender = make_sender(transport, flush_interval=3_600.0)
    put_all(sender, lines(10))
    eventually(lambda: transport.taken == lines(10))
    assert [len(each) for each in transport.requests] == [10]


def test_fewer_are_sent_after_the_interval(make_sender: MakeSender) -> None:
    """A few events go out though nobody flushes."""
    transport = Scripted()
    sender = make_sender(transport, flush_interval=0.02)
    put_all(sender, lines(3))
    eventually(lambda: transport.taken == lines(3))


def test_flush_sends_what_waits(make_sender: MakeSender) -> None:
    """It returns when all is answered for, long before the interval."""
    transport = Scripted()
    sender = make_sender(transport, flush_interval=3_600.0)
    put_all(sender, lines(25))
    assert sender.flush(PATIENCE)
    assert transport.taken == lines(25)
    assert sender.stats.accepted == 25


def test_flush_gives_up_in_time_and_keeps_the_events(make_sender: MakeSender) -> None:
    """With the server away it says False, and the events still wait."""
    sender = make_sender(Scripted([AWAY] * 100_000))
    put_all(sender, lines(7))
    assert not sender.flush(0.05)
    assert sender.stats.waiting == 7
    assert balanced(sender)


def test_what_fails_is_sent_again_unchanged(make_sender: MakeSender) -> None:
    """The same lines with the same ids come again, so the server can tell."""
    transport = Scripted([AWAY, AWAY])
    sender = make_sender(transport, spool=None)
    put_all(sender, lines(10))
    assert sender.flush(PATIENCE)
    assert transport.requests == [lines(10)] * 3
    assert sender.stats.retries == 2


def test_a_busy_server_is_given_its_time(make_sender: MakeSender) -> None:
    """After 429 nothing is sent before Retry-After is over, and nothing goes to disk."""
    moments: list[float] = []

    def busy(_: Sequence[bytes]) -> Reply:
        moments.append(time.monotonic())
        return Later("429", busy=True, after=0.2)

    def then(found: Sequence[bytes]) -> Reply:
        moments.append(time.monotonic())
        return Scripted().post(found)

    sender = make_sender(Scripted([busy, then]))
    put_all(sender, lines(10))
    assert sender.flush(PATIENCE)
    assert moments[1] - moments[0] >= 0.2
    assert sender.stats.spooled == 0


def test_order_is_kept_through_an_outage(make_sender: MakeSender) -> None:
    """What failed, what was spooled meanwhile and what came later arrive in order, each once."""
    transport = Scripted([AWAY] * 6)
    sender = make_sender(transport)
    for start in range(0, 300, 30):
        put_all(sender, lines(30, start=start))
        time.sleep(0.01)
    assert sender.flush(PATIENCE)
    assert transport.taken == lines(300)
    assert sender.stats.spooled > 0
    assert balanced(sender)


def test_more_than_the_buffer_holds_goes_to_disk_in_order(make_sender: MakeSender) -> None:
    """While a request hangs, events go to the spool; the batch that hung fails, and is first."""
    transport = Scripted([AWAY])
    sender = make_sender(transport)
    transport.gate.clear()
    put_all(sender, lines(10))
    eventually(lambda: not sender._buffer)
    put_all(sender, lines(200, start=10))
    transport.gate.set()
    assert sender.flush(PATIENCE)
    assert transport.taken == lines(210)
    assert sender.stats.dropped == 0


def test_without_room_events_are_dropped_and_told(caplog: pytest.LogCaptureFixture) -> None:
    """Buffer full and no spool: each lost event is counted, handed to on_rejected, and logged."""
    told: list[Rejection] = []
    sender = Sender(Scripted([AWAY] * 1_000), Limits(10, 0.01, 20), None, told.append)
    with caplog.at_level(logging.WARNING, "datawatch_lab.client"):
        put_all(sender, lines(100))
        sender.close(0.0)
    found = sender.stats
    assert found.dropped == 100
    assert found.waiting == 0
    assert {each.event for each in told} == set(lines(100))
    assert {each.outcome for each in told} == {"dropped"}
    assert any("were not taken in" in each.message for each in caplog.records)


def test_a_full_spool_leaves_events_in_memory_first(make_sender: MakeSender) -> None:
    """When the disk has no room the buffer fills, then events are dropped; all are counted."""
    sender = make_sender(Scripted([AWAY] * 100_000), spool=200)
    put_all(sender, lines(300))
    sender.close(0.05)
    found = sender.stats
    assert found.dropped > 0
    assert found.spooled > 0
    assert balanced(sender)
    assert found.waiting + found.dropped == 300


def test_the_guilty_event_of_a_refused_batch_is_found(make_sender: MakeSender) -> None:
    """A body that the server does not take is halved, until one event is alone; the rest get in."""
    bad = lines(1, start=7)[0]

    def picky(found: Sequence[bytes]) -> Reply:
        return Refused("answered 413: too large") if bad in found else Scripted().post(found)

    told: list[Rejection] = []
    transport = Scripted([picky] * 20)
    sender = Sender(transport, Limits(10, 0.01, 50), None, told.append)
    put_all(sender, lines(10))
    assert sender.flush(PATIENCE)
    sender.close()
    assert [(each.event, each.outcome) for each in told] == [(bad, "refused")]
    assert sender.stats.accepted == 9
    assert sender.stats.rejected == 1


def test_what_the_server_sets_aside_is_told(make_sender: MakeSender) -> None:
    """Quarantined and late events come back with the event and the server's reason."""
    found = lines(3)
    outcomes = [
        EventOutcome(0, "a", "t", "applied"),
        EventOutcome(1, "b", "t", "quarantined", "no table"),
        EventOutcome(2, "c", "t", "late", "two days old"),
    ]
    tally = deliver(Scripted([Delivered(EventsAnswer(3, 1, 0, 1, 1, outcomes))]), found)
    assert (tally.done, tally.accepted, tally.failure) == (3, 1, None)
    assert tally.rejections == [
        Rejection(found[1], "quarantined", "no table"),
        Rejection(found[2], "late", "two days old"),
    ]


def test_a_line_of_several_events_counts_as_one(make_sender: MakeSender) -> None:
    """A record that the server reads as three events is one that was handed over."""
    outcomes = [EventOutcome(number, "", "t", "applied") for number in range(3)]
    tally = deliver(Scripted([Delivered(EventsAnswer(3, 3, 0, 0, 0, outcomes))]), lines(1))
    assert (tally.done, tally.accepted, tally.duplicate) == (1, 1, 0)


def test_a_callback_that_fails_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """An error in on_rejected is logged; later events are still sent."""

    def broken(_: Rejection) -> None:
        raise RuntimeError("in the callback")

    transport = Scripted([Refused("no")])
    sender = Sender(transport, Limits(1, 0.01, 50), None, broken)
    put_all(sender, lines(2))
    assert sender.flush(PATIENCE)
    sender.close()
    assert transport.taken == lines(1, start=1)
    assert "on_rejected failed" in caplog.text


def test_closing_spools_and_the_next_run_sends(make_sender: MakeSender, tmp_path: Path) -> None:
    """A client that ends while the server is away leaves its events, in order, for the next."""
    first = make_sender(Scripted([AWAY] * 100_000))
    put_all(first, lines(35))
    first.close(0.05)
    assert first.stats.waiting == 35
    transport = Scripted()
    second = make_sender(transport)
    second.recover()
    eventually(lambda: len(transport.taken) == 35)
    put_all(second, lines(5, start=35))
    assert second.flush(30)
    assert transport.taken == lines(40)
    assert second.stats.recovered == 35
    assert balanced(second)
    second.close()
    assert not list((tmp_path / "spool").glob("*/*"))


def test_a_request_that_hangs_does_not_hold_the_end_up(make_sender: MakeSender) -> None:
    """Closing waits for it only so long; its events are on disk, since nobody answered for them."""
    transport = Scripted()
    sender = make_sender(transport)
    transport.gate.clear()
    put_all(sender, lines(15))
    sender.close(0.05)
    assert sender.stats.waiting == 15
    transport.gate.set()
    next_one = make_sender(other := Scripted())
    next_one.recover()
    eventually(lambda: other.taken == lines(15))


def test_a_closed_client_takes_nothing(make_sender: MakeSender) -> None:
    """Events for a closed client are an error of the program, not silence."""
    sender = make_sender(Scripted())
    sender.close()
    sender.close()
    with pytest.raises(WorkspaceError, match="closed"):
        sender.put(b"{}")


def test_a_child_process_sends_its_own_events_only(make_sender: MakeSender, tmp_path: Path) -> None:
    """After a fork the parent's events are the parent's, and both can send."""
    transport = Scripted()
    sender = make_sender(transport, flush_interval=3_600.0)
    put_all(sender, lines(5))
    report = tmp_path / "child"
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            sender.forked()
            put_all(sender, lines(3, start=100))
            if sender.flush(20) and transport.taken == lines(3, start=100):
                report.write_text("good")
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert report.read_text() == "good"
    assert sender.flush(PATIENCE)
    assert transport.taken == lines(5)


def test_many_threads_may_hand_over(make_sender: MakeSender) -> None:
    """Each event of each thread arrives once, and in the order of its thread."""
    transport = Scripted([AWAY] * 3)
    sender = make_sender(transport)
    parts = [lines(200, start=1_000 * number) for number in range(6)]
    threads = [threading.Thread(target=put_all, args=(sender, part)) for part in parts]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sender.flush(60)
    assert sorted(transport.taken) == sorted(event for part in parts for event in part)
    for part in parts:
        own = set(part)
        assert [each for each in transport.taken if each in own] == part


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    script=st.lists(st.sampled_from(["good", "away", "busy", "lost"]), max_size=25),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_whatever_the_server_does_everything_arrives_in_order(
    make_sender: MakeSender, script: list[str], sizes: list[int]
) -> None:
    """Outages, 429 and answers that got lost: taken once each, in order, counts in balance."""
    transport = Scripted()

    def lost(found: Sequence[bytes]) -> Reply:
        transport.known |= set(found)  # it is stored, but the answer does not come
        return AWAY

    kinds = {"good": None, "away": AWAY, "busy": Later("429", busy=True, after=0.0), "lost": lost}
    transport.script = [kinds[each] for each in script]  # type: ignore[misc]
    sender = make_sender(transport, flush_interval=0.002)
    count = 0
    for size in sizes:
        put_all(sender, lines(size, start=count))
        count += size
    assert sender.flush(60)
    found = sender.stats
    sender.close()
    assert transport.taken == lines(count)
    assert found.accepted + found.duplicate == count == found.sent
    assert found.waiting == found.dropped == 0


def test_a_program_does_not_hang_at_its_end_while_the_server_is_away(
    make_sender: MakeSender,
) -> None:
    """One failed try, then what waits goes to disk: the rest of the timeout is not sat out."""
    transport = Scripted([AWAY] * 100_000)
    sender = make_sender(transport, flush_interval=3_600.0)
    put_all(sender, lines(3))
    closer = threading.Thread(target=sender.close, args=(3_600.0,))
    closer.start()
    closer.join(PATIENCE)
    assert not closer.is_alive()
    assert sender.stats.waiting == sender.stats.spooled == 3


def test_where_no_thread_can_be_started_closing_sends(
    make_sender: MakeSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the end of the interpreter: what waits is sent by the thread that closes."""

    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    transport = Scripted([AWAY])
    sender = make_sender(transport)
    put_all(sender, lines(25))
    assert sender.flush(PATIENCE)
    put_all(sender, lines(3, start=25))
    sender.close(30)
    assert transport.taken == lines(28)

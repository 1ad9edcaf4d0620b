"""The hub: each question is asked once for all, nothing slow delays what is quick."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import BusyError, InputError, NotFoundError, WorkspaceError
from datawatch_lab.service.live.asking import Asking, Shared
from datawatch_lab.service.live.hub import Hub
from datawatch_lab.service.live.stream import Limits, Stream, StreamKey
from datawatch_lab.service.live.topics import Document, Question, Topic
from datawatch_lab.service.operation import Nothing
from tests.service.live.fakes import PAGES, FakeCaller, Page, document
from tests.waiting import eventually

KEY = StreamKey(Question("dashboard"), "viewer", "1s")
SECOND = 0.02
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def caller() -> FakeCaller:
    """Answers the topics of `hub`."""
    return FakeCaller()


@pytest.fixture
def hub(caller: FakeCaller) -> Iterator[Hub]:
    """A hub whose second is short."""
    found = hub_of(caller)
    yield found
    caller.gate.set()
    found.close()


def hub_of(caller: FakeCaller, topics: dict[str, Topic] | None = None, **limits: float) -> Hub:
    """A hub with the topic of pages."""
    given = Limits(**limits)  # type: ignore[arg-type]  # counts are whole numbers here
    return Hub(caller, topics or {"dashboard": document()}, limits=given, second=SECOND)


def test_a_question_is_asked_once_for_all(hub: Hub, caller: FakeCaller) -> None:
    """However many follow, there is one stream and one asking a tick."""
    streams = {id(hub.follow(KEY)) for _ in range(50)}
    assert len(streams) == 1
    assert hub.streams == 1
    stream = hub.follow(KEY)
    eventually(lambda: stream.tick > 5)
    assert caller.asked <= stream.tick + 1


def test_streams_of_one_moment_share_what_they_ask(caller: FakeCaller) -> None:
    """Two topics that need the same answer at one moment ask for it once; another role again."""
    clock, moment = ManualClock(NOON), Shared()
    pages = []
    for _ in range(3):
        asking = Asking(caller, clock, moment)
        pages.append(asking.call(PAGES, Nothing()).number)
        assert asking.since == NOON  # when the answer was made, not when it was used again
        clock.advance(timedelta(seconds=1))
    assert pages == [1, 1, 1]
    assert Asking(caller, clock, Shared()).call(PAGES, Nothing()).number == 2


def test_an_error_is_shared_too(caller: FakeCaller) -> None:
    """What could not be answered is not asked again at the same moment."""
    caller.fault = InputError("no")
    asking = Asking(caller, ManualClock(NOON))
    for _ in range(2):
        with pytest.raises(InputError, match="no"):
            asking.call(PAGES, Nothing())
    assert caller.asked == 1


def test_each_role_has_its_own_stream(hub: Hub, caller: FakeCaller) -> None:
    """What a viewer is sent was asked as a viewer, and is never what an admin is sent."""
    viewer = hub.follow(KEY)
    assert set(caller.roles) == {"viewer"}
    admin = hub.follow(replace(KEY, role="admin"))
    assert viewer is not admin
    assert "admin" in caller.roles
    eventually(lambda: viewer.tick > 2 and admin.tick > 2)
    assert set(caller.roles) == {"viewer", "admin"}


def test_longer_intervals_are_asked_for_less(hub: Hub) -> None:
    """A stream of 1m moves on once while one of 1s does so many times."""
    quick, slow = hub.follow(KEY), hub.follow(replace(KEY, interval="1m"))
    eventually(lambda: quick.tick >= 40)
    assert slow.tick < quick.tick / 2


def test_nobody_is_asked_when_nobody_follows(hub: Hub, caller: FakeCaller) -> None:
    """With its last follower a stream rests; who comes back finds it there, and up to date."""
    stream = hub.follow(KEY)
    eventually(lambda: stream.tick > 2)
    hub.leave(stream)
    assert hub.streams == 0
    rested = [caller.asked]

    def rests() -> bool:
        time.sleep(5 * SECOND)  # a turn that had begun is over, too
        rested.append(caller.asked)
        return rested[-2] == rested[-1]

    eventually(rests)
    seq = stream.seq

    def once(number: int) -> Page:
        caller.gate.clear()  # what is asked after the one that follows waits
        return Page(number)

    caller.answer = once
    again = hub.follow(KEY)
    assert again is stream
    assert caller.asked == rested[-1] + 1
    caller.gate.set()
    later = again.later(seq)
    assert later is not None
    assert later[-1].change.type == "dashboard_update"


def test_a_forgotten_stream_begins_with_larger_numbers(caller: FakeCaller) -> None:
    """After a stream was forgotten, a number of its former life is a gap and never a place."""
    hub = hub_of(caller, linger=0.0)
    first = hub.follow(KEY)
    other = hub.follow(replace(KEY, interval="5s"))
    hub.leave(first)
    before = other.tick
    eventually(lambda: other.tick > before + 1)  # a turn began after it was left
    second = hub.follow(KEY)
    assert second is not first
    assert second.first_seq > first.seq
    assert second.later(first.seq) is None
    hub.close()


def test_what_is_slow_delays_only_itself(caller: FakeCaller) -> None:
    """While one question hangs, another goes on, and who follows the slow one waits alone."""
    stuck = FakeCaller()

    def ask(asking: Asking) -> Page:
        del asking
        page: Page = stuck.call(PAGES, Nothing())
        return page

    hub = hub_of(caller, {"dashboard": document(), "stuck": Document("snapshot", "update", ask)})
    other = hub.follow(StreamKey(Question("stuck"), "viewer", "1s"))
    stream = hub.follow(KEY)
    stuck.gate.clear()
    before, held = stream.tick, other.tick
    eventually(lambda: stream.tick > before + 10)
    assert other.tick <= held + 1  # one answer may have been on its way
    stuck.gate.set()
    eventually(lambda: other.tick > held + 5)
    hub.close()


def test_a_failure_is_told_and_it_goes_on(
    hub: Hub, caller: FakeCaller, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream whose question fails says so, keeps its last answer, and recovers by itself."""
    stream = hub.follow(KEY)
    told: list[Stream] = []
    hub.updated = told.append
    caller.fault = InputError("the metric is gone")
    eventually(lambda: stream.fault)
    assert b"the metric is gone" in (stream.fault or b"")
    assert told
    caller.fault = ValueError("a secret of the inside")
    eventually(lambda: b"see the log" in (stream.fault or b""))
    assert b"secret" not in (stream.fault or b"")
    assert "a secret of the inside" in caplog.text
    caller.fault = None
    eventually(lambda: stream.fault is None)


def test_what_cannot_be_answered_is_not_followed(hub: Hub, caller: FakeCaller) -> None:
    """The error of the first answer is the follower's, and nothing is left behind."""
    caller.fault = InputError("no metric 'x'")
    with pytest.raises(InputError, match="no metric"):
        hub.follow(KEY)
    assert hub.streams == 0
    caller.fault = None
    assert hub.follow(KEY).tick == 1


@pytest.mark.parametrize(
    ("topic", "words"),
    [("weather", "no topic 'weather'"), ("dashbord", "did you mean 'dashboard'")],
)
def test_a_topic_that_is_not_there_is_named(hub: Hub, topic: str, words: str) -> None:
    """The error for a topic that is not there names the nearest, and which there are."""
    with pytest.raises(NotFoundError, match=f"{words}.*Topics: dashboard"):
        hub.follow(StreamKey(Question(topic), "viewer", "1s"))


def test_there_is_a_limit_of_questions(caller: FakeCaller) -> None:
    """Too many different questions are refused; those that nobody follows make room."""
    hub = hub_of(caller, streams=2)
    keys = [replace(KEY, interval=each) for each in ("1s", "5s", "30s")]
    streams = [hub.follow(each) for each in keys[:2]]
    with pytest.raises(BusyError, match="the limit is 2") as caught:
        hub.follow(keys[2])
    assert caught.value.details["limit"] == 2
    hub.follow(keys[0])
    hub.leave(streams[1])
    assert hub.follow(keys[2]).tick == 1
    hub.close()


def test_many_may_come_at_once(hub: Hub, caller: FakeCaller) -> None:
    """Those who follow while the first answer is made wait for it, and it is made once."""
    caller.gate.clear()
    found: list[Stream] = []
    threads = [threading.Thread(target=lambda: found.append(hub.follow(KEY))) for _ in range(8)]
    for thread in threads:
        thread.start()
    caller.gate.set()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in found}) == 1
    for each in found:
        hub.leave(each)
    assert hub.streams == 0


def test_a_closed_hub_is_not_followed(hub: Hub) -> None:
    """After the end, following is refused; closing twice is harmless."""
    hub.follow(KEY)
    hub.close()
    hub.close()
    with pytest.raises(WorkspaceError, match="stopping"):
        hub.follow(KEY)

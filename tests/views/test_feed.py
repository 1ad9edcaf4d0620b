"""Numbers are computed once for all who look, and only while somebody does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import msgspec
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import WorkspaceError, WorkspaceLockedError
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import feed as feed_module
from datawatch_lab.views.feed import Feed, Watch
from tests.views.fakes import NOW, FakeWorkspace, status
from tests.waiting import eventually

EVERY = 0.01


@pytest.fixture
def fake() -> FakeWorkspace:
    """A live workspace."""
    return FakeWorkspace()


@pytest.fixture
def clock() -> ManualClock:
    """Stands still until moved."""
    return ManualClock(NOW)


@pytest.fixture
def feed(
    fake: FakeWorkspace, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Feed]:
    """A feed that looks a hundred times a second and gives up soon."""
    for name in ("_RETRY_SECONDS", "_TABLES_SECONDS", "_COST_FACTOR"):
        monkeypatch.setattr(feed_module, name, EVERY)
    monkeypatch.setattr(feed_module, "_LINGER_SECONDS", 5 * EVERY)
    made = Feed(lambda: cast("Workspace", fake), owned=True, clock=clock, every=EVERY)
    yield made
    made.close()


def turns(fake: FakeWorkspace, count: int = 5) -> None:
    """Let the feed look that often."""
    seen = fake.asked["status"]
    eventually(lambda: fake.asked["status"] >= seen + count)


def test_many_viewers_cost_as_much_as_one(feed: Feed, fake: FakeWorkspace) -> None:
    """Twenty viewers of a range get the very same snapshot, computed once."""
    watches = [feed.watch("1h") for _ in range(20)]
    eventually(lambda: watches[0].latest)
    turns(fake)
    assert feed.computed == 1
    assert len({id(each.latest) for each in watches if each.latest}) <= 2
    for each in watches:
        each.close()


def test_numbers_are_asked_for_again_only_when_they_can_differ(
    feed: Feed, fake: FakeWorkspace, clock: ManualClock
) -> None:
    """A new data version or a new bucket recomputes; mere time within a bucket does not."""
    with feed.watch("1h") as watch:
        eventually(lambda: watch.latest)
        clock.advance(timedelta(seconds=20))
        turns(fake)
        assert feed.computed == 1
        fake.now_status = status(version=2)
        eventually(lambda: feed.computed == 2)
        clock.advance(timedelta(seconds=50))
        eventually(lambda: feed.computed == 3)
        turns(fake)
        assert feed.computed == 3


def test_what_hardly_changes_is_asked_once_a_bucket(feed: Feed, fake: FakeWorkspace) -> None:
    """New events within a bucket do not ask for the period before again."""
    with feed.watch("1h") as watch:
        eventually(lambda: watch.latest)
        first = fake.asked["query"]
        fake.now_status = status(version=2)
        eventually(lambda: feed.computed == 2)
        assert 0 < fake.asked["query"] - first < first


def test_the_axis_moves_on_without_new_numbers(
    feed: Feed, fake: FakeWorkspace, clock: ManualClock
) -> None:
    """Between two computations the window still ends now."""
    with feed.watch("1h") as watch:
        eventually(lambda: watch.latest)
        clock.advance(timedelta(seconds=20))

        def moved() -> bool:
            where = watch.latest and watch.latest.snapshot.window
            return bool(where and where.end == clock.now())

        eventually(moved)


def test_nobody_looks_nothing_is_asked(feed: Feed, fake: FakeWorkspace) -> None:
    """After the last viewer the feed stops and frees its own workspace; a new one wakes it."""
    watch = feed.watch("1h")
    eventually(lambda: watch.latest)
    watch.close()
    eventually(lambda: feed._thread is None and fake.closed)
    asked = fake.asked.copy()
    time.sleep(10 * EVERY)
    assert fake.asked == asked
    assert fake.closed == 1
    with feed.watch("6h") as again:
        eventually(lambda: again.latest)


def test_a_page_that_asks_for_no_range_gets_one_with_data(feed: Feed, fake: FakeWorkspace) -> None:
    """History is opened on all of its own range."""
    old = iso(NOW - timedelta(days=700))
    fake.now_status = status(status="history", first_event=old, last_event=old)
    with feed.watch("nonsense") as watch:
        eventually(lambda: watch.latest)
        assert watch.latest is not None
        assert watch.latest.snapshot.key == "all"


def test_a_silent_source_ends_its_lines(feed: Feed, fake: FakeWorkspace) -> None:
    """Points after the silence began are not known, and the bucket it began in is unfinished."""
    source = msgspec.structs.replace(
        fake.now_status.sources[0], last_received=iso(NOW - timedelta(seconds=90))
    )
    fake.now_status = status(status="silent", message="no data since …", sources=[source])
    with feed.watch("1h") as watch:
        eventually(lambda: watch.latest)
        assert watch.latest is not None
        assert watch.latest.snapshot.data is not None
        line = watch.latest.snapshot.data.series["created"]
        assert line.open == 0
        assert [value == value for value in line.values.tolist()] == [True, False, False]  # noqa: PLR0124


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (WorkspaceError("there is no workspace."), "missing"),
        (WorkspaceLockedError("pid 7 has it."), "locked"),
    ],
)
def test_what_cannot_be_opened_is_said_and_tried_again(
    feed: Feed, fake: FakeWorkspace, fault: WorkspaceError, state: str
) -> None:
    """A page waits for a workspace that is missing or taken, and fills when it can be had."""
    fake.fault = fault
    with feed.watch() as watch:
        eventually(lambda: watch.latest)
        assert watch.latest is not None
        assert watch.latest.snapshot.state == state
        assert watch.latest.snapshot.message == fault.message
        fake.fault = None
        eventually(lambda: _state(watch) == "live")


def test_a_lost_workspace_leaves_the_numbers_and_says_so(feed: Feed, fake: FakeWorkspace) -> None:
    """When the engine goes away the last numbers stay, marked as no longer fresh."""
    with feed.watch("1h") as watch:
        eventually(lambda: watch.latest)
        fake.fault = WorkspaceError("the server does not answer.")
        eventually(lambda: _state(watch) == "lost")
        assert watch.latest is not None
        assert watch.latest.snapshot.data is not None
        assert not watch.latest.snapshot.fresh
        fake.fault = None
        eventually(lambda: _state(watch) == "live")


def test_a_closed_feed_asks_nothing(feed: Feed, fake: FakeWorkspace) -> None:
    """Closing ends the thread even while somebody looks, and a later viewer does not wake it."""
    watch = feed.watch("1h")
    eventually(lambda: watch.latest)
    feed.close()
    asked = fake.asked.copy()
    feed.watch("6h").close()
    time.sleep(10 * EVERY)
    assert fake.asked == asked
    assert fake.closed == 1
    watch.close()


def _state(watch: Watch) -> str:
    return watch.latest.snapshot.state if watch.latest else ""

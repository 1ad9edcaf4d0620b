"""The questions of boards are asked in a few threads, none of which starves a board."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from datawatch_lab.views.board.pool import THREADS, Pool, Told
from tests.waiting import PATIENCE, eventually


class Asked:
    """A pool whose questions are answered when they are let go; notes which were begun."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.begun: list[str] = []
        self.go = threading.Event()

    def ask(self, owner: str, name: str, *, is_quick: bool = False) -> Future[Told]:
        """Ask something that is not answered yet."""

        def question() -> str:
            self.begun.append(name)
            assert self.go.wait(PATIENCE)
            return name

        return self.pool.ask(owner, question, is_quick=is_quick)


@pytest.fixture
def asked() -> Iterator[Asked]:
    """A pool that ends with the test."""
    made = Asked()
    yield made
    made.go.set()
    made.pool.close()


def test_what_is_answered_is_told_with_its_cost() -> None:
    """An answer has its value and how long it took; a fault is raised where it is read."""
    pool = Pool()
    told = pool.ask("a", lambda: 7).result(PATIENCE)
    assert (told.value, told.seconds >= 0) == (7, True)
    with pytest.raises(ZeroDivisionError):
        pool.ask("a", lambda: 1 // 0).result(PATIENCE)
    pool.close()


def test_a_board_takes_two_threads_and_all_boards_leave_one(asked: Asked) -> None:
    """However many questions wait, one that is known to be quick has its thread."""
    waiting = [asked.ask("slow", f"slow{at}") for at in range(10)]
    waiting += [asked.ask("other", f"other{at}") for at in range(10)]
    eventually(lambda: len(asked.begun) == THREADS - 1)
    quick = asked.ask("slow", "quick", is_quick=True)
    eventually(lambda: "quick" in asked.begun)
    assert sorted(asked.begun) == ["other0", "quick", "slow0", "slow1"]
    asked.go.set()
    assert quick.result(PATIENCE).value == "quick"
    assert {each.result(PATIENCE).value for each in waiting} == {
        f"{owner}{at}" for owner in ("slow", "other") for at in range(10)
    }


def test_boards_have_their_turns(asked: Asked) -> None:
    """Who asks one question does not wait for all that another asked before."""
    pool = Pool(threads=2)  # one of them for what is quick
    asked.pool = pool
    first = asked.ask("a", "a0")
    eventually(lambda: asked.begun == ["a0"])
    more = [asked.ask("a", f"a{at}") for at in (1, 2, 3)]
    other = asked.ask("b", "b0")
    asked.go.set()
    for each in (first, other, *more):
        each.result(PATIENCE)
    assert asked.begun.index("b0") <= 2, asked.begun


def test_what_waits_can_be_taken_back(asked: Asked) -> None:
    """A question that was not begun is not asked once it is cancelled; the rest is."""
    held = [asked.ask("a", name) for name in ("a0", "a1")]
    eventually(lambda: len(asked.begun) == 2)
    waiting, last = asked.ask("a", "a2"), asked.ask("a", "a3")
    assert waiting.cancel()
    asked.go.set()
    assert last.result(PATIENCE).value == "a3"
    assert all(each.result(PATIENCE) for each in held)
    assert "a2" not in asked.begun


def test_after_the_end_nothing_is_asked(asked: Asked) -> None:
    """What waits is cancelled, and so is what comes later."""
    for name in ("a0", "a1"):
        asked.ask("a", name)
    waiting = asked.ask("a", "a2")
    asked.pool.close()
    assert waiting.cancelled()
    assert asked.ask("b", "b0").cancelled()

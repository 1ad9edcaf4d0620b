"""Parts are made once for all who look at the same, and only while somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import cast

import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.pages import live as live_module
from datawatch_lab.views.pages.live import Live, Watch
from datawatch_lab.views.pages.page import Done, Fields, Look, Page
from datawatch_lab.views.pages.place import Place
from tests.views.fakes import FakeWorkspace
from tests.waiting import PATIENCE, eventually

ANN = Who("ann", "viewer", "session")
BEN = Who("ben", "viewer", "session")
EVA = Who("eva", "editor", "session")


class Counting:
    """A page that counts how often it was made."""

    def __init__(self, *, personal: bool = False) -> None:
        self.made: list[tuple[str, str]] = []
        self.fault: Exception | None = None
        self.page = Page(
            "p", "P", "p", "", self.view, {"do": self.do}, every=0.0, personal=personal
        )

    def view(self, look: Look) -> Mapping[str, str]:
        """Its parts."""
        self.made.append((look.who.name, look.place.get("x")))
        if self.fault is not None:
            raise self.fault
        return {"part": f"{look.who.role} {look.place.get('x')} {look.workspace.status().version}"}

    def do(self, look: Look, fields: Fields) -> Done:
        """An action."""
        if fields.get("fail"):
            raise InputError("not so")
        return Done(said=f"{look.who.name} did")


class Looking:
    """Somebody who looks; waits until there is something."""

    def __init__(self, live: Live, who: Who, x: str = "1") -> None:
        self.news = threading.Event()
        self.watch: Watch = live.watch(Place.of("p", {"x": x}), who, self.news.set)

    def sees(self) -> Mapping[str, str]:
        """What there is."""
        assert self.news.wait(PATIENCE)
        assert self.watch.slots is not None
        return self.watch.slots


@pytest.fixture
def counting() -> Counting:
    """The page."""
    return Counting()


@pytest.fixture
def live(shop: Workspace, counting: Counting) -> Iterator[Live]:
    """The maker of its parts."""
    made = Live(lambda: shop, {"p": counting.page})
    yield made
    made.close()


def test_those_who_look_at_the_same_share_it(live: Live, counting: Counting) -> None:
    """Two viewers of a place cost one view; another role or place costs its own."""
    first = Looking(live, ANN)
    first.sees()
    second = Looking(live, BEN)
    assert second.watch.slots == first.watch.slots
    assert Looking(live, EVA).sees()["part"].startswith("editor")
    assert " 2 " in Looking(live, ANN, "2").sees()["part"]
    assert len({name for name, x in counting.made if x == "1"} & {"ann", "ben"}) == 1


def test_a_personal_page_is_made_for_each(shop: Workspace) -> None:
    """What differs between users of one role is not shared."""
    counting = Counting(personal=True)
    live = Live(lambda: shop, {"p": counting.page})
    Looking(live, ANN).sees()
    Looking(live, BEN).sees()
    live.close()
    assert {name for name, _ in counting.made} == {"ann", "ben"}


def test_a_fault_is_a_state_of_the_page(live: Live, counting: Counting) -> None:
    """A page that cannot be made says why, and recovers."""
    counting.fault = InputError("the cellar is flooded")
    looking = Looking(live, ANN)
    assert "The cellar is flooded" in looking.sees()["fault"]
    counting.fault = None
    looking.news.clear()
    live.stir()
    assert "part" in looking.sees()


def test_an_unexpected_fault_is_not_shown_as_it_is(
    live: Live, counting: Counting, caplog: pytest.LogCaptureFixture
) -> None:
    """Details of a fault of ours are in the log, not on the page."""
    counting.fault = RuntimeError("secret path")
    shown = Looking(live, ANN).sees()["fault"]
    assert "secret path" not in shown
    assert "secret path" in caplog.text


def test_what_changes_while_a_page_is_made_is_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that was being made when an action was done is made again at once."""
    monkeypatch.setattr(live_module, "_STILL_SECONDS", 3_600.0)
    going, let, rules = threading.Event(), threading.Event(), ["old"]

    def view(_: Look) -> Mapping[str, str]:
        found = rules[-1]
        going.set()
        assert let.wait(PATIENCE)
        return {"part": found}

    shop = cast("Workspace", FakeWorkspace())  # its data stays as it is
    made = Live(lambda: shop, {"p": Page("p", "P", "p", "", view, every=0.0)})
    looking = Looking(made, ANN)
    assert going.wait(PATIENCE)
    rules.append("new")
    made.stir()
    let.set()
    eventually(lambda: looking.watch.slots == {"part": "new"})
    made.close()


def test_who_leaves_is_not_told_any_more(live: Live, shop: Workspace) -> None:
    """After the last has left, nothing is kept of the place."""
    looking = Looking(live, ANN)
    looking.sees()
    looking.watch.close()
    looking.watch.close()
    assert looking.watch.slots is None


def test_an_action_answers_who_asked(live: Live) -> None:
    """What became of an action goes back, a refusal as words."""
    answers: list[Done] = []
    came = threading.Event()

    def done(answer: Done) -> None:
        answers.append(answer)
        came.set()

    live.act(Place("p"), EVA, "do", {}, done)
    assert came.wait(PATIENCE)
    came.clear()
    live.act(Place("p"), EVA, "do", {"fail": True}, done)
    assert came.wait(PATIENCE)
    assert [answers[0].said, answers[1].fault] == ["eva did", "not so"]


def test_closing_twice_is_harmless(live: Live) -> None:
    """A maker that is closed makes nothing, and can be closed again."""
    live.close()
    live.close()
    assert live.watch(Place("p"), ANN, lambda: None).slots is None

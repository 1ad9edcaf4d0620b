"""Who looks at a page is asked again while the page is kept up to date."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from datawatch_lab.core.errors import AccessError
from datawatch_lab.core.who import Who
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.pages import PAGES, session
from datawatch_lab.views.pages.live import Live
from datawatch_lab.views.pages.page import Look, Page
from datawatch_lab.views.pages.place import Place
from datawatch_lab.views.pages.session import Session
from tests.waiting import eventually

EVA = Who("eva", "editor", "session")
DEMOTED = Who("eva", "viewer", "session")


class Door:
    """Says who looks; can change its mind."""

    def __init__(self, who: Who) -> None:
        self.who: Who | None = who
        self.asked = 0

    def __call__(self) -> Who:
        """Who looks; refused once they are gone."""
        self.asked += 1
        if self.who is None:
            raise AccessError("You are not signed in any more.", status=401)
        return self.who


def role_of(look: Look) -> Mapping[str, str]:
    """A page that shows for whom it was made."""
    return {"role": look.who.role}


@pytest.fixture
def live(workspace: Workspace) -> Iterator[Live]:
    """The maker of one page."""
    made = Live(lambda: workspace, {"p": Page("p", "P", "p", "", role_of, every=0.0)})
    yield made
    made.close()


def opened(live: Live, door: Door) -> Session:
    """A session whose browser is ready, and which was sent its page."""
    made = Session(live, Place("p"), door, around=False)
    made.up.tags = [json.dumps({"ready": 1})]
    eventually(lambda: made._watches[0].slots is not None)
    made.tick()
    return made


def sent(made: Session) -> dict[str, Any]:
    """The last message to the browser."""
    found: dict[str, Any] = json.loads(made.down.tags[0])
    return found


def test_who_is_signed_out_is_sent_nothing_more(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who was removed is told so at the next news, and their watches end."""
    door = Door(EVA)
    made = opened(live, door)
    assert sent(made)["slots"] == {"role": "editor"}
    monkeypatch.setattr(session, "ASK_AGAIN_SECONDS", 0.0)
    door.who = None
    made.tick()
    assert "not signed in" in sent(made)["fault"]
    assert not made._watches


def test_a_demoted_user_looks_on_under_the_new_role(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a change of role the page is that of the new one."""
    door = Door(EVA)
    made = opened(live, door)
    monkeypatch.setattr(session, "ASK_AGAIN_SECONDS", 0.0)
    door.who = DEMOTED
    made.tick()
    monkeypatch.undo()
    eventually(lambda: made._watches[0].slots is not None)
    made.tick()
    assert sent(made)["slots"] == {"role": "viewer"}


def test_who_looks_is_not_asked_for_each_tick(live: Live) -> None:
    """Within the seconds of an answer it stands."""
    door = Door(EVA)
    made = opened(live, door)
    before = door.asked
    for _ in range(5):
        made.tick()
    assert door.asked == before


def test_pages_that_show_ones_own_boards_are_not_shared() -> None:
    """What differs between users of one role, such as their role on a board, is made for each."""
    personal = {each.key for each in PAGES if each.personal}
    assert {"home", "dashboards", "explorer"} <= personal

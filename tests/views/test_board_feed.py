"""A board is computed once for all who look."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery, Variable, replace
from datawatch_lab.core.errors import BusyError, NotFoundError, WorkspaceError, not_found
from datawatch_lab.core.who import current_who
from datawatch_lab.views.board import asking, tiles
from datawatch_lab.views.board import feed as feeds
from datawatch_lab.views.board.channel import RING, Viewer
from datawatch_lab.views.board.feed import BoardFeed, look_of
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.view import Look, View
from tests.views.board_fakes import BoardWorkspace, board_of, tile_of
from tests.views.fakes import NOW
from tests.waiting import PATIENCE, eventually


class Boards:
    """A feed over a fake workspace, and the document that it shows."""

    def __init__(self) -> None:
        self.workspace = BoardWorkspace()
        self.board = board_of(tile_of("counter"), tile_of("line"))
        self.told = threading.Semaphore(0)
        # The clock stands still: with a new minute tiles would be asked again.
        self.feed = BoardFeed(self.workspace, self.load, clock=ManualClock(NOW), second=0.02)

    def load(self, name: str) -> Dashboard:
        """The one dashboard there is."""
        if name not in (self.board.id, self.board.name):
            raise not_found("dashboard", name, [self.board.name])
        return self.board

    def watch(self, look: Look | None = None, since: int | None = None) -> Viewer:
        """Look."""
        return self.feed.watch("shop", look or Look(), self.told.release, since)

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for the feed until something holds; as soon as it tells, and now and then."""

        def done() -> object:
            return holds() or (self.told.acquire(timeout=0.05) and holds())

        eventually(done, "the feed did not come so far")


@pytest.fixture
def boards(monkeypatch: pytest.MonkeyPatch) -> Iterator[Boards]:
    """A feed that ends with the test; a first message waits for every tile, however long."""
    monkeypatch.setattr(feeds, "_FIRST_SECONDS", PATIENCE)
    made = Boards()
    yield made
    made.feed.close()


def read(viewer: Viewer) -> Any:
    """The next message as a value; None for none."""
    text = viewer.next()
    return None if text is None else json.loads(text)


def test_the_first_message_is_the_whole(boards: Boards) -> None:
    """Who comes is sent the board with the values of every tile."""
    message = read(boards.watch())
    assert message["type"] == "board"
    assert [each["id"] for each in message["board"]["tiles"]] == ["counter", "line"]
    assert message["parts"]["counter"]["data"]["value"] == 1.0
    assert message["board"]["range"] == "24h"


def test_a_hundred_viewers_cost_as_much_as_one(boards: Boards) -> None:
    """The values are asked for once, and all are sent the same bytes."""
    one = boards.watch()
    asked = boards.workspace.asked["query"]
    others = [boards.watch() for _ in range(100)]
    assert boards.feed.viewers == 101
    with one.channel.building:  # no tick comes between the first and the last of them
        texts = {each.next() for each in (one, *others)}
    assert len(texts) == 1
    # The fake's data has one version, so nothing is asked twice.
    assert boards.workspace.asked["query"] == asked


def test_who_comes_waits_for_no_slow_tile(boards: Boards) -> None:
    """While a round is being made, who comes is sent what there is."""
    first = boards.watch()
    with first.channel.building:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(read(boards.watch())))
        thread.start()
        thread.join(PATIENCE)
        assert [each["type"] for each in found] == ["board"]


def test_a_tick_has_only_what_changed(boards: Boards) -> None:
    """When data comes, a tick has the tiles that differ; else it says that all is well."""
    viewer = boards.watch()
    read(viewer)
    ticks: list[Any] = []

    def ticked() -> bool:
        # Where this thread was held up for ten ticks, it is sent the whole once more.
        ticks.extend(each for each in [read(viewer)] if each and each["type"] == "tick")
        return bool(ticks)

    boards.until(ticked)
    assert ticks[0]["status"] == {"state": "live", "message": "live"}
    assert "counter" not in ticks[0]["parts"]
    boards.workspace.scenario.value = lambda at: at + 0.5
    boards.workspace.scenario.status = {"version": 2}
    parts: dict[str, Any] = {}

    def changed() -> bool:
        message = read(viewer)
        parts.update((message or {}).get("parts", {}))
        return "counter" in parts

    boards.until(changed)
    assert parts["counter"]["data"]["value"] == 1.5


def test_who_comes_back_is_sent_what_is_missing(boards: Boards) -> None:
    """A number that the ring has goes on from there; any other begins anew."""
    viewer = boards.watch()
    first = read(viewer)["seq"]
    boards.until(lambda: viewer.channel.seq >= first + 2)
    with viewer.channel.building:  # no tick comes meanwhile
        last = viewer.channel.seq
        again = boards.watch(since=last - 2)
        assert [read(again)["seq"] for _ in range(2)] == [last - 1, last]
        assert read(again) is None
    assert read(boards.watch(since=first - RING - 1))["type"] == "board"
    assert read(boards.watch(since=first + 10**6))["type"] == "board"


def test_who_reads_slowly_is_sent_the_whole(boards: Boards) -> None:
    """Nobody is sent a long row of old ticks."""
    viewer = boards.watch()
    first = read(viewer)["seq"]
    boards.until(lambda: viewer.channel.seq > first + 12)
    message = read(viewer)
    assert message["type"] == "board"
    assert message["seq"] > first + 12


def test_roles_filters_and_ranges_are_channels_of_their_own(boards: Boards) -> None:
    """What differs is never sent to others."""
    looks = (Look(), Look(role="editor"), Look(range="1h"), Look(filters=(("country", "DE"),)))
    channels = {id(boards.watch(each).channel) for each in looks}
    assert len(channels) == len(looks)
    assert boards.watch(Look(range="1h")).channel is boards.watch(Look(range="1h")).channel


def test_a_changed_document_is_sent_to_all(boards: Boards) -> None:
    """Who looks sees a tile that somebody adds."""
    viewer = boards.watch()
    read(viewer)
    boards.board = boards.board.with_tile(tile_of("gauge"))
    found: list[Any] = []

    def whole() -> bool:
        message = read(viewer)
        if message and message["type"] == "board":
            found.append(message)
        return bool(found)

    boards.until(whole)
    assert "gauge" in found[0]["parts"]


def test_nobody_is_asked_while_nobody_looks(boards: Boards) -> None:
    """A board that is closed costs nothing."""
    viewer = boards.watch()
    viewer.close()
    assert boards.feed.viewers == 0
    assert not viewer.channel.viewers


def test_an_unknown_dashboard_names_the_nearest(boards: Boards) -> None:
    """A misspelt name is answered with what there is."""
    with pytest.raises(NotFoundError, match="Shop"):
        boards.feed.watch("shopp", Look())


def test_there_is_a_limit_to_different_looks(
    boards: Boards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Filters at will do not fill the memory: channels of those who left make room, then 429."""
    monkeypatch.setattr(feeds, "MOST_CHANNELS", 2)
    boards.watch(Look(range="1h")).close()
    boards.watch(Look(range="2h"))
    boards.watch(Look(range="3h"))
    with pytest.raises(BusyError, match="limit"):
        boards.watch(Look(range="4h"))


def test_after_the_end_nobody_looks(boards: Boards) -> None:
    """A feed that has stopped says so."""
    boards.feed.close()
    with pytest.raises(WorkspaceError, match="stopping"):
        boards.watch()


def test_a_document_that_is_not_stored_is_shown(boards: Boards) -> None:
    """An edited board shows its values before it is saved."""
    viewer = boards.feed.show(board_of(tile_of("gauge")))
    assert list(read(viewer)["parts"]) == ["gauge"]
    boards.feed.refresh(viewer, board_of(tile_of("gauge"), tile_of("text")))
    assert set(read(viewer)["parts"]) == {"gauge", "text"}


def test_variables_choose_the_values_of_filters(boards: Boards) -> None:
    """``$place`` stands for what is chosen, and for nothing when that is all."""
    query = TileQuery(metric="sales", filters={"country": "$place"})
    boards.board = replace(
        board_of(tile_of("counter", query=query)),
        variables=(Variable(name="place", metric="sales", label="country", default="DE"),),
    )
    asked: list[Any] = []
    ask = boards.workspace.query

    def noted(name: str, **how: Any) -> Any:
        asked.append(how["filters"])
        return ask(name, **how)

    boards.workspace.query = noted  # type: ignore[method-assign]
    head = read(boards.watch())["board"]["variables"][0]
    assert head["choices"] == ["DE", "FR", "US"]
    assert head["chosen"] == ["DE"]
    read(boards.watch(Look(variables=(("place", ("FR", "US")),))))
    read(boards.watch(Look(variables=(("place", ()),))))
    assert ["country=DE"] in asked
    assert ["country=FR", "country=US"] in asked
    assert asked[-1] is None


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_everything_is_asked_by_the_role_of_the_look(
    boards: Boards, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """Values of variables too: nobody is shown what their role may not see."""
    boards.board = replace(
        boards.board, variables=(Variable(name="where", metric="sales", label="country"),)
    )
    asked: list[tuple[str, str]] = []

    def noted(name: str) -> Callable[..., Any]:
        answer = getattr(boards.workspace, name)

        def ask(*given: Any, **how: Any) -> Any:
            asked.append((name, current_who().role))
            return answer(*given, **how)

        return ask

    names = ("query", "range", "metrics", "tables", "anomalies", "active_alerts", "schema_changes")
    for name in names:
        monkeypatch.setattr(boards.workspace, name, noted(name))
    before = current_who()
    viewer = boards.watch(Look(role=role))
    count = len(asked)
    head = read(viewer)["board"]
    assert head["variables"][0]["choices"] == ["DE", "FR", "US"]
    assert len(asked) == count, "what is sent is made of what was asked before"
    boards.feed.draw(boards.board, Look(role=role))
    assert {name for name, _ in asked} == set(names)
    assert {role for _, role in asked} == {role}
    assert current_who() == before


def test_choices_are_asked_for_anew_when_data_has_come(boards: Boards) -> None:
    """A value that a label has by now can be chosen by who comes next."""
    variable = Variable(name="where", metric="sales", label="country")
    boards.board = replace(boards.board, variables=(variable,))
    viewer = boards.watch()
    read(viewer)
    boards.workspace.scenario.names = ("AT",)
    boards.workspace.scenario.status = {"version": 2}
    viewer.channel._questions._late.clear()  # as if it were long ago

    def choices() -> Any:
        with closing(boards.watch()) as newcomer:
            return read(newcomer)["board"]["variables"][0]["choices"]

    boards.until(lambda: choices() == ["AT"])


class Stuck:
    """Tiles whose title begins with “stuck” answer once they are let go."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.asked: list[str] = []
        self.threads: set[str] = set()
        self.roles: set[str] = set()
        shown = tiles.show

        def show(view: View, tile: Tile) -> Part:
            if tile.title.startswith("stuck"):
                self.asked.append(tile.id)
                self.threads.add(threading.current_thread().name)
                self.roles.add(current_who().role)
                assert self.go.wait(PATIENCE)
            return shown(view, tile)

        patch.setattr(asking, "show", show)
        patch.setattr(feeds, "_FIRST_SECONDS", 0.1)


@pytest.fixture
def stuck(boards: Boards, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stuck]:
    """A board with a tile that does not answer, beside one that does."""
    made = Stuck(monkeypatch)
    boards.board = board_of(tile_of("counter", title="stuck", id="stuck"), tile_of("line"))
    yield made
    made.go.set()


def test_a_slow_tile_delays_no_other(boards: Boards, stuck: Stuck) -> None:
    """While one tile is not answered, those beside it are shown and go on with the data."""
    viewer = boards.watch()
    others = [boards.watch() for _ in range(5)]
    shown = read(viewer)["parts"]
    assert shown["stuck"]["state"] == "loading"

    def drawn() -> bool:
        shown.update((read(viewer) or {}).get("parts", {}))
        return bool(shown["line"]["state"] == "ok")

    boards.until(drawn)
    boards.workspace.scenario.value = lambda at: at + 0.5
    boards.workspace.scenario.status = {"version": 2}
    parts: dict[str, Any] = {}

    def came(name: str) -> bool:
        parts.update((read(viewer) or {}).get("parts", {}))
        return name in parts

    boards.until(lambda: came("line"))
    assert "stuck" not in parts
    stuck.go.set()
    boards.until(lambda: came("stuck"))
    assert parts["stuck"]["state"] == "ok"
    assert len(others) == 5
    assert stuck.roles == {"viewer"}


def test_what_is_being_asked_is_not_asked_again(boards: Boards, stuck: Stuck) -> None:
    """Rounds go by and others come to look; the slow question stays one."""
    viewer = boards.watch()
    first = viewer.channel.seq
    more = [boards.watch() for _ in range(20)]
    boards.until(lambda: viewer.channel.seq > first + 5)
    assert stuck.asked == ["stuck"]
    assert len(more) == 20


def test_many_slow_tiles_hold_up_no_other_board(boards: Boards, stuck: Stuck) -> None:
    """A board of slow tiles takes two threads; a board beside it is drawn and goes on."""
    slow = board_of(
        *(tile_of("counter", title="stuck", id=f"slow{at}") for at in range(9)), id="slow"
    )
    loaded = boards.load
    boards.board = board_of(tile_of("counter"), tile_of("line"))
    boards.feed.load = lambda name: slow if name == "slow" else loaded(name)
    held = boards.feed.watch("slow", Look(), boards.told.release)
    viewer = boards.watch()
    seen: dict[str, Any] = {}

    def drawn() -> bool:
        seen.update((read(viewer) or {}).get("parts", {}))
        return {name for name, part in seen.items() if part["state"] == "ok"} >= {"counter", "line"}

    boards.until(drawn)
    boards.until(lambda: len(stuck.asked) == 2)
    first = viewer.channel.seq
    boards.until(lambda: viewer.channel.seq > first + 3)
    assert len(stuck.asked) == 2
    assert len(stuck.threads) <= 2
    held.close()
    stuck.go.set()
    boards.until(lambda: held.channel.is_settled)
    assert len(stuck.asked) == 2, "nobody looks, so what waited is not asked"


def test_an_answer_about_what_changed_meanwhile_is_dropped(boards: Boards, stuck: Stuck) -> None:
    """A tile that is changed while it is asked is asked anew; the old answer is not shown."""
    viewer = boards.watch()
    boards.until(lambda: stuck.asked == ["stuck"])
    boards.board = board_of(tile_of("text", id="stuck", note="by now"), tile_of("line"))
    shown: list[Any] = []

    def changed() -> bool:
        part = (read(viewer) or {}).get("parts", {}).get("stuck")
        shown.extend([part] if part else [])
        return bool(part) and part["face"] == "text"

    boards.until(changed)
    stuck.go.set()
    first = viewer.channel.seq
    boards.until(lambda: viewer.channel.is_settled and viewer.channel.seq > first + 1)
    while (message := read(viewer)) is not None:
        shown.extend([message["parts"]["stuck"]] if "stuck" in message["parts"] else [])
    assert {each["face"] for each in shown if each["state"] == "ok"} == {"text"}


def test_slow_choices_delay_no_tile(boards: Boards, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of a variable that take long are offered once they are there; tiles do not wait."""
    go = threading.Event()
    choices = View.choices

    def slow(view: View, variable: Variable) -> list[str]:
        assert go.wait(PATIENCE)
        return choices(view, variable)

    monkeypatch.setattr(View, "choices", slow)
    monkeypatch.setattr(feeds, "_FIRST_SECONDS", 0.1)
    where = Variable(name="where", metric="sales", label="country", default="DE")
    boards.board = replace(boards.board, variables=(where,))
    viewer = boards.watch()
    message = read(viewer)
    assert message["board"]["variables"][0]["choices"] == ["DE"]
    parts = message["parts"]

    def drawn() -> bool:
        parts.update((read(viewer) or {}).get("parts", {}))
        return bool(parts["counter"]["state"] == "ok")

    boards.until(drawn)
    go.set()
    found: list[Any] = []

    def offered() -> bool:
        message = read(viewer) or {}
        variables = message.get("variables") or message.get("board", {}).get("variables") or []
        found.extend(variables)
        return any(len(each["choices"]) == 3 for each in variables)

    boards.until(offered)
    assert found[-1]["choices"] == ["DE", "FR", "US"]


def test_an_address_has_every_value_of_a_variable() -> None:
    """Nothing is all of them; a backslash is the empty one, and one before another is a value's."""
    said = {"var": ["a=", "b=\\", "c=\\\\x", "d=\\x", "e=1", "e="]}
    found = dict(look_of("viewer", said).variables)
    assert found == {"a": (), "b": ("",), "c": ("\\x",), "d": ("\\x",), "e": ("1",)}
    assert look_of("viewer", {"filter": ["status="]}).filters == (("status", ""),)


def test_an_address_says_what_is_looked_at() -> None:
    """Parameters of a page's address become a look; nonsense is left out."""
    query = {"range": ["1h"], "filter": ["a=b", "nothing", "=x"], "var": ["p=1", "p=2", "q="]}
    look = look_of("viewer", query)
    assert look == Look("viewer", "1h", (("a", "b"),), (("p", ("1", "2")), ("q", ())))

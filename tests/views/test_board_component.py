"""The board as a Panel component: what the browser says, and what it is sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis.strategies as st
import panel as pn
import pytest
from hypothesis import given

from datawatch_lab.core.dashboards import COLUMNS, Dashboard
from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.views.board.component import Board, moved
from datawatch_lab.views.board.feed import BoardFeed
from tests.views.board_fakes import BoardWorkspace, board_of, tile_of


class Told(Board):
    """A board that keeps what it would send."""

    def __init__(self, *args: Any, **how: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        super().__init__(*args, **how)

    def _send_msg(self, data: Any) -> None:
        self.sent.append(data)


@pytest.fixture
def feed() -> Iterator[BoardFeed]:
    """A feed of one stored board; it makes no tick by itself, which would come between."""
    stored = board_of(tile_of("top"), tile_of("line"))
    made = BoardFeed(BoardWorkspace(), lambda _: stored, second=1e9)
    yield made
    made.close()


@pytest.fixture
def board(feed: BoardFeed) -> Iterator[Told]:
    """That board in a page that is ready."""
    made = Told(feed, "shop")
    made._handle_msg({"type": "ready"})
    yield made
    made.close()


def say(board: Board, **message: Any) -> None:
    """The browser says something."""
    board._handle_msg(message)


def test_nothing_is_sent_before_the_browser_is_ready(feed: BoardFeed) -> None:
    """The first message goes out when somebody can take it."""
    made = Told(feed, "shop")
    assert made.sent == []
    say(made, type="ready")
    assert [each["type"] for each in made.sent] == ["board"]
    made.close()


def test_a_click_filters_and_clicks_again_do_not(board: Told) -> None:
    """The same label twice takes the filter off; listeners are told of both."""
    heard: list[dict[str, Any]] = []
    board.listen(heard.append)
    for wanted in ([["country", "DE"]], []):
        say(board, type="click", tile="top", label="country", value="DE")
        assert board.sent[-1]["board"]["filters"] == wanted
    assert [each["type"] for each in heard] == ["click", "click"]


def test_a_zoom_is_a_range(board: Told) -> None:
    """The span that was dragged over is the board's."""
    say(board, type="zoom", tile="line", **{"from": 1_767_225_600_000, "to": 1_767_229_200_000})
    assert board.sent[-1]["board"]["range"] == "2026-01-01T00:00:00Z/2026-01-01T01:00:00Z"
    assert board.sent[-1]["span"] == [1_767_225_600_000, 1_767_229_200_000]


def test_a_layout_changes_the_document(board: Told) -> None:
    """Tiles that were moved by hand stand there in the document."""
    say(board, type="layout", tiles=[{"id": "top", "x": 6, "y": 9, "w": 5, "h": 4}])
    tile = board.board.tile("top")
    assert (tile.x, tile.y, tile.w, tile.h) == (6, 9, 5, 4)


def test_what_is_missing_is_sent(board: Told) -> None:
    """Country shapes and the whole board come when they are asked for."""
    say(board, type="need", what="world")
    assert board.sent[-1]["type"] == "world"
    say(board, type="need", what="whole")
    assert board.sent[-1]["type"] == "board"
    say(board, type="need", what="charts")
    assert board.sent[-1]["what"] == "charts"
    assert "echarts" in board.sent[-1]["code"]


def test_what_is_not_asked_of_a_board_is_not_sent(board: Told) -> None:
    """A browser cannot have files of the server by asking for another piece."""
    before = len(board.sent)
    say(board, type="need", what="../../config")
    assert len(board.sent) == before


def test_objects_stand_beside_the_board_unchanged(feed: BoardFeed) -> None:
    """A tile names an object; the object itself keeps its size."""
    given = pn.pane.Markdown("hello", width=120)  # type: ignore[no-untyped-call]  # of Panel
    made = Told(feed, "shop", objects={"words": given, "number": 3})
    assert made.names == ["words", "number"]
    assert len(made.children_) == 2
    assert (given.width, given.sizing_mode) == (120, None)
    made.close()


def test_an_edited_document_is_drawn(board: Told) -> None:
    """A document that is not stored yet is shown."""
    board.draw(board_of(tile_of("gauge")))
    assert list(board.sent[-1]["parts"]) == ["gauge"]
    board.refresh()
    assert board.sent[-1]["type"] in ("tick", "board")


def test_a_board_that_nobody_sees_is_not_kept_up_to_date(feed: BoardFeed) -> None:
    """With the output of its last cell it stops; shown again, it goes on."""
    made = Told(feed, "shop")
    first, second = made.get_root(), made.get_root()
    say(made, type="ready")
    made._cleanup(first)
    assert feed.viewers == 1
    made._cleanup(second)
    assert feed.viewers == 0
    made.look(range="1h")
    assert feed.viewers == 0
    made.get_root()
    say(made, type="ready")
    assert feed.viewers == 1
    assert made.sent[-1]["board"]["range"] == "1h"
    made.close()
    assert feed.viewers == 0


def test_a_refused_look_leaves_the_board_as_it_was(board: Told, feed: BoardFeed) -> None:
    """A range that cannot be read is refused; what is shown goes on."""
    with pytest.raises(DataWatchError):
        board.look(range="nonsense")
    say(board, type="range", range="nonsense too")
    assert feed.viewers == 1
    board.look(filters=(("country", "DE"),))
    assert board.sent[-1]["board"]["filters"] == [["country", "DE"]]


_JUNK = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda each: (
        st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each, max_size=3)
    ),
    max_leaves=8,
)
_PLACE = st.fixed_dictionaries(
    {"id": st.sampled_from(["top", "line", "gone"])},
    optional={side: st.integers(-5, 20) | _JUNK for side in "xywh"},
)


@given(_JUNK | st.lists(_PLACE, max_size=4))
def test_no_layout_leaves_the_grid(places: Any) -> None:
    """Whatever a browser says, tiles stay on the grid, or the layout is refused whole."""
    made = board_of(tile_of("top"), tile_of("line"))
    try:
        found: Dashboard = moved(made, places)
    except InputError:
        return
    assert {each.id for each in found.tiles} == {"top", "line"}
    assert all(each.x >= 0 and each.x + each.w <= COLUMNS for each in found.tiles)

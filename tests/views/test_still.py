"""A dashboard as a picture or a PDF."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import panel as pn
import pytest
from PIL import Image

from datawatch_lab.core import chromium
from datawatch_lab.core.errors import InputError, MissingPackageError
from datawatch_lab.views import objects, theme
from datawatch_lab.views.board.feed import BoardFeed
from datawatch_lab.views.board.view import Look
from datawatch_lab.views.still import Still, height_of, page_of, still_of
from tests.conftest import missing
from tests.views.board_fakes import HOSTILE, BoardWorkspace, board_of, tile_of
from tools import chromium as chromium_tool

BOARD = board_of(tile_of("counter"), tile_of("bar"), tile_of("text"))


@pytest.fixture
def feed() -> Iterator[BoardFeed]:
    """A feed of one board."""
    made = BoardFeed(BoardWorkspace(), lambda _: BOARD)
    yield made
    made.close()


@pytest.mark.parametrize(
    "how", [{"form": "gif"}, {"width": 100}, {"width": 10_000}, {"theme": "pink"}]
)
def test_what_cannot_be_drawn_is_refused(how: dict[str, object]) -> None:
    """Form, width and theme are checked before a browser is started."""
    with pytest.raises(InputError):
        Still(**how)  # type: ignore[arg-type]


def test_the_page_loads_nothing_but_what_stands_beside_it(feed: BoardFeed) -> None:
    """No address in it leads elsewhere, and text from data stays text."""
    message = feed.draw(board_of(tile_of("text", title=HOSTILE)), Look())
    page = page_of(message, Still(), height_of(message))
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert HOSTILE not in page


def test_a_page_is_as_high_as_its_tiles(feed: BoardFeed) -> None:
    """A board with a tile further down is higher by its rows."""
    low = feed.draw(board_of(tile_of("counter", x=0, y=0, w=3, h=2)), Look())
    high = feed.draw(board_of(tile_of("counter", x=0, y=10, w=3, h=2)), Look())
    assert height_of(high) - height_of(low) == 10 * low.board.row


def test_without_chromium_the_error_says_what_helps(
    feed: BoardFeed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the package, the variable and what can be had instead."""
    monkeypatch.setattr(chromium, "find", lambda: None)
    with pytest.raises(MissingPackageError) as caught:
        still_of(feed, BOARD, Look(), Still("pdf"))
    assert "DATAWATCH_CHROMIUM" in caught.value.hint
    assert "CSV" in caught.value.hint


def test_objects_of_python_stand_beside_the_page(feed: BoardFeed, tmp_path: Path) -> None:
    """They are written as pages that ask nobody, in the colours of the theme."""
    message = feed.draw(board_of(tile_of("custom", options={"object": "wave"})), Look())
    page = page_of(message, Still(), height_of(message), {"wave": "object-0.html"})
    assert "frame-src file:" in page
    assert '{"wave":"object-0.html"}' in page
    file = tmp_path / "object-0.html"
    words: Any = pn.pane.Markdown
    objects.save("wave", words("words of the object"), None, file, theme="dark")
    made = file.read_text("utf-8")
    assert "words of the object" in made
    assert f"color:{theme.DARK['ink']}" in made
    assert "default-src 'none'" in made
    assert not re.search(r'<(?:script|link)[^>]+(?:src|href)="https?:', made)


@pytest.fixture
def _browser(_found_chromium: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chromium that the tests have found, or the test is skipped."""
    path = _found_chromium or missing("Chromium", chromium_tool.HOW_TO_GET_ONE)
    monkeypatch.setenv("DATAWATCH_CHROMIUM", path)


@pytest.mark.browser
@pytest.mark.usefixtures("_browser")
def test_pictures_and_papers_are_drawn(feed: BoardFeed) -> None:
    """A PNG of twice the width, and a PDF of one page; progress is told in words."""
    said: list[str] = []
    body, name, media = still_of(feed, BOARD, Look(), Still("png", 960), said.append)
    assert body.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", body[16:24])
    assert width == 2 * 960
    assert height == 2 * height_of(feed.draw(BOARD, Look()))
    assert (name.rpartition(".")[2], media) == ("png", "image/png")
    assert said == ["Asking 3 tiles …", "Drawing …"]
    picture = Image.open(io.BytesIO(body)).convert("RGB")
    of_the_bars = tuple(bytes.fromhex(theme.ACCENT.removeprefix("#")))
    assert sum(n for n, each in picture.getcolors(1 << 24) or [] if each == of_the_bars) > 1_000
    pane: Any = pn.pane.HTML
    green = pane('<div style="background:#00c800;height:90px">.</div>', sizing_mode="stretch_width")
    held = board_of(tile_of("custom", options={"object": "green"}))
    drawn = still_of(feed, held, Look(), Still("png", 960), given={"green": green})[0]
    shown = Image.open(io.BytesIO(drawn)).convert("RGB").getcolors(1 << 24) or []
    assert sum(n for n, each in shown if each == (0, 200, 0)) > 10_000
    paper = still_of(feed, BOARD, Look(), Still("pdf"))[0]
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page ") == 1

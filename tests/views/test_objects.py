"""Objects of a Python file that tiles of a server show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn
import pytest

from datawatch_lab.core.config import Config, load_config
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.core.who import Who
from datawatch_lab.views import objects, watch
from tests.views.board_fakes import BoardWorkspace, board_of, tile_of

FILE = """
import panel as pn
OBJECTS = {"words": pn.pane.Markdown("hello"), "of_it": lambda workspace: pn.pane.Str(workspace)}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the environment names."""
    path = tmp_path / "objects.py"
    monkeypatch.setenv(objects.VARIABLE, str(path))
    return path


def test_without_a_file_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most servers show no objects."""
    monkeypatch.delenv(objects.VARIABLE, raising=False)
    assert objects.of(None) == {}
    assert objects.of(Config()) == {}


def test_each_object_has_a_page(file: Path) -> None:
    """Objects are shown as they are; functions are given the workspace."""
    file.write_text(FILE)
    given = objects.of(None)
    assert objects.addresses(given, "../") == {
        "words": "../datawatch/objects/words",
        "of_it": "../datawatch/objects/of_it",
    }
    made = objects.apps(given, "the workspace")
    shown = made["/datawatch/objects/of_it"]()
    assert shown.select(pn.pane.Str)[0].object == "the workspace"
    assert made["/datawatch/objects/words"]().select(pn.pane.Markdown)[0].object == "hello"


def test_the_configuration_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was given a configuration goes by it, not by the environment of another."""
    monkeypatch.setenv(objects.VARIABLE, str(tmp_path / "other.py"))
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    assert set(objects.of(Config(objects=str(path)))) == {"words", "of_it"}
    assert load_config(None, {"DATAWATCH_OBJECTS": "x.py"}).objects == "x.py"


def test_a_link_to_one_board_shows_no_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its page nor its picture: objects are for who may see all pages."""
    asked: list[Any] = []

    def noted(*_: Any, given: Any) -> tuple[bytes, str, str]:
        asked.append(given)
        return b"", "", ""

    monkeypatch.setattr(watch, "still_of", noted)
    board = board_of(tile_of("custom", options={"object": "words"}))
    pages = watch.WatchPages(BoardWorkspace(), lambda _: board, {"words": "hello"})
    try:
        pages.file("b", Who("ann", "viewer"), {}, "png")
        pages.file("b", Who("share:1", "viewer", resource="dashboard:b"), {}, "png")
    finally:
        pages.close()
    assert asked == [{"words": "hello"}, {}]


def test_an_object_that_fails_says_so_and_not_why(file: Path) -> None:
    """What went wrong is in the log, not on the page."""
    file.write_text("def bad(workspace):\n    raise RuntimeError('secret')\nOBJECTS = {'bad': bad}")
    shown = objects.apps(objects.of(None), None)["/datawatch/objects/bad"]()
    said = shown.select(pn.pane.Alert)[0].object
    assert "bad could not be made" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "has no OBJECTS"),
        ("OBJECTS = {}", "has no OBJECTS"),
        ("OBJECTS = {'../x': 1}", "is no name"),
        ("OBJECTS = {1: 1}", "is no name"),
    ],
)
def test_a_file_without_objects_is_refused(file: Path, text: str, fault: str) -> None:
    """A server does not begin with a file that shows nothing."""
    file.write_text(text)
    with pytest.raises(ConfigError, match=fault):
        objects.of(None)


def test_what_is_shown_is_not_changed() -> None:
    """An object of the user keeps its own size; it stands in a box of ours."""
    own: Any = pn.Column("x", width=99)
    assert objects.shown(own).objects == [own]
    assert own.width == 99

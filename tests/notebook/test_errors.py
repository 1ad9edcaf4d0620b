"""Errors of ours in a notebook: what is wrong and which line asked for it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from datawatch_lab.core.errors import InputError


def shown(monkeypatch: pytest.MonkeyPatch, cell: str) -> str:
    """What a shell prints of the error of a cell."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # a shell puts its own
    shell: Any = InteractiveShell()  # type: ignore[no-untyped-call]  # IPython has no types
    said: list[str] = []
    monkeypatch.setattr(shell, "_showtraceback", lambda _type, _value, lines: said.extend(lines))
    shell.run_cell(cell)
    return "\n".join(said)


def test_an_error_is_the_message_and_the_line_that_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting is said in three lines, without a frame of ours."""
    text = shown(
        monkeypatch,
        "from datawatch_lab.core.durations import parse_duration\nx = 1\nparse_duration('soon')",
    )
    assert "line 3 of the cell" in text
    assert "parse_duration('soon')" in text
    assert "datawatch_lab/" not in text
    assert len(text.splitlines()) <= 5


def test_all_frames_are_there_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """DATAWATCH_DEBUG shows where it comes from, and so does raising it again as another."""
    monkeypatch.setenv("DATAWATCH_DEBUG", "1")
    text = shown(
        monkeypatch,
        "from datawatch_lab.core.durations import parse_duration\nparse_duration('soon')",
    )
    assert "datawatch_lab/" in text


def test_one_that_was_never_raised_renders() -> None:
    """Without frames it is the message and the hint."""
    lines = InputError("A is not B.", hint="Take B.")._render_traceback_()
    assert lines[-1] == "Take B."

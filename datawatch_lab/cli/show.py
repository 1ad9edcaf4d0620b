"""Tables and headings in the terminal, by rich; colour only where there is a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from datawatch_lab.cli.text import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_PIPE_WIDTH = 200
_STATES = {
    "live": ("●", "green"),
    "quiet": ("●", "green"),
    "silent": ("▲", "yellow"),
    "history": ("◆", "cyan"),
    "empty": ("○", "dim"),
}


def console() -> Console:
    """Standard output; into a pipe, lines are not cut to the width of a terminal."""
    from rich.console import Console

    width = None
    if not sys.stdout.isatty():
        given = os.environ.get("COLUMNS", "")
        width = int(given) if given.isdecimal() and int(given) else _PIPE_WIDTH
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width)


def grid(headings: Sequence[str], *, numbers: Sequence[str] = (), title: str = "") -> Table:
    """A table without lines but one under its head; ``numbers`` names right-aligned columns."""
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for each in headings:
        if each in numbers:
            table.add_column(each, justify="right", no_wrap=True)
        else:
            table.add_column(each, overflow="fold")
    return table


def text(content: str, style: str = "") -> Text:
    """Text from data: no markup, no control characters."""
    from rich.text import Text

    return Text(clean(content), style=style)


def row(table: Table, *cells: str | Text, style: str = "") -> None:
    """Add a row; plain strings are taken as data."""
    table.add_row(*(text(each) if isinstance(each, str) else each for each in cells), style=style)


def state(status: str, message: str) -> Text:
    """Whether data still comes: a sign and words, so that colour is not needed."""
    sign, colour = _STATES.get(status, ("○", "dim"))
    return text(f"{sign} {message}", colour)

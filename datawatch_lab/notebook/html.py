"""Small HTML tables for cells: escaped, bounded, in the colours of the notebook's own theme."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from datawatch_lab.views.format import escape

MOST_ROWS = 50
"""Rows that a listing shows at most; the rest is counted."""

MASK = "•••"
_MOST_TEXT = 200
_BORDER = "1px solid rgba(128,128,128,.25)"
_ADDRESS = re.compile(r"[^\s\"'@<>]+@[^\s\"'@<>]+")


def clip(text: object, most: int = _MOST_TEXT) -> str:
    """Text of at most so many characters.

    >>> clip("abcdef", 4)
    'abc…'
    """
    whole = str(text)
    return whole if len(whole) <= most else whole[: most - 1] + "…"


def table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    note: str = "",
    right: Iterable[int] = (),
) -> str:
    """A titled table; every cell is escaped and clipped.

    Args:
        title: above it.
        heads: of the columns.
        rows: cells; only the first `MOST_ROWS` are shown, the rest is counted.
        note: a sentence below it.
        right: places of columns of numbers, which align to the right.
    """
    numbers = set(right)
    head = "".join(_cell("th", each, place in numbers) for place, each in enumerate(heads))
    body = "".join(
        f"<tr>{''.join(_cell('td', each, place in numbers) for place, each in enumerate(row))}</tr>"
        for row in rows[:MOST_ROWS]
    )
    rest = len(rows) - MOST_ROWS
    notes = [f"… and {rest:,} more"] if rest > 0 else []
    notes += [note] if note else []
    below = f'<div style="opacity:.75">{escape(". ".join(notes))}</div>' if notes else ""
    return (
        f'<div style="font-size:13px;line-height:1.5;max-width:100%;overflow-x:auto">'
        f'<div style="font-weight:600;margin-bottom:4px">{escape(clip(title))}</div>'
        f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>"
    )


def _cell(tag: str, content: object, right: bool) -> str:  # noqa: FBT001 — a private detail
    side = "right" if right else "left"
    style = f"text-align:{side};padding:3px 16px 3px 0;border-bottom:{_BORDER};background:none"
    return f'<{tag} style="{style}">{escape(clip(content))}</{tag}>'


def text_table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The same for a terminal."""
    shown = [[clip(each, 100) for each in row] for row in [heads, *rows[:MOST_ROWS]]]
    widths = [max(len(row[place]) for row in shown) for place in range(len(heads))]
    lines = [
        "  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    rest = len(rows) - MOST_ROWS
    more = [f"… and {rest:,} more"] if rest > 0 else []
    return "\n".join([title, *lines, *more])


def masked(text: str, sensitive: Iterable[str]) -> str:
    """Raw JSON text, whole or broken, with the values of sensitive fields hidden.

    >>> masked('{"id": 1, "name": "Ann", "to": "a@b.c"', ["name"])
    '{"id": 1, "name": "•••", "to": "•••"'
    """
    names = "|".join(sorted((re.escape(each) for each in set(sensitive)), key=len, reverse=True))
    if names:
        value = r'"(?:[^"\\]|\\.)*"?|[^,}\]\s]+'
        text = re.sub(rf'("(?:{names})"\s*:\s*)(?:{value})', rf'\g<1>"{MASK}"', text)
    return _ADDRESS.sub(MASK, text)

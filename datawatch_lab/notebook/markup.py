"""HTML that objects show themselves with: plain tables that need no script and suit any theme.

Colours are those of the page around (``currentColor``, the variables of JupyterLab where there are
any), so the same text reads on light and dark ground, in a notebook and in an exported page.
"""

from __future__ import annotations

from collections.abc import Sequence

from datawatch_lab.views.format import NOTHING, escape

SHOWN = 50
"""Rows that a listing shows at most."""

_CELL = 160
_CSS = """
.dw-out{color:var(--jp-content-font-color1,inherit);font-variant-numeric:tabular-nums;
font-size:13px;line-height:1.45;margin:2px 0 8px;max-width:1080px}
.dw-out p{margin:0 0 6px}
.dw-out b.dw-name{font-size:15px}
.dw-out .dw-soft{color:var(--jp-content-font-color2,inherit);opacity:.85}
.dw-out .dw-tag{border:1px solid currentColor;border-radius:9px;font-size:11px;opacity:.8;
padding:0 6px;white-space:nowrap}
.dw-out table.dw-t{background:transparent;border:0;border-collapse:collapse;color:inherit;
font-size:13px;margin:0 0 8px;table-layout:auto}
.dw-out table.dw-t tr,.dw-out table.dw-t tbody tr:nth-child(odd),
.dw-out table.dw-t tbody tr:hover{background:transparent}
.dw-out table.dw-t th,.dw-out table.dw-t td{background:transparent;border:0;
border-bottom:1px solid var(--jp-border-color2,rgba(128,128,128,.35));max-width:440px;
overflow-wrap:anywhere;padding:3px 18px 3px 0;text-align:left;vertical-align:top;white-space:normal}
.dw-out table.dw-t th{font-weight:600;white-space:nowrap}
.dw-out table.dw-t .dw-n{text-align:right;white-space:nowrap}
.dw-out table.dw-t .dw-k{white-space:nowrap}
.dw-out code.dw-c{background:transparent!important;color:inherit;font-size:12px;padding:0}
.dw-out .dw-k code.dw-c{white-space:nowrap}
.dw-out details{margin:0 0 4px}
.dw-out summary{cursor:pointer;padding:2px 0}
.dw-out details table.dw-t{margin:2px 0 8px 14px}
"""


class Safe(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


def text(cell: object, most: int = _CELL) -> str:
    """A cell as HTML: escaped and cut to ``most`` characters, unless it is `Safe`.

    >>> text("<b>"), text(Safe("<b>x</b>")), text("abcdef", 4)
    ('&lt;b&gt;', '<b>x</b>', 'abc…')
    """
    return str(cell) if isinstance(cell, Safe) else escape(short(str(cell), most))


def short(words: str, most: int = _CELL) -> str:
    """Text on one line, cut to ``most`` characters.

    >>> short("a  b")
    'a b'
    """
    line = " ".join(words[: 4 * most].split())
    return line if len(line) <= most and len(words) <= 4 * most else line[: most - 1] + "…"


def soft(words: object) -> Safe:
    """Less important text."""
    return Safe(f'<span class="dw-soft">{text(words)}</span>')


def tag(words: object) -> Safe:
    """A word in a frame."""
    return Safe(f'<span class="dw-tag">{text(words)}</span>')


def code(words: object, most: int = _CELL) -> Safe:
    """Text as code."""
    return Safe(f'<code class="dw-c">{text(words, most)}</code>')


def name(words: object) -> Safe:
    """The name of what is shown."""
    return Safe(f'<b class="dw-name">{text(words)}</b>')


def paragraph(*parts: object) -> Safe:
    """Parts on one line, with a dot between; empty ones are left out."""
    return Safe(f"<p>{' · '.join(text(each) for each in parts if each != '')}</p>")


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numbers: Sequence[int] = (),
    nowrap: Sequence[int] = (0,),
) -> Safe:
    """A table of at most `SHOWN` rows.

    Args:
        heads: of the columns.
        rows: cells in the order of the heads.
        numbers: places of columns that are set flush right.
        nowrap: places of columns that are kept on one line.
    """

    def cells(row: Sequence[object], mark: str) -> str:
        return "".join(
            f"<{mark}{_class(place, numbers, nowrap)}>{text(cell)}</{mark}>"
            for place, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows[:SHOWN])
    return Safe(
        f'<table class="dw-t"><thead><tr>{cells(heads, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _class(place: int, numbers: Sequence[int], nowrap: Sequence[int]) -> str:
    if place in numbers:
        return ' class="dw-n"'
    return ' class="dw-k"' if place in nowrap else ""


def more(total: int, shown: int, where: str) -> Safe:
    """How many there are beside those shown, and where to find them; '' when all are shown."""
    if total <= shown:
        return Safe("")
    return paragraph(soft(f"… and {total - shown:,} more."), code(where))


def details(summary: object, body: Safe, *, is_open: bool = False) -> Safe:
    """A part that can be folded, also without scripts."""
    mark = " open" if is_open else ""
    return Safe(f"<details{mark}><summary>{text(summary)}</summary>{body}</details>")


def block(*parts: Safe) -> str:
    """All parts in one frame that carries its own style."""
    return f'<div class="dw-out"><style>{_CSS}</style>{"".join(parts)}</div>'


def clock(at: str | None) -> str:
    """A time of an answer for people, to the second, UTC.

    >>> clock("2026-01-02T03:04:05.678Z"), clock(None)
    ('2026-01-02 03:04:05', '–')
    """
    return NOTHING if at is None else at[:19].replace("T", " ")


def plain_table(heads: Sequence[str], rows: Sequence[Sequence[object]], most: int = 20) -> str:
    """A table in letters, for terminals: at most ``most`` rows, cells of at most 40 characters.

    >>> print(plain_table(["a", "b"], [[1, "x"], [22, "y"]]))
    a   b
    1   x
    22  y
    """
    lines = [[short(str(cell), 40) for cell in row] for row in [heads, *rows[:most]]]
    widths = [max(len(line[place]) for line in lines) for place in range(len(heads))]
    said = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    if len(rows) > most:
        said.append(f"… and {len(rows) - most:,} more")
    return "\n".join(said)

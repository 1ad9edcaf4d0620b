"""Building blocks of pages as HTML. What comes from data is escaped here, by each block.

`Html` marks text that is HTML already; everything else that is put into a block is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from datawatch_lab.core.errors import AccessError, DataWatchError, WorkspaceError
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import local, zone_word
from datawatch_lab.views.format import escape


class Html(str):
    """Text that is HTML already: made by a block, never by data."""

    __slots__ = ()


def html(text: object) -> Html:
    """HTML as it is; anything else escaped.

    >>> html("<b>"), html(Html("<b>"))
    ('&lt;b&gt;', '<b>')
    """
    return text if isinstance(text, Html) else Html(escape(text))


def join(parts: Iterable[object], between: str = "") -> Html:
    """Blocks one after the other."""
    return Html(between.join(html(part) for part in parts))


def tag(element: str, /, *inner: object, **attributes: object) -> Html:
    """An element; ``_`` in names of attributes stands for ``-``, a trailing one is dropped.

    Attributes that are None or False are left out, True stands without a value.

    >>> tag("a", "<x>", href="?a=1&b=2", class_="link", hidden=False)
    '<a href="?a=1&amp;b=2" class="link">&lt;x&gt;</a>'
    """
    said = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        shown = key.removesuffix("_").replace("_", "-")
        said += f" {shown}" if value is True else f' {shown}="{escape(value)}"'
    if element in ("input", "br", "hr"):
        return Html(f"<{element}{said}>")
    return Html(f"<{element}{said}>{join(inner)}</{element}>")


def link(text: object, href: str, **attributes: object) -> Html:
    """A link within the portal."""
    return tag("a", text, href=href, **attributes)


def button(text: object, act: str, *, kind: str = "", confirm: str = "", **fields: object) -> Html:
    """A button that asks the server to do something.

    Args:
        text: on it.
        act: name of the action.
        kind: ``main``, ``danger``, ``quiet`` or ''.
        confirm: a question that must be answered first.
        fields: sent with the action.
    """
    data = {f"data-f-{name}": value for name, value in fields.items()}
    return tag(
        "button",
        text,
        type="button",
        class_=f"btn {kind}".strip(),
        data_act=act,
        data_confirm=confirm or None,
        **data,
    )


_WAYS = """\
datawatch demo                     # a simulated shop
datawatch ingest events.ndjson     # a file of events
datawatch watch postgresql://user@host/database"""
_SHORT = 20  # letters that a state has at most to stand on one line
_TONES = {"good": "●", "warn": "▲", "bad": "✕", "calm": "○", "info": "◆"}


def badge(text: object, tone: str = "calm", icon: str | None = None) -> Html:
    """A state: an icon, a word, a colour."""
    mark = tag("span", _TONES[tone] if icon is None else icon, aria_hidden="true")
    return tag("span", mark, " ", text, class_=f"badge {tone}")


def state(text: object, tone: str = "calm") -> Html:
    """A state in a row of a table: icon and word without a ground."""
    mark = tag("span", _TONES[tone], aria_hidden="true")
    short = " short" if len(str(text)) <= _SHORT else ""
    return tag("span", mark, " ", text, class_=f"state {tone}{short}")


def card(
    title: object, *inner: object, note: object = "", tools: object = "", **how: object
) -> Html:
    """A titled card."""
    head = [tag("h2", title)]
    if note:
        head.append(tag("span", note, class_="unit"))
    if tools:
        head.append(tag("span", tools, class_="tools-end"))
    extra = how.pop("class_", "")
    return tag("section", tag("div", *head, class_="head"), *inner, class_=f"card {extra}", **how)


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[int] = (),
    hide: Sequence[int] = (),
    label: str = "",
) -> Html:
    """A table; the first cell of a row is its heading.

    Args:
        heads: of the columns.
        rows: of cells.
        numbers: columns that are aligned right.
        hide: columns that a phone leaves out.
        label: what it shows, for those who hear it.
    """

    def css(place: int) -> str | None:
        names = ("num" if place in numbers else "", "wide-only" if place in hide else "")
        return " ".join(filter(None, names)) or None

    top = tag("tr", *(tag("th", head, scope="col", class_=css(i)) for i, head in enumerate(heads)))
    body = [
        tag(
            "tr",
            *(
                tag("td" if i else "th", cell, class_=css(i), scope=None if i else "row")
                for i, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    made = tag("table", tag("thead", top), tag("tbody", *body), aria_label=label or None)
    return tag("div", made, class_="scroll", tabindex="0", role="region", aria_label=label or None)


def tabs(options: Iterable[tuple[str, str, str, object]], chosen: str) -> Html:
    """Links that switch a page's part: (key, text, href, count)."""
    made = [
        link(
            join([text, tag("span", count, class_="count") if count else ""]),
            href,
            aria_current="page" if key == chosen else None,
        )
        for key, text, href, count in options
    ]
    return tag("nav", *made, class_="tabs", aria_label="Parts of this page")


def field(label: object, control: Html, *, hint: object = "", class_: str = "") -> Html:
    """A control with its label and a hint."""
    note = tag("span", hint, class_="hint") if hint else ""
    return tag("label", tag("span", label, class_="name"), control, note, class_=f"field {class_}")


def text_input(name: str, value: object = "", **how: object) -> Html:
    """A line to type in."""
    how.setdefault("type", "text")
    how.setdefault("autocomplete", "off")
    return tag("input", name=name, value=value, **how)


def select(
    name: str, options: Iterable[tuple[str, str] | str], chosen: str = "", **how: object
) -> Html:
    """A choice of several."""
    pairs = [(each, each) if isinstance(each, str) else each for each in options]
    made = [tag("option", text, value=key, selected=key == chosen) for key, text in pairs]
    return tag("select", *made, name=name, **how)


def empty(title: object, text: object = "", *then: object) -> Html:
    """A place where nothing is yet: what it is for, and the next step."""
    return tag(
        "div",
        tag("h3", title),
        tag("p", text) if text else "",
        tag("div", *then, class_="row") if then else "",
        class_="nothing",
    )


def code(text: str) -> Html:
    """Code to copy."""
    copy = tag("button", "Copy", type="button", class_="btn quiet copy", data_copy=text)
    return tag("div", tag("pre", tag("code", text)), copy, class_="code")


def details(summary: object, *inner: object, key: str, open_: bool = False) -> Html:
    """Something that is unfolded on demand; ``key`` keeps it unfolded through updates."""
    return tag("details", tag("summary", summary), *inner, id=key, open=open_)


def pairs(rows: Iterable[tuple[object, object]]) -> Html:
    """Names with their values."""
    return tag(
        "dl", *(join([tag("dt", name), tag("dd", value)]) for name, value in rows), class_="pairs"
    )


def bullets(lines: Iterable[object]) -> Html:
    """A list of sentences."""
    return tag("ul", *(tag("li", line) for line in lines), class_="lines")


def when(iso: str | None, now: datetime) -> Html:
    """How long ago, with the time itself in the tooltip."""
    at = words.parse_iso(iso)
    if at is None:
        return html(words.NOTHING)
    said = words.ago(at, now) if at <= now else f"in {words.duration((at - now).total_seconds())}"
    return tag("time", said, datetime=iso, title=f"{local(at):%Y-%m-%d %H:%M:%S} {zone_word(at)}")


def moment(iso: str) -> str:
    """A moment of an answer by the clocks of the zone, to the minute.

    >>> moment("2026-07-01T12:00:00Z")
    '2026-07-01 12:00 UTC'
    """
    at = datetime.fromisoformat(iso)
    return f"{local(at):%Y-%m-%d %H:%M} {zone_word(at)}"


def labels(given: Mapping[str, str]) -> Html:
    """Labels of a series as small marks."""
    return join(
        [tag("span", f"{name}={value}", class_="chip") for name, value in given.items()], " "
    )


def sentence(text: str) -> str:
    """What an error says, as a sentence of its own.

    >>> sentence("no such table.")
    'No such table.'
    """
    return f"{text[:1].upper()}{text[1:]}"


def with_code(text: str) -> list[Html]:
    """A sentence in which what stands between backticks is code.

    >>> "".join(with_code("`datawatch demo` makes <one>."))
    '<code>datawatch demo</code> makes &lt;one&gt;.'
    """
    parts = sentence(text).split("`")
    return [tag("code", each) if at % 2 else html(each) for at, each in enumerate(parts)]


def fault(error: DataWatchError) -> Html:
    """What a page shows in place of what could not be made."""
    if isinstance(error, AccessError):
        return card(
            "You may not see this",
            tag("p", str(error.message)),
            tag("p", "Ask an admin of this workspace for the role that it needs.", class_="note"),
            class_="hero",
            data_state="refused",
        )
    if isinstance(error, WorkspaceError):
        return card(
            "No workspace to show",
            tag("p", sentence(error.message)),
            tag("p", *with_code(error.hint), class_="note") if error.hint else "",
            code(_WAYS),
            class_="hero",
            data_state="missing",
        )
    hint = tag("p", *with_code(error.hint), class_="note") if error.hint else ""
    again = tag("button", "Try again", type="button", class_="btn main", data_again=True)
    return card(
        "This could not be shown",
        tag("p", sentence(error.message)),
        hint,
        tag("div", again, class_="row"),
        class_="hero",
        data_state="failed",
    )


def share(percent: float) -> str:
    """A score as text, rounded down, so that 100 % is said of nothing that failed.

    >>> words.plain(share(99.99)), words.plain(share(100.0))
    ('99.9 %', '100 %')
    """
    return f"{math.floor(percent * 10) / 10:.1f}".removesuffix(".0") + f"{words.NBSP}%"


def score(percent: float | None, threshold: float) -> Html:
    """A score of quality in percent, with a bar and the state in colour and sign."""
    if percent is None:
        return tag("span", words.NOTHING, class_="quiet", title="nothing was checked")
    tone = "good" if percent >= threshold else "bad" if percent < threshold - 10 else "warn"
    mark = "" if tone == "good" else tag("span", _TONES[tone], class_=tone, aria_hidden="true")
    shown = share(percent)
    bar = tag("i", style=f"width:{max(0.0, min(percent, 100.0)):.1f}%", class_=f"fill-{tone}")
    text = join([mark, " " if mark else "", shown])
    return tag("span", tag("span", text), tag("span", bar, class_="meter"), class_="score")


SEVERITIES = {
    "critical": ("bad", "Critical"),
    "high": ("bad", "High"),
    "medium": ("warn", "Medium"),
    "warning": ("warn", "Warning"),
    "low": ("info", "Low"),
    "info": ("info", "Info"),
}


def severity(name: str) -> Html:
    """How grave something is: icon, word, colour."""
    tone, word = SEVERITIES.get(name, ("calm", name or "none"))
    return badge(word, tone)

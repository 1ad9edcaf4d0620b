"""Blocks of pages: whatever comes from data is text, never markup."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import AccessError, InputError
from datawatch_lab.views.pages import parts
from datawatch_lab.views.pages.parts import Html, html, tag

NOW = datetime(2026, 1, 2, tzinfo=UTC)
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class _Seen(HTMLParser):
    """Names of the elements and attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(markup: str) -> _Seen:
    """What a browser would see."""
    parser = _Seen()
    parser.feed(markup)
    parser.close()
    return parser


@given(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_is_put_into_an_element_is_text(inner: str, value: str) -> None:
    """Any text stays text, in the element and in its attributes."""
    found = seen(tag("p", inner, title=value))
    assert found.names == ["p"]
    assert [name for name, _ in found.attributes] == ["title"]
    assert found.text.replace("\r", "") == inner.replace("\r", "")


@pytest.mark.parametrize(
    "made",
    [
        parts.card(EVIL, EVIL, note=EVIL, tools=EVIL),
        parts.table([EVIL], [[EVIL, EVIL]], label=EVIL),
        parts.tabs([("a", EVIL, EVIL, EVIL)], "a"),
        parts.button(EVIL, "act", confirm=EVIL, id=EVIL),
        parts.select("name", [(EVIL, EVIL)], EVIL),
        parts.text_input("name", EVIL),
        parts.empty(EVIL, EVIL, EVIL),
        parts.code(EVIL),
        parts.details(EVIL, EVIL, key="key"),
        parts.pairs([(EVIL, EVIL)]),
        parts.labels({EVIL: EVIL}),
        parts.badge(EVIL),
        parts.state(EVIL),
        parts.severity(EVIL),
        parts.fault(InputError(EVIL, hint=EVIL)),
        parts.fault(AccessError(EVIL)),
    ],
    ids=lambda _: "",
)
def test_no_block_lets_markup_through(made: str) -> None:
    """No block makes an element or a handler of what it is given."""
    found = seen(made)
    assert not {"script", "img"} & set(found.names)
    assert not [name for name, _ in found.attributes if name.startswith("on")]


def test_html_is_not_escaped_twice() -> None:
    """What is HTML already stays as it is."""
    assert html(Html("<b>x</b>")) == "<b>x</b>"
    assert tag("p", tag("b", "a & b")) == "<p><b>a &amp; b</b></p>"


def test_attributes_that_are_nothing_are_left_out() -> None:
    """None and False are no attribute, True is one without a value."""
    assert tag("input", hidden=True, checked=False, id=None) == "<input hidden>"


def test_a_score_says_its_state_by_more_than_colour() -> None:
    """A score below the threshold carries a sign, one that is not known a dash."""
    assert "▲" in parts.score(85.0, 90.0)
    assert "✕" in parts.score(40.0, 90.0)
    assert "▲" not in parts.score(99.0, 90.0)
    assert "–" in parts.score(None, 90.0)


def test_a_score_is_never_rounded_up_to_all() -> None:
    """100 % is said only where nothing failed."""
    assert "99.9\u00a0%" in parts.score(99.96, 100.0)
    assert "100\u00a0%" in parts.score(100.0, 100.0)


def test_a_moment_says_how_long_ago_and_when() -> None:
    """The words are for reading, the tooltip has the time."""
    made = parts.when("2026-01-01T23:00:00Z", NOW)
    assert "1\u00a0h ago" in made
    assert "2026-01-01 23:00:00 UTC" in made
    assert parts.when(None, NOW) == "–"


def test_a_refusal_offers_no_retry() -> None:
    """Trying again does not help against a missing role, but does against a fault."""
    assert "data-again" not in parts.fault(AccessError("no"))
    assert "data-again" in parts.fault(InputError("no"))

"""Addresses within the portal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.views.pages.place import Place

NAMES = st.text("abcxyz", min_size=1, max_size=6)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


@given(st.dictionaries(NAMES, TEXTS, max_size=6))
def test_a_link_leads_to_its_place(given_: dict[str, str]) -> None:
    """What a link says is what is read of it, whatever the values hold."""
    place = Place.of("data", given_)
    assert Place.read("data", place.link()) == place
    assert Place.read("home", place.link("quality", **given_)) == Place.of("quality", given_)


@given(st.text(max_size=200))
def test_no_address_fails(address: str) -> None:
    """Whatever a browser asks for is some place."""
    try:
        made = Place.read("data", address)
    except ValueError as error:  # more fields than an address of the portal has
        assert "fields" in str(error) or "URL" in str(error)  # noqa: PT017 — both are fine
    else:
        assert made.page


def test_a_changed_parameter_can_be_taken_away() -> None:
    """None takes a parameter away, others stay."""
    place = Place.of("alerts", {"tab": "rules", "id": "7"})
    assert place.link(id=None) == "?tab=rules"
    assert place.link(id=8) in ("?tab=rules&id=8", "?id=8&tab=rules")


def test_numbers_are_kept_in_bounds() -> None:
    """A number that is none, or too large, is the default or the bound."""
    place = Place.of("data", {"a": "x", "b": "99999", "c": "-1"})
    assert place.number("a", 5) == 5
    assert place.number("b", 5, most=100) == 100
    assert place.number("c", 5) == 5

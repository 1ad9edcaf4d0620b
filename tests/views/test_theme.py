"""Text can be read and marks can be told apart, in both themes."""

from __future__ import annotations

from itertools import combinations

import pytest

from datawatch_lab.views import theme


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "ground"),
    [
        ("ink", "ground"),
        ("ink", "card"),
        ("ink", "line"),
        ("ink-2", "ground"),
        ("ink-2", "card"),
        ("accent", "card"),
        ("good", "good-soft"),
        ("good", "card"),
        ("warn", "warn-soft"),
        ("warn", "card"),
        ("bad", "bad-soft"),
        ("bad", "card"),
    ],
)
def test_text_has_contrast(tokens: dict[str, str], ink: str, ground: str) -> None:
    """Every pair of text and ground that the page uses reaches 4.5 : 1 (WCAG AA)."""
    assert theme.contrast(tokens[ink], tokens[ground]) >= 4.5


@pytest.mark.parametrize("tokens", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("colour", theme.PALETTE)
def test_marks_have_contrast(tokens: dict[str, str], colour: str) -> None:
    """Every series colour reaches 3 : 1 on a card (WCAG 1.4.11)."""
    assert theme.contrast(colour, tokens["card"]) >= 3


def _seen_without_red_cones(colour: str) -> tuple[float, ...]:
    """A colour as a protanope sees it, linear RGB; matrix of Machado et al. 2009, severity 1."""
    matrix = ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052))
    channels = [(int(colour[at : at + 2], 16) / 255) ** 2.2 for at in (1, 3, 5)]
    return tuple(sum(m * c for m, c in zip(row, channels, strict=True)) for row in matrix)


def test_series_colours_stay_apart_for_the_colour_blind() -> None:
    """The first four series colours differ clearly for protanopes too."""
    for one, other in combinations(theme.PALETTE[:4], 2):
        seen = zip(_seen_without_red_cones(one), _seen_without_red_cones(other), strict=True)
        assert sum((a - b) ** 2 for a, b in seen) ** 0.5 > 0.1, (one, other)


def test_every_token_is_in_both_themes() -> None:
    """Neither theme lacks a token of the other."""
    assert set(theme.LIGHT) == set(theme.DARK)

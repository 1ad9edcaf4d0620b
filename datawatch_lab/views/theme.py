"""The look in one place: tokens for light and dark, the palette, the fonts.

Series colours follow Okabe and Ito (2008), whose hues stay apart for every kind of colour vision;
the first is the accent. Red, amber and green are for states only, always beside an icon and a word.
Text reaches a contrast of 4.5 : 1 on its ground in both themes, marks 3 : 1 (a test computes it).
"""

from __future__ import annotations

from collections.abc import Mapping

FONT = (
    'Inter, ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", '
    '"Noto Sans", "DejaVu Sans", Arial, sans-serif'
)

ACCENT = "#5b6cf0"
"""Marks of the main series; at least 3 : 1 on light and on dark cards."""

SECOND = "#d55e00"
"""Marks of the second series of a chart."""

PALETTE = (
    ACCENT,
    SECOND,
    "#009e73",
    "#b8860b",
    "#3498db",
    "#cc79a7",
    "#7a7f87",
)
"""Series colours in order; more series than colours are not told apart by colour but by label."""

LIGHT: Mapping[str, str] = {
    "ground": "#f5f6f9",
    "card": "#ffffff",
    "line": "#e3e6ee",
    "edge": "#868fa3",
    "ink": "#161b26",
    "ink-2": "#566073",
    "accent": "#4a59d9",
    "accent-soft": "#eceefd",
    "good": "#0a7350",
    "good-soft": "#e2f5ed",
    "warn": "#8a5300",
    "warn-soft": "#fdf1da",
    "bad": "#b3261e",
    "bad-soft": "#fcebe9",
    "shadow": "0 1px 2px rgb(22 27 38 / 6%)",
}

DARK: Mapping[str, str] = {
    "ground": "#0e121a",
    "card": "#171c27",
    "line": "#2a3140",
    "edge": "#66718a",
    "ink": "#eef1f7",
    "ink-2": "#a0aabc",
    "accent": "#a3adff",
    "accent-soft": "#242b4a",
    "good": "#4fd3a0",
    "good-soft": "#12362b",
    "warn": "#f2b544",
    "warn-soft": "#3a2c10",
    "bad": "#ff8d85",
    "bad-soft": "#421b1a",
    "shadow": "none",
}


def _block(selector: str, tokens: Mapping[str, str], scheme: str) -> str:
    lines = "".join(f"--dw-{name}:{value};" for name, value in tokens.items())
    return f"{selector}{{color-scheme:{scheme};{lines}}}"


def tokens_css() -> str:
    """CSS variables of both themes: the system's choice, unless ``data-theme`` names one."""
    dark_system = _block(':root:not([data-theme="light"])', DARK, "dark")
    return "\n".join(
        (
            _block(":root", LIGHT, "light"),
            f"@media (prefers-color-scheme: dark){{{dark_system}}}",
            _block(':root[data-theme="dark"]', DARK, "dark"),
            f":root{{--dw-font:{FONT};}}",
        )
    )


def colour(index: int) -> str:
    """The colour of a series by its place, from 0."""
    return PALETTE[index % len(PALETTE)]


def contrast(ink: str, ground: str) -> float:
    """Contrast of two ``#rrggbb`` colours, in [1, 21]; WCAG 2.2, "contrast ratio".

    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

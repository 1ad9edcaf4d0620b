"""Hits and misses of an evaluation as an SVG: one line a series, time from left to right."""

from __future__ import annotations

from html import escape

from datawatch_lab.anomaly.judge.evaluation import Evaluation, SeriesOutcome

_WIDTH, _LINE, _NAMES, _TOP = 960, 14, 330, 34
_HIT, _MISS, _FALSE, _INK, _RAIL = "#2a9d5c", "#d1495b", "#e08e0b", "#555", "#e6e6e6"


def picture(found: Evaluation) -> str:
    """An SVG image: spans green when caught, red when missed; orange ticks are false alarms."""
    height = _TOP + _LINE * len(found.series) + 8
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        f'<g font-family="system-ui, sans-serif" font-size="9" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        *_legend(),
    ]
    for number, outcome in enumerate(found.series):
        lines += _line(outcome, _TOP + _LINE * number)
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _legend() -> list[str]:
    entries = ((_HIT, "caught"), (_MISS, "missed"), (_FALSE, "false alarm"))
    return [
        f'<rect x="{_NAMES + 110 * n}" y="10" width="10" height="10" fill="{colour}"/>'
        f'<text x="{_NAMES + 15 + 110 * n}" y="18">{label}</text>'
        for n, (colour, label) in enumerate(entries)
    ]


def _line(outcome: SeriesOutcome, top: int) -> list[str]:
    scale = (_WIDTH - _NAMES - 10) / max(outcome.rows, 1)
    parts = [
        f'<text x="{_NAMES - 8}" y="{top + 9}" text-anchor="end">{escape(outcome.name)}</text>',
        _bar(_NAMES, top + 5, outcome.rows * scale, 2, _RAIL),
    ]
    for (first, last), caught in zip(outcome.spans, outcome.caught, strict=True):
        wide = max((last - first + 1) * scale, 1.5)
        parts.append(_bar(_NAMES + first * scale, top + 1, wide, 10, _HIT if caught else _MISS))
    return parts + [
        _bar(_NAMES + row * scale, top + 2, 1.2, 8, _FALSE) for row in outcome.false_rows
    ]


def _bar(x: float, y: float, wide: float, high: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{high}" fill="{colour}"/>'

"""A picture of a course that needs no script: SVG in the text of an output, for exported pages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from datawatch_lab.notebook.editing.course import Course, Dot, Floats, Mark
from datawatch_lab.notebook.markup import Safe
from datawatch_lab.views import axes, theme
from datawatch_lab.views import format as words
from datawatch_lab.views.format import escape

WIDE, HIGH = 760, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 12, 178
_MOST = 600
"""Points that a picture holds at most."""

_BAD, _LOW, _PILL = "#d0453b", "#b8860b", "#b3261e"


class _Scale:
    """Where times and values stand in the picture."""

    def __init__(self, course: Course, threshold: float | None) -> None:
        self.start, self.end = course.span
        self.end = max(self.end, self.start + 60_000)
        given = [course.values, course.low, course.high]
        known = np.concatenate([*given, [] if threshold is None else [threshold]])
        known = known[np.isfinite(known)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        if low >= 0 and low < 0.5 * high:
            low = 0.0
        pad = (high - low or abs(high) or 1.0) * 0.08
        self.low, self.high = (0.0 if low == 0 else low - pad), high + pad

    def x(self, times: Floats | float) -> Floats:
        """Places of times."""
        share = (np.asarray(times, dtype=float) - self.start) / (self.end - self.start)
        return _LEFT + share * (WIDE - _RIGHT - _LEFT)

    def y(self, values: Floats | float) -> Floats:
        """Places of values."""
        share = (np.asarray(values, dtype=float) - self.low) / (self.high - self.low)
        return _BOTTOM - share * (_BOTTOM - _TOP)


def picture(
    course: Course,
    about: str,
    *,
    threshold: float | None = None,
    marks: Sequence[Mark] = (),
    dots: Sequence[Dot] = (),
    lane: str = "",
) -> Safe:
    """A course with band, threshold, episodes and flagged points.

    Args:
        course: what is drawn; a sentence stands in its place where it is empty.
        about: what the picture shows, for those who cannot see it.
        threshold: a level in it.
        marks: episodes, on a lane of their own below.
        dots: points that are told apart.
        lane: what the episodes are.
    """
    scale = _Scale(course, threshold)
    parts = [_axes(course, scale)]
    if course.low.size:
        parts.append(_band(course, scale))
    parts.append(_line(course, scale))
    if threshold is not None:
        parts.append(_level(threshold, course.unit, scale))
    parts += [_dot(each, scale) for each in dots[:_MOST]]
    parts.append(_lane(lane, marks, scale) if lane else "")
    return Safe(
        f'<svg viewBox="0 0 {WIDE} {HIGH}" width="{WIDE}" style="max-width:100%;height:auto" '
        f'role="img" fill="currentColor" font-size="12" font-family="inherit">'
        f"<title>{escape(about)}</title>{''.join(parts)}</svg>"
    )


def _axes(course: Course, scale: _Scale) -> str:
    parts = []
    for each in _levels(scale.low, scale.high):
        at = float(scale.y(each))
        parts.append(
            f'<line x1="{_LEFT}" x2="{WIDE - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}" '
            'stroke="currentColor" stroke-opacity=".18"/>'
            f'<text x="{_LEFT - 8}" y="{at + 4:.1f}" text-anchor="end" opacity=".8">'
            f"{escape(words.value(each, course.unit, short=True) if each else '0')}</text>"
        )
    if not course.times.size:
        middle = f'x="{(_LEFT + WIDE) / 2}" y="{HIGH / 2}"'
        return f'{"".join(parts)}<text {middle} text-anchor="middle">no data in this range</text>'
    start, end = (datetime.fromtimestamp(at / 1e3, UTC) for at in (scale.start, scale.end))
    for place, label in axes.times(start, end).labels.items():
        at = float(scale.x(place))
        if _LEFT + 16 < at < WIDE - 60:
            said = escape(" ".join(label.split("\n")))
            where = f'x="{at:.1f}" y="{HIGH - 8}"'
            parts.append(f'<text {where} text-anchor="middle" opacity=".8">{said}</text>')
    parts.append(
        f'<text x="{WIDE - _RIGHT}" y="{HIGH - 8}" text-anchor="end" opacity=".8">UTC</text>'
    )
    return "".join(parts)


def _levels(low: float, high: float) -> list[float]:
    step = axes.amounts(high - low, words.number).places[1]
    return [each * step for each in range(int(np.ceil(low / step)), int(high // step) + 1)]


def _thin(course: Course) -> NDArray[np.intp]:
    """Places of the points that are drawn: of each bucket of time the lowest and the highest."""
    size = course.values.size
    if size <= _MOST:
        return np.arange(size)
    width = -(-size // (_MOST // 2))
    padded = np.full(width * -(-size // width), np.nan)
    padded[:size] = course.values
    rows = padded.reshape(-1, width)
    first = np.arange(rows.shape[0]) * width
    low = np.argmin(np.where(np.isfinite(rows), rows, np.inf), axis=1) + first
    high = np.argmax(np.where(np.isfinite(rows), rows, -np.inf), axis=1) + first
    return np.unique(np.concatenate([low, high, [size - 1]]).clip(0, size - 1))


def _line(course: Course, scale: _Scale) -> str:
    kept = _thin(course)
    xs, ys = scale.x(course.times[kept]), scale.y(course.values[kept])
    path, is_open = [], False
    for x, y in zip(xs, ys, strict=True):
        if not np.isfinite(y):
            is_open = False
            continue
        path.append(f"{'L' if is_open else 'M'}{x:.1f} {y:.1f}")
        is_open = True
    style = f'fill="none" stroke="{theme.ACCENT}" stroke-width="1.6" stroke-linejoin="round"'
    return f'<path d="{"".join(path)}" {style}/>' if path else ""


def _band(course: Course, scale: _Scale) -> str:
    known = np.flatnonzero(np.isfinite(course.low) & np.isfinite(course.high))
    if not known.size:
        return ""
    kept = known[:: max(1, known.size // _MOST)]
    xs = scale.x(course.times[kept])
    upper = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, scale.y(course.high[kept]), strict=True)]
    lower = [f"{x:.1f} {y:.1f}" for x, y in zip(xs, scale.y(course.low[kept]), strict=True)]
    way = "L".join([*upper, *reversed(lower)])
    return f'<path d="M{way}Z" fill="{theme.ACCENT}" fill-opacity=".16"/>'


def _level(threshold: float, unit: str, scale: _Scale) -> str:
    at = float(scale.y(threshold))
    said = words.plain(words.value(threshold, unit, short=True))
    wide = 16 + 7 * len(said)
    left = WIDE - _RIGHT - wide
    return (
        f'<line x1="{_LEFT}" x2="{left}" y1="{at:.1f}" y2="{at:.1f}" stroke="{_BAD}" '
        'stroke-width="1.5" stroke-dasharray="5 4"/>'
        f'<rect x="{left}" y="{at - 10:.1f}" width="{wide}" height="20" rx="10" fill="{_PILL}"/>'
        f'<text x="{left + wide / 2}" y="{at + 4:.1f}" text-anchor="middle" font-weight="600" '
        f'fill="#fff">{escape(said)}</text>'
    )


def _dot(dot: Dot, scale: _Scale) -> str:
    place = f'cx="{float(scale.x(dot.at)):.1f}" cy="{float(scale.y(dot.value)):.1f}"'
    colour = _LOW if dot.kind == "low" else _BAD
    return f'<circle {place} r="4" fill="{colour}"><title>{escape(dot.label)}</title></circle>'


def _lane(lane: str, marks: Sequence[Mark], scale: _Scale) -> str:
    top, wide = _BOTTOM + 8, WIDE - _RIGHT - _LEFT
    place = f'x="{_LEFT - 8}" y="{top + 10}" text-anchor="end" opacity=".8"'
    parts = [
        f'<rect x="{_LEFT}" y="{top}" width="{wide}" height="12" rx="3" fill-opacity=".1"/>',
        f"<text {place}>{escape(lane)}</text>",
    ]
    for each in marks[:_MOST]:
        left = max(float(scale.x(each.start)), _LEFT)
        right = min(float(scale.x(each.end)), WIDE - _RIGHT)
        if right < _LEFT or left > WIDE - _RIGHT:
            continue
        colour = _LOW if each.kind == "low" else _BAD
        parts.append(
            f'<rect x="{left:.1f}" y="{top}" width="{max(3.0, right - left):.1f}" height="12" '
            f'rx="2" fill="{colour}"><title>{escape(each.label)}</title></rect>'
        )
    return "".join(parts)

"""A small chart of what led to an alert, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING

from datawatch_lab.alerts.message import Message, number

if TYPE_CHECKING:
    from PIL import ImageDraw

_WIDTH, _HEIGHT, _SCALE = 560, 160, 2
_LEFT, _TOP, _RIGHT, _BOTTOM = 8, 26, 90, 14
_GROUND, _LINE, _SOFT = (255, 255, 255), (37, 99, 175), (110, 118, 129)
_BAND, _LAST = (226, 236, 247), (190, 45, 45)

LEAST_POINTS = 2
"""Known points that a chart needs."""


def draw(message: Message) -> bytes | None:
    """A line of the metric with its expected band, in PNG; None when there is too little to draw.

    The band is drawn as far as it is within the chart; the newest value is marked and written.
    """
    known = [(at, value) for at, value in message.points if value is not None]
    if len(known) < LEAST_POINTS or not message.alerts:
        return None
    from PIL import Image, ImageDraw, ImageFont

    scale = _SCALE
    image = Image.new("RGB", (_WIDTH * scale, _HEIGHT * scale), _GROUND)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(12 * scale)
    place = _Place(known, message)
    if message.low is not None or message.high is not None:
        top = place.y(message.high) if message.high is not None else _TOP * scale
        bottom = place.y(message.low) if message.low is not None else (_HEIGHT - _BOTTOM) * scale
        right = (_WIDTH - _RIGHT) * scale
        pen.rectangle((_LEFT * scale, min(top, bottom), right, max(top, bottom)), fill=_BAND)
    _line(pen, message, place)
    alert, (at, value) = message.alerts[0].alert, known[-1]
    x, y = place.x(at), place.y(value)
    pen.ellipse((x - 4 * scale, y - 4 * scale, x + 4 * scale, y + 4 * scale), fill=_LAST)
    pen.text((x + 8 * scale, y - 8 * scale), number(value, alert.unit)[:12], fill=_LAST, font=font)
    pen.text((_LEFT * scale, 6 * scale), alert.metric[:60], fill=_SOFT, font=font)
    out = BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


class _Place:
    """Where values stand on the picture."""

    def __init__(self, known: Sequence[tuple[float, float]], message: Message) -> None:
        values = [value for _, value in known]
        values += [each for each in (message.low, message.high) if each is not None]
        self._low, high = min(values), max(values)
        self._span = (high - self._low) or abs(high) or 1.0
        self._first = known[0][0]
        self._length = (known[-1][0] - self._first) or 1.0

    def x(self, at: float) -> float:
        """From the left, for a moment."""
        share = (at - self._first) / self._length
        return (_LEFT + share * (_WIDTH - _LEFT - _RIGHT)) * _SCALE

    def y(self, value: float) -> float:
        """From the top, for a value."""
        share = (value - self._low) / self._span
        return (_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)) * _SCALE


def _line(pen: ImageDraw.ImageDraw, message: Message, place: _Place) -> None:
    """The line, broken where there is no value."""
    run: list[tuple[float, float]] = []
    for at, value in (*message.points, (0.0, None)):
        if value is not None:
            run.append((place.x(at), place.y(value)))
            continue
        if len(run) > 1:
            pen.line(run, fill=_LINE, width=2 * _SCALE, joint="curve")
        run = []

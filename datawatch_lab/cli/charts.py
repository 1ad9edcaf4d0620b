"""Small charts of block characters for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

_LEVELS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉█"
_GAP = "·"

Values = Sequence[float | None]


def spark(values: Values, width: int) -> str:
    """A line of blocks, lowest value lowest; ``·`` where nothing is known, '' for no values.

    >>> spark([0, 1, None, 2], 10)
    '▁▄·█'
    """
    shown = squeeze(values, width)
    known = [each for each in shown if each is not None]
    if not known:
        return _GAP * len(shown)
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    top = len(_LEVELS) - 1
    return "".join(
        _GAP if each is None else _LEVELS[int((each - low) / span * top)] for each in shown
    )


def bar(value: float, largest: float, width: int) -> str:
    """A horizontal bar of at most ``width`` characters, in eighths; '' for nothing.

    >>> bar(5, 10, 4), bar(0, 10, 4)
    ('██', '')
    """
    if largest <= 0 or value <= 0:
        return ""
    eighths = round(min(value / largest, 1.0) * width * 8)
    return "█" * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")


def columns(values: Values, width: int, height: int) -> list[str]:
    """A column chart from zero (or the lowest negative value) as lines, the top one first.

    >>> columns([1, 2, None, 4], 10, 2)
    ['   █', '▄█·█']
    """
    shown = squeeze(values, width)
    known = [each for each in shown if each is not None]
    low, high = min([0.0, *known]), max([0.0, *known])
    span = (high - low) or 1.0
    eighths = [None if v is None else round((v - low) / span * height * 8) for v in shown]
    lines = []
    for level in range(height - 1, -1, -1):
        cells = []
        for each in eighths:
            if each is None:
                cells.append(_GAP if level == 0 else " ")
            else:
                part = max(0, min(8, each - level * 8))
                cells.append(f" {_LEVELS}"[part])
        lines.append("".join(cells))
    return lines


def squeeze(values: Values, width: int) -> list[float | None]:
    """At most ``width`` values: neighbours become their mean, unknown ones do not count.

    >>> squeeze([1, 3, None, 5], 2)
    [2.0, 5.0]
    """
    if len(values) <= width:
        return list(values)
    squeezed: list[float | None] = []
    for number in range(width):
        start, end = number * len(values) // width, (number + 1) * len(values) // width
        known = [each for each in values[start:end] if each is not None]
        squeezed.append(sum(known) / len(known) if known else None)
    return squeezed

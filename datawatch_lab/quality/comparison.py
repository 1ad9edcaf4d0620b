"""Rows against themselves: ``comparison`` and ``expression`` are conditions over their columns.

Null goes by SQL's three-valued logic: a row of which the condition is neither true nor false is not
looked at. Times are compared as times, which `temporal` sees to; all else is the language of custom
metrics, which the engine brings.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from datawatch_lab.quality.images import Bools, Floats, Images
from datawatch_lab.quality.verdict import Verdict, good

_SIMPLE = re.compile(r"\s*([A-Za-z_]\w*)\s*(<=|>=|<>|!=|==|=|<|>)\s*([A-Za-z_]\w*)\s*")
_OPERATORS: dict[str, Callable[[Floats, Floats], Bools]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "=": np.equal,
    "==": np.equal,
    "<>": np.not_equal,
    "!=": np.not_equal,
}


def columns_compared(expression: str) -> tuple[str, str, str] | None:
    """The parts of ``column operator column``; None for any other expression.

    >>> columns_compared("shipped_at >= created_at")
    ('shipped_at', '>=', 'created_at')
    """
    found = _SIMPLE.fullmatch(expression)
    return (found[1], found[2], found[3]) if found else None


def temporal(expression: str, images: Images) -> Verdict | None:
    """Two columns of times compared; None where it is no such comparison.

    Columns are of times when every value that is there can be read as one and they are texts.
    """
    parts = columns_compared(expression)
    if parts is None or not (images.has(parts[0]) and images.has(parts[2])):
        return None
    left, right = images.moments(parts[0]), images.moments(parts[2])
    both = images.filled(parts[0]) & images.filled(parts[2])
    if not both.any():
        return None
    as_numbers = images.numbers(parts[0])[1] & images.numbers(parts[2])[1]
    if (as_numbers & both).any() or not (left[1] & right[1])[both].all():
        return None
    return good(both, _OPERATORS[parts[1]](left[0], right[0]))

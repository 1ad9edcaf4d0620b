"""Values of the notebook that a cell of SQL names, as ``$name``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import numpy as np

_NAMED = re.compile(r"\$([^\W\d]\w*)")


def bound_values(cell: str, names: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook's variables that a query names, as values that can be bound.

    Args:
        cell: of SQL.
        names: the variables of the notebook.

    Returns:
        By name: texts, numbers, flags, None, lists of texts; NumPy's own as Python's. Dates and
        times are their ISO text, to be written ``$since::TIMESTAMP``. What is named and is of
        another type, or no variable, is left out: the query is refused then by that name.
    """
    found = {}
    for name in dict.fromkeys(_NAMED.findall(cell)):
        if name in names:
            value = _value(names[name])
            if not isinstance(value, _Unfit):
                found[name] = value
    return found


class _Unfit:
    """A value that cannot be bound."""


def _value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        listed = [_value(each) for each in value]
        texts = all(isinstance(each, str) for each in listed)
        return listed if texts else _Unfit()
    return _Unfit()

"""What each quality rule must say, in plain Python and pandas, one row after the other.

Nothing of the package under test is imported. A change is a dict with ``op`` (c, u or d) and
``row``; a field that a row lacks is no field, None is null.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

Row = Mapping[str, Any]
Change = Mapping[str, Any]
Said = Mapping[str, Any]
MISSING = object()


def text(value: Any) -> str:
    """A value as a reader would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def number(value: Any) -> float | None:
    """A value as a number, texts too."""
    if isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if found == found and abs(found) != float("inf") else None  # noqa: PLR0124 — NaN


def _within(value: float | None, rule: Said) -> bool:
    low, high = rule.get("min"), rule.get("max")
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def _is_uuid(value: Any) -> bool:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return False
    return True


def _is_email(value: Any) -> bool:
    name, at, host = str(value).rpartition("@")
    parts = host.split(".")
    return (
        bool(at and name)
        and len(parts) > 1
        and all(re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", each) for each in parts)
        and re.fullmatch(r"[^\s@,;:<>()\[\]\\\"]+", name) is not None
    )


PASSES: Mapping[str, Callable[[Said, Any], bool]] = {
    "positive": lambda _, v: (number(v) or 0) > 0,
    "non_negative": lambda _, v: number(v) is not None and number(v) >= 0,  # type: ignore[operator]
    "in_range": lambda rule, v: _within(number(v), rule),
    "in_set": lambda rule, v: text(v) in [text(each) for each in rule["values"]],
    "not_in_set": lambda rule, v: text(v) not in [text(each) for each in rule["values"]],
    "regex": lambda rule, v: re.fullmatch(rule["pattern"], text(v)) is not None,
    "email_format": lambda _, v: _is_email(v),
    "uuid_format": lambda _, v: _is_uuid(v),
    "length": lambda rule, v: _within(len(text(v)), rule),
}
"""Rules about one value that is not null."""


def looked_and_failed(rule: Said, changes: Sequence[Change]) -> tuple[int, int]:
    """Rows that a rule looks at and that fail, over changes in order."""
    kind = rule["rule"]
    if kind == "unique":
        return unique(rule, changes)
    if kind == "monotonic":
        return monotonic(rule, changes)
    looked = failed = 0
    for change in changes:
        if change["op"] == "d":
            continue
        value = change["row"].get(rule["field"], MISSING)
        if value is MISSING or (value is None and kind not in ("not_null", "not_empty")):
            continue
        looked += 1
        if kind == "not_null":
            failed += value is None
        elif kind == "not_empty":
            failed += value is None or not text(value).strip()
        else:
            failed += not PASSES[kind](rule, value)
    return looked, failed


def unique(rule: Said, changes: Sequence[Change]) -> tuple[int, int]:
    """A row fails when another row has its values at that moment."""
    fields = rule.get("fields") or [rule["field"]]
    rows: dict[Any, Any] = {}
    looked = failed = 0
    for change in changes:
        row, key = change["row"], change["row"]["id"]
        if change["op"] == "d":
            rows.pop(key, None)
            continue
        value = tuple(row.get(name) for name in fields)
        if any(each is None for each in value):
            rows.pop(key, None)
            continue
        looked += 1
        if fields == ["id"]:
            failed += change["op"] == "c" and key in rows
        else:
            failed += any(v == value for k, v in rows.items() if k != key)
        rows[key] = value
    return looked, failed


def monotonic(rule: Said, changes: Sequence[Change]) -> tuple[int, int]:
    """An inserted value fails when a larger one came before."""
    highest: float | None = None
    looked = failed = 0
    for change in changes:
        value = number(change["row"].get(rule["field"]))
        if change["op"] != "c" or value is None:
            continue
        looked += 1
        failed += highest is not None and value < highest
        highest = value if highest is None else max(highest, value)
    return looked, failed


def references(changes: Sequence[Change], field: str, parents: Sequence[Any]) -> tuple[int, int]:
    """A row fails when its parent has not come by the end."""
    values = [c["row"].get(field) for c in changes if c["op"] != "d"]
    given = [each for each in values if each is not None]
    return len(given), sum(text(each) not in {text(p) for p in parents} for each in given)


def windows(
    rule: Said, times: Sequence[datetime], values: Sequence[float | None], least: int
) -> tuple[int, int]:
    """Hours with enough values, and those whose mean or spread is out of range; by pandas."""
    frame = pd.DataFrame({"at": times, "value": values}).dropna()
    if frame.empty:
        return 0, 0
    grouped = frame.set_index("at")["value"].resample("1h")
    sizes = grouped.count()
    found = {"mean": grouped.mean, "stddev": grouped.std}[rule["rule"]]()
    kept = found[sizes >= least]
    return len(kept), sum(not _within(float(each), rule) for each in kept)

"""Two files of results side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.results import aligned, number

RESULTS = Path("bench-results")
"""Where `make bench` keeps results, one file a commit."""


def load(name: str) -> dict[str, dict[str, Any]]:
    """Results from a file, or those that `make bench` kept of a commit (its first digits do).

    Raises:
        SystemExit: there is no such file, or it holds no results.
    """
    path = Path(name)
    if not path.is_file():
        kept = sorted(RESULTS.glob(f"{name}*.json")) if name else []
        if len(kept) != 1:
            have = ", ".join(sorted(each.stem for each in RESULTS.glob("*.json"))) or "none"
            which = "several" if kept else "no"
            raise SystemExit(f"{name}: no such file, and {which} results of it. Kept: {have}.")
        path = kept[0]
    try:
        found = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SystemExit(f"{path}: not JSON ({error}).") from None
    if not isinstance(found, dict) or not all(
        isinstance(each, dict) and "value" in each for each in found.values()
    ):
        raise SystemExit(f"{path}: not results of `python -m benchmarks run --json`.")
    return found


def comparison(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """By figure: both values and ratios, and their change, 0.1 for a tenth more.

    ``better`` says whether the ratio (the value where there is none) went the better way; None when
    it stayed within 5 %, which is noise, or cannot be told. ``differs`` names what makes the two
    hard to compare.
    """
    return {
        name: _change(before.get(name, {}), after.get(name, {}))
        for name in dict.fromkeys((*before, *after))
    }


def _change(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    value, ratio = (_relative(old.get(what), new.get(what)) for what in ("value", "ratio"))
    telling = value if ratio is None else ratio
    better = None
    if telling is not None and abs(telling) > 0.05:
        better = (telling > 0) == (new.get("better") == "higher")
    return {
        "unit": new.get("unit") or old.get("unit"),
        "before": old.get("value"),
        "after": new.get("value"),
        "change": value,
        "ratio_before": old.get("ratio"),
        "ratio_after": new.get("ratio"),
        "ratio_change": ratio,
        "better": better,
        "differs": _difference(old, new),
    }


def _relative(old: float | None, new: float | None) -> float | None:
    if old is None or new is None or not old:
        return None
    return round(new / old - 1, 4)


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    if not old or not new:
        return "only in one of them"
    parts = []
    if old.get("scaled") != new.get("scaled"):
        parts.append(f"sizes: {old.get('scaled') or 'full'} / {new.get('scaled') or 'full'}")
    parts += [each["reason"] for each in (old, new) if each.get("reason")]
    return "; ".join(dict.fromkeys(parts))


HEADINGS = (
    "name",
    "unit",
    "before",
    "after",
    "change",
    "ratio",
    "ratio after",
    "change",
    "",
    "note",
)


def comparison_table(changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The comparison for people."""
    words = {True: "better", False: "WORSE", None: ""}
    rows = [
        (
            name,
            each["unit"] or "",
            number(each["before"]),
            number(each["after"]),
            _percent(each["change"]),
            number(each["ratio_before"], "×"),
            number(each["ratio_after"], "×"),
            _percent(each["ratio_change"]),
            words[each["better"]],
            each["differs"],
        )
        for name, each in changes.items()
    ]
    return "\n".join(aligned([HEADINGS, *rows]))


def _percent(change: float | None) -> str:
    return "–" if change is None else f"{change:+.1%}"

"""The end of a line alone: what a browser that has the rest needs to be sent.

``join(old, shortened(old, new)) == new``; the browser's `merged` in ``src/tile.ts`` does the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from datawatch_lab.views.board.message import Part

_LEAST = 8  # values that must be saved for it to be worth while


def shortened(old: Part | None, new: Part) -> Part:
    """A part of which only the values that are new are left.

    Args:
        old: what the browser has; None for nothing.
        new: what it is to have.

    Returns:
        ``new`` with ``keep`` in its data, and series that hold what comes after it; or ``new`` as
        it is, where the two have not the same series, or nearly nothing in common.
    """
    if old is None or old.face != "line" or new.face != "line" or "keep" in new.data:
        return new
    if "times" in new.data or "times" in old.data:  # there are few, and they are not counted
        return new
    before, now = old.data, new.data
    names = [each["name"] for each in before["series"]], [each["name"] for each in now["series"]]
    shift, odd = divmod(now["t0"] - before["t0"], max(1, now["step"]))
    same = names[0] == names[1] and before["step"] == now["step"] and bool(names[0])
    if not same or odd or shift < 0 or bool(before["band"]) != bool(now["band"]):
        return new
    count = min(
        _common(was[shift:], has) for was, has in zip(_columns(before), _columns(now), strict=True)
    )
    if count < _LEAST:
        return new
    data = {**now, "keep": {"from": shift, "count": count}}
    data["series"] = [{**each, "values": each["values"][count:]} for each in now["series"]]
    if now["band"]:
        data["band"] = {side: values[count:] for side, values in now["band"].items()}
    return msgspec.structs.replace(new, data=data)


def join(old: Part, given: Part) -> Part:
    """What the browser has after a part, whole; for tests and for clients in Python."""
    if not isinstance(given.data, dict) or "keep" not in given.data:
        return given
    data = dict(given.data)
    keep = data.pop("keep")
    kept = slice(keep["from"], keep["from"] + keep["count"])
    data["series"] = [
        {**each, "values": (*was["values"][kept], *each["values"])}
        for was, each in zip(old.data["series"], data["series"], strict=True)
    ]
    if data["band"]:
        band = old.data["band"]
        data["band"] = {side: (*band[side][kept], *has) for side, has in data["band"].items()}
    return msgspec.structs.replace(given, data=data)


def _columns(data: dict[str, Any]) -> list[Sequence[Any]]:
    band = data["band"] or {}
    return [*(each["values"] for each in data["series"]), *band.values()]


def _common(was: Sequence[Any], has: Sequence[Any]) -> int:
    """How many values at the beginning are the same."""
    size = min(len(was), len(has))
    if was[:size] == has[:size]:
        return size
    return next(at for at in range(size) if was[at] != has[at])

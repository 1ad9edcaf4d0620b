"""What lies between two versions of a dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from datawatch_lab.core.dashboards import Dashboard
from datawatch_lab.core.dashboards.writing import to_plain

Change = Literal["added", "removed", "changed", "moved"]

_PLACE = {"x", "y", "w", "h"}


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs.

    Attributes:
        path: where, such as ``tiles.revenue.query.metric``; tiles, variables by their names.
        change: added, removed, changed; of a tile that was only moved or resized: moved.
        before, after: as in the document; None for nothing.
        words: the difference as a sentence.
    """

    path: str
    change: Change
    before: Any
    after: Any
    words: str


def differences(old: Dashboard, new: Dashboard) -> list[Difference]:
    """What lies between two versions, in the order of the document; [] for nothing.

    Tiles are told apart by id, variables by name, so one that is put elsewhere is moved, not
    removed and added.
    """
    before, after = _keyed(to_plain(old)), _keyed(to_plain(new))
    found = []
    for key in dict.fromkeys([*before, *after]):
        if key not in ("tiles", "variables"):
            found += list(_between(key, before.get(key), after.get(key)))
    for group, noun in (("variables", "variable"), ("tiles", "tile")):
        found += list(_items(group, noun, before.get(group, {}), after.get(group, {})))
    return found


def _keyed(document: dict[str, Any]) -> dict[str, Any]:
    named = {"tiles": "id", "variables": "name"}
    return {
        key: {each[named[key]]: each for each in value} if key in named else value
        for key, value in document.items()
    }


def _items(
    group: str, noun: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    for name in dict.fromkeys([*before, *after]):
        path, old, new = f"{group}.{name}", before.get(name), after.get(name)
        if old is None or new is None:
            change: Change = "added" if old is None else "removed"
            kind = f" ({(new or old or {})['kind']})" if noun == "tile" else ""
            yield Difference(path, change, old, new, f"{noun} {name}{kind} was {change}")
            continue
        if moved := _moved(path, noun, name, old, new):
            yield moved
        for key in dict.fromkeys([*old, *new]):
            if noun != "tile" or key not in _PLACE:
                yield from _between(f"{path}.{key}", old.get(key), new.get(key))


def _moved(path: str, noun: str, name: str, old: Any, new: Any) -> Difference | None:
    if noun != "tile":
        return None
    one, other = ({key: each.get(key) for key in sorted(_PLACE)} for each in (old, new))
    if one == other:
        return None
    is_sized = (one["w"], one["h"]) != (other["w"], other["h"])
    verb = "resized" if is_sized else "moved"
    words = f"tile {name} was {verb} to column {other['x']}, row {other['y']}"
    words += f", {other['w']} by {other['h']}" if is_sized else ""
    return Difference(path, "moved", one, other, words)


def _between(path: str, old: Any, new: Any) -> Iterator[Difference]:
    if old == new:
        return
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys([*old, *new]):
            yield from _between(f"{path}.{key}", old.get(key), new.get(key))
    elif old is None:
        yield Difference(path, "added", None, new, f"{path} is now {_short(new)}")
    elif new is None:
        yield Difference(path, "removed", old, None, f"{path} was {_short(old)}, now as by default")
    else:
        yield Difference(path, "changed", old, new, f"{path}: {_short(old)} → {_short(new)}")


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:59]}…"

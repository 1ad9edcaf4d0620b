"""Where in a document something stands, and what is wrong there: the ground of its readers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from datawatch_lab.core.durations import format_duration, parse_duration, parse_time
from datawatch_lab.core.errors import DataWatchError, InputError, not_found

Path = tuple[str | int, ...]
Lines = Mapping[Path, int]
"""Line, from 1, by path; a path that is not there has the line of what it is in."""

LONGEST_TEXT = 20_000
_LONGEST_LIST = 1_000
_MOST_FAULTS = 100
_LONGEST_SPAN = 10 * 366
_STEP = re.compile(r"\d{1,3}(?:w|mo)")


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something wrong in a document.

    Attributes:
        path: where, such as ``tiles[2].query.metric``; '' for the whole.
        message: what, and what was possible.
        line: from 1, where the document came as YAML.
        is_warning: it can be kept as it is, but shows nothing or less until that is there.
    """

    path: str
    message: str
    line: int | None = None
    is_warning: bool = False

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        where = ", ".join(each for each in (self.path, line) if each)
        return f"{where}: {self.message}" if where else self.message


class Place:
    """A place in a document; readers report what is wrong there.

    Args:
        lines: where the document came as YAML.
        faults: shared by all places of a document.
        path: from the top.
    """

    def __init__(
        self, lines: Lines | None = None, faults: list[Fault] | None = None, path: Path = ()
    ) -> None:
        self._lines = lines or {}
        self.faults: list[Fault] = [] if faults is None else faults
        self.path = path

    def at(self, *parts: str | int) -> Place:
        """A place further in."""
        return Place(self._lines, self.faults, (*self.path, *parts))

    def fault(self, message: str, *, is_warning: bool = False) -> None:
        """Report something; beyond 100 nothing more is kept."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(written(self.path), message, self._line(), is_warning))

    def warn(self, message: str) -> None:
        """Report what may come right by itself."""
        self.fault(message, is_warning=True)

    def _line(self) -> int | None:
        for length in range(len(self.path), -1, -1):
            if self.path[:length] in self._lines:
                return self._lines[self.path[:length]]
        return None


def written(path: Path) -> str:
    """A path as people write it.

    >>> written(("tiles", 2, "query", "metric"))
    'tiles[2].query.metric'
    """
    text = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    return text.removeprefix(".")


def refusal(what: str, faults: Iterable[Fault]) -> InputError:
    """The error for a document that cannot be taken: the first fault, and how many more."""
    grave = [each for each in faults if not each.is_warning]
    more = f" … and {len(grave) - 1} more" if len(grave) > 1 else ""
    return InputError(
        f"{what}: {grave[0]}{more}",
        details={"faults": [msgspec.to_builtins(each) for each in grave]},
    )


Reader = Callable[[Place, Any], Any]
"""Reads a value; a ValueError says what is wrong with it."""


def fields(
    place: Place,
    given: object,
    readers: Mapping[str, Reader],
    aliases: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The values of a mapping, each by the reader of its key; null is as if it were not said."""
    if not isinstance(given, Mapping):
        place.fault("keys and values must stand here.")
        return {}
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = (aliases or {}).get(str(key), str(key))
        here = place.at(str(key)[:80])
        if name not in readers:
            here.fault(not_found("key", str(key)[:80], readers).message)
        elif name in found:
            here.fault(f"{name} is said twice.")
        elif value is not None:
            read = attempted(here, readers[name], value)
            if read is not None:
                found[name] = read
    return found


def attempted(place: Place, reader: Reader, value: Any) -> Any:
    """What a reader makes of a value; None, and a fault, when it cannot."""
    try:
        return reader(place, value)
    except DataWatchError as error:
        place.fault(f"{error.message} {error.hint}".strip())
    except ValueError as error:
        place.fault(f"{error}.")
    return None


# -------------------------------------------------------------------- readers of plain values


def text(place: Place, given: Any) -> str:
    """Words; numbers are taken as they are written."""
    del place
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError("words must stand here")  # noqa: TRY004 — of the document, not of code
    found = str(given).strip()
    if len(found) > LONGEST_TEXT:
        raise ValueError(f"it is longer than {LONGEST_TEXT:,} characters")
    return found


def title(place: Place, given: Any) -> str:
    """Words of one line, 200 characters at most."""
    found = " ".join(text(place, given).split())
    if len(found) > 200:
        raise ValueError("it is longer than 200 characters")
    return found


def flag(place: Place, given: Any) -> bool:
    """True or false."""
    del place
    if not isinstance(given, bool):
        raise ValueError("it is true or false")  # noqa: TRY004 — of the document, not of code
    return given


def integer(low: int, high: int) -> Reader:
    """A whole number between two bounds, both included."""

    def read(place: Place, given: Any) -> int:
        del place
        if isinstance(given, bool) or not isinstance(given, int | float) or given != int(given):
            raise ValueError("a whole number must stand here")
        if not low <= given <= high:
            raise ValueError(f"it is {given:g}; it goes from {low} to {high:,}")
        return int(given)

    return read


def one_of(kind: str, choices: Iterable[str], *, empty: bool = False) -> Reader:
    """One of some words."""
    known = tuple(choices)

    def read(place: Place, given: Any) -> str:
        found = text(place, given)
        if found not in known and not (empty and not found):
            raise not_found(kind, found[:80], known)
        return found

    return read


def texts(place: Place, given: Any) -> tuple[str, ...]:
    """A list of words; one alone is a list of one."""
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        given = [given]
    return tuple(items(place, given, text))


def items(place: Place, given: Any, reader: Reader) -> list[Any]:
    """A list, each item by a reader; those that cannot be read are left out."""
    if not isinstance(given, list | tuple):
        raise ValueError("a list must stand here")  # noqa: TRY004 — of the document, not of code
    if len(given) > _LONGEST_LIST:
        raise ValueError(f"it has more than {_LONGEST_LIST:,} items")
    read = (attempted(place.at(n), reader, each) for n, each in enumerate(given))
    return [each for each in read if each is not None]


def span(place: Place, given: Any) -> str:
    """A duration as it is written; ``[1h]`` means 1h, and a bare number is seconds."""
    words = text(place, given).strip("[]").removeprefix("-").strip().lower()
    found = parse_duration(words)
    if not 0 < found.total_seconds() <= _LONGEST_SPAN * 86_400:
        raise ValueError("it must be more than nothing, and at most ten years")
    return format_duration(found) if words.replace(".", "", 1).isdigit() else words


def step(place: Place, given: Any) -> str:
    """The width of a bucket: a duration, ``1w`` or ``1mo``; '' for one that suits."""
    found = text(place, given).lower()
    return found if not found or _STEP.fullmatch(found) else span(place, found)


def moment(place: Place, given: Any) -> datetime:
    """A time, absolute, in UTC."""
    if isinstance(given, datetime):
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    words = text(place, given)
    if not words[:1].isdigit():
        raise ValueError("a time such as 2026-01-31T12:00:00Z must stand here")
    return parse_time(words, datetime.now(UTC))

"""Values of dashboards that need reading: ranges, filters, options of a kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from datawatch_lab.core.dashboards.document import Dashboard, TileQuery
from datawatch_lab.core.dashboards.kinds import Option, TileKind
from datawatch_lab.core.dashboards.older import older_filters
from datawatch_lab.core.dashboards.places import (
    Place,
    Reader,
    attempted,
    fields,
    flag,
    integer,
    one_of,
    span,
    text,
    texts,
)
from datawatch_lab.core.durations import parse_time
from datawatch_lab.core.errors import InputError, not_found

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,49}")
"""What a variable may be called."""

EXPONENT = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+\Z")
"""A number that JSON may write and YAML 1.1 takes for a text: ``1e-30``."""

_WORDS = ("auto", "today", "yesterday")


def time_range(place: Place, given: Any) -> str:
    """``auto``, ``today``, a duration back from now, or ``FROM/TO``.

    >>> time_range(Place(), "-90m"), time_range(Place(), {"start": "-2d", "end": "-1d"})
    ('90m', '-2d/-1d')
    """
    if isinstance(given, Mapping):
        pair = fields(place, given, {"start": text, "end": text}, {"from": "start", "to": "end"})
        given = f"{pair.get('start', '-1h')}/{pair.get('end', 'now')}"
    found = text(place, given)
    if found in _WORDS:
        return found
    start, slash, end = found.partition("/")
    if not slash:
        return span(place, found)
    now = datetime.now(UTC)
    if parse_time(start, now) >= parse_time(end, now):
        raise ValueError("it ends before it begins")
    return f"{start.strip()}/{end.strip()}"


def filters(place: Place, given: Any) -> dict[str, str | tuple[str, ...]]:
    """Value, or several, by label; the list of older bodies is taken too."""
    if isinstance(given, list | tuple):
        given = older_filters(place, given)
    if not isinstance(given, Mapping):
        raise ValueError("values by label must stand here")  # noqa: TRY004 — of the document
    found: dict[str, str | tuple[str, ...]] = {}
    for label, value in sorted(given.items(), key=lambda item: str(item[0])):
        many = isinstance(value, list | tuple)
        read = attempted(place.at(str(label)), texts if many else _value, value)
        if read is not None:
            found[str(label)] = read
    return found


def _value(place: Place, given: Any) -> str:
    return str(given).lower() if isinstance(given, bool) else text(place, given)


def values_of(found: Mapping[str, str | tuple[str, ...]]) -> Iterable[str]:
    """Every value of some filters."""
    for value in found.values():
        yield from (value,) if isinstance(value, str) else value


def is_variable(value: str) -> bool:
    """Whether a filter's value is that of a variable; ``$$`` begins a plain value with a dollar."""
    return value.startswith("$") and bool(VARIABLE.fullmatch(value[1:]))


def options(place: Place, kind: TileKind, given: Any) -> dict[str, Any]:
    """The options of a kind that are not at their default, in order of name."""
    if not isinstance(given, Mapping):
        place.fault("values by option must stand here.")
        return {}
    found: dict[str, Any] = {}
    for name, value in sorted(given.items(), key=lambda item: str(item[0])):
        option = kind.option(str(name))
        here = place.at(str(name)[:80])
        if option is None:
            known = [each.name for each in kind.options]
            here.fault(not_found("option", str(name)[:80], known, where=kind.name).message)
        elif value is not None:
            read = attempted(here, _OPTION_READERS[option.type](option), value)
            if isinstance(read, tuple):
                read = list(read)  # as JSON has it
            if read is not None and read != option.default:
                found[option.name] = read
    return found


def _number(option: Option) -> Reader:
    def read(place: Place, given: Any) -> float:
        del place
        if isinstance(given, str) and EXPONENT.match(given):
            given = float(given)
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise ValueError("a number must stand here")  # noqa: TRY004 — of the document
        low, high = option.low, option.high
        if given != given or abs(given) > 1e300:  # noqa: PLR0124 — not a number
            raise ValueError("a finite number must stand here")
        if (low is not None and given < low) or (high is not None and given > high):
            raise ValueError(f"it is {given:g}; it goes from {low:g} to {high:g}")
        return float(given)

    return read


_OPTION_READERS: Mapping[str, Callable[[Option], Reader]] = {
    "flag": lambda _: flag,
    "integer": lambda option: integer(int(option.low or 0), int(option.high or 0)),
    "number": _number,
    "text": lambda _: text,
    "choice": lambda option: one_of(option.name, option.choices),
    "texts": lambda _: texts,
}


def chosen_filters(
    board: Dashboard,
    query: TileQuery,
    chosen: Mapping[str, tuple[str, ...]] | None = None,
    labels: Collection[str] | None = None,
) -> tuple[tuple[str, str], ...]:
    """The (label, value) pairs that a query is asked with; several of a label mean any of them.

    Args:
        board: whose filters hold too, where the query says nothing of the label.
        query: of one of its tiles.
        chosen: by variable; those that are not there are at their default. () is all.
        labels: of the query's metric: filters of the board for other labels are left out. None
            when they are not known.

    Raises:
        InputError: a variable that is not there is named.
    """
    at_first = {each.name: each.chosen for each in board.variables}
    values = {**at_first, **(chosen or {})}
    pairs: list[tuple[str, str]] = []
    shared = {k: v for k, v in board.filters.items() if labels is None or k in labels}
    for label, said in {**shared, **query.filters}.items():
        for value in (said,) if isinstance(said, str) else said:
            if not is_variable(value):
                pairs.append((label, value[1:] if value.startswith("$$") else value))
            elif value[1:] in values:
                pairs += [(label, each) for each in values[value[1:]]]
            else:
                raise InputError(not_found("variable", value[1:], values, where=board.name).message)
    return tuple(dict.fromkeys(pairs))

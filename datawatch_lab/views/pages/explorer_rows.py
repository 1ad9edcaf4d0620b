"""The rows of a query as a table: times by the clocks of the workspace, values as they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from datawatch_lab.service.operations.sql import SqlAnswer
from datawatch_lab.views.clock import clocks_of, local, zone_word
from datawatch_lab.views.pages.parts import Html, html, table, tag

_NUMBERS = ("integer", "number", "decimal")
Moment = tuple[str, str]
"""As the clocks show it, and by which clocks."""


def grid(answer: SqlAnswer, zone: str) -> Html:
    """The table.

    Files that are made of it have each time as the query answers it, ISO 8601 with ``Z``.

    Args:
        answer: rows of a query.
        zone: IANA name, by which times are told.
    """
    numbers = [place for place, each in enumerate(answer.columns) if each.type in _NUMBERS]
    heads: list[Any] = [each.name for each in answer.columns]
    columns: list[Sequence[Html]] = []
    with clocks_of(zone):
        for place, column in enumerate(answer.columns):
            values = [row[place] for row in answer.rows]
            if column.type == "timestamp":
                word, cells = _times(values)
                said = f"{column.name} ({word})" if word else column.name
                heads[place] = tag("span", said, data_value=column.name)
                columns.append(cells)
            else:
                columns.append([_cell(each) for each in values])
    return table(heads, zip(*columns, strict=True), numbers=numbers, label="rows of the query")


def _times(values: Sequence[Any]) -> tuple[str, list[Html]]:
    """The cells of times, and by which clocks they are told; '' where each says its own."""
    moments = [_moment(each) for each in values]
    words = {each[1] for each in moments if each is not None}
    word = words.pop() if len(words) == 1 else ""
    cells = [
        _cell(value) if said is None else _time(str(value), said, is_same=bool(word))
        for value, said in zip(values, moments, strict=True)
    ]
    return word, cells


def _time(value: str, moment: Moment, *, is_same: bool) -> Html:
    shown = moment[0] if is_same else " ".join(moment)
    return tag("time", shown, datetime=value, title=value, data_value=value)


def _moment(value: Any) -> Moment | None:
    """A time by the clocks of the zone; None for none, and for a year that calendars have not."""
    try:
        at = datetime.fromisoformat(str(value))
        return local(at).replace(tzinfo=None).isoformat(" "), zone_word(at)
    except (ValueError, OverflowError):
        return None


def _cell(value: object) -> Html:
    if value is None:
        return tag("span", "null", class_="quiet")
    return html(value)

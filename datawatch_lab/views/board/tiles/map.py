"""Map: values by country, or points by latitude and longitude."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from datawatch_lab.core.dashboards import Tile, TileQuery, options_of
from datawatch_lab.core.errors import InputError
from datawatch_lab.views.board import hv_parts
from datawatch_lab.views.board.kind import Kind
from datawatch_lab.views.board.message import Part
from datawatch_lab.views.board.numbers import fmt_of
from datawatch_lab.views.board.shares import shares_of
from datawatch_lab.views.board.values import Value, finite
from datawatch_lab.views.board.view import View
from datawatch_lab.views.board.words import in_words, sub_of

_MOST_POINTS = 5_000
_LATITUDES = ("latitude", "lat")
_LONGITUDES = ("longitude", "lon", "lng", "long")


@dataclass(frozen=True)
class Mapped:
    """Countries or points.

    Attributes:
        countries: (ISO 3166-1 number, name as the data has it, value).
        points: (longitude, latitude, name, value).
        elsewhere: names that are no country.
        several: numbers of countries that the data has under more than one name.
    """

    countries: tuple[tuple[str, str, Value], ...] = ()
    points: tuple[tuple[float, float, str, Value], ...] = ()
    elsewhere: tuple[str, ...] = ()
    several: tuple[str, ...] = ()
    label: str = ""
    unit: str = ""


@cache
def _countries() -> Mapping[str, str]:
    """ISO numbers by codes and names in lower case without accents (ISO 3166-1)."""
    text = (files("datawatch_lab.views") / "assets" / "board" / "countries.json").read_text("utf-8")
    return {_plain(word): number for number, *words in json.loads(text) for word in words}


def _plain(text: str) -> str:
    split = unicodedata.normalize("NFKD", text.strip().lower())
    return "".join(each for each in split if not unicodedata.combining(each))


def country(text: str) -> str | None:
    """The ISO number of a country by its code or English name; None for what is none.

    >>> country("DE"), country("deu"), country("Germany"), country("Atlantis")
    ('276', '276', '276', None)
    """
    return _countries().get(_plain(text))


def read(view: View, tile: Tile) -> Mapped:
    """Values by country, or rows with places."""
    options = options_of(tile)
    query = tile.all_queries[0]
    if options["of"] == "points":
        return _points(view, tile, query)
    shares = shares_of(view, tile, 300)
    found: dict[str, list[tuple[str, float]]] = {}
    elsewhere = []
    for name, value in shares.rows:
        number = country(name)
        if number is None:
            elsewhere.append(name)
        elif value is not None:
            found.setdefault(number, []).append((name, value))
    rows = tuple(
        (number, *_together(names, adds_up=shares.additive)) for number, names in found.items()
    )
    several = tuple(number for number, names in found.items() if len(names) > 1)
    return Mapped(rows, (), tuple(elsewhere), several, shares.label, shares.unit)


def _together(names: list[tuple[str, float]], *, adds_up: bool) -> tuple[str, Value]:
    """A country that the data has under several names; None where their values do not add up."""
    if len(names) == 1:
        return names[0]
    joined = " + ".join(name for name, _ in names)
    return joined, sum(value for _, value in names) if adds_up else None


def _points(view: View, tile: Tile, query: TileQuery) -> Mapped:
    """Rows of SQL with a latitude and a longitude.

    Raises:
        InputError: there are no such columns.
    """
    if not query.sql:
        raise InputError(
            "a map of points needs SQL that gives a latitude and a longitude.",
            hint="Such as SELECT latitude, longitude, name, amount FROM live.shops.",
        )
    answer = view.rows(query, tile, _MOST_POINTS)
    names = [each.name for each in answer.columns]
    options = options_of(tile)
    at_y = _column(names, options["latitude"], _LATITUDES)
    at_x = _column(names, options["longitude"], _LONGITUDES)
    rest = [at for at in range(len(names)) if at not in (at_x, at_y)]
    numbers = ("integer", "number", "decimal")
    at_value = next((at for at in rest if answer.columns[at].type in numbers), None)
    at_name = next((at for at in rest if at != at_value), None)
    found = []
    for row in answer.rows:
        x, y = finite(row[at_x]), finite(row[at_y])
        if x is not None and y is not None and abs(y) <= 90 and abs(x) <= 180:
            name = "" if at_name is None else str(row[at_name])
            found.append((x, y, name, None if at_value is None else finite(row[at_value])))
    return Mapped(points=tuple(found))


def _column(names: list[str], said: str, usual: tuple[str, ...]) -> int:
    wanted = [said.lower()] if said else list(usual)
    for at, name in enumerate(names):
        if name.lower() in wanted:
            return at
    raise InputError(f"no column {' or '.join(wanted)}. Columns: {', '.join(names)}.")


def draw(tile: Tile, data: Mapped) -> Part | None:
    """The map."""
    if not data.countries and not data.points:
        return None
    options = options_of(tile)
    first = sorted(data.countries, key=lambda row: -(row[2] or 0.0))[:8]
    said = ", ".join(f"{name} {in_words(tile, data.unit, value)}" for _, name, value in first)
    missing = f"; not on the map: {', '.join(data.elsewhere[:5])}" if data.elsewhere else ""
    return Part(
        label=f"{said or f'{len(data.points)} points'}{missing}",
        sub=sub_of(tile, data.unit),
        face="map",
        data={
            "of": options["of"],
            "countries": [
                {"id": number, "name": name, "value": value}
                | ({"several": True} if number in data.several else {})
                for number, name, value in data.countries
            ],
            "points": [
                {"x": x, "y": y, "name": name, "value": value} for x, y, name, value in data.points
            ],
            "elsewhere": data.elsewhere,
            "fmt": fmt_of(tile, data.unit),
            "label": data.label,
        },
    )


def to_hv(tile: Tile, data: Mapped) -> Any:
    """Countries as bars, points at their places."""
    if data.points:
        hv = hv_parts.ready()
        rows = [(x, y) for x, y, _, _ in data.points]
        return hv.Points(rows, ["longitude", "latitude"]).opts(title=tile.title)
    rows_by_name = [(name, value) for _, name, value in data.countries]
    return hv_parts.bars(rows_by_name, data.label, data.unit, tile.title)


KIND = Kind("map", read, draw, to_hv)

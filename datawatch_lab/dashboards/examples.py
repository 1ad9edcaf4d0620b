"""An example of each kind of tile, of what a workspace has: what its gallery shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from datawatch_lab.core.dashboards import TILE_KINDS, Tile, TileQuery
from datawatch_lab.core.values import Aggregation, MeasureKind, Role, TableInfo
from datawatch_lab.dashboards.facts import PLACE, Facts, asked
from datawatch_lab.dashboards.rows import Tiles, several, tile

_SERIES = 4
_WORDS = "## Words\n\nA heading, **bold** words, a list:\n\n- what this board is for\n- whom to ask"


def examples(facts: Facts) -> dict[str, Tile]:
    """A tile of each kind that has something to ask, by kind; without a title of its own.

    Kinds that ask nothing are always there, but for the one that Python gives its objects.
    """
    made = {name: make(facts) for name, make in _EXAMPLES.items() if facts.tables}
    found = {name: tiles[0] for name, tiles in made.items() if tiles}
    for kind in TILE_KINDS.values():
        if not kind.needs_query and kind.name != "custom":
            found.setdefault(kind.name, Tile(kind=kind.name))
    found["text"] = Tile(kind="text", note=_WORDS)
    return {name: found[name] for name in TILE_KINDS if name in found}


def _main(facts: Facts) -> TableInfo:
    """The busiest table that has states and numbers, else the busiest."""
    tables = facts.busiest()

    def rank(table: TableInfo) -> int:
        return 2 * bool(facts.states(table)) + bool(facts.columns(table, Role.NUMERIC))

    return max(tables, key=rank)  # the first of the best


def _total(facts: Facts) -> TileQuery | None:
    return asked(facts.changes(_main(facts)))


def _state(facts: Facts) -> TileQuery | None:
    table = _main(facts)
    states = facts.states(table)
    if not states:
        return None
    return asked(facts.kind(table, MeasureKind.STATE, states[0]), states[0])


def _number(facts: Facts, how: Aggregation = Aggregation.AVG) -> TileQuery | None:
    table = _main(facts)
    fields = [facts.money(table), *facts.columns(table, Role.NUMERIC)]
    field = next(filter(None, fields), "")
    return asked(facts.reading(table, field, how)) if field else None


def _reading(facts: Facts) -> TileQuery | None:
    return _number(facts) or _total(facts)


def _gauge(facts: Facts) -> Tiles:
    lag = facts.kind(_main(facts), MeasureKind.LAG)
    query = asked(lag) or _reading(facts)
    goal = {"goal": 60.0, "good": "down"} if query and lag and query.metric == lag.name else {}
    return tile("gauge", "", query, **goal)


def _map(facts: Facts) -> Tiles:
    for table in facts.busiest():
        for field in facts.columns(table, Role.STATUS, PLACE):
            query = asked(facts.kind(table, MeasureKind.STATE, field), field)
            if query is not None and "country" in field.lower():
                return tile("map", "", query, place=field)
    return []


def _table(facts: Facts) -> Tiles:
    return tile("table", "", TileQuery(table=_main(facts).name))


def _scatter(facts: Facts) -> Tiles:
    pair = [each for each in (_total(facts), _number(facts, Aggregation.SUM)) if each]
    return tile("scatter", "", *pair) if len(pair) > 1 else []


def _lines(facts: Facts) -> list[TileQuery | None]:
    return several(facts, lambda each: facts.changes(each, ""))[:_SERIES]


def _of(kind: str, ask: Callable[[Facts], TileQuery | None]) -> Callable[[Facts], Tiles]:
    return lambda facts: tile(kind, "", ask(facts))


_EXAMPLES: Mapping[str, Callable[[Facts], Tiles]] = {
    "counter": _of("counter", _total),
    "sparkline": _of("sparkline", _reading),
    "stats": lambda facts: tile("stats", "", *several(facts, facts.changes)[:_SERIES]),
    "line": lambda facts: tile("line", "", *_lines(facts)),
    "bar": _of("bar", lambda facts: _state(facts) or _total(facts)),
    "histogram": _of("histogram", _reading),
    "donut": _of("donut", _state),
    "table": _table,
    "top": _of("top", _state),
    "gauge": _gauge,
    "heatmap": _of("heatmap", _total),
    "map": _map,
    "scatter": _scatter,
    "forecast": _of("forecast", _total),
}

"""Dashboards from plain values, as YAML, JSON and older programs have them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from datawatch_lab.core.dashboards.document import (
    COLUMNS,
    COMPARISONS,
    LAYERS,
    MOST_HIGH,
    MOST_ROWS,
    MOST_TILES,
    REFRESH,
    THEMES,
    Dashboard,
    Note,
    Tile,
    TileQuery,
    Variable,
    is_uuid,
    kind_named,
)
from datawatch_lab.core.dashboards.kinds import TileKind
from datawatch_lab.core.dashboards.known import Known
from datawatch_lab.core.dashboards.older import (
    DASHBOARD_WORDS,
    QUERY_WORDS,
    TILE_WORDS,
    older_tile,
    refresh_named,
)
from datawatch_lab.core.dashboards.places import (
    Fault,
    Lines,
    Place,
    Reader,
    attempted,
    fields,
    flag,
    integer,
    items,
    moment,
    one_of,
    refusal,
    span,
    step,
    text,
    texts,
    title,
)
from datawatch_lab.core.dashboards.values import (
    VARIABLE,
    filters,
    is_variable,
    options,
    time_range,
    values_of,
)
from datawatch_lab.core.errors import not_found
from datawatch_lab.core.values import Aggregation

_SELECT = re.compile(r"\s*(?:select|with|from)\b", re.IGNORECASE)
_KEPT = ("version", "created_by", "created_at", "updated_at")


class Outcome(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        dashboard: None when it cannot be taken as it is.
        faults: grave ones and warnings, in the order of the document.
    """

    dashboard: Dashboard | None
    faults: tuple[Fault, ...] = ()

    @property
    def warnings(self) -> tuple[Fault, ...]:
        """Those that do not keep it from being taken."""
        return tuple(each for each in self.faults if each.is_warning)


def read_dashboard(
    given: object, *, lines: Lines | None = None, known: Known | None = None
) -> Dashboard:
    """A dashboard from plain values.

    Args:
        given: keys and values; older words are taken too.
        lines: where it came as YAML, for messages.
        known: what the workspace has.

    Raises:
        InputError: says where what is wrong, and what was possible; ``details`` has all faults.
    """
    found = look_at(given, lines=lines, known=known)
    if found.dashboard is None:
        raise refusal("dashboard", found.faults)
    return found.dashboard


def look_at(given: object, *, lines: Lines | None = None, known: Known | None = None) -> Outcome:
    """A dashboard from plain values, and all that is wrong with them."""
    place = Place(lines)
    reading = _Reading(known)
    found = fields(place, given, reading.dashboard_readers(), DASHBOARD_WORDS)
    board = None
    if not place.faults or all(each.is_warning for each in place.faults):
        if not found.get("name"):
            place.at("name").fault("a dashboard needs a name.")
        else:
            board = attempted(place, lambda _, values: reading.made(values), found)
    if board is not None:
        reading.check_variables(place, board)
    grave = any(not each.is_warning for each in place.faults)
    return Outcome(None if grave else board, tuple(place.faults))


def read_tile(given: object, *, known: Known | None = None) -> tuple[Tile, str]:
    """A tile from plain values, and how often an older body wants it asked anew ('' unsaid).

    Raises:
        InputError: as `read_dashboard`.
    """
    place, reading = Place(), _Reading(known)
    tile = attempted(place, reading.tile, given)
    if tile is None or any(not each.is_warning for each in place.faults):
        raise refusal("tile", place.faults)
    return tile, min(reading.refreshes, key=REFRESH.index, default="")


class _Reading:
    """Readers of one document.

    Attributes:
        refreshes: how often tiles of older bodies want to be asked anew.
    """

    def __init__(self, known: Known | None) -> None:
        self._known = known
        self.refreshes: list[str] = []
        self._used: list[tuple[Place, str, tuple[str, ...]]] = []  # where, $name, what else

    # ------------------------------------------------------------------ the board

    def dashboard_readers(self) -> Mapping[str, Reader]:
        """By key of a dashboard."""
        ignored: Mapping[str, Reader] = dict.fromkeys(_KEPT, lambda _, given: given)
        return {
            "id": _identity,
            "name": title,
            "description": text,
            "time_range": time_range,
            "refresh": lambda place, given: refresh_named(text(place, given)),
            "theme": one_of("theme", THEMES),
            "template": text,
            "is_public": flag,
            "annotations": lambda place, given: tuple(
                items(place, given, one_of("annotation", LAYERS))
            ),
            "filters": self._filters,
            "variables": lambda place, given: tuple(items(place, given, self.variable)),
            "notes": lambda place, given: tuple(items(place, given, _note)),
            "tiles": self._tiles,
            **ignored,
        }

    def made(self, found: dict[str, Any]) -> Dashboard:
        """The dashboard of what was read."""
        values = {name: value for name, value in found.items() if name not in _KEPT}
        if self.refreshes and "refresh" not in values:
            values["refresh"] = min(self.refreshes, key=REFRESH.index)
        return Dashboard(**values)

    def _tiles(self, place: Place, given: Any) -> tuple[Tile, ...]:
        if isinstance(given, list | tuple) and len(given) > MOST_TILES:
            raise ValueError(f"a dashboard has {MOST_TILES} tiles at most")
        return tuple(items(place, given, self.tile))

    def variable(self, place: Place, given: Any) -> Variable | None:
        """A variable."""
        readers: Mapping[str, Reader] = {
            "name": _variable_name,
            "title": title,
            "metric": self._metric,
            "label": text,
            "values": texts,
            "multi": flag,
            "default": lambda at, value: value if isinstance(value, str) else texts(at, value),
        }
        found = fields(place, given, readers)
        if "name" not in found:
            if not given or (isinstance(given, Mapping) and "name" not in given):
                place.fault("it needs a name.")
            return None
        if bool(found.get("values")) is (bool(found.get("metric")) or bool(found.get("label"))):
            place.fault("it needs either values, or a metric and a label of it.")
            return None
        self._labels(place.at("label"), found.get("metric", ""), [found.get("label", "")])
        return Variable(**found)

    def check_variables(self, place: Place, board: Dashboard) -> None:
        """Warn of ``$names`` that no variable has."""
        names = [each.name for each in board.variables]
        if len(set(names)) < len(names):
            place.at("variables").fault("two variables have the same name.")
        for here, value, more in self._used:
            if value[1:] not in (known := [*names, *more]):
                here.warn(not_found("variable", value[1:], known).message)

    def _filters(self, place: Place, given: Any) -> dict[str, str | tuple[str, ...]]:
        found = filters(place, given)
        self._used += [(place, each, ()) for each in values_of(found) if is_variable(each)]
        return found

    # ------------------------------------------------------------------ tiles

    def tile(self, place: Place, given: Any) -> Tile | None:
        """A tile; older words and bodies are taken too."""
        if not isinstance(given, Mapping):
            raise ValueError("keys and values must stand here")  # noqa: TRY004 — of the document
        older = older_tile(given)
        self.refreshes += older.refresh
        found = fields(place, older.given, self._tile_readers(), TILE_WORDS)
        if "kind" not in found:
            if not any(key in older.given for key in ("kind", "type")):
                place.fault("it needs a kind, which says what the tile is, such as line.")
            return None
        kind = kind_named(found["kind"])
        found["kind"] = kind.name
        self._shorten(place, found)
        found["options"] = options(place.at("options"), kind, found.get("options", {}))
        if older.is_alert:
            found = {key: each for key, each in found.items() if key not in ("query", "queries")}
        _check_queries(place, kind, found)
        return Tile(**found)

    def _tile_readers(self) -> Mapping[str, Reader]:
        return {
            "id": title,
            "kind": lambda place, given: kind_named(text(place, given)[:80]).name,
            "title": title,
            "note": text,
            "query": self.query,
            "queries": lambda place, given: tuple(items(place, given, self.query)),
            "x": integer(-1, COLUMNS - 1),
            "y": integer(-1, MOST_ROWS),
            "w": integer(0, COLUMNS),
            "h": integer(0, MOST_HIGH),
            "window": _window,
            "options": lambda _, given: given,
            **self._query_readers(),
        }

    def _shorten(self, place: Place, found: dict[str, Any]) -> None:
        """A query that is said in the tile itself becomes one."""
        said = {name: found.pop(name) for name in self._query_readers() if name in found}
        if not said:
            return
        if found.get("query") is None:
            found["query"] = self.asked(place, said)
            return
        extra = {name: value for name, value in said.items() if not getattr(found["query"], name)}
        found["query"] = msgspec.structs.replace(found["query"], **extra)

    # ------------------------------------------------------------------ queries

    def _query_readers(self) -> Mapping[str, Reader]:
        return {
            "metric": self._metric,
            "sql": self._sql,
            "table": self._table,
            "aggregation": _aggregation,
            "by": texts,
            "filters": self._filters,
            "step": step,
            "compare": _compare,
            "label": title,
        }

    def query(self, place: Place, given: Any) -> TileQuery | None:
        """A query; a text is the name of a metric, or a SELECT."""
        if isinstance(given, str):
            given = {"sql": given} if _SELECT.match(given) else {"metric": given}
        return self.asked(place, fields(place, given, self._query_readers(), QUERY_WORDS))

    def asked(self, place: Place, found: dict[str, Any]) -> TileQuery | None:
        """The query of what was read."""
        about = [each for each in ("metric", "sql", "table") if found.get(each)]
        if len(about) > 1:
            place.fault(f"it asks for {' and '.join(about)}; a query is about one of them.")
            return None
        query = TileQuery(**found)
        if query.metric:
            self._labels(place.at("by"), query.metric, query.by)
            self._labels(place.at("filters"), query.metric, query.filters)
        return query

    def _metric(self, place: Place, given: Any) -> str:
        name = text(place, given)
        if name and self._known is not None and name not in self._known.metrics:
            place.warn(not_found("metric", name[:200], self._known.metrics).message)
        return name

    def _sql(self, place: Place, given: Any) -> str:
        found = text(place, given)
        if found and self._known is not None:
            named = self._known.named_in(found)
            self._used += [(place, f"${each}", ("from", "to")) for each in named]
        return found

    def _table(self, place: Place, given: Any) -> str:
        name = text(place, given)
        if name and self._known is not None and name not in self._known.tables:
            place.warn(not_found("table", name[:200], self._known.tables).message)
        return name

    def _labels(self, place: Place, metric: str, labels: Iterable[str]) -> None:
        known = self._known.metrics.get(metric) if self._known is not None else None
        if known is None:
            return
        for each in labels:
            if each and each not in known:
                place.warn(not_found("label", each[:200], known, where=metric).message)


def _check_queries(place: Place, kind: TileKind, found: dict[str, Any]) -> None:
    """What a kind asks, against what is asked."""
    if found.get("query") is None and found.get("queries"):
        first, *rest = found["queries"]
        found["query"], found["queries"] = first, tuple(rest)
    queries = [each for each in (found.get("query"), *found.get("queries", ())) if each]
    if not queries and kind.needs_query:
        place.warn(f"a tile of the kind {kind.name} shows nothing without a query.")
    if queries and kind.needs == "none":
        place.fault(f"a tile of the kind {kind.name} asks nothing; leave the query out.")
    if len(queries) > 1 and kind.needs != "many":
        place.fault(f"a tile of the kind {kind.name} takes one query, not {len(queries)}.")
    for each in queries:
        if each.about and kind.asks and each.about not in kind.asks:
            could = " or ".join(kind.asks)
            place.fault(f"a tile of the kind {kind.name} asks for {could}, not {each.about}.")
        if not each.about:
            place.warn("the query is about nothing yet.")


# -------------------------------------------------------------------------------- parts


def _identity(place: Place, given: Any) -> str:
    found = text(place, given).lower()
    if found and not is_uuid(found):
        raise ValueError("it is a UUID; leave it out for a new dashboard")
    return found


def _variable_name(place: Place, given: Any) -> str:
    found = text(place, given).removeprefix("$")
    if not VARIABLE.fullmatch(found):
        raise ValueError("letters, digits and underscores, such as region")
    return found


def _note(place: Place, given: Any) -> Note | None:
    readers: Mapping[str, Reader] = {"at": moment, "until": moment, "text": text, "tile": text}
    found = fields(place, given, readers)
    if not found.get("text") or "at" not in found:
        place.fault("a note needs a time (at) and a text.")
        return None
    if found.get("until") is not None and found["until"] < found["at"]:
        place.at("until").fault("it ends before it begins.")
    return Note(**found)


def _window(place: Place, given: Any) -> str | None:
    return None if given in ("", "board", "auto") else span(place, given)


def _aggregation(place: Place, given: Any) -> str:
    return str(one_of("aggregation", list(Aggregation), empty=True)(place, text(place, given)))


def _compare(place: Place, given: Any) -> str:
    return str(one_of("comparison", COMPARISONS, empty=True)(place, given))

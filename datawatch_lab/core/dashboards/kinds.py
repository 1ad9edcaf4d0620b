"""Kinds of tiles: what each is called, how large it begins, what it asks, which options it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Number = Literal["auto", "integer", "percent", "currency", "per hour", "duration", "bytes"]
OptionType = Literal["flag", "integer", "number", "text", "choice", "texts"]
Needs = Literal["none", "maybe", "one", "many"]
Asks = Literal["metric", "sql", "table"]

NUMBER_FORMATS: tuple[str, ...] = (
    *("auto", "integer", "percent", "currency", "per hour", "duration", "bytes"),
)
"""How numbers are written; ``auto`` goes by the unit of the metric."""


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One option of a kind of tile.

    Attributes:
        name: its key in ``Tile.options``.
        type: flag (true or false), integer, number, text, choice (one of ``choices``) or texts
            (a list).
        default: what holds when it is not said; None for nothing.
        choices: of the type choice.
        low, high: bounds of a number, both included.
        description: for people.
    """

    name: str
    type: OptionType
    default: Any = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    description: str = ""


class TileKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A kind of tile.

    Attributes:
        name: as ``Tile.kind`` has it.
        label: for people.
        icon: name of its icon in the gallery.
        description: what it is good for, a sentence.
        w, h: size that it begins with, in columns (of 12) and rows.
        least: smallest (w, h) that it is readable at.
        needs: how many queries: ``none``, ``maybe`` one, ``one``, or ``many`` (one at least).
        asks: what a query may be about.
        options: that it has.
    """

    name: str
    label: str
    icon: str
    description: str
    w: int
    h: int
    least: tuple[int, int] = (2, 2)
    needs: Needs = "one"
    asks: tuple[Asks, ...] = ("metric",)
    options: tuple[Option, ...] = ()

    @property
    def needs_query(self) -> bool:
        """Whether it shows nothing without a query."""
        return self.needs in ("one", "many")

    def option(self, name: str) -> Option | None:
        """One of its options; None for none of that name."""
        return next((each for each in self.options if each.name == name), None)

    def defaults(self) -> dict[str, Any]:
        """Every option at its default."""
        return {each.name: each.default for each in self.options}


def _choice(name: str, *choices: str, about: str) -> Option:
    return Option(name, "choice", choices[0], choices, description=about)


def _flag(name: str, *, default: bool, about: str) -> Option:
    return Option(name, "flag", default, description=about)


def _limit(most: int, *, default: int = 5) -> Option:
    return Option("limit", "integer", default, low=1, high=most, description="rows at most")


_FORMAT = (
    _choice("format", *NUMBER_FORMATS, about="how numbers are written"),
    Option("decimals", "integer", None, low=0, high=9, description="digits after the point"),
    Option("unit", "text", "", description="in place of the metric's unit; a currency as EUR"),
)
_TREND = (
    _choice(
        "trend",
        *("previous_period", "same_hour_yesterday", "same_hour_last_week", "none"),
        about="what the value is compared with",
    ),
    _choice("good", "up", "down", "neither", about="which direction is good news"),
)
_AXIS = (
    Option("low", "number", None, description="lower end of the axis"),
    Option("high", "number", None, description="upper end of the axis"),
    _flag("log", default=False, about="logarithmic axis"),
)
_LEGEND = _choice("legend", "auto", "below", "right", "none", about="where series are named")
_THRESHOLD = Option("threshold", "number", None, description="a line drawn at this value")
_SEVERITY = _choice("severity", "all", "info", "warning", "critical", about="mildest to show")
_ANY: tuple[Asks, ...] = ("metric", "sql")

_KINDS = (
    TileKind(
        name="counter",
        label="Counter",
        icon="numbers",
        description="One value, its trend and a small line of how it came there.",
        w=3,
        h=3,
        asks=_ANY,
        options=(
            *_FORMAT,
            *_TREND,
            _flag("sparkline", default=True, about="the line below the value"),
        ),
    ),
    TileKind(
        name="sparkline",
        label="Sparkline",
        icon="show_chart",
        description="A line without axes, with the newest value beside it.",
        w=3,
        h=2,
        least=(2, 1),
        options=(*_FORMAT, _flag("fill", default=True, about="the area below is filled")),
    ),
    TileKind(
        name="stats",
        label="Stat grid",
        icon="grid_view",
        description="Several values in a grid, each with its trend.",
        w=6,
        h=4,
        needs="many",
        asks=_ANY,
        options=(
            *_FORMAT,
            *_TREND,
            Option("columns", "integer", 3, low=1, high=6, description="values side by side"),
        ),
    ),
    TileKind(
        name="line",
        label="Line",
        icon="timeline",
        description="Values over time, one line a series.",
        w=6,
        h=5,
        least=(3, 3),
        needs="many",
        asks=_ANY,
        options=(
            *_FORMAT,
            *_AXIS,
            _LEGEND,
            _THRESHOLD,
            _flag("fill", default=False, about="the area below is filled"),
            _flag("stack", default=False, about="series are laid on one another"),
            _flag("band", default=False, about="the expected range is drawn"),
        ),
    ),
    TileKind(
        name="bar",
        label="Bars",
        icon="bar_chart",
        description="Values by label, or over time, as bars.",
        w=6,
        h=5,
        least=(3, 3),
        needs="many",
        asks=_ANY,
        options=(
            *_FORMAT,
            *_AXIS,
            _LEGEND,
            _THRESHOLD,
            _choice("over", "label", "time", about="what the bars stand for"),
            _choice("direction", "up", "across", about="upright bars, or lying ones"),
            _flag("stack", default=False, about="series are laid on one another"),
            _limit(100, default=12),
        ),
    ),
    TileKind(
        name="histogram",
        label="Histogram",
        icon="equalizer",
        description="How often values fall into each range.",
        w=6,
        h=5,
        least=(3, 3),
        asks=_ANY,
        options=(
            *_FORMAT,
            Option("bins", "integer", 20, low=2, high=200, description="number of ranges"),
            _flag("log", default=False, about="logarithmic axis"),
        ),
    ),
    TileKind(
        name="donut",
        label="Donut",
        icon="donut_large",
        description="Shares of a whole, by label.",
        w=4,
        h=5,
        least=(2, 3),
        asks=_ANY,
        options=(
            *_FORMAT,
            _LEGEND,
            _flag("hole", default=True, about="a ring with the total inside; else a pie"),
            _limit(30, default=6),
        ),
    ),
    TileKind(
        name="table",
        label="Table",
        icon="table_rows",
        description="Rows of a table, of SQL, or a metric by label.",
        w=6,
        h=6,
        least=(3, 3),
        asks=("metric", "sql", "table"),
        options=(
            *_FORMAT,
            Option("columns", "texts", [], description="which, in this order; none for all"),
            Option("sort", "text", "", description="column to sort by; - before it for falling"),
            _limit(1000, default=20),
        ),
    ),
    TileKind(
        name="top",
        label="Top list",
        icon="leaderboard",
        description="The largest values by label, with bars.",
        w=4,
        h=5,
        least=(2, 3),
        asks=_ANY,
        options=(
            *_FORMAT,
            _limit(100),
            _choice("order", "largest", "smallest", about="which come first"),
        ),
    ),
    TileKind(
        name="gauge",
        label="Gauge",
        icon="speed",
        description="A value on its way to a goal.",
        w=3,
        h=4,
        least=(2, 3),
        asks=_ANY,
        options=(
            *_FORMAT,
            Option("low", "number", 0.0, description="where the scale begins"),
            Option("goal", "number", None, description="where it ends"),
            Option("warning", "number", None, description="from here on a warning"),
            Option("critical", "number", None, description="from here on critical"),
            _choice("good", "up", "down", about="which end is good news"),
        ),
    ),
    TileKind(
        name="heatmap",
        label="Heat map",
        icon="grid_on",
        description="Hours by weekdays, or how strongly metrics go together.",
        w=6,
        h=6,
        least=(4, 4),
        needs="many",
        asks=_ANY,
        options=(
            *_FORMAT,
            _choice("of", "hour by weekday", "day by hour", "label", "correlation", about="axes"),
            _choice("colours", "sequential", "diverging", about="scale of the colours"),
        ),
    ),
    TileKind(
        name="map",
        label="Map",
        icon="public",
        description="Values by country, or points by latitude and longitude.",
        w=6,
        h=6,
        least=(4, 4),
        asks=_ANY,
        options=(
            *_FORMAT,
            _choice("of", "countries", "points", about="what is coloured"),
            Option("place", "text", "", description="label or column of the country"),
            Option("latitude", "text", "", description="column of points"),
            Option("longitude", "text", "", description="column of points"),
        ),
    ),
    TileKind(
        name="scatter",
        label="Scatter",
        icon="scatter_plot",
        description="Two metrics against one another, and how strongly they go together.",
        w=6,
        h=5,
        least=(3, 3),
        needs="many",
        asks=_ANY,
        options=(*_FORMAT, _flag("fit", default=True, about="the straight line through them")),
    ),
    TileKind(
        name="forecast",
        label="Forecast",
        icon="trending_up",
        description="What is coming, with its interval.",
        w=6,
        h=5,
        least=(3, 3),
        options=(
            *_FORMAT,
            Option("horizon", "text", "24h", description="how far ahead, 1m to 90d"),
            Option("level", "number", 0.8, low=0.5, high=0.99, description="of the interval"),
            _THRESHOLD,
        ),
    ),
    TileKind(
        name="alerts",
        label="Alerts",
        icon="notifications",
        description="Alerts that are open, or fired within the window.",
        w=4,
        h=5,
        least=(3, 3),
        needs="none",
        asks=(),
        options=(
            _choice("state", "open", "all", about="only open ones, or the resolved too"),
            _SEVERITY,
            Option("rule", "text", "", description="of this rule only"),
            _limit(100),
        ),
    ),
    TileKind(
        name="anomalies",
        label="Anomalies",
        icon="troubleshoot",
        description="What was unusual, newest first.",
        w=4,
        h=5,
        least=(3, 3),
        needs="maybe",
        options=(
            _choice("state", "open", "all", about="also those that are over"),
            _SEVERITY,
            Option("table", "text", "", description="of this table only"),
            _limit(100),
        ),
    ),
    TileKind(
        name="schema",
        label="Schema changes",
        icon="account_tree",
        description="What changed in the tables, and what it breaks; the last 30 days.",
        w=4,
        h=5,
        least=(3, 3),
        needs="none",
        asks=(),
        options=(
            _choice("impact", "all", "risky", "breaking", about="mildest to show"),
            Option("table", "text", "", description="of this table only"),
            _limit(100),
        ),
    ),
    TileKind(
        name="quality",
        label="Data quality",
        icon="verified",
        description="Score by table, and the issues behind it.",
        w=6,
        h=5,
        least=(3, 3),
        needs="none",
        asks=(),
        options=(
            Option("table", "text", "", description="of this table only"),
            _choice("show", "tables", "score", "issues", about="what it is about"),
            _limit(100, default=10),
        ),
    ),
    TileKind(
        name="services",
        label="Services",
        icon="dns",
        description="State of each service, its errors and latency.",
        w=6,
        h=5,
        least=(3, 3),
        needs="none",
        asks=(),
        options=(
            Option("service", "text", "", description="this one only"),
            _limit(100, default=10),
        ),
    ),
    TileKind(
        name="ledger",
        label="Ledger",
        icon="balance",
        description="Events received, applied, late, duplicate and set aside.",
        w=4,
        h=4,
        least=(3, 2),
        needs="none",
        asks=(),
        options=(_choice("by", "total", "table", "source", about="rows"),),
    ),
    TileKind(
        name="text",
        label="Text",
        icon="notes",
        description="Words in Markdown; the tile's note is shown.",
        w=4,
        h=3,
        least=(1, 1),
        needs="none",
        asks=(),
        options=(_choice("align", "left", "centre", about="of the lines"),),
    ),
    TileKind(
        name="custom",
        label="Panel or HoloViews",
        icon="extension",
        description="An object that Python code gives to the board under a name.",
        w=6,
        h=5,
        needs="none",
        asks=(),
        options=(Option("object", "text", "", description="name that the code gave the object"),),
    ),
)

TILE_KINDS: Mapping[str, TileKind] = {each.name: each for each in _KINDS}
"""Kind by name, in the order of the gallery."""

KIND_ALIASES: Mapping[str, str] = {
    "chart": "line",
    "metric": "counter",
    "alert": "alerts",
    "column": "bar",
    "pie": "donut",
    "number": "counter",
    "stat": "counter",
    "stat grid": "stats",
    "stat_grid": "stats",
    "area": "line",
    "markdown": "text",
    "correlation": "scatter",
}
"""Other words for kinds, old ones among them."""


def kind_options(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Every option of a kind as it holds: said, else at its default; {} for no such kind."""
    found = TILE_KINDS.get(kind)
    return {**found.defaults(), **said} if found else {}

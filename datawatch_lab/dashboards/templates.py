"""Templates: boards that make themselves of what a workspace has.

A template takes the tables, roles and metrics that it finds; what is not there has no tile. So the
same template is another board in another workspace, and grows when it is applied again later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery, Variable
from datawatch_lab.core.errors import not_found
from datawatch_lab.dashboards import boards
from datawatch_lab.dashboards.facts import Facts
from datawatch_lab.dashboards.rows import Tiles

DEFAULT = "overview"

_FEW = 3
_OF_CHANGES = ("op", "table", "from", "to")


@dataclass(frozen=True)
class Template:
    """A template.

    Attributes:
        name: as users say it.
        title: name of the board that it makes.
        description: what it shows, a sentence.
        needs: what there must be for it to say something, in words.
        make: its tiles; [] when nothing of what it needs is there.
        has_choice: tiles can be narrowed by a label that several of them have.
    """

    name: str
    title: str
    description: str
    needs: str
    make: Callable[[Facts], Tiles]
    has_choice: bool = False


def from_template(name: str, facts: Facts, *, title: str = "") -> Dashboard:
    """The board that a template makes of a workspace.

    Raises:
        NotFoundError: there is no template of that name.
    """
    if name not in TEMPLATES:
        raise not_found("template", name, TEMPLATES)
    found = TEMPLATES[name]
    tiles, variables = found.make(facts), tuple[Variable, ...]()
    if found.has_choice:
        tiles, variables = _with_choice(tiles, facts)
    return Dashboard(
        name=title or found.title,
        description=found.description,
        tiles=tuple(tiles or _nothing(found)),
        variables=variables,
        template=name,
    )


def _nothing(template: Template) -> Tiles:
    words = f"Nothing to show yet: this board needs {template.needs}.\n\n"
    words += "Connect a source, then apply the template again."
    return [Tile(kind="text", title=template.title, note=words, w=12, h=3)]


def _with_choice(tiles: Sequence[Tile], facts: Facts) -> tuple[list[Tile], tuple[Variable, ...]]:
    """Tiles that follow a choice of the label that most of them have; none for fewer than three.

    Queries that are split already are left alone: two labels at a time cannot be asked for.
    """
    having: dict[str, list[str]] = {}
    for tile in tiles:
        for query in tile.all_queries:
            for label in _free_labels(query, facts):
                having.setdefault(label, []).append(query.metric)
    best = max(having, key=lambda each: len(having[each]), default="")
    if len(having.get(best, ())) < _FEW:
        return list(tiles), ()
    name = re.sub(r"[^A-Za-z0-9_]", "_", f"_{best}" if best[0].isdigit() else best)[:50]
    choice = Variable(name=name, title=best, metric=having[best][0], label=best, multi=True)

    def follow(query: TileQuery) -> TileQuery:
        is_free = best in _free_labels(query, facts)
        return replace(query, filters={best: f"${name}"}) if is_free else query

    return [
        replace(
            each,
            query=follow(each.query) if each.query else None,
            queries=tuple(map(follow, each.queries)),
        )
        for each in tiles
    ], (choice,)


def _free_labels(query: TileQuery, facts: Facts) -> list[str]:
    metric = facts.metrics.get(query.metric)
    if metric is None or query.by:
        return []
    return [each for each in metric.labels if each not in _OF_CHANGES]


TEMPLATES: Mapping[str, Template] = {
    each.name: each
    for each in (
        Template(
            "overview",
            "Overview",
            "The busiest tables, their states and numbers, data quality, what is unusual.",
            "a table",
            boards.overview,
        ),
        Template(
            "ecommerce",
            "E-commerce overview",
            "Revenue, orders, customers, payments and products.",
            "a table of orders, purchases, bookings or invoices",
            boards.commerce,
            has_choice=True,
        ),
        Template(
            "product",
            "Product analytics",
            "Users and what they do, when and where.",
            "a table of events, sessions or users",
            boards.product,
            has_choice=True,
        ),
        Template(
            "services",
            "Service health",
            "Services, their throughput, latency and errors.",
            "a table with a latency or duration, such as posted telemetry",
            boards.service,
            has_choice=True,
        ),
        Template(
            "database",
            "Database observability",
            "Changes, lag, rows and freshness by table; the ledger; schema changes.",
            "a table",
            boards.database,
        ),
        Template(
            "quality",
            "Data quality",
            "Scores, issues, nulls and freshness by table.",
            "a table",
            boards.quality,
        ),
        Template(
            "kpi",
            "KPIs",
            "Your own metrics and the money and volume of the busiest tables, with forecasts.",
            "a table",
            boards.kpi,
        ),
    )
}
"""By name; the first one is the default."""

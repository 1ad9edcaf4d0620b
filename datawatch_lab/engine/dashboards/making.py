"""Dashboards made of a workspace, and written for others: templates and exports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.dashboards import Dashboard, Tile
from datawatch_lab.core.dashboards.code import as_code
from datawatch_lab.core.dashboards.writing import to_json, to_yaml
from datawatch_lab.core.errors import not_found
from datawatch_lab.core.names import slug
from datawatch_lab.core.values import MetricDef
from datawatch_lab.dashboards.examples import examples
from datawatch_lab.dashboards.facts import Facts
from datawatch_lab.dashboards.grafana import to_grafana
from datawatch_lab.dashboards.metabase import to_metabase
from datawatch_lab.dashboards.templates import TEMPLATES, Template, from_template

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine


def facts_of(engine: Engine) -> Facts:
    """What a workspace has, for templates."""
    counts = engine.store.table_counts()
    tables = engine.tables()
    events = {each.name: counts[each.id].events for each in tables if each.id in counts}
    return Facts(tuple(tables), engine.metrics(), events)


def made_of(engine: Engine, template: str, *, name: str = "") -> Dashboard:
    """The board that a template makes of a workspace; it is not stored.

    Raises:
        NotFoundError: there is no template of that name.
    """
    return from_template(template, facts_of(engine), title=name)


def templates_for(engine: Engine) -> list[tuple[Template, int]]:
    """Every template, and how many tiles it would make of a workspace; 0 for nothing to show."""
    facts = facts_of(engine)
    return [(each, len(each.make(facts))) for each in TEMPLATES.values()]


def examples_for(engine: Engine) -> dict[str, Tile]:
    """A tile of each kind that has something to show of a workspace, by kind."""
    return examples(facts_of(engine))


class Form(msgspec.Struct, frozen=True):
    """A form that a dashboard is exported in.

    Attributes:
        ending: of a file.
        media_type: of HTTP.
        write: makes the text.
    """

    ending: str
    media_type: str
    write: Callable[[Dashboard, Mapping[str, MetricDef]], str]


def _pretty(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


FORMS: Mapping[str, Form] = {
    "yaml": Form("yaml", "application/yaml", lambda board, _: to_yaml(board)),
    "json": Form("json", "application/json", lambda board, _: to_json(board)),
    "grafana": Form("grafana.json", "application/json", lambda b, m: _pretty(to_grafana(b, m))),
    "metabase": Form("metabase.json", "application/json", lambda b, m: _pretty(to_metabase(b, m))),
    "python": Form("py", "text/x-python", lambda board, _: as_code(board)),
}
"""By name."""


def exported(engine: Engine, board: Dashboard, form: str) -> tuple[str, str, str]:
    """A dashboard as text: the text, a name for its file, its media type.

    Raises:
        NotFoundError: there is no such form.
    """
    if form not in FORMS:
        raise not_found("format", form, FORMS)
    found = FORMS[form]
    name = f"{slug(board.name).lower()[:80]}.{found.ending}"
    return found.write(board, engine.metrics()), name, found.media_type

"""Dashboards in and out: templates, kinds of tiles, exports, imports, validation."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from datawatch_lab.core.dashboards import TILE_KINDS, Dashboard
from datawatch_lab.core.dashboards.reading import Outcome, look_at
from datawatch_lab.core.dashboards.writing import from_text, look_at_text, to_plain
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.engine.dashboards.making import (
    examples_for,
    exported,
    made_of,
    templates_for,
)
from datawatch_lab.service.access.door import check_role_on
from datawatch_lab.service.operation import Nothing, operation
from datawatch_lab.service.operations.dashboards import (
    PATH,
    DashboardAnswer,
    FaultAnswer,
    answered,
    fault_answer,
    resource_of,
)


class TemplateItem(msgspec.Struct, frozen=True, kw_only=True):
    """A template.

    Attributes:
        needs: what there must be for it to say something.
        tiles: how many it would make of this workspace; 0 for nothing to show.
    """

    name: str
    title: str
    description: str
    needs: str
    tiles: int


@operation("GET", f"{PATH}/templates")
def dashboard_templates(engine: Engine, ask: Nothing) -> list[TemplateItem]:
    """The templates, and how much each finds in this workspace."""
    del ask
    return [
        TemplateItem(
            name=each.name,
            title=each.title,
            description=each.description,
            needs=each.needs,
            tiles=count,
        )
        for each, count in templates_for(engine)
    ]


class TemplateAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which template."""

    name: str


@operation("GET", f"{PATH}/templates/{{name}}")
def dashboard_template(engine: Engine, ask: TemplateAsk) -> DashboardAnswer:
    """The board that a template makes of this workspace; it is not stored."""
    return answered(engine, made_of(engine, ask.name))


class OptionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An option of a kind of tile.

    Attributes:
        type: flag, integer, number, text, choice or texts.
        low, high: bounds of a number, both included.
    """

    name: str
    type: str
    default: Any
    choices: list[str]
    low: float | None
    high: float | None
    description: str


class KindAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of tile.

    Attributes:
        icon: name of its icon.
        w, h: size that it begins with.
        least: smallest columns and rows.
        needs: queries: none, maybe, one or many.
        asks: what a query may be about: metric, sql, table.
        example: a tile of this kind, of what the workspace has; None where it has nothing for it.
    """

    name: str
    label: str
    icon: str
    description: str
    w: int
    h: int
    least: list[int]
    needs: str
    asks: list[str]
    options: list[OptionAnswer]
    example: dict[str, Any] | None = None


@operation("GET", f"{PATH}/kinds")
def tile_kinds(engine: Engine, ask: Nothing) -> list[KindAnswer]:
    """The kinds of tiles, their options, and an example of each of what the workspace has."""
    del ask
    found = examples_for(engine)
    kinds = (
        {**msgspec.to_builtins(each), "example": to_plain(found[name]) if name in found else None}
        for name, each in TILE_KINDS.items()
    )
    return msgspec.convert(list(kinds), list[KindAnswer])


class ExportAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard, by id or name, and a form.

    Attributes:
        format: yaml, json, grafana, metabase or python.
    """

    id: str
    format: str = "yaml"


class ExportAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard as text.

    Attributes:
        name: for a file.
        media_type: of the text.
    """

    format: str
    name: str
    media_type: str
    text: str


@operation("GET", f"{PATH}/{{id}}/export", resource=resource_of)
def export_dashboard(engine: Engine, ask: ExportAsk) -> ExportAnswer:
    """A dashboard as YAML, JSON, Python, or for Grafana or Metabase."""
    board = engine.beside(Dashboards).get(ask.id)
    text, name, media_type = exported(engine, board, ask.format)
    return ExportAnswer(format=ask.format, name=name, media_type=media_type, text=text)


class ImportAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard as YAML or JSON.

    Attributes:
        text: the document.
        replace: change the dashboard of that id or name, where there is one.
        copy: make a new one, under another name where its own is taken.
        name: another name.
    """

    text: str
    replace: bool = False
    copy: bool = False
    name: str = ""


@operation("POST", f"{PATH}/import", role="editor", status=201)
def import_dashboard(engine: Engine, ask: ImportAsk) -> DashboardAnswer:
    """Take a dashboard in from YAML or JSON."""
    if ask.replace and ask.copy:
        raise InputError("an import either replaces a dashboard or makes a copy, not both.")
    board = from_text(ask.text)
    if ask.name:
        board = replace(board, name=ask.name)
    boards = engine.beside(Dashboards)
    if ask.copy:
        return answered(engine, boards.add(replace(board, id=""), rename=True))
    old = _there(boards, board) if ask.replace else None
    if old is None:
        return answered(engine, boards.add(board))
    check_role_on(engine, current_who(), "editor", f"dashboard:{old.id}")
    return answered(engine, boards.change(replace(board, id=old.id)))


def _there(boards: Dashboards, board: Dashboard) -> Dashboard | None:
    """The dashboard of an id, else of a name; None for none."""
    for which in (board.id, board.name):
        try:
            return boards.get(which)
        except NotFoundError:
            continue
    return None


class ValidateAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A dashboard, as text or as values.

    Attributes:
        text: YAML or JSON.
        dashboard: its keys and values.
    """

    text: str = ""
    dashboard: dict[str, Any] | None = None


class DocumentVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a document can be taken, and what is wrong with it.

    Attributes:
        valid: it can be kept as it is; there may be warnings.
        name: of the dashboard; '' when it cannot be taken.
        tiles: how many it has.
        dashboard: the document in its usual form; null when it cannot be taken.
    """

    valid: bool
    name: str
    tiles: int
    faults: list[FaultAnswer]
    dashboard: dict[str, Any] | None


@operation("POST", f"{PATH}/validate", audited=False)
def validate_dashboard(engine: Engine, ask: ValidateAsk) -> DocumentVerdict:
    """Check a document: its form, and whether what it names is there; nothing is stored."""
    if bool(ask.text) is (ask.dashboard is not None):
        raise InputError("give either a text or a dashboard.")
    known = engine.beside(Dashboards).known()
    found: Outcome
    if ask.dashboard is not None:
        found = look_at(ask.dashboard, known=known)
    else:
        found = look_at_text(ask.text, known=known)
    board = found.dashboard
    return DocumentVerdict(
        valid=board is not None,
        name=board.name if board else "",
        tiles=len(board.tiles) if board else 0,
        faults=[fault_answer(each) for each in found.faults],
        dashboard=to_plain(board) if board else None,
    )


class DuplicateAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which dashboard, by id or name, and how the copy is called.

    Attributes:
        name: of the copy; by default that of the dashboard and a number.
    """

    id: str
    name: str = ""


@operation("POST", f"{PATH}/{{id}}/duplicate", role="editor", status=201)
def duplicate_dashboard(engine: Engine, ask: DuplicateAsk) -> DashboardAnswer:
    """Make a copy of a dashboard; it is not public."""
    boards = engine.beside(Dashboards)
    old = boards.get(ask.id)
    copy = replace(old, id="", name=ask.name or old.name, is_public=False)
    return answered(engine, boards.add(copy, rename=not ask.name))

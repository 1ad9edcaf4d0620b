"""Dashboards: those that there are, new ones of a template or a file, versions."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.operations.dashboards import DashboardItem
from datawatch_lab.views import format as words
from datawatch_lab.views.pages import icons
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    code,
    details,
    empty,
    field,
    join,
    link,
    table,
    tag,
    text_input,
    when,
)

_FORMATS = (("yaml", "YAML"), ("json", "JSON"), ("grafana", "Grafana"), ("python", "Python"))


def board_link(look: Look, path: str) -> str:
    """A relative address of a dashboard's own page, ``/d/ID``."""
    up = "../" if look.place.page != "home" else "./"
    return up + path.lstrip("/")


def may_edit(role: str) -> bool:
    """Whether a role on a dashboard is enough to change it."""
    return role != "viewer"


def view(look: Look) -> Mapping[str, str]:
    """The list, templates, and what one may do."""
    search = look.place.get("q")
    found = look.workspace.list_dashboards(search)
    form = tag(
        "form",
        field(
            "Find",
            text_input("q", search, type="search", placeholder="name or description"),
            class_="grow",
        ),
        class_="filters",
        data_go=True,
    )
    made: dict[str, str] = {"filters": form if found or search else ""}
    if found:
        made["list"] = tag("div", *(_card(look, each) for each in found), class_="even same")
    elif search:
        made["list"] = card("Dashboards", empty("None has that in its name"))
    else:
        made["list"] = card(
            "Dashboards",
            empty(
                "No dashboard yet",
                "Make one of a template below; it takes the tables that are there.",
            ),
        )
    chosen = look.place.get("id")
    if chosen:
        made["chosen"] = _detail(look, chosen)
    if look.may("editor"):
        made["templates"] = _templates(look)
        made["new"] = _new()
    return {name: html for name, html in made.items() if html}


def _card(look: Look, item: DashboardItem) -> Html:
    marks = [badge(f"{item.tiles} tiles", "calm", "▦")]
    if item.is_public:
        marks.append(badge("public", "warn", "◯"))
    acts: list[Html] = [
        tag("a", "Open", href=board_link(look, item.path), class_="btn main", target="_top")
    ]
    if may_edit(item.role):
        edit = f"{board_link(look, item.path)}?edit"
        acts.append(tag("a", "Edit", href=edit, class_="btn", target="_top"))
    acts.append(link("More", look.place.link(id=item.id), class_="btn"))
    if look.may("editor"):
        acts.append(button("Duplicate", "duplicate", id=item.id))
    if may_edit(item.role):
        acts.append(
            button(
                "Delete",
                "drop",
                kind="danger",
                confirm=f"Delete {item.name}? Its versions are kept.",
                id=item.id,
            )
        )
    said = tag("p", item.description, class_="note") if item.description else ""
    changed = tag(
        "p",
        "changed ",
        when(item.updated_at, look.now),
        f" by {item.created_by}, version {item.version}",
        class_="hint",
    )
    return card(item.name, said, changed, tag("div", *acts, class_="row"), tools=join(marks, " "))


def _detail(look: Look, id_: str) -> Html:
    board = look.workspace.get_dashboard(id_)
    tiles = [
        (each.title or words.NOTHING, each.type, f"{each.position.w}x{each.position.h}")
        for each in board.widgets
    ]
    warnings = [tag("p", each.message, class_="reading bad") for each in board.warnings]
    chosen = look.place.get("format", "yaml")
    names = [link(title, look.place.link(format=key), class_="btn") for key, title in _FORMATS]
    try:
        text_ = code(look.workspace.export_dashboard(id_, format=chosen).text)
    except DataWatchError as error:
        text_ = tag("p", error.message, class_="reading bad")
    opened = tag("a", "Open", href=board_link(look, board.path), class_="btn main", target="_top")
    if may_edit(board.role):
        edit = f"{board_link(look, board.path)}?edit"
        opened = join([opened, tag("a", "Edit", href=edit, class_="btn", target="_top")], " ")
    close = link("Close", look.place.link(id=None, format=None), class_="btn")
    shown = card(
        board.name,
        *warnings,
        table(("Tile", "Kind", "Size"), tiles, label="tiles"),
        tools=join([opened, close], " "),
    )
    return tag(
        "div", shown, card("As a document", tag("div", *names, class_="row"), text_), class_="even"
    )


def _templates(look: Look) -> Html:
    rows = [
        (
            join([each.title, tag("div", each.description, class_="hint")]),
            f"{each.tiles} tiles" if each.tiles else each.needs,
            tag(
                "div",
                button("Use", "template", name=each.name) if each.tiles else "",
                class_="acts",
            ),
        )
        for each in look.workspace.dashboard_templates()
    ]
    return card(
        "Templates",
        table(("Template", "Makes", ""), rows, label="templates"),
        note="each takes the tables that are there",
    )


def _new() -> Html:
    empty_ = tag(
        "form",
        field("Name", text_input("name", required=True)),
        tag("button", "Make an empty one", class_="btn main"),
        class_="filters",
        id="dw-new-board",
        data_act="new",
    )
    import_ = tag(
        "form",
        tag(
            "textarea",
            "",
            name="text",
            rows="6",
            aria_label="YAML or JSON of a dashboard",
            required=True,
        ),
        tag("div", tag("button", "Import", class_="btn"), class_="row"),
        class_="stack",
        id="dw-import",
        data_act="import",
    )
    return card("New", empty_, details("Import YAML or JSON", import_, key="dw-import-more"))


def _made(look: Look, name: str, id_: str) -> Done:
    return Done(said=f"{name} is made.", changed=True, go=look.place.link(id=id_))


def _template(look: Look, fields: Fields) -> Done:
    made = look.workspace.add_dashboard(template=text(fields, "name"))
    return _made(look, made.name, made.id)


def _add(look: Look, fields: Fields) -> Done:
    made = look.workspace.add_dashboard(name=text(fields, "name"))
    return _made(look, made.name, made.id)


def _import(look: Look, fields: Fields) -> Done:
    made = look.workspace.import_dashboard(text=text(fields, "text"))
    return _made(look, made.name, made.id)


def _duplicate(look: Look, fields: Fields) -> Done:
    made = look.workspace.duplicate_dashboard(text(fields, "id"))
    return _made(look, made.name, made.id)


def _drop(look: Look, fields: Fields) -> Done:
    look.workspace.drop_dashboard(text(fields, "id"))
    return Done(
        said="The dashboard is deleted; a rollback by its id brings it back.",
        changed=True,
        go=look.place.link(id=None),
    )


PAGE = Page(
    "dashboards",
    "Dashboards",
    "d",
    icons.DASHBOARDS,
    view,
    {"template": _template, "new": _add, "import": _import, "duplicate": _duplicate, "drop": _drop},
    every=3.0,
    personal=True,
)

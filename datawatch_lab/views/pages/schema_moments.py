"""Schema: two moments compared, and names for moments."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.service.operations.schema import SchemaStep
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.page import Done, Fields, Look, text
from datawatch_lab.views.pages.parts import (
    Html,
    card,
    empty,
    field,
    html,
    link,
    moment,
    table,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.schema_parts import facts, impact


def diff(look: Look) -> Mapping[str, str]:
    """What changed between two moments."""
    start, end = look.place.get("from", "-7d"), look.place.get("to", "now")
    named = [each.name for each in look.workspace.schema_snapshots()]
    moments = tag(
        "datalist",
        *(tag("option", value=each) for each in ["-1h", "-1d", "-7d", "-30d", "now", *named]),
        id="dw-moments",
    )
    form = tag(
        "form",
        moments,
        field(
            "From",
            text_input("from", start, list="dw-moments", data_wait=True),
            hint="a time such as -7d, or a snapshot",
        ),
        field("To", text_input("to", end, list="dw-moments", data_wait=True)),
        tag("button", "Compare", class_="btn main"),
        class_="filters",
        data_go=True,
    )
    found = look.workspace.schema_diff(start, end=end)
    steps = (
        tag("ul", *(_step(each) for each in found.steps), class_="feed")
        if found.steps
        else empty("The schema was the same", "Nothing changed between these two moments.")
    )
    note = f"{moment(found.start)} to {moment(found.end)}"
    return {
        "choose": card("Two moments", form),
        "diff": card(f"{len(found.steps)} steps", steps, note=note),
    }


def _step(step: SchemaStep) -> Html:
    changed = []
    if step.before:
        changed.append(tag("div", f"− {facts(step.before)}", class_="mono del"))
    if step.after:
        changed.append(tag("div", f"+ {facts(step.after)}", class_="mono add"))
    return tag(
        "li",
        tag("span", impact(step.impact), " ", step.title, class_="what"),
        html(""),
        tag("p", step.reason, *changed),
    )


def snapshots(look: Look) -> Mapping[str, str]:
    """Moments that have a name, and a form that names one."""
    found = look.workspace.schema_snapshots()
    made: dict[str, str] = {}
    if look.may("editor"):
        form = tag(
            "form",
            field("Name", text_input("name", required=True, placeholder="before-release-12")),
            field("Moment", text_input("at", placeholder="now, or -1d")),
            field("Note", text_input("note")),
            tag("button", "Name this moment", class_="btn main"),
            class_="filters",
            id="dw-snapshot",
            data_act="snapshot",
        )
        made["add"] = card("Name a moment", form)
    rows = [
        (
            each.name,
            when(each.at, look.now),
            words.count(each.tables),
            words.count(each.columns),
            each.note or words.NOTHING,
            each.by or words.NOTHING,
            tag(
                "div",
                link(
                    "Compare with now",
                    look.place.link(tab="diff", **{"from": each.name, "to": "now"}),
                    class_="btn",
                ),
                class_="acts",
            ),
        )
        for each in found
    ]
    shown = (
        table(
            ("Snapshot", "Moment", "Tables", "Columns", "Note", "By", ""),
            rows,
            numbers=(2, 3),
            hide=(2, 3, 4, 5),
            label="snapshots",
        )
        if rows
        else empty(
            "No snapshot yet",
            "A snapshot is a name for a moment, so that the schema of then can be compared "
            "with that of now.",
        )
    )
    return made | {"snapshots": card("Snapshots", shown)}


def _snapshot(look: Look, fields: Fields) -> Done:
    made = look.workspace.make_schema_snapshot(
        text(fields, "name"), at=text(fields, "at") or None, note=text(fields, "note")
    )
    return Done(said=f"{made.name} names that moment.", changed=True)


ACTIONS = {"snapshot": _snapshot}

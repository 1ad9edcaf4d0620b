"""Schema: changes with class and reason, what they touch, tables as of any time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from datawatch_lab.service.operations.schema import (
    SchemaChangeItem,
    SchemaColumn,
    SchemaTable,
)
from datawatch_lab.views import format as words
from datawatch_lab.views.pages import icons, schema_moments
from datawatch_lab.views.pages.page import Look, Page
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    card,
    code,
    empty,
    field,
    join,
    link,
    pairs,
    select,
    table,
    tabs,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.schema_parts import facts, impact

_PARTS = (
    ("changes", "Changes"),
    ("tables", "Tables"),
    ("diff", "Compare"),
    ("snapshots", "Snapshots"),
)
_MOST = 100


def view(look: Look) -> Mapping[str, str]:
    """The part that is chosen."""
    chosen = look.place.get("tab", "changes")
    options = [
        (key, title, look.place.link(tab=key, id=None, table=None), "") for key, title in _PARTS
    ]
    parts = {
        "changes": _changes,
        "tables": _tables,
        "diff": schema_moments.diff,
        "snapshots": schema_moments.snapshots,
    }
    return {"tabs": str(tabs(options, chosen))} | dict(parts.get(chosen, _changes)(look))


# ---------------------------------------------------------------------- changes


def _changes(look: Look) -> Mapping[str, str]:
    since, chosen, wanted = (
        look.place.get("since", "-30d"),
        look.place.get("table"),
        look.place.get("impact"),
    )
    names = [each.table for each in look.workspace.schema_tables()]
    found = look.workspace.schema_changes(
        since, table=chosen if chosen in names else "", impact=wanted, limit=_MOST
    )
    form = tag(
        "form",
        field(
            "Since",
            select(
                "since",
                [("-24h", "24 hours"), ("-7d", "7 days"), ("-30d", "30 days"), ("-1y", "a year")],
                since,
            ),
        ),
        field("Table", select("table", [("", "every table"), *((n, n) for n in names)], chosen)),
        field(
            "Class", select("impact", [("", "every class"), "breaking", "risky", "safe"], wanted)
        ),
        class_="filters",
        data_go=True,
    )
    made: dict[str, str] = {"filters": form}
    if look.place.get("id"):
        made["change"] = _change(look, look.workspace.schema_change(look.place.get("id")))
    if not found.changes:
        nothing = empty(
            "No change in this time",
            "Added, dropped and renamed tables and columns, types, keys, indexes and enum "
            "values stand here, each classed, with what it touches.",
        )
        return made | {"changes": card("Changes", nothing)}
    rows = tag("ul", *(_item(look, each) for each in found.changes), class_="feed")
    note = (
        f"newest {len(found.changes)} of {found.total}" if found.total > len(found.changes) else ""
    )
    return made | {
        "changes": card(
            f"{found.total} changes" if found.total != 1 else "1 change", rows, note=note
        )
    }


def _item(look: Look, change: SchemaChangeItem) -> Html:
    touched = f" Touches {_touched(change)}." if change.references else ""
    sure = f" Inferred, {change.confidence:.0%} sure." if change.confidence < 1 else ""
    title = join([impact(change.impact), " ", link(change.title, look.place.link(id=change.id))])
    return tag(
        "li",
        tag("span", title, class_="what"),
        when(change.at, look.now),
        tag("p", f"{change.reason[:1].upper()}{change.reason[1:]}.{touched}{sure}"),
    )


def _touched(change: SchemaChangeItem) -> str:
    counts: dict[str, int] = {}
    for each in change.references:
        counts[each.kind] = counts.get(each.kind, 0) + 1
    return ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in counts.items())


def _change(look: Look, change: SchemaChangeItem) -> Html:
    rows: list[tuple[object, object]] = [
        ("When", when(change.at, look.now)),
        ("Class", join([impact(change.impact), " ", change.reason])),
    ]
    if change.table:  # none of an enum
        place = look.place.link(tab="tables", table=change.table, id=None)
        rows.append(("Table", link(change.table, place)))
    rows.append(("Read from", _origin(change)))
    if change.before:
        rows.append(("Before", tag("span", facts(change.before), class_="mono del")))
    if change.after:
        rows.append(("After", tag("span", facts(change.after), class_="mono add")))
    rows += [("Because", each) for each in change.why]
    blast = (
        table(
            ("What", "Name", "How"),
            [
                (each.kind, tag("span", each.name, class_="mono"), each.how)
                for each in change.references
            ],
            label="blast radius",
        )
        if change.references
        else empty("It touches nothing here", "No metric, rule or alert depends on it.")
    )
    shown = card(
        change.title,
        pairs(rows),
        code(change.ddl) if change.ddl else "",
        tools=link("Close", look.place.link(id=None), class_="btn"),
    )
    return tag("div", shown, card("Blast radius", blast), class_="even")


def _origin(change: SchemaChangeItem) -> str:
    """Where a change was read, and who sent it."""
    source = f" of {change.source}" if change.source else ""
    by = f" by {change.by}" if change.by else ""
    return f"{change.origin}{source}{by}"


# ---------------------------------------------------------------------- tables


def _tables(look: Look) -> Mapping[str, str]:
    chosen = look.place.get("table")
    if chosen:
        return _table(look, chosen)
    found = look.workspace.schema_tables()
    if not found:
        return {
            "tables": card("Tables", empty("No table yet", "Tables stand here once events come."))
        }
    rows = [
        (
            link(each.table, look.place.link(table=each.table)),
            words.count(len(each.columns)),
            ", ".join(each.key) or words.NOTHING,
            words.count(each.changes),
            when(each.last_changed, look.now),
        )
        for each in found
    ]
    heads = ("Table", "Columns", "Key", "Changes", "Last changed")
    return {"tables": card("Tables", table(heads, rows, numbers=(1, 3), hide=(2,), label="tables"))}


def _table(look: Look, name: str) -> Mapping[str, str]:
    found = look.workspace.schema_table(name, at=look.place.get("at") or None)
    as_of = tag(
        "form",
        tag("input", type="hidden", name="table", value=name),
        field(
            "As of",
            text_input(
                "at", look.place.get("at"), placeholder="now, -1d or a snapshot", data_wait=True
            ),
        ),
        class_="filters",
        data_go=True,
    )
    back = link("All tables", look.place.link(table=None, at=None), class_="btn")
    shown = (
        empty("There was no such table then")
        if found.table is None
        else _columns(look, found.table)
    )
    history = (
        tag("ul", *(_item(look, each) for each in found.history), class_="feed")
        if found.history
        else empty("It never changed")
    )
    return {
        "table": card(name, shown, tools=join([as_of, back])),
        "history": card("History", history),
    }


def _columns(look: Look, found: SchemaTable) -> Html:
    known = {
        each.name: each
        for shown in look.workspace.tables()
        if shown.name == found.table
        for each in shown.columns
    }
    rows = []
    for each in found.columns:
        column = known.get(each.name)
        role = ""
        if column is not None:
            corrected = " (corrected)" if column.corrected_by else ""
            role = tag("span", f"{column.role}{corrected}", title=column.reason)
        marks = [badge("key", "info", "◆")] if each.name in found.key else []
        if column is not None and column.sensitive:
            marks.append(badge("masked", "calm", "•"))
        rows.append(
            (
                join([each.name, " ", join(marks, " ")]),
                tag("span", _type(each), class_="mono"),
                _null(each),
                role,
            )
        )
    more = [
        ("Foreign keys", _listed(found.foreign_keys)),
        ("Indexes", _listed(found.indexes)),
        ("Checks", _listed(found.checks)),
    ]
    extra = pairs([(title, value) for title, value in more if value])
    partial = (
        tag(
            "p",
            "Known from its rows; declared types win once the source tells them.",
            class_="note",
        )
        if found.partial
        else ""
    )
    return join([table(("Column", "Type", "Null", "Role"), rows, label="columns"), partial, extra])


def _type(column: SchemaColumn) -> str:
    values = f" ({', '.join(column.values)})" if column.values else ""
    return f"{column.type or 'unknown'}{values}"


def _null(column: SchemaColumn) -> str:
    return words.NOTHING if column.nullable is None else "yes" if column.nullable else "no"


def _listed(found: Iterable[Mapping[str, object]]) -> str:
    return "; ".join(facts(each) for each in found)


PAGE = Page(
    "schema",
    "Schema",
    "s",
    icons.SCHEMA,
    view,
    schema_moments.ACTIONS,
    every=3.0,
)

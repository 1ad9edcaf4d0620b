"""Data: the ledger that balances, quarantine, sources and how to connect one, late data."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.service.answers import Counts, Fixed, QuarantineItem
from datawatch_lab.views import format as words
from datawatch_lab.views.format import escape
from datawatch_lab.views.pages import data_sources, icons
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    empty,
    join,
    link,
    pairs,
    table,
    tabs,
    tag,
    when,
)

_PARTS = (
    ("ledger", "Ledger"),
    ("quarantine", "Quarantine"),
    ("sources", "Sources"),
    ("late", "Late data"),
)
_MOST = 50


def view(look: Look) -> Mapping[str, str]:
    """The part that is chosen."""
    chosen = look.place.get("tab", "ledger")
    waiting = look.workspace.quarantine(limit=1).total
    counts = {"quarantine": waiting or ""}
    options = [
        (key, title, look.place.link(tab=key, id=None), counts.get(key, ""))
        for key, title in _PARTS
    ]
    parts = {
        "ledger": _ledger,
        "quarantine": _quarantine,
        "sources": data_sources.view,
        "late": _late,
    }
    return {"tabs": tabs(options, chosen)} | dict(parts.get(chosen, _ledger)(look))


# ---------------------------------------------------------------------- ledger


def _ledger(look: Look) -> Mapping[str, str]:
    found = look.workspace.ledger()
    if not found.received:
        nothing = empty(
            "Nothing was received yet",
            "Every event that comes is counted here: applied, duplicate, late or quarantined.",
            link("Connect a database", look.place.link(tab="sources"), class_="btn main"),
        )
        return {"ledger": card("Everything received is accounted for", nothing)}
    kinds = ("applied", "duplicate", "late", "quarantined")
    parts = [_term(found.received, "received"), tag("span", "=", class_="op")]
    for place, kind in enumerate(kinds):
        parts += [tag("span", "+", class_="op")] if place else []
        parts.append(_term(getattr(found, kind), kind))
    total = sum(getattr(found, kind) for kind in kinds)
    holds = total == found.received
    verdict = badge("balanced", "good", "✓") if holds else badge("does not balance", "bad")
    equation = tag("div", *parts, class_="equation", role="math")
    said = tag(
        "p",
        "Bad lines are counted too; nothing is dropped silently, also across a crash.",
        class_="note",
    )
    return {
        "balance": card("Everything received is accounted for", equation, said, tools=verdict),
        "tables": card("By table", _counted(found.tables)),
        "origins": card("By source", _counted(found.sources)),
    }


def _term(number: int, name: str) -> Html:
    return tag("div", tag("b", words.count(number)), tag("small", name))


def _counted(rows: Mapping[str, Counts]) -> Html:
    heads = ("Name", "Received", "Applied", "Duplicate", "Late", "Quarantined")
    made = [
        (
            name or "(no table)",
            *(words.count(n) for n in (c.received, c.applied, c.duplicate, c.late, c.quarantined)),
        )
        for name, c in sorted(rows.items(), key=lambda row: -row[1].received)
    ]
    return table(heads, made, numbers=range(1, 6), hide=(3,), label="counts")


# ---------------------------------------------------------------------- quarantine


def _quarantine(look: Look) -> Mapping[str, str]:
    chosen = look.place.get("state", "waiting")
    answer = look.workspace.quarantine(
        limit=_MOST, state=chosen if chosen == "replayed" else "waiting"
    )
    may = look.may("editor")
    if not answer.items:
        nothing = empty(
            "Nothing is in quarantine",
            "What cannot be read, comes from the future or is too late is kept here with its "
            "reason and its bytes, and can be replayed after a fix.",
        )
        return {"quarantine": card("Set aside", nothing, tools=_quarantine_tabs(look, chosen))}
    all_ = (
        button("Replay all", "replay", kind="main", confirm=f"Try all {answer.total} events again?")
        if may and chosen != "replayed"
        else ""
    )
    rows = [_set_aside(look, each, may=may and chosen != "replayed") for each in answer.items]
    heads = ("Why", "Table", "Source", "Received", "")
    shown = table(heads, rows, hide=(2, 3), label="events in quarantine")
    more = answer.total - len(answer.items)
    note = tag("p", f"{words.count(more)} more are not shown.", class_="note") if more else ""
    title = f"{words.count(answer.total)} set aside"
    tools = join([_quarantine_tabs(look, chosen), all_])
    edit = _repair(look, answer.items) if may else Html("")
    return {"repair": edit, "quarantine": card(title, shown, note, tools=tools)}


def _quarantine_tabs(look: Look, chosen: str) -> Html:
    other = "replayed" if chosen != "replayed" else None
    return link(
        "Show replayed" if other else "Show waiting",
        look.place.link(state=other, id=None),
        class_="btn",
    )


def _set_aside(look: Look, item: QuarantineItem, *, may: bool) -> tuple[object, ...]:
    where = f"line {item.line}" if item.line else f"offset {item.offset}"
    why = join(
        [
            badge(item.kind, "warn"),
            " ",
            tag("span", item.reason),
            tag("div", f"{item.source}, {where}", class_="hint"),
        ]
    )
    acts = [button("Replay", "replay", id=item.id)] if may else []
    if may:
        acts.append(link("Fix", look.place.link(id=item.id), class_="btn"))
    return (
        why,
        item.table or words.NOTHING,
        item.source,
        when(item.received, look.now),
        tag("div", *acts, class_="acts"),
    )


def _repair(look: Look, items: list[QuarantineItem]) -> Html:
    """The event that is being corrected."""
    found = next((each for each in items if str(each.id) == look.place.get("id")), None)
    if found is None:
        return Html("")
    form = tag(
        "form",
        tag("input", type="hidden", name="id", value=found.id),
        tag("p", found.reason, class_="reading bad"),
        tag(
            "textarea",
            found.raw,
            name="raw",
            rows="8",
            aria_label="The event as text",
            autofocus=True,
        ),
        tag(
            "div",
            tag("button", "Replay as corrected", class_="btn main"),
            link("Cancel", look.place.link(id=None), class_="btn"),
            class_="row",
        ),
        class_="stack",
        data_act="replay",
    )
    return card(f"Correct event {found.id}", form)


def _replay(look: Look, fields: Fields) -> Done:
    asked, raw = text(fields, "id"), text(fields, "raw")
    if raw:
        answer = look.workspace.replay([], [Fixed(int(asked), raw=raw)])
    else:
        answer = look.workspace.replay([int(asked)] if asked else [])
    failed = answer.failed[0].reason if answer.failed else ""
    if answer.tried and not answer.applied and not answer.duplicate:
        return Done(
            fault=f"It failed again: {failed}"
            if len(answer.failed) == 1
            else f"All {answer.tried} failed again.",
            changed=True,
        )
    said = f"{answer.applied} of {answer.tried} applied, {answer.remaining} still wait."
    return Done(said=said, changed=True, go=look.place.link(id=None) if asked else "")


# ---------------------------------------------------------------------- late data


def _late(look: Look) -> Mapping[str, str]:
    marks = [each for each in look.workspace.watermarks() if each.table]
    kept = look.workspace.retention()
    rows = [
        (
            join([each.table, " ", badge("back-fill", "calm") if each.backfill else ""]),
            each.source,
            when(each.watermark, look.now),
            words.duration(max(each.lag_seconds, 0.0)),
            when(each.closed_until, look.now) if each.closed_until else "not yet",
        )
        for each in marks
    ]
    shown = (
        table(
            ("Table", "Source", "Newest event", "Behind", "Closed until"),
            rows,
            numbers=(3,),
            hide=(1,),
            label="watermarks",
        )
        if rows
        else empty("No table yet", "Watermarks stand here once events come.")
    )
    levels = [(f"Level {name}", escape_span(span)) for name, span in kept.levels.items()]
    more = [
        ("Sketches of minutes", kept.sketches),
        ("Raw changes", f"{kept.raw}, at most {kept.raw_size}"),
        ("Archive", kept.archive or "none"),
    ]
    since = [("Time travel from", when(kept.log_since, look.now))] if kept.log_since else []
    return {
        "marks": card(
            "How far each table is",
            shown,
            note="Late events correct closed minutes, and both values are kept.",
        ),
        "corrections": _corrections(look),
        "kept": card("What is kept", pairs([*levels, *more, *since])),
    }


def escape_span(span: str) -> str:
    """A span of retention as it is shown."""
    return span or words.NOTHING


def _corrections(look: Look) -> Html:
    names = [each.name for each in look.workspace.metrics() if each.name.endswith("_created_rate")]
    rows = []
    for name in names[:12]:
        found = look.workspace.corrections(name, start="-24h", aggregation="count")
        rows += [
            (
                point.time,
                name.removesuffix("_created_rate"),
                words.number(point.first),
                words.number(point.value),
                words.count(point.rows),
            )
            for point in found.points
        ]
    rows.sort(reverse=True)
    if not rows:
        return card("Corrected minutes", empty("Nothing closed was corrected in the last 24 hours"))
    shown = [
        (when(at, look.now), escape_plain(t), first, now, n)
        for at, t, first, now, n in rows[:_MOST]
    ]
    return card(
        "Corrected minutes",
        table(
            ("Minute", "Table", "Rows first", "Rows now", "Late rows"),
            shown,
            numbers=(2, 3, 4),
            label="corrections",
        ),
        note="rows created, last 24 h",
    )


def escape_plain(name: str) -> Html:
    """A name as it is."""
    return Html(escape(name))


PAGE = Page(
    "data",
    "Data",
    "t",
    icons.DATA,
    view,
    {"replay": _replay, **data_sources.ACTIONS},
    every=2.0,
)

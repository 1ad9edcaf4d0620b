"""Rules of quality: pass rate, failing rows, a form that tries before it keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from datawatch_lab.core.errors import AccessError
from datawatch_lab.service.operations.quality import RuleBody
from datawatch_lab.service.quality import RuleItem, TriedItem
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, text
from datawatch_lab.views.pages.parts import (
    Html,
    button,
    card,
    code,
    empty,
    field,
    join,
    link,
    pairs,
    score,
    select,
    state,
    table,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.plot import Line, Plot, draw, ms

_MOST_SHOWN = 8
_KINDS = (
    "not_null",
    "not_empty",
    "positive",
    "non_negative",
    "in_range",
    "in_set",
    "not_in_set",
    "regex",
    "email_format",
    "uuid_format",
    "url_format",
    "unique",
    "max_age",
    "event_freshness",
    "volume",
    "referential_integrity",
    "monotonic",
    "expression",
)
TONES = {
    "ok": "good",
    "good": "good",
    "failing": "bad",
    "bad": "bad",
    "disabled": "calm",
    "no data": "calm",
}
WINDOWS = [("1h", "1 hour"), ("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days")]


def samples(found: TriedItem) -> Html:
    """Some rows that a trial found failing."""
    if not found.samples:
        return Html("")
    lines = [
        tag("div", json.dumps(row, ensure_ascii=False, default=str), class_="mono hint")
        for row in found.samples[:2]
    ]
    return join(lines)


def view(look: Look) -> Mapping[str, str]:
    """The rules of a table or of all, the one that is chosen, a form for another."""
    chosen, window = look.place.get("table"), look.place.get("window", "24h")
    tables = [each.name for each in look.workspace.tables()]
    found = look.workspace.quality_rules(chosen if chosen in tables else None, window=window)
    form = tag(
        "form",
        field("Table", select("table", [("", "every table"), *((n, n) for n in tables)], chosen)),
        field("Window", select("window", WINDOWS, window)),
        class_="filters",
        data_go=True,
    )
    one = next((each for each in found if each.id == look.place.get("id")), None)
    made: dict[str, str] = {}
    if one is not None:
        made["rule"] = _rule(look, one)
    rows = [
        _rule_row(look, each)
        for each in sorted(
            found, key=lambda each: (each.state != "failing", each.table, each.title)
        )
    ]
    heads = ("Rule", "About", "State", "Passes", "Rows", "Failed", "")
    shown = (
        table(heads, rows, numbers=(4, 5), hide=(1, 4), label="quality rules")
        if rows
        else empty(
            "No rule here yet",
            "Take some of those that the data suggests, or add one below.",
            link("Suggestions", look.place.link(tab="suggestions"), class_="btn main"),
        )
    )
    made |= {"filters": form, "rules": card("Rules", shown)}
    if look.may("editor"):
        made["add"] = _add_form(look, tables, chosen)
    return made


def _rule_row(look: Look, rule: RuleItem) -> tuple[object, ...]:
    acts = []
    if look.may("editor") and rule.origin != "config":
        acts.append(
            button(
                "Delete",
                "rule.drop",
                kind="danger",
                confirm=f"Delete {rule.title}, with what it counted and found?",
                id=rule.id,
            )
        )
    why = rule.problem or rule.issue
    title = join(
        [
            link(rule.title, look.place.link(id=rule.id)),
            tag("div", why, class_="hint") if why else "",
        ]
    )
    return (
        title,
        rule.dimension,
        state(rule.state, TONES.get(rule.state, "calm")),
        score(rule.score, 100.0),
        words.count(rule.rows),
        words.count(rule.failed),
        tag("div", *acts, class_="acts"),
    )


def _past(look: Look, rule: RuleItem) -> Html:
    """The pass rate of a rule over the last day; trying rules out is for editors."""
    try:
        past = look.workspace.quality_backtest(_body(rule.definition), from_="-24h")
    except AccessError:
        return empty("The pass rate over time is for editors")
    points = [
        (ms(at), (rows - failed) / rows if rows else None) for at, rows, failed in past.points
    ]
    if not points:
        return empty("Nothing was checked in the last 24 hours")
    return draw(Plot(f"share of rows that pass {rule.title}", [Line("passes", points)], "ratio"))


def _rule(look: Look, rule: RuleItem) -> Html:
    """One rule: its pass rate over time, failing rows, code."""
    picture = _past(look, rule)
    broken = look.workspace.quality_violations(rule=rule.id, limit=10, state="")
    rows = [
        (
            when(each.at, look.now),
            tag("span", row_text(each.key), class_="mono"),
            each.value,
            tag("span", row_text(each.row), class_="mono"),
            state(each.state, "bad" if each.state == "open" else "calm"),
        )
        for each in broken.violations
    ]
    failing = (
        table(("When", "Key", "Value", "Row", "State"), rows, hide=(3,), label="rows that fail")
        if rows
        else empty("No row broke it")
    )
    facts = pairs(
        [
            ("Rule", tag("span", json.dumps(rule.definition), class_="mono")),
            ("Origin", rule.origin),
            ("Severity", rule.severity),
        ]
    )
    check = button("Check every row", "check", rule=rule.id, slot="rule-checked")
    close = link("Close", look.place.link(id=None), class_="btn")
    top = card(
        rule.title,
        picture,
        facts,
        tools=join([check, close]),
        note="share of rows that pass, last 24 h",
    )
    low = card(f"{words.count(broken.total)} rows broke it", failing)
    return tag(
        "div",
        top,
        tag("div", data_local_slot="rule-checked"),
        low,
        card("As code", code(rule.code)),
        class_="stack",
    )


def row_text(row: Mapping[str, object]) -> str:
    """The first columns of a row as a line."""
    return ", ".join(f"{name}={value}" for name, value in list(row.items())[:_MOST_SHOWN])


def _add_form(look: Look, tables: list[str], chosen: str) -> Html:
    columns = {
        column.name
        for each in look.workspace.tables()
        if not chosen or each.name == chosen
        for column in each.columns
    }
    form = tag(
        "form",
        tag("datalist", *(tag("option", value=n) for n in sorted(columns)), id="dw-columns"),
        field("Table", select("table", tables, chosen)),
        field("Rule", select("rule", _KINDS)),
        *_arguments(),
        field("Severity", select("severity", ("info", "warning", "critical"), "warning")),
        field("Description", text_input("description")),
        tag(
            "div",
            tag("button", "Try on the last 24 hours", class_="btn", data_act="rule.try"),
            tag("button", "Keep this rule", class_="btn main", data_act="rule.add"),
            class_="row full",
        ),
        class_="form",
        id="dw-new-rule",
        data_act="rule.add",
    )
    return card("Add a rule", form, tag("div", data_local_slot="new-rule", id="dw-new-tried"))


def _arguments() -> list[Html]:
    """What kinds of rules are told beside their table; which of it, the hints say."""
    column = text_input("field", list="dw-columns", spellcheck="false")
    comparison = text_input(
        "expression", placeholder="shipped_at >= created_at", spellcheck="false"
    )
    values = text_input("values", placeholder="pending, paid")
    return [
        field("Column", column, hint="not for max_age, volume, expression"),
        field("Threshold", text_input("threshold", placeholder="99.9% or 5m")),
        field("Values", values, hint="in_set, not_in_set"),
        field("From", text_input("min")),
        field("To", text_input("max"), hint="in_range, volume"),
        field("Pattern", text_input("pattern", spellcheck="false"), hint="regex"),
        field("References", text_input("references", placeholder="customers.id")),
        field("Expression", comparison),
    ]


def _said(fields: Fields) -> dict[str, object]:
    said: dict[str, object] = {}
    for name in (
        "table",
        "rule",
        "field",
        "threshold",
        "pattern",
        "references",
        "expression",
        "severity",
        "description",
        "min",
        "max",
    ):
        if value := text(fields, name):
            said[name] = _number(value) if name in ("min", "max") else value
    if values := [each.strip() for each in text(fields, "values").split(",") if each.strip()]:
        said["values"] = values
    return said


def _number(value: str) -> float | str:
    try:
        return float(value)
    except ValueError:
        return value


def _body(said: Mapping[str, object]) -> RuleBody:
    known = {name: value for name, value in said.items() if name in RuleBody.__struct_fields__}
    return msgspec.convert(known, RuleBody)


def _try(look: Look, fields: Fields) -> Done:
    tried = look.workspace.quality_backtest(_body(_said(fields)), from_="-24h")
    verdict = (
        f"{words.count(tried.rows)} rows looked at, {words.count(tried.failed)} would have failed."
    )
    inner = [
        tag("p", verdict),
        tag("p", tried.problem or tried.issue, class_="hint"),
        samples(tried),
    ]
    return Done(
        slots={
            "new-rule": tag(
                "div",
                *inner,
                class_="reading" if not tried.failed else "reading bad",
                role="status",
            )
        }
    )


def _add(look: Look, fields: Fields) -> Done:
    said = _said(fields)
    kept = look.workspace.add_quality_rule(**said)  # type: ignore[arg-type]  # checked by the operation
    return Done(said=f"{kept.title} is kept.", changed=True, go=look.place.link(id=kept.id))


def _drop(look: Look, fields: Fields) -> Done:
    gone = look.workspace.drop_quality_rule(text(fields, "id"))
    return Done(said=f"{gone.title} is deleted.", changed=True)


ACTIONS: Mapping[str, Action] = {"rule.try": _try, "rule.add": _add, "rule.drop": _drop}

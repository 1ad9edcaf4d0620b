"""Quality: the board, rules with pass rate and failing rows, suggestions, a check of everything."""

from __future__ import annotations

import json
from collections.abc import Mapping

from datawatch_lab.service.quality import (
    ScoreAnswer,
    SuggestionItem,
    TableItem,
    TriedItem,
)
from datawatch_lab.views import format as words
from datawatch_lab.views.pages import icons, quality_rules
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    empty,
    field,
    join,
    link,
    score,
    select,
    severity,
    share,
    state,
    table,
    tabs,
    tag,
    when,
)
from datawatch_lab.views.pages.quality_rules import TONES, WINDOWS, row_text, samples

_PARTS = (
    ("board", "Board"),
    ("rules", "Rules"),
    ("violations", "Violations"),
    ("suggestions", "Suggestions"),
)
_MOST = 50
_MOST_SHOWN = 8
_LEAST_TREND = 0.05  # points; less is no change that anybody sees
_DIMENSIONS = ("completeness", "validity", "freshness", "consistency", "uniqueness")


def view(look: Look) -> Mapping[str, str]:
    """The part that is chosen."""
    chosen = look.place.get("tab", "board")
    stats = look.workspace.quality_stats()
    counts = {"rules": stats.rules, "violations": stats.open}
    options = [
        (key, title, look.place.link(tab=key, id=None), _short(counts.get(key, 0)))
        for key, title in _PARTS
    ]
    parts = {
        "board": board,
        "rules": quality_rules.view,
        "violations": _violations,
        "suggestions": _suggestions,
    }
    return {"tabs": str(tabs(options, chosen))} | dict(parts.get(chosen, board)(look))


def _short(number: int) -> str:
    return words.compact(number) if number else ""


# ---------------------------------------------------------------------- board


def board(look: Look) -> Mapping[str, str]:
    """The quality board: scores by table and dimension, and what fails in words."""
    window = look.place.get("window", "24h")
    report = look.workspace.quality_report(window)
    found = report.score
    if not found.tables:
        accept = link(
            "See what the data suggests", look.place.link(tab="suggestions"), class_="btn main"
        )
        nothing = empty(
            "No rule yet",
            "Rules say what good data is: a customer for each order, amounts that are "
            "positive, statuses that are known. The data suggests most of them.",
            accept,
        )
        return {"board": card("Data quality", nothing)}
    advice = [
        tag(
            "li",
            tag(
                "span",
                severity(each.severity),
                " ",
                tag("b", each.table),
                " ",
                each.issue,
                class_="what",
            ),
            tag("p", each.advice),
        )
        for each in report.recommendations[:_MOST_SHOWN]
    ]
    issues = tag("ul", *advice, class_="feed") if advice else empty("Every rule holds")
    return {
        "score": _total(found, report.summary, window),
        "board": card("By table", _board(look, found)),
        "issues": card("Recent issues", issues, note="worst first, with what to do"),
        "checked": tag("div", data_local_slot="checked", id="dw-checked"),
    }


def _total(found: ScoreAnswer, summary: str, window: str) -> Html:
    form = tag(
        "form", field("Window", select("window", WINDOWS, window)), data_go=True, class_="filters"
    )
    tone = TONES.get(found.state, "calm")
    shown = words.NOTHING if found.score is None else share(found.score)
    head = tag("div", tag("span", shown, class_="big"), " ", badge(found.state, tone), class_="row")
    check = button("Check everything", "check", kind="main")
    return card("Data quality", head, tag("p", summary, class_="note"), tools=join([form, check]))


def _board(look: Look, found: ScoreAnswer) -> Html:
    heads = ("Table", *(each.title() for each in _DIMENSIONS), "Score", "State")
    rows = [_board_row(look, each, found.threshold) for each in found.tables]
    return table(heads, rows, hide=(1, 2, 3, 4, 5), label="data quality by table")


def _board_row(look: Look, row: TableItem, threshold: float) -> tuple[object, ...]:
    trend = ""
    if row.trend and abs(row.trend) >= _LEAST_TREND:
        arrow = "▲" if row.trend > 0 else "▼"
        trend = tag(
            "span",
            f"{arrow} {abs(row.trend):.1f}",
            class_="hint",
            title="against the window before",
        )
    name = link(row.table, look.place.link(tab="rules", table=row.table))
    return (
        name,
        *(score(getattr(row, each), threshold) for each in _DIMENSIONS),
        join([score(row.score, threshold), " ", trend]),
        join(
            [
                state(row.state, TONES.get(row.state, "calm")),
                tag("div", row.issues[0], class_="hint") if row.issues else "",
            ]
        ),
    )


def _check(look: Look, fields: Fields) -> Done:
    found = look.workspace.quality_check(
        text(fields, "table") or None, rule=text(fields, "rule") or None
    )
    slot = text(fields, "slot") or "checked"
    failing = [each for each in found if each.failed or each.problem]
    rows = [
        _tried_row(each)
        for each in sorted(found, key=lambda each: each.score if each.score is not None else 101.0)
    ]
    verdict = badge(f"{len(failing)} fail", "bad") if failing else badge("every rule holds", "good")
    shown = (
        table(("Rule", "Rows", "Failed", "Passes"), rows, numbers=(1, 2), label="every row checked")
        if rows
        else empty("No rule to check")
    )
    made = card("Every row that is there now", shown, tools=verdict)
    return Done(slots={slot: made}, said=f"{len(found)} rules checked, {len(failing)} fail.")


def _tried_row(found: TriedItem) -> tuple[object, ...]:
    why = found.problem or found.issue
    title = join([found.title, tag("div", why, class_="hint") if why else "", samples(found)])
    return (title, words.count(found.rows), words.count(found.failed), score(found.score, 100.0))


# ---------------------------------------------------------------------- violations, suggestions


def _violations(look: Look) -> Mapping[str, str]:
    chosen, standing = look.place.get("table"), look.place.get("state", "open")
    tables = [each.name for each in look.workspace.tables()]
    found = look.workspace.quality_violations(
        chosen if chosen in tables else None,
        state="" if standing == "any" else standing,
        limit=_MOST,
    )
    form = tag(
        "form",
        field("Table", select("table", [("", "every table"), *((n, n) for n in tables)], chosen)),
        field(
            "State",
            select("state", ["open", "acknowledged", "withdrawn", ("any", "any")], standing),
        ),
        class_="filters",
        data_go=True,
    )
    may = look.may("editor")
    rows = [
        (
            join([severity(each.severity), " ", each.description]),
            tag("span", row_text(each.key), class_="mono"),
            tag("span", each.value, class_="mono"),
            when(each.at, look.now),
            tag("div", button("Acknowledge", "violation.seen", id=each.id), class_="acts")
            if may and each.state == "open"
            else (each.acknowledged_by or ""),
        )
        for each in found.violations
    ]
    shown = (
        table(
            ("What broke which rule", "Key", "Value", "When", ""),
            rows,
            hide=(1, 3),
            label="violations",
        )
        if rows
        else empty("Nothing here", "Rows that break a rule stand here, with their keys.")
    )
    note = f"newest {len(rows)} of {words.count(found.total)}" if found.total > len(rows) else ""
    return {"filters": form, "violations": card("Violations", shown, note=note)}


def _seen(look: Look, fields: Fields) -> Done:
    look.workspace.acknowledge_violation(text(fields, "id"))
    return Done(said="Acknowledged.", changed=True)


def _suggestions(look: Look) -> Mapping[str, str]:
    chosen = look.place.get("table")
    tables = [each.name for each in look.workspace.tables()]
    found = look.workspace.quality_suggestions(chosen if chosen in tables else None)
    form = tag(
        "form",
        field("Table", select("table", [("", "every table"), *((n, n) for n in tables)], chosen)),
        class_="filters",
        data_go=True,
    )
    may = look.may("editor")
    if not found:
        return {
            "filters": form,
            "suggestions": card(
                "What the data suggests",
                empty(
                    "Nothing to suggest",
                    "Every rule that the data suggests is kept already, or there are too few "
                    "rows yet.",
                ),
            ),
        }
    all_ = (
        button(f"Accept all {len(found)}", "accept.all", kind="main", table=chosen) if may else ""
    )
    rows = [_suggestion(each, may=may) for each in found]
    shown = table(
        ("Rule", "Why", "Passes", "Rows", ""),
        rows,
        numbers=(3,),
        hide=(3,),
        label="suggested rules",
    )
    return {
        "filters": form,
        "suggestions": card(f"The data suggests {len(found)} rules", shown, tools=all_),
    }


def _suggestion(found: SuggestionItem, *, may: bool) -> tuple[object, ...]:
    accept = button("Accept", "accept", rule=json.dumps(found.definition)) if may else ""
    return (
        found.title,
        found.reason,
        score(found.pass_rate * 100, 100.0),
        words.count(found.rows),
        tag("div", accept, class_="acts"),
    )


def _accept(look: Look, fields: Fields) -> Done:
    said = json.loads(text(fields, "rule"))
    kept = look.workspace.add_quality_rule(**said, origin="suggested")
    return Done(said=f"{kept.title} is kept.", changed=True)


def _accept_all(look: Look, fields: Fields) -> Done:
    found = look.workspace.quality_suggestions(text(fields, "table") or None)
    for each in found:
        look.workspace.add_quality_rule(**each.definition, origin="suggested")
    return Done(said=f"{len(found)} rules are kept.", changed=True, go=look.place.link(tab="board"))


PAGE = Page(
    "quality",
    "Quality",
    "q",
    icons.QUALITY,
    view,
    {
        "check": _check,
        **quality_rules.ACTIONS,
        "violation.seen": _seen,
        "accept": _accept,
        "accept.all": _accept_all,
    },
    every=3.0,
)

"""Anomalies: found, filtered, explained; acknowledged, and told whether they are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from datawatch_lab.core.errors import DataWatchError, InputError
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import told
from datawatch_lab.views.pages import icons, tuning
from datawatch_lab.views.pages.nothing import no_anomaly
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    bullets,
    button,
    card,
    empty,
    field,
    join,
    labels,
    link,
    pairs,
    select,
    severity,
    table,
    tabs,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.plot import Line, Mark, Plot, draw, ms

_SINCE = (("-24h", "24 hours"), ("-7d", "7 days"), ("-30d", "30 days"), ("", "ever"))
_TYPES = ("spike", "drop", "trend", "seasonal", "missing", "outlier")
_SEVERITIES = ("low", "medium", "high", "critical")
_ICONS = {"spike": "▲", "drop": "▼", "trend": "↗", "seasonal": "◷", "missing": "○", "outlier": "◆"}
_MOST = 100
VERDICTS = (("real", "It is real"), ("expected", "Expected here"), ("known_event", "Known event"))


def asked(workspace: Workspace, name: str, *given: Any, **how: Any) -> Any:
    """An operation of the workspace by its name.

    Raises:
        InputError: this workspace has none of that name, as a server of an older release.
    """
    found = getattr(workspace, name, None)
    if found is None:
        raise InputError("This workspace does not look for anomalies.")
    return found(*given, **how)


def view(look: Look) -> Mapping[str, str]:
    """Episodes, or the tuning of a detector."""
    place = look.place
    chosen = place.get("tab", "episodes")
    options = [
        ("episodes", "Episodes", place.link(tab=None), ""),
        ("tuning", "Tuning", place.link(tab="tuning", id=None), ""),
    ]
    made = {"tabs": str(tabs(options, chosen))}
    return made | dict(tuning.view(look) if chosen == "tuning" else _episodes(look))


def _episodes(look: Look) -> Mapping[str, str]:
    """The list, and the one that is chosen."""
    place = look.place
    since, kind, least = place.get("since", "-7d"), place.get("type"), place.get("severity")
    found = asked(
        look.workspace,
        "anomalies",
        start="" if since == "ever" else since,
        type=kind if kind in _TYPES else "",
        severity=least if least in _SEVERITIES else "",
        table=place.get("table"),
        metric=place.get("metric"),
        active=place.get("state") == "active",
        group="" if place.get("rows") == "each" else "incident",
        limit=_MOST,
    )
    made: dict[str, str] = {"filters": _filters(look), "learning": _learning(look)}
    if place.get("id"):
        made["chosen"] = _detail(look, place.get("id"))
    return made | {"list": _list(look, found)}


def _learning(look: Look) -> Html:
    """How far detectors have learnt; nothing when they have."""
    standing = asked(look.workspace, "detectors")
    if standing.problem:
        return card("Detectors", tag("p", standing.problem, class_="reading bad"))
    if standing.learning is None:
        return Html("")
    done = standing.learning.share
    said = (
        f"Learning what is usual in {standing.learning.series} series: {words.percent(done)} of "
        "their history is done. What was strange in it is listed as it is found."
    )
    bar = tag("progress", value=f"{done:.3f}", max="1", aria_label="learning")
    return card("Learning", tag("p", said, class_="reading", role="status"), bar)


def _filters(look: Look) -> Html:
    place = look.place
    names = [each.name for each in look.workspace.tables()]
    since = [(key or "ever", title) for key, title in _SINCE]
    return tag(
        "form",
        field("Since", select("since", since, place.get("since", "-7d"))),
        field("State", select("state", [("", "all"), ("active", "going on")], place.get("state"))),
        field(
            "At least",
            select("severity", [("", "any severity"), *_SEVERITIES], place.get("severity")),
        ),
        field("Kind", select("type", [("", "every kind"), *_TYPES], place.get("type"))),
        field(
            "Table",
            select("table", [("", "every table"), *((n, n) for n in names)], place.get("table")),
        ),
        field(
            "Rows", select("rows", [("", "incidents"), ("each", "anomalies")], place.get("rows"))
        ),
        field(
            "Metric",
            text_input(
                "metric", place.get("metric"), placeholder="any", data_wait=True, spellcheck="false"
            ),
        ),
        class_="filters",
        data_go=True,
    )


def _list(look: Look, found: Sequence[Any]) -> Html:
    if not found:
        return card("Anomalies", no_anomaly(look))
    note = f"newest {_MOST}" if len(found) == _MOST else "newest first"
    groups = [each.group for each in found if each.group is not None]
    every = sum(each.anomalies for each in groups)
    title = f"{len(found)} incidents" if groups else f"{len(found)} anomalies"
    return card(
        title,
        *([tag("p", f"{every} anomalies belong to them.", class_="reading")] if groups else []),
        tag("ul", *(item(look, each) for each in found), class_="feed"),
        note=note,
    )


def item(look: Look, found: Any, *, acts: bool = True) -> Html:
    """One anomaly in a list, or the incident that it leads."""
    group = found.group
    standing = badge("going on", "bad") if (group or found).active else ""
    if found.revised:
        standing = join([standing, badge("revised", "calm")], " ")
    if found.acknowledged_by:
        standing = join([standing, badge("acknowledged", "info")], " ")
    target = look.place.link("anomalies", id=found.id)
    title = join(
        [
            severity(found.severity),
            " ",
            tag("b", link(found.metric_name, target)),
            " ",
            labels(found.labels),
            " ",
            standing,
        ]
    )
    inner: list[Html] = [
        tag("span", title, class_="what"),
        when((group or found).started_at, look.now),
        tag(
            "p",
            tag("span", _ICONS.get(found.type, "◆"), aria_hidden="true"),
            f" {told(found.description)}",
        ),
    ]
    if group is not None and group.anomalies > 1:
        inner.append(_members(look, found, unfolds=acts))
    if acts and look.may("editor") and not found.acknowledged_by:
        inner.append(tag("div", button("Acknowledge", "acknowledge", id=found.id), class_="beside"))
    return tag("li", *inner)


def _members(look: Look, found: Any, *, unfolds: bool) -> Html:
    """What belongs to an incident beside its strongest anomaly: how much, or one by one."""
    group, place = found.group, look.place
    words_ = f"{group.more}, {group.anomalies} anomalies in {', '.join(group.tables)}"
    if not unfolds:
        return tag("p", words_, class_="reading")
    if place.get("incident") != found.incident:
        shown = link(words_, place.link(incident=found.incident))
        return tag("p", shown, class_="reading")
    every = asked(look.workspace, "anomalies", incident=found.incident, limit=_MOST)
    others = [msgspec.structs.replace(each, group=None) for each in every if each.id != found.id]
    return tag(
        "div",
        tag("p", link(f"Fold: {words_}", place.link(incident=None)), class_="reading"),
        tag("ul", *(item(look, each) for each in others), class_="feed"),
    )


# ---------------------------------------------------------------------- one anomaly


def _detail(look: Look, id_: str) -> Html:
    found = asked(look.workspace, "anomaly", id_)
    one = found.anomaly
    rows: list[tuple[object, object]] = [
        ("Value", words.value(one.value, one.unit)),
        (
            "Expected",
            (
                f"{words.value(one.expected.min, one.unit)} to "
                f"{words.value(one.expected.max, one.unit)}"
            ),
        ),
        ("Deviation", f"{one.deviation:+.1f} standard deviations"),
        ("Score", words.number(one.score)),
        ("Began", when(one.started_at, look.now)),
        ("Over", when(one.ended_at, look.now) if one.ended_at else "not yet"),
        ("Found by", ", ".join(one.algorithms)),
    ]
    if one.feedback is not None:
        rows.append(
            (
                "Feedback",
                (
                    f"{one.feedback.verdict.replace('_', ' ')} "
                    f"({one.feedback.by}){f': {one.feedback.note}' if one.feedback.note else ''}"
                ),
            )
        )
    close = link("Close", look.place.link(id=None), class_="btn")
    explore = link("Explore", look.place.link("explorer", metric=one.metric_name), class_="btn")
    head = join([severity(one.severity), " ", one.metric_name, " ", labels(one.labels)])
    chart = card(head, draw(_plot(found)), note=told(one.description), tools=join([explore, close]))
    facts = card("What it is", pairs(rows), _acts(look, one))
    return tag(
        "div",
        chart,
        tag("div", facts, _why(found), class_="even"),
        _rows(found.rows),
        class_="stack",
    )


def _plot(found: Any) -> Plot:
    one = found.anomaly
    points = [(ms(each.at), each.value) for each in found.points]
    band = [(ms(each.at), each.min, each.max) for each in found.points]
    start = ms(one.started_at)
    end = ms(one.ended_at) if one.ended_at else (points[-1][0] if points else start)
    mark = Mark(start, max(end, start + one.step * 1e3), "bad", told(one.description))
    return Plot(
        f"{one.metric_name} around the anomaly",
        [Line(one.metric_name, points)],
        one.unit,
        band=band,
        marks=[mark],
    )


def _why(found: Any) -> Html:
    parts = [bullets(found.why)] if found.why else []
    moved = [*found.anomaly.contributors, *found.together]
    if moved:
        rows = [
            (
                f"{each.name}={each.value}" if each.kind == "label" else each.name,
                "part of it" if each.kind == "label" else "moved too",
                words.percent(each.share) if each.kind == "label" else f"{each.share:+.2f}",
                words.number(each.actual),
                words.number(each.expected),
            )
            for each in moved
        ]
        parts.append(
            table(
                ("What", "How", "Share", "Now", "Before"),
                rows,
                numbers=(2, 3, 4),
                hide=(1,),
                label="what moved",
            )
        )
    if found.schema_change is not None:
        change = found.schema_change
        parts.append(
            tag(
                "p",
                tag("b", "Schema: "),
                f"{change.table}: {change.what}, {change.at}",
                class_="reading",
            )
        )
    return card("Why", *parts) if parts else card("Why", empty("Nothing else moved with it"))


def _rows(rows: Sequence[Mapping[str, Any]]) -> Html:
    if not rows:
        return Html("")
    heads = list(dict.fromkeys(name for row in rows for name in row))
    cells = [
        [words.NOTHING if row.get(name) is None else row[name] for name in heads] for row in rows
    ]
    return card(
        "Rows of its strangest bucket",
        tag("div", table(heads, cells, label="sample rows"), class_="grid-table"),
    )


def _acts(look: Look, one: Any) -> Html:
    if not look.may("editor"):
        return Html("")
    seen = button("Acknowledge", "acknowledge", id=one.id) if not one.acknowledged_by else ""
    form = tag(
        "form",
        tag("input", type="hidden", name="id", value=one.id),
        field(
            "What do you say of it?",
            select("verdict", VERDICTS, one.feedback.verdict if one.feedback else "real"),
        ),
        field("Why", text_input("note"), class_="grow"),
        tag("button", "Tell the detector", class_="btn main"),
        class_="filters",
        id="dw-feedback",
        data_act="feedback",
    )
    return tag(
        "div", form, seen, tag("div", data_local_slot="effect", id="dw-effect"), class_="stack"
    )


def _acknowledge(look: Look, fields: Fields) -> Done:
    found = asked(look.workspace, "acknowledge_anomaly", text(fields, "id"))
    return Done(said=f"The anomaly of {found.metric_name} is acknowledged.", changed=True)


def _feedback(look: Look, fields: Fields) -> Done:
    effect = asked(
        look.workspace,
        "anomaly_feedback",
        text(fields, "id"),
        verdict=text(fields, "verdict"),
        note=text(fields, "note"),
    )
    rows = [
        ("Flagged from", f"{effect.deviation_before:.1f} σ", f"{effect.deviation_after:.1f} σ"),
        (f"Episodes in {effect.days:.0f} days", effect.flagged_before, effect.flagged_after),
    ]
    shown = join(
        [
            tag("p", effect.said, class_="reading", role="status"),
            table(("What it changes", "Before", "After"), rows, numbers=(1, 2)),
        ]
    )
    return Done(said="The detector follows.", slots={"effect": shown}, changed=True)


def recent(look: Look, most: int) -> Html:
    """The newest, for other pages; words where there are none or none can be had."""
    try:
        found = asked(look.workspace, "anomalies", start="-7d", group="incident", limit=most)
    except DataWatchError as error:
        return empty("No anomalies here", error.message)
    if not found:
        return empty("Nothing strange in the last 7 days")
    return tag("ul", *(item(look, each, acts=False) for each in found), class_="feed")


PAGE = Page(
    "anomalies",
    "Anomalies",
    "a",
    icons.ANOMALIES,
    view,
    {"acknowledge": _acknowledge, "feedback": _feedback, **tuning.ACTIONS},
    every=3.0,
)

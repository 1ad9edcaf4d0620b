"""Home: four numbers at a glance, the default dashboard, and what happened lately."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.views import format as words
from datawatch_lab.views.board.stored import HOME, default_of
from datawatch_lab.views.fragments import first_steps
from datawatch_lab.views.pages import anomalies, icons
from datawatch_lab.views.pages.dashboards import board_link, may_edit
from datawatch_lab.views.pages.page import Done, Fields, Look, Page
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    empty,
    join,
    link,
    share,
    tag,
    when,
)
from datawatch_lab.views.pages.plot import spark
from datawatch_lab.views.pages.schema_parts import impact

_MOST = 5
_LEAST_HOURS = 4


def view(look: Look) -> Mapping[str, str]:
    """Cards at a glance, the default dashboard, and news; for an empty workspace how to fill it."""
    status = look.workspace.status()
    if status.status == "empty":
        return {"empty": first_steps(status)}
    cards = [_card(look, page, label, ask) for page, label, ask in _CARDS]
    return {
        "glance": tag("div", *cards, class_="glance"),
        "board": _board(look),
        "news": tag("div", _anomalies(look), _schema(look), class_="even"),
    }


# ---------------------------------------------------------------------- cards

Shown = tuple[str, object, object]
"""A value, a line below it, and what is drawn beside."""


def _card(look: Look, page: str, label: str, ask: Callable[[Look], Shown]) -> Html:
    try:
        value, note, beside = ask(look)
    except DataWatchError as error:
        value, note, beside = words.NOTHING, error.message, ""
    inner = [
        tag("div", label, class_="label"),
        tag("div", value, class_="value"),
        tag("div", note, class_="trend"),
        beside,
    ]
    return tag("a", *inner, href=look.place.link(page), class_="card counter", data_glance=page)


def _events(look: Look) -> Shown:
    now = look.workspace.query("events_total", start="today", end="now", aggregation="sum")
    value = now.series[0].points[0][1] if now.series and now.series[0].points else 0.0
    hours = look.workspace.range(
        "events_total", start="today", end="now", aggregation="sum", step="1h"
    )
    points = hours.series[0].points if hours.series else []
    # Soon after midnight two hours would be a slope, which says nothing of the day.
    line = [at for _, at in points] if len(points) >= _LEAST_HOURS else []
    quarantined = look.workspace.status().quarantined
    note = f"{words.count(quarantined)} in quarantine" if quarantined else "nothing in quarantine"
    return words.count(value or 0.0), note, spark(line, "events by hour today")


def _strange(look: Look) -> Shown:
    found = anomalies.asked(look.workspace, "anomalies", active=True, limit=1_000, group="incident")
    grave = sum(each.severity in ("high", "critical") for each in found)
    if not found:
        return words.count(0), badge("nothing strange", "good"), ""
    said = badge(f"{grave} high or critical", "bad") if grave else badge("none high or critical")
    return words.count(len(found)), said, ""


def _quality(look: Look) -> Shown:
    stats = look.workspace.quality_stats()
    score = look.workspace.quality_score()
    if score.score is None:
        return words.NOTHING, "no rule yet; the data suggests some", ""
    tone = "good" if score.state == "good" else "bad"
    said = (
        f"{stats.failing} of {stats.rules} rules fail"
        if stats.failing
        else f"all {stats.rules} rules hold"
    )
    return (
        share(score.score),
        badge(said, "warn" if stats.failing and tone == "good" else tone),
        "",
    )


def _alerts(look: Look) -> Shown:
    summary = look.workspace.alert_summary()
    tone = "bad" if summary.by_severity.get("critical") else "warn" if summary.open else "good"
    said = f"{summary.open} open" if summary.open else "none open"
    return words.count(summary.fired_24h), badge(said, tone), ""


_CARDS: tuple[tuple[str, str, Callable[[Look], Shown]], ...] = (
    ("data", "Events today", _events),
    ("anomalies", "Active anomalies", _strange),
    ("quality", "Data quality", _quality),
    ("alerts", "Alerts (24 h)", _alerts),
)


# ---------------------------------------------------------------------- news


def _board(look: Look) -> Html:
    """The default dashboard in its frame, and the others one click away."""
    try:
        found = look.workspace.list_dashboards()
    except DataWatchError:  # a server without dashboards has none to show
        return Html("")
    shown = default_of(found)
    if shown is None:
        name, path = "Overview", f"/d/{HOME}"
        tools = [button("Keep as a dashboard", "keep", kind="main")] if look.may("editor") else []
    else:
        name, path = shown.name, shown.path
        href = board_link(look, path)
        tools = [tag("a", "Open", href=href, class_="btn", target="_top")]
        if may_edit(shown.role):
            tools.append(tag("a", "Edit", href=f"{href}?edit", class_="btn", target="_top"))
    others = [
        tag("a", each.name, href=board_link(look, each.path), class_="btn quiet", target="_top")
        for each in found
        if shown is None or each.id != shown.id
    ]
    head = tag(
        "div",
        tag("h2", name, class_="grow"),
        *others[:_MOST],
        link("All dashboards", look.place.link("dashboards"), class_="btn quiet"),
        *tools,
        class_="row board-head",
    )
    frame = tag(
        "iframe",
        "",
        src=f"{board_link(look, path)}?embed=1",
        # Another dashboard is another frame; this one is left alone while it stays the same.
        id=f"dw-board-{shown.id if shown else HOME}",
        title=f"Dashboard {name}",
        class_="board",
        data_fit=True,
    )
    return join([head, frame])


def _keep(look: Look, fields: Fields) -> Done:
    """Store the overview that is shown, so that it can be changed."""
    del fields
    made = look.workspace.add_dashboard(template="overview")
    return Done(said=f"{made.name} is a dashboard now; it can be edited.", changed=True)


def _anomalies(look: Look) -> Html:
    more = link("All", look.place.link("anomalies"), class_="btn")
    return card("Recent anomalies", anomalies.recent(look, _MOST), tools=more)


def _schema(look: Look) -> Html:
    more = link("All", look.place.link("schema"), class_="btn")
    try:
        found = look.workspace.schema_changes("-30d", limit=_MOST)
    except DataWatchError as error:
        return card("Schema changes", empty("None can be shown", error.message), tools=more)
    if not found.changes:
        return card("Schema changes", empty("None in the last 30 days"), tools=more)
    rows = [
        tag(
            "li",
            tag(
                "span",
                join(
                    [
                        impact(each.impact),
                        " ",
                        link(each.title, look.place.link("schema", id=each.id)),
                    ]
                ),
                class_="what",
            ),
            when(each.at, look.now),
        )
        for each in found.changes
    ]
    return card("Schema changes", tag("ul", *rows, class_="feed"), note="last 30 days", tools=more)


PAGE = Page("home", "Home", "h", icons.HOME, view, {"keep": _keep}, every=3.0, personal=True)

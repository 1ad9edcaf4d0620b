"""Explorer: a metric over any range, sliced and compared; SQL; either as code or as a tile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import DataWatchError, NotFoundError
from datawatch_lab.service.answers import MetricAnswer, TableAnswer
from datawatch_lab.service.operations.metrics import ComparedAnswer, MetricDetail
from datawatch_lab.views import format as words
from datawatch_lab.views.hv import ranked, series_name
from datawatch_lab.views.pages import explorer_sql, explorer_tile, icons
from datawatch_lab.views.pages.explorer_asked import RANGES, chosen_end, narrowed
from datawatch_lab.views.pages.page import Look, Page
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    card,
    code,
    details,
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
)
from datawatch_lab.views.pages.plot import Line, Plot, draw, lines_of, ms
from datawatch_lab.views.pages.tuning import usual
from datawatch_lab.views.ranges import nice

_COMPARE = (
    ("", "nothing"),
    ("previous_period", "the period before"),
    ("same_hour_yesterday", "yesterday"),
    ("same_hour_last_week", "last week"),
)
_MOST_LISTED = 200
_MOST_VALUES = 12
_BUCKETS = 120
_SLACK = 0.95  # a range is rounded to whole buckets, which must not make them wider


def view(look: Look) -> Mapping[str, str]:
    """A metric, or SQL."""
    chosen = look.place.get("tab", "metrics")
    options = [
        ("metrics", "Metrics", look.place.link(tab=None), ""),
        ("sql", "SQL", look.place.link(tab="sql"), ""),
    ]
    made = {"tabs": str(tabs(options, chosen))}
    return made | dict(explorer_sql.view(look) if chosen == "sql" else _metrics(look))


def _metrics(look: Look) -> Mapping[str, str]:
    every = look.workspace.metrics()
    tables = look.workspace.tables()
    if not every or not tables:
        connect = link(
            "Connect a database", look.place.link("data", tab="sources"), class_="btn main"
        )
        return {
            "empty": card(
                "Metrics",
                empty(
                    "No metric yet",
                    "Metrics are made of every table, with its first events.",
                    connect,
                ),
            )
        }
    name = look.place.get("metric") or usual(every, tables, look.place.get("table"))
    try:
        metric = look.workspace.metric(name)
    except NotFoundError as error:
        return {
            "choose": _picker(look, every, tables, ""),
            "missing": card("No such metric", tag("p", str(error))),
        }
    shown = _shown(look, metric)
    return {
        "explore": tag(
            "div",
            tag("div", *shown, class_="stack"),
            _picker(look, every, tables, name),
            class_="split explorer",
        )
    }


# ---------------------------------------------------------------------- the list


def _picker(look: Look, every: list[MetricAnswer], tables: list[TableAnswer], chosen: str) -> Html:
    asked, only = look.place.get("q").lower().split(), look.place.get("table")
    names = [each.name for each in tables]
    fits = [
        each
        for each in every
        if (only not in names or each.table == only)
        and all(word in f"{each.name} {each.description}".lower() for word in asked)
    ]
    form = tag(
        "form",
        field(
            "Find",
            text_input("q", look.place.get("q"), type="search", placeholder="amount, lag, rate …"),
            class_="grow",
        ),
        field("Table", select("table", [("", "every table"), *((n, n) for n in names)], only)),
        class_="filters",
        data_go=True,
    )
    items = [
        tag(
            "li",
            link(
                each.name,
                look.place.link(metric=each.name, by=None, where=None, agg=None),
                title=each.description,
                aria_current="true" if each.name == chosen else None,
                class_="plain",
            ),
            tag("span", each.unit if each.unit != "1" else "", class_="hint"),
        )
        for each in fits[:_MOST_LISTED]
    ]
    note = f"{words.count(len(fits))} of {words.count(len(every))}"
    more = tag("p", "Type to see the others.", class_="note") if len(fits) > _MOST_LISTED else ""
    shown = (
        tag("ul", *items, class_="pick", tabindex="0", aria_label="metrics")
        if items
        else empty("None fits", "Try another word.")
    )
    return card("Metrics", form, shown, more, note=note)


# ---------------------------------------------------------------------- one metric


def _shown(look: Look, metric: MetricDetail) -> list[Html]:
    place = look.place
    by = place.get("by") if place.get("by") in metric.labels else ""
    wanted = place.get("agg") if place.get("agg") in metric.aggregations else None
    where = place.get("where") or None
    compare = place.get("compare") if place.get("compare") in dict(_COMPARE) else ""
    asked = {
        "start": place.get("from") or None,
        "end": chosen_end(place) or None,
        "aggregation": wanted,
        "group_by": by or None,
        "filters": where,
    }
    controls = _controls(look, metric, by)
    try:
        value = look.workspace.query(metric.name, **asked, compare=compare or None)
        asked |= {"start": value.start, "end": value.end, "step": _step(value)}
        points = look.workspace.range(metric.name, **asked, compare=compare or None)
    except DataWatchError as error:
        return [
            controls,
            card(metric.name, tag("p", str(error), class_="reading bad", role="alert")),
        ]
    return [
        controls,
        _chart(look, metric, points, value, compare),
        _numbers(look, metric, value, by),
        explorer_tile.form(look, metric.name),
        _code(metric, points, by, where, compare),
    ]


def _controls(look: Look, metric: MetricDetail, by: str) -> Html:
    place = look.place
    start = place.get("from")
    ranges = [("", "as the data has it"), *RANGES]
    if start and start not in dict(RANGES):
        ranges.insert(0, (start, "chosen in the chart"))
    form = tag(
        "form",
        field("Range", select("from", ranges, start)),
        tag(
            "input",
            type="hidden",
            name="to",
            value=chosen_end(place),
        ),
        field(
            "Taken as",
            select(
                "agg",
                [("", f"{metric.aggregation} (its own)"), *metric.aggregations],
                place.get("agg"),
            ),
        ),
        field("Sliced by", select("by", [("", "nothing"), *metric.labels], by))
        if metric.labels
        else "",
        field(
            "Only where",
            text_input(
                "where",
                place.get("where"),
                placeholder=f"{metric.labels[0]}=…",
                data_wait=True,
                list="dw-values",
            ),
        )
        if metric.labels
        else "",
        field("Compared with", select("compare", _COMPARE, place.get("compare"))),
        class_="filters",
        data_go=True,
        id="dw-explore",
    )
    reset = (
        link("Whole range", place.link(**{"from": None, "to": None}), class_="btn")
        if chosen_end(place)
        else ""
    )
    return card(metric.name, tag("p", metric.description, class_="note"), form, tools=reset)


def _chart(
    look: Look, metric: MetricDetail, points: ComparedAnswer, value: ComparedAnswer, compare: str
) -> Html:
    lines = lines_of(points)
    before = points.comparison
    if before:
        then = dict(_COMPARE)[compare]
        now = {
            tuple(sorted(each.labels.items())): place for place, each in enumerate(ranked(points))
        }
        for each in before.series:
            place = now.get(tuple(sorted(each.labels.items())))
            if place is not None:
                lines.append(
                    Line(
                        f"{lines[place].name}, {then}",
                        [(ms(at), v) for at, v in each.points],
                        place if len(now) > 1 else 1,
                        faint=True,
                    )
                )
    span = timedelta(milliseconds=ms(value.end) - ms(value.start))
    title = (
        f"{points.aggregation} by {words.step_name(_seconds(points.step))}"
        if points.step
        else points.aggregation
    )
    plot = Plot(metric.name, lines, points.unit, ms(points.start), ms(points.end), zoom=True)
    rule = (
        link(
            "Alert on it",
            look.place.link("alerts", tab="rules", edit="new", metric=metric.name),
            class_="btn",
        )
        if look.may("editor")
        else ""
    )
    note = f"{title}, {words.duration(span.total_seconds())}; drag to zoom"
    big = _headline(value)
    return card(big, draw(plot), note=note, tools=join([rule]))


def _step(value: ComparedAnswer) -> str:
    """A usual width of about a hundred buckets over the range of an answer."""
    span = timedelta(milliseconds=ms(value.end) - ms(value.start))
    return format_duration(nice(span * _SLACK / _BUCKETS))


def _seconds(step: str) -> float:
    try:
        return parse_duration(step).total_seconds()
    except DataWatchError:  # months have no fixed length
        return 2_592_000.0


def _headline(value: ComparedAnswer) -> Html:
    if len(value.series) != 1 or not value.series[0].points:
        return Html(f"{len(value.series)} series")
    now = value.series[0].points[0][1]
    made = [tag("span", words.value(now, value.unit), class_="big")]
    if value.comparison and value.comparison.series:
        then = (
            value.comparison.series[0].points[0][1] if value.comparison.series[0].points else None
        )
        if now is not None and then:
            made.append(
                tag(
                    "span",
                    f" {words.percent(now / then - 1)} against {words.value(then, value.unit)}",
                    class_="unit",
                )
            )
    return join(made)


def _numbers(look: Look, metric: MetricDetail, value: ComparedAnswer, by: str) -> Html:
    """The value of each series; a click keeps that one alone."""
    if not by:
        return Html("")
    total = sum(each.points[0][1] or 0.0 for each in value.series if each.points)
    rows = []
    before = (
        {tuple(sorted(each.labels.items())): each for each in value.comparison.series}
        if value.comparison
        else {}
    )
    for each in ranked(value)[:_MOST_VALUES]:
        now = each.points[0][1] if each.points else None
        then = before.get(tuple(sorted(each.labels.items())))
        ratio = then.ratio[0] if then is not None and then.ratio else None
        share = now / total if now is not None and total else None
        only = look.place.link(where=narrowed(look.place, by, each.labels.get(by, "")), by=None)
        rows.append(
            (
                link(series_name(each), only),
                words.value(now, value.unit),
                words.percent(share),
                words.percent(ratio - 1) if ratio is not None else words.NOTHING,
            )
        )
    heads = (by, "Value", "Share", "Change")
    return card(
        f"By {by}", table(heads, rows, numbers=(1, 2, 3), hide=(3,), label=f"{metric.name} by {by}")
    )


def _code(
    metric: MetricDetail, points: ComparedAnswer, by: str, where: str | None, compare: str
) -> Html:
    """The Python that gives the same, and its definition."""
    asked: list[tuple[str, object]] = [
        ("start", points.start),
        ("end", points.end),
        ("step", points.step),
    ]
    asked += [
        (name, value)
        for name, value in (
            ("aggregation", points.aggregation),
            ("group_by", by),
            ("filters", where),
            ("compare", compare),
        )
        if value and not (name == "aggregation" and value == "formula")
    ]
    said = ", ".join(f"{name}={value!r}" for name, value in asked)
    python = (
        "import datawatch_lab as dw\n\nwith dw.open() as lab:\n"
        f"    points = lab.workspace.range({metric.name!r}, {said})"
    )
    sql = f"SELECT * FROM metrics.{metric.name} ORDER BY 1 DESC LIMIT 100"  # noqa: S608 — shown, not run
    facts: list[tuple[object, object]] = [
        ("Table", metric.table or words.NOTHING),
        ("Unit", metric.unit),
        ("Labels", ", ".join(metric.labels) or "none"),
        ("Kind", metric.kind),
    ]
    if metric.definition is not None and metric.definition.formula:
        facts.append(("Formula", metric.definition.formula))
    made = badge("automatic", "calm") if metric.auto else badge("custom", "info")
    inner = tag("div", pairs(facts), code(python), code(sql), class_="stack")
    return card(
        "As code", details("Python and SQL that give the same", inner, key="dw-code"), tools=made
    )


PAGE = Page(
    "explorer",
    "Explorer",
    "e",
    icons.EXPLORER,
    view,
    {**explorer_sql.ACTIONS, **explorer_tile.ACTIONS},
    every=3.0,
    personal=True,
)

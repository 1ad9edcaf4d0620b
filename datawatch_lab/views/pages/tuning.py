"""Tuning a detector: what a sensitivity would have flagged, and who would have seen an incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.answers import MetricAnswer, TableAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import told
from datawatch_lab.views.pages import icons
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, Page, text
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    empty,
    field,
    join,
    labels,
    link,
    select,
    severity,
    table,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.plot import Line, Mark, Plot, draw, ms

_POINTS = 600
_DAYS = (("1", "1 day"), ("7", "7 days"), ("28", "28 days"))
_MEDIUM = 0.5
_MOST_LISTED = 10


def view(look: Look) -> Mapping[str, str]:
    """The controls, and what they would have flagged."""
    every = look.workspace.metrics()
    names = [each.name for each in every]
    if not names:
        nothing = empty(
            "No metric yet", "Detectors watch metrics, which come with the first events."
        )
        return {"tuning": card("Tune a detector", nothing)}
    metric = look.place.get("metric") or usual(every, look.workspace.tables())
    fields = {**dict(look.place.given), "metric": metric}
    return {
        "controls": _controls(look, names, metric),
        "tuned": tag("div", _tuned(look, fields), data_local_slot="preview", id="dw-preview"),
        "missed": _missed(look, metric),
        "chosen": _chosen(look),
    }


def usual(every: Sequence[MetricAnswer], tables: Sequence[TableAnswer], table: str = "") -> str:
    """The metric to begin with: the rate of a table, by default of the busiest."""
    busiest = table or max(tables, key=lambda each: each.events).name if tables else ""
    own = [each for each in every if each.table == busiest] or every
    rates = [each.name for each in own if each.name.endswith("_created_rate")]
    return (rates or [own[0].name])[0]


def _sensitivity(given: str) -> float:
    """A number from 0 to 1; medium where it is none."""
    try:
        return min(max(float(given), 0.0), 1.0)
    except ValueError:
        return _MEDIUM


def _controls(look: Look, names: list[str], metric: str) -> Html:
    chosen = _sensitivity(look.place.get("s"))
    slider = join(
        [
            tag(
                "input",
                type="range",
                name="s",
                min="0",
                max="1",
                step="0.05",
                value=f"{chosen:g}",
                id="dw-sensitivity",
            ),
            tag("output", f"{chosen:g}", for_="dw-sensitivity"),
        ]
    )
    form = tag(
        "form",
        tag("datalist", *(tag("option", value=name) for name in names), id="dw-series"),
        field(
            "Metric",
            text_input("metric", metric, list="dw-series", spellcheck="false"),
            class_="grow",
        ),
        field("Sensitivity", tag("span", slider, class_="row"), hint="0 rarely, 1 often"),
        field("History", select("days", _DAYS, look.place.get("days", "7"))),
        class_="filters",
        id="dw-tuning",
        data_go=True,
        data_live="tune",
    )
    keep = ""
    if look.may("editor"):
        keep = tag(
            "form",
            tag("input", type="hidden", name="metric", value=metric),
            field(
                "Use from now on",
                text_input("s", f"{chosen:g}", spellcheck="false"),
                hint="low, medium, high, 0 to 1, or standard deviations",
            ),
            tag("button", "Save", class_="btn main"),
            class_="filters",
            id="dw-keep",
            data_act="keep",
        )
    note = "tried on history; nothing is changed until it is saved"
    return card("Tune a detector", form, keep, note=note)


def _chosen(look: Look) -> Html:
    """What was saved for single series."""
    every = look.workspace.detectors()
    note = f"{words.count(every.watched)} series are watched, others at {every.sensitivity}"
    if not every.chosen:
        nothing = empty("No series has a sensitivity of its own")
        return card("Chosen for single series", nothing, note=note)
    rows = [
        (
            link(each.metric, look.place.link(metric=each.metric)),
            labels(each.labels),
            str(each.sensitivity),
            words.number(each.false_alarms_per_week),
            each.by,
            button("Undo", "undo", id=each.id) if look.may("editor") else "",
        )
        for each in every.chosen
    ]
    heads = ("Metric", "Labels", "Sensitivity", "False alarms a week", "By", "")
    shown = table(heads, rows, numbers=(3,), hide=(4,), label="chosen sensitivities")
    return card("Chosen for single series", shown, note=note)


def _asked(look: Look, fields: Fields) -> Any:
    """What low, medium, high and the chosen sensitivity would have flagged."""
    wanted: list[str | float] = ["low", "medium", "high", _sensitivity(text(fields, "s"))]
    days = text(fields, "days", "7")
    return look.workspace.preview_anomalies(
        text(fields, "metric"),
        sensitivity=wanted,
        days=float(days) if days.isdecimal() else 7.0,
        points=_POINTS,
    )


def _tuned(look: Look, fields: Fields) -> Html:
    try:
        found = _asked(look, fields)
    except DataWatchError as error:
        return card(text(fields, "metric"), tag("p", str(error), class_="reading bad"))
    chosen = found.settings[-1]
    marks = [
        Mark(
            ms(each.started_at),
            ms(each.ended_at) if each.ended_at else None,
            "bad",
            f"{each.severity}: {told(each.description)}",
        )
        for each in chosen.episodes
    ]
    line = Line(found.metric, [(ms(each.at), each.value) for each in found.points])
    band = [(ms(each.at), each.min, each.max) for each in found.points]
    mature = (
        badge("mature", "good")
        if found.mature
        else badge(f"{found.known} buckets are known; 50 are needed", "warn")
    )
    plot = draw(Plot(found.metric, [line], band=band, marks=marks, zoom=True))
    said = (
        f"{words.count(chosen.flagged)} episode{'' if chosen.flagged == 1 else 's'} "
        f"in {words.number(round(found.days, 1))} days at "
        f"{chosen.sensitivity:g}; drag over an incident to ask who would have seen it"
    )
    return join(
        [
            card(found.metric, plot, note=said, tools=mature),
            tag("div", _settings(found), _episodes(look, chosen), class_="even below"),
        ]
    )


def _settings(found: Any) -> Html:
    rows = [
        (
            str(each.sensitivity),
            words.count(each.flagged),
            words.number(each.per_week),
            words.number(each.false_alarms_per_week),
            words.number(each.threshold),
        )
        for each in found.settings
    ]
    heads = ("Sensitivity", "Flagged", "A week", "False alarms a week", "Score from")
    now = found.in_force
    note = f"flagged now from a score of {words.number(now)}" if now is not None else "not watched"
    if found.models:
        said = f"{', '.join(found.strange)} find it strange" if found.strange else "nothing strange"
        note += f"; River's models of the newest bucket: {said}"
    shown = table(heads, rows, numbers=range(1, 5), hide=(4,), label="sensitivities")
    return card("By sensitivity", shown, note=note)


def _episodes(look: Look, chosen: Any) -> Html:
    if not chosen.episodes:
        return card("What it would have flagged", empty("Nothing"))
    rows = [
        tag(
            "li",
            tag("span", severity(each.severity), " ", told(each.description), class_="what"),
            when(each.started_at, look.now),
        )
        for each in chosen.episodes[:_MOST_LISTED]
    ]
    return card("What it would have flagged", tag("ul", *rows, class_="feed"), note="newest first")


def _missed(look: Look, metric: str) -> Html:
    """Who would have seen the span that is marked in the chart."""
    start, end = look.place.get("from"), look.place.get("to")
    if not (start and end):
        hint = "Drag over the chart where something was wrong."
        return card("What would I have missed?", empty("No incident is marked", hint))
    reset = link("Forget it", look.place.link(**{"from": None, "to": None}), class_="btn")
    try:
        found = look.workspace.missed_anomalies(metric, start=start, end=end)
    except DataWatchError as error:
        shown = tag("p", str(error), class_="reading bad")
        return card("What would I have missed?", shown, tools=reset)
    rows = [
        (
            each.detector,
            words.duration(each.delay_seconds)
            if each.delay_seconds is not None
            else badge("missed", "bad"),
            words.number(each.false_alarms_per_week),
            words.number(each.threshold),
        )
        for each in found
    ]
    heads = ("Detector", "Seen after", "False alarms a week", "Score from")
    shown = table(heads, rows, numbers=(2, 3), label="candidate detectors")
    return card("What would I have missed?", shown, note=f"{start} to {end}", tools=reset)


def _tune(look: Look, fields: Fields) -> Done:
    return Done(slots={"preview": _tuned(look, fields)})


def _keep(look: Look, fields: Fields) -> Done:
    given = text(fields, "s").strip()
    try:
        wanted: str | float = float(given)
    except ValueError:
        wanted = given
    made = look.workspace.save_detector(text(fields, "metric"), sensitivity=wanted)
    said = (
        f"{made.metric} is flagged at {made.sensitivity} from now on: about "
        f"{words.number(made.false_alarms_per_week)} false alarms a week where nothing is wrong."
    )
    if made.asked:
        said += f" {made.asked} is watched by that name."
    return Done(said=said, changed=True)


def _undo(look: Look, fields: Fields) -> Done:
    gone = look.workspace.reset_detector(text(fields, "id"))
    return Done(said=f"{gone.metric} is looked at as before.", changed=True)


ACTIONS: Mapping[str, Action] = {"tune": _tune, "keep": _keep, "undo": _undo}

PAGE = Page("detector_tuning", "Tune a detector", "", icons.ANOMALIES, view, ACTIONS, every=10.0)
"""The same for an app that stands alone."""

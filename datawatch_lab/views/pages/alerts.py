"""Alerts: what is open and what was; rules are in `alert_rules`, silences in `alerts_telling`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operations.alerts_open import AlertAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import told
from datawatch_lab.views.pages import alert_rules, alerts_telling, icons
from datawatch_lab.views.pages.nothing import no_data, no_rule
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
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
    pairs,
    select,
    severity,
    state,
    table,
    tabs,
    tag,
    when,
)
from datawatch_lab.views.pages.plot import Mark, Plot, draw, lines_of, ms

_PARTS = (
    ("open", "Open"),
    ("rules", "Rules"),
    ("history", "History"),
    ("silences", "Silences"),
    ("channels", "Channels"),
)
_TONES = {"open": "bad", "acknowledged": "info", "snoozed": "calm", "resolved": "good"}
_AROUND = timedelta(hours=3)


def view(look: Look) -> Mapping[str, str]:
    """The part that is chosen."""
    chosen = look.place.get("tab", "open")
    summary = look.workspace.alert_summary()
    counts = {
        "open": summary.open,
        "rules": sum(summary.rules.values()),
        "silences": summary.silences,
    }
    options = [
        (key, title, look.place.link(tab=key, id=None, edit=None), counts.get(key) or "")
        for key, title in _PARTS
    ]
    parts = {
        "open": _open,
        "rules": alert_rules.view,
        "history": _history,
        "silences": alerts_telling.silences,
        "channels": alerts_telling.channels,
    }
    made = {"tabs": str(tabs(options, chosen))}
    if summary.problem:
        made["problem"] = tag(
            "p", f"Rules cannot be evaluated: {summary.problem}", class_="reading bad"
        )
    return made | dict(parts.get(chosen, _open)(look))


# ---------------------------------------------------------------------- alerts


def _open(look: Look) -> Mapping[str, str]:
    chosen = _chosen(look)
    active = look.workspace.active_alerts()
    if not active:
        return chosen | {"open": card("Open alerts", *_nothing_open(look))}
    rows = tag("ul", *(_item(look, each) for each in active), class_="feed")
    return chosen | {"open": card("Open alerts", rows, note="newest first")}


def _nothing_open(look: Look) -> list[Html]:
    """Why nothing is open: nothing came, nothing is watched, or nothing is wrong."""
    rules = look.workspace.alert_rules()
    nothing = no_data(look, "What fires stands here once they do.")
    if nothing is not None:
        return [nothing] if rules else [nothing, no_rule(look, is_main=False)]
    if not rules:
        return [no_rule(look)]
    watched = sum(each.is_enabled for each in rules)
    if not watched:
        to = link("Rules", look.place.link(tab="rules"), class_="btn main")
        return [empty("No rule is switched on", "Nothing is watched until one is.", to)]
    many = "One rule is watched" if watched == 1 else f"{watched} rules are watched"
    return [empty("Nothing is wrong", f"{many}; what fires stands here.")]


def _chosen(look: Look) -> dict[str, str]:
    asked = look.place.get("id")
    if not asked:
        return {}
    every = [*look.workspace.active_alerts(), *look.workspace.alert_history(limit=1_000)]
    found = next((each for each in every if each.id == asked), None)
    return {} if found is None else {"chosen": _detail(look, found)}


def _said(alert: AlertAnswer) -> Html:
    value = words.value(alert.value, alert.unit)
    now = words.value(alert.last_value, alert.unit)
    tail = f", now {now}" if alert.status != "resolved" and alert.last_value is not None else ""
    return tag("span", f"{alert.condition}: {value}{tail}")


def _item(look: Look, alert: AlertAnswer) -> Html:
    title = join(
        [
            severity(alert.severity),
            " ",
            tag("b", link(alert.rule, look.place.link(id=alert.id))),
            " ",
            labels(alert.labels),
            " ",
            badge(alert.status, _TONES[alert.status]) if alert.status != "open" else "",
        ]
    )
    acts = tag("div", *_acts(look, alert), class_="row")
    return tag(
        "li",
        tag("span", title, class_="what"),
        when(alert.fired, look.now),
        tag("p", _said(alert)),
        acts,
    )


def _acts(look: Look, alert: AlertAnswer) -> list[Html]:
    if not look.may("editor") or alert.status == "resolved":
        return []
    made = []
    if alert.status != "acknowledged":
        made.append(button("Acknowledge", "acknowledge", kind="main", id=alert.id))
    return [
        *made,
        *(
            button(f"Snooze {lasting}", "snooze", id=alert.id, lasting=lasting)
            for lasting in ("1h", "24h")
        ),
        button("Resolve", "resolve", id=alert.id),
        button("Silence 1h", "silence.rule", rule=alert.rule, lasting="1h"),
    ]


def _detail(look: Look, alert: AlertAnswer) -> Html:
    rows: list[tuple[object, object]] = [
        ("Condition", alert.condition),
        ("Value", words.value(alert.value, alert.unit)),
        ("Began", when(alert.started, look.now)),
        ("Fired", when(alert.fired, look.now)),
        ("Over", when(alert.resolved, look.now) if alert.resolved else "not yet"),
        ("Channels", ", ".join(alert.channels) or "those of its severity"),
    ]
    if alert.by:
        rows.append(("Last by", f"{alert.by}{f': {alert.note}' if alert.note else ''}"))
    if alert.description:
        rows.append(("About", told(alert.description)))
    trace = look.workspace.alert_trace(alert.id)
    steps = tag(
        "ul",
        *(
            tag(
                "li",
                tag("span", tag("b", each.what), " ", told(each.detail), class_="what"),
                when(each.at, look.now),
            )
            for each in trace
        ),
        class_="feed",
    )
    why = card("Why did, or didn't, this notify", steps if trace else empty("Nothing was noted"))
    facts = card(
        join([severity(alert.severity), " ", alert.rule]),
        pairs(rows),
        tag("div", *_acts(look, alert), class_="row"),
        tools=link("Close", look.place.link(id=None), class_="btn"),
    )
    return tag("div", tag("div", facts, why, class_="even"), _picture(look, alert), class_="stack")


def _picture(look: Look, alert: AlertAnswer) -> Html:
    fired = words.parse_iso(alert.fired)
    if fired is None or not alert.metric:
        return Html("")
    ended = words.parse_iso(alert.resolved) or look.now
    try:
        answer = look.workspace.range(
            alert.metric,
            start=iso(fired - _AROUND),
            end=iso(min(ended + _AROUND, look.now)),
            filters=[f"{name}={value}" for name, value in alert.labels.items()] or None,
            points=600,
        )
    except DataWatchError as error:
        return card("Around that time", tag("p", error.message, class_="note"))
    edge = alert.high if alert.high is not None else alert.low
    mark = Mark(fired.timestamp() * 1e3, ended.timestamp() * 1e3, "bad", f"{alert.rule} fired")
    plot = Plot(
        f"{alert.metric} around the alert",
        lines_of(answer),
        answer.unit,
        ms(answer.start),
        ms(answer.end),
        threshold=edge,
        threshold_name="expected up to" if alert.high is not None else "expected from",
        marks=[mark],
    )
    return card("Around that time", draw(plot), note=alert.metric)


def _history(look: Look) -> Mapping[str, str]:
    since = look.place.get("since", "-7d")
    rule = look.place.get("rule")
    rules = look.workspace.alert_rules()
    known = {each.name for each in rules}
    found = look.workspace.alert_history(since, rule=rule if rule in known else "", limit=200)
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
        field("Rule", select("rule", [("", "every rule"), *((n, n) for n in sorted(known))], rule)),
        class_="filters",
        data_go=True,
    )
    rows = [
        (
            join(
                [
                    severity(each.severity),
                    " ",
                    link(each.rule, look.place.link(id=each.id)),
                    " ",
                    labels(each.labels),
                ]
            ),
            state(each.status, _TONES[each.status]),
            words.value(each.value, each.unit),
            when(each.fired, look.now),
            _lasted(look, each),
            each.resolved_by or each.by or words.NOTHING,
        )
        for each in found
    ]
    heads = ("Alert", "State", "Value", "Fired", "Lasted", "By")
    shown = (
        table(heads, rows, numbers=(2,), hide=(4, 5), label="alerts")
        if rows
        else empty("Nothing fired in this time")
    )
    return _chosen(look) | {"filters": form, "history": card(f"{len(found)} alerts", shown)}


def _lasted(look: Look, alert: AlertAnswer) -> str:
    fired = words.parse_iso(alert.fired)
    if fired is None:
        return words.NOTHING
    end = words.parse_iso(alert.resolved) or look.now
    return words.duration((end - fired).total_seconds())


def _acknowledge(look: Look, fields: Fields) -> Done:
    found = look.workspace.acknowledge_alert(text(fields, "id"), note=text(fields, "note"))
    return Done(said=f"{found.rule} is acknowledged.", changed=True)


def _snooze(look: Look, fields: Fields) -> Done:
    lasting = text(fields, "lasting", "1h")
    found = look.workspace.snooze_alert(text(fields, "id"), lasting=lasting)
    return Done(said=f"{found.rule} is snoozed for {lasting}.", changed=True)


def _resolve(look: Look, fields: Fields) -> Done:
    found = look.workspace.resolve_alert(text(fields, "id"))
    return Done(said=f"{found.rule} is resolved.", changed=True)


PAGE = Page(
    "alerts",
    "Alerts",
    "l",
    icons.ALERTS,
    view,
    {
        "acknowledge": _acknowledge,
        "snooze": _snooze,
        "resolve": _resolve,
        **alerts_telling.ACTIONS,
        **alert_rules.ACTIONS,
    },
    every=2.0,
)

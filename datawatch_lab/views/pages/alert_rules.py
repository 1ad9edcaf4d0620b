"""Alert rules: how each stands, a form that reads the condition back, the back-test below it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.service.operations.alerts import BacktestAnswer, RuleAnswer
from datawatch_lab.service.operations.metrics import read_filters, write_filters
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, listed, text, ticked
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    code,
    empty,
    field,
    join,
    link,
    select,
    severity,
    state,
    table,
    tag,
    text_input,
)
from datawatch_lab.views.pages.plot import Mark, Plot, draw, lines_of, ms

_TONES = {
    "normal": "good",
    "pending": "warn",
    "firing": "bad",
    "recovering": "warn",
    "no_data": "calm",
    "error": "bad",
}
_NUMBER = re.compile(
    r"^\s*(?:[<>]=?|==?|!=)\s*([+-]?[\d_.]+)\s*(%|ms|s|m|h|d)?\s*(?:over\s+\w+\s*)?$"
)
_SCALE = {"": 1.0, "%": 0.01, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_NO_DATA = (
    ("no_data", "say so, tell nobody"),
    ("alert", "alert"),
    ("ok", "take it as fine"),
    ("keep", "keep the state"),
)
_NOT_ASKED = ("type", "table", "aggregation", "keep_firing_for")
"""What the form does not ask; a rule that is changed keeps it."""

_EXAMPLES = (
    "> 200% of baseline",
    "< 50% of same_hour_last_week",
    "> 5",
    "outside band",
    "no data for 10m",
)


def view(look: Look) -> Mapping[str, str]:
    """The rules, or the form of one."""
    asked = look.place.get("edit")
    if asked and look.may("editor"):
        return _edit(look, "" if asked == "new" else asked)
    rules = look.workspace.alert_rules()
    add = (
        link("Add a rule", look.place.link(edit="new"), class_="btn main")
        if look.may("editor")
        else ""
    )
    if not rules:
        text_ = (
            "A rule watches a metric and tells channels, for example when it is “> 200% of "
            "baseline” for 5 minutes. Every rule can be tried on the past before it is kept."
        )
        return {"rules": card("Rules", empty("No rule yet", text_, add))}
    rows = [_row(look, each) for each in rules]
    heads = ("Rule", "State", "Channels", "")
    return {"rules": card("Rules", table(heads, rows, hide=(2,), label="alert rules"), tools=add)}


def _row(look: Look, rule: RuleAnswer) -> tuple[object, ...]:
    standing = "switched off" if not rule.is_enabled else rule.state.replace("_", " ")
    tone = "calm" if not rule.is_enabled else _TONES[rule.state]
    reason = tag("div", rule.reason, class_="hint") if rule.reason else ""
    acts = []
    if look.may("editor") and not rule.configured:
        acts = [
            link("Edit", look.place.link(edit=rule.id), class_="btn"),
            button(
                "Delete",
                "rule.drop",
                kind="danger",
                confirm=f"Delete {rule.name}? Its open alerts end; its history stays.",
                id=rule.id,
            ),
        ]
    elif rule.configured:
        acts = [badge("configuration", "calm")]
    when = tag("div", rule.reading, class_="hint")
    name = join([severity(rule.severity), " ", rule.name, when])
    channels = ", ".join(rule.rule.get("channels", [])) or "of its severity"
    return (
        name,
        join([state(standing, tone), reason]),
        channels,
        tag("div", *acts, class_="acts"),
    )


# ---------------------------------------------------------------------- the form


def _edit(look: Look, id_: str) -> Mapping[str, str]:
    stored = look.workspace.alert_rule(id_) if id_ else None
    # What is as by default is left out of a stored rule; a new one begins with 5m.
    rule = {"for": "0s", **stored.rule} if stored else {"metric": look.place.get("metric")}
    title = f"Change {stored.name}" if stored else "New rule"
    form = tag(
        "form",
        *_fields(look, rule, id_),
        class_="form",
        id="dw-rule",
        data_act="rule.save",
        data_live="rule.try",
    )
    read = tag("div", data_local_slot="reading", id="dw-reading")
    tried = tag("div", data_local_slot="tried", id="dw-tried")
    back = link("Cancel", look.place.link(edit=None), class_="btn")
    made: dict[str, str] = {"form": card(title, form, read, tools=back), "back-test": tried}
    if stored:
        made["code"] = card("As code", code(stored.code))
        first = _try(look, {**_flat(rule), "id": id_})
        made["form"] = card(
            title,
            form,
            tag("div", Html(first.slots["reading"]), data_local_slot="reading", id="dw-reading"),
            tools=back,
        )
        made["back-test"] = tag(
            "div", Html(first.slots["tried"]), data_local_slot="tried", id="dw-tried"
        )
    return made


def _flat(rule: Mapping[str, Any]) -> dict[str, Any]:
    filters = rule.get("filters") or {}
    return {
        **rule,
        "filters": write_filters(f"{n}={v}" for n, v in filters.items()) or "",
        "group_by": ", ".join(rule.get("group_by") or []),
    }


def _fields(look: Look, rule: Mapping[str, Any], id_: str) -> list[Html]:
    flat = _flat(rule)
    return [
        tag("input", type="hidden", name="id", value=id_),
        _offered("dw-metrics", (each.name for each in look.workspace.metrics())),
        _offered("dw-conditions", _EXAMPLES),
        *_what(flat),
        *_when(flat),
        *_where(flat),
        field("Description", text_input("description", flat.get("description", "")), class_="full"),
        _channels(look, set(rule.get("channels") or [])),
        _keeping(is_enabled=rule.get("is_enabled", True)),
    ]


def _offered(id_: str, options: Iterable[str]) -> Html:
    return tag("datalist", *(tag("option", value=each) for each in options), id=id_)


def _what(flat: Mapping[str, Any]) -> list[Html]:
    """What the rule is called, what it is about, and its condition."""
    name = text_input("name", flat.get("name", ""), required=True, maxlength="200", autofocus=True)
    metric = text_input(
        "metric",
        flat.get("metric", ""),
        list="dw-metrics",
        placeholder="orders_created_rate",
        spellcheck="false",
    )
    condition = text_input(
        "condition",
        flat.get("condition", ""),
        list="dw-conditions",
        required=flat.get("type", "metric") == "metric",
        placeholder="> 200% of baseline",
        spellcheck="false",
    )
    hint = "A number, a share of a baseline, a change, a band, no data; and, or, not."
    return [field("Name", name), field("Metric", metric), field("Condition", condition, hint=hint)]


def _when(flat: Mapping[str, Any]) -> list[Html]:
    """How long it must hold, how grave it is, and what silence means."""
    lasting = text_input("for", flat.get("for", "5m"), size="6")
    grave = select("severity", ("info", "warning", "critical"), flat.get("severity", "warning"))
    silence = select("no_data", _NO_DATA, flat.get("no_data", "no_data"))
    return [
        field("For", lasting, hint="how long it must hold, such as 5m"),
        field("Severity", grave),
        field("When nothing is known", silence),
    ]


def _where(flat: Mapping[str, Any]) -> list[Html]:
    """Which labels it is about, and which it is split by."""
    only = text_input("filters", flat["filters"], placeholder="status=paid")
    each = text_input("group_by", flat["group_by"], placeholder="status")
    return [
        field("Only where", only, hint="labels, with commas; a comma of a value is \\,"),
        field("For each", each, hint="a state of its own for each value of these labels"),
    ]


def _channels(look: Look, chosen: set[str]) -> Html:
    boxes = [
        _box(each.name, name="channels[]", value=each.name, checked=each.name in chosen)
        for each in look.workspace.alert_channels()
    ]
    none = tag("span", "None is configured; alerts are shown here.", class_="hint")
    return tag(
        "fieldset",
        tag("legend", "Channels", class_="hint"),
        *(boxes or [none]),
        class_="row full plainset",
    )


def _keeping(*, is_enabled: bool) -> Html:
    return tag(
        "div",
        tag("button", "Keep this rule", class_="btn main"),
        _box("switched on", name="is_enabled", value="1", checked=is_enabled),
        class_="row full",
    )


def _box(label: str, **of: Any) -> Html:
    """A box to tick, with what it means."""
    return tag("label", tag("input", type="checkbox", **of), f" {label}", class_="row")


def _rule(look: Look, fields: Fields) -> dict[str, Any]:
    """The rule that the form says, as the interface takes it, with what it does not ask.

    Raises:
        NotFoundError: the rule that is changed is gone.
        InputError: a filter cannot be read.
    """
    id_ = text(fields, "id")
    stored = look.workspace.alert_rule(id_).rule if id_ else {}
    made: dict[str, Any] = {name: stored[name] for name in _NOT_ASKED if name in stored}
    asked = ("name", "metric", "condition", "severity", "description", "no_data", "for")
    made |= {name: text(fields, name) for name in asked if text(fields, name)}
    if filters := read_filters(text(fields, "filters")):
        made["filters"] = dict(filters)
    for name in ("group_by", "channels"):
        if found := listed(fields, name):
            made[name] = found
    return made


def _save(look: Look, fields: Fields) -> Done:
    try:
        given = _rule(look, fields)
        given["lasting"] = given.pop("for", "0s")
        given["is_enabled"] = ticked(fields, "is_enabled")
        name, condition = given.pop("name", ""), given.pop("condition", "")
        id_ = text(fields, "id")
        if id_:
            kept = look.workspace.change_alert_rule(name=name, condition=condition, id=id_, **given)
        else:
            kept = look.workspace.add_alert_rule(name=name, condition=condition, **given)
    except DataWatchError as error:
        return Done(
            fault="Not kept; the reason stands below the form.", slots={"reading": _wrong(error)}
        )
    return Done(
        said=f"{kept.name} is kept: {kept.reading}.", changed=True, go=look.place.link(edit=None)
    )


def _wrong(error: DataWatchError) -> Html:
    return tag("p", str(error), class_="reading bad mono", role="alert")


def _try(look: Look, fields: Fields) -> Done:
    """Read the condition back, and what it would have done in the last day."""
    try:
        rule = _rule(look, fields)
        if not rule.get("condition") and not rule.get("type"):
            return Done(slots={"reading": "", "tried": ""})
        found = look.workspace.backtest_alert(rule=rule, start="-24h")
    except DataWatchError as error:
        return Done(slots={"reading": _wrong(error), "tried": ""})
    said = tag(
        "p",
        "Fires when ",
        found.reading,
        f", for {rule['for']}." if rule.get("for") else ".",
        class_="reading",
        role="status",
    )
    return Done(slots={"reading": said, "tried": _tried(look, rule, found)})


def _tried(look: Look, rule: Mapping[str, Any], found: BacktestAnswer) -> Html:
    parts = [
        f"{words.count(len(found.episodes))} episodes",
        f"{words.duration(found.minutes_firing * 60)} firing",
        f"{words.count(found.pages)} messages",
    ]
    if found.unknown:
        parts.append(
            f"{words.count(found.unknown)} of {words.count(found.evaluations)} evaluations "
            "without a value"
        )
    return card(
        "It would have done this in the last 24 hours",
        tag("p", ", ".join(parts)),
        _picture(look, rule, found),
    )


def threshold(condition: str) -> float | None:
    """The plain number that a condition compares with; None for any other kind.

    >>> threshold("> 5"), threshold("< 90%"), threshold("> 200% of baseline")
    (5.0, 0.9, None)
    """
    found = _NUMBER.match(condition)
    if found is None:
        return None
    try:
        return float(found[1].replace("_", "")) * _SCALE[found[2] or ""]
    except ValueError:
        return None


def _picture(look: Look, rule: Mapping[str, Any], found: BacktestAnswer) -> Html:
    metric = rule.get("metric", "")
    if not metric or found.start is None or found.end is None:
        return Html("")
    filters = [f"{name}={value}" for name, value in (rule.get("filters") or {}).items()]
    # By 5 minutes, as the condition takes it; the interval of the metric itself would show noise.
    answer = look.workspace.range(
        metric,
        start=found.start,
        end=found.end,
        step="5m",
        filters=filters or None,
        aggregation=rule.get("aggregation"),
    )
    marks = [
        Mark(ms(each.fired or found.end), ms(each.ended or found.end), "bad", "would have fired")
        for each in found.episodes
        if each.fired
    ]
    plot = Plot(
        f"{metric} over the last day",
        lines_of(answer),
        answer.unit,
        ms(answer.start),
        ms(answer.end),
        threshold=threshold(rule.get("condition", "")),
        marks=marks,
    )
    return draw(plot)


def _drop(look: Look, fields: Fields) -> Done:
    gone = look.workspace.drop_alert_rule(text(fields, "id"))
    return Done(said=f"{gone.name} is deleted.", changed=True)


ACTIONS: Mapping[str, Action] = {"rule.save": _save, "rule.try": _try, "rule.drop": _drop}

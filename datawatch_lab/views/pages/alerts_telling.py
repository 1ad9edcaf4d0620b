"""Alerts: who is told, and who is not: silences and channels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from datawatch_lab.views import format as words
from datawatch_lab.views.pages.page import Done, Fields, Look, text
from datawatch_lab.views.pages.parts import (
    Html,
    button,
    card,
    empty,
    field,
    join,
    labels,
    select,
    state,
    table,
    tag,
    text_input,
    when,
)

LASTING = ("15m", "1h", "4h", "24h", "7d")


def silences(look: Look) -> Mapping[str, str]:
    """What is kept back, and a form that keeps more back."""
    found = look.workspace.silences()
    may = look.may("editor")
    rows = [
        (
            labels(each.matchers),
            when(each.ends, look.now),
            each.comment or words.NOTHING,
            f"{each.would_have_hidden} of the last 7 days",
            each.hides,
            each.by,
            tag("div", button("End now", "silence.end", id=each.id), class_="acts") if may else "",
        )
        for each in found
    ]
    heads = ("Keeps back", "Ends", "Why", "Would have hidden", "Hides now", "By", "")
    shown = (
        table(heads, rows, numbers=(4,), hide=(2, 3, 5), label="silences")
        if rows
        else empty(
            "No silence",
            "A silence keeps matching alerts back for a while. They are counted, and told "
            "when it ends.",
        )
    )
    made: dict[str, str] = {"silences": card("Silences", shown)}
    if may:
        made["add"] = card("Keep alerts back", _silence_form(look))
    return made


def _silence_form(look: Look) -> Html:
    names = [("", "any rule"), *((each.name, each.name) for each in look.workspace.alert_rules())]
    return tag(
        "form",
        field("Rule", select("rule", names)),
        field("Severity", select("severity", [("", "any"), "info", "warning", "critical"])),
        field(
            "Labels",
            text_input("labels", placeholder="region=eu, status=*"),
            hint="* stands for any letters.",
        ),
        field("For", select("lasting", LASTING, "1h")),
        field("Why", text_input("comment", placeholder="maintenance of the shop")),
        tag("div", tag("button", "Silence", class_="btn main"), class_="row full"),
        class_="form",
        data_act="silence.add",
        id="dw-silence",
    )


def _add_silence(look: Look, fields: Fields) -> Done:
    matchers = {name: text(fields, name) for name in ("rule", "severity") if text(fields, name)}
    for pair in filter(None, re.split(r"\s*,\s*", text(fields, "labels"))):
        name, found, value = pair.partition("=")
        if not found:
            return Done(fault=f"{pair!r} is not of the form label=value.")
        matchers[name.strip()] = value.strip()
    if not matchers:
        return Done(fault="Say which alerts: a rule, a severity or a label.")
    made = look.workspace.add_silence(
        matchers, lasting=text(fields, "lasting", "1h"), comment=text(fields, "comment")
    )
    past = f" It would have hidden {made.would_have_hidden} alerts of the last 7 days."
    return Done(said=f"Silenced.{past}", changed=True)


def _end_silence(look: Look, fields: Fields) -> Done:
    look.workspace.end_silence(text(fields, "id"))
    return Done(said="The silence is over.", changed=True)


def channels(look: Look) -> Mapping[str, str]:
    """Where messages go; each can be sent a test."""
    found = look.workspace.alert_channels()
    may = look.may("editor")
    if not found:
        nothing = empty(
            "No channel yet",
            "Channels stand in the configuration, with their secrets as ${NAME}; "
            "`datawatch config init` prints every key.",
        )
        return {"channels": card("Channels", nothing)}
    rows = [
        (
            each.name,
            each.kind,
            f"{each.waiting} wait" if each.waiting else "nothing waits",
            tag("div", button("Send a test", "channel.test", name=each.name), class_="acts")
            if may
            else "",
        )
        for each in found
    ]
    outcome = tag("div", data_local_slot="tested", id="dw-tested")
    shown = table(("Channel", "Kind", "Messages", ""), rows, label="channels")
    return {"channels": card("Channels", shown, outcome, note="from the configuration")}


def _test(look: Look, fields: Fields) -> Done:
    tried = look.workspace.test_alert([text(fields, "name")])
    said = [
        tag(
            "p",
            state(each.channel, "good" if each.ok else "bad"),
            " ",
            each.detail,
            class_="reading" if each.ok else "reading bad",
        )
        for each in tried
    ]
    return Done(slots={"tested": join(said)})


ACTIONS = {
    "silence.add": _add_silence,
    "silence.rule": _add_silence,
    "silence.end": _end_silence,
    "channel.test": _test,
}

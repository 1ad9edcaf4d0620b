"""Sources: what sends, how it is doing, how to connect a database."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.watching import Finding, WatchState
from datawatch_lab.views import format as words
from datawatch_lab.views.clock import told
from datawatch_lab.views.pages.data_backends import backends
from datawatch_lab.views.pages.page import Action, Done, Fields, Look, listed, text, ticked
from datawatch_lab.views.pages.parts import (
    Html,
    badge,
    button,
    card,
    code,
    details,
    empty,
    field,
    join,
    pairs,
    state,
    table,
    tag,
    text_input,
    when,
)

_STATES = {
    "starting": "info",
    "snapshot": "info",
    "streaming": "good",
    "reconnecting": "warn",
    "failed": "bad",
    "stopped": "calm",
    "live": "good",
    "quiet": "good",
    "silent": "warn",
    "history": "calm",
    "empty": "calm",
}


def view(look: Look) -> Mapping[str, str]:
    """What is watched, what has sent something, and a form for another."""
    status = look.workspace.status()
    watched = look.workspace.sources()
    may = look.may("admin")
    made: dict[str, str] = {}
    if may:
        made["connect"] = _connect(open_=not watched and not status.sources)
    if watched:
        made["watched"] = card(
            "Databases that are watched", *(_watched(each, may=may) for each in watched)
        )
    if status.sources:
        rows = [
            (
                each.name,
                state(told(each.message) or each.status, _STATES.get(each.status, "calm")),
                words.count(each.received),
                when(each.last_received, look.now),
            )
            for each in status.sources
        ]
        made["heard"] = card(
            "What has sent something",
            table(("Source", "State", "Received", "Last"), rows, numbers=(2,), label="sources"),
        )
    if status.backends:
        made["backends"] = backends(status.backends)
    if not watched and not status.sources:
        hint = (
            "An admin can connect a database here."
            if not may
            else "Connect a database above, or post events:"
        )
        made["none"] = card(
            "No source yet",
            empty("Nothing sends events yet", hint),
            code(
                "datawatch ingest events.ndjson\ndatawatch watch postgresql://user:password@host/database"
            ),
        )
    return made


def _connect(*, open_: bool) -> Html:
    form = tag(
        "form",
        field(
            "Address",
            text_input(
                "url",
                placeholder="postgresql://user:password@host/database",
                required=True,
                spellcheck="false",
                inputmode="url",
            ),
            hint="system:// watches this machine. A password is kept in memory only; write "
            "${NAME} to have it read from the environment.",
            class_="full",
        ),
        field("Name", text_input("name", placeholder="made of host and database")),
        field(
            "Tables",
            text_input("include", placeholder="public.*"),
            hint="Patterns with commas; all when empty.",
        ),
        field("Without", text_input("exclude", placeholder="public.audit_*")),
        field(
            "Copy the rows that are there first",
            tag("input", type="checkbox", name="snapshot", checked=True),
            class_="inline",
        ),
        tag(
            "div",
            tag("button", "Check", type="submit", class_="btn", data_act="source.check"),
            tag("button", "Connect", type="submit", class_="btn main", data_act="source.add"),
            tag("span", "Check changes nothing on the server.", class_="hint"),
            class_="row full",
        ),
        tag("div", class_="full", data_local_slot="findings", id="dw-findings"),
        class_="form",
        id="dw-connect",
        data_act="source.add",
    )
    return (
        card("Connect a database", form)
        if open_
        else card("Connect a database", details("Connect another", form, key="dw-more"))
    )


def _watched(source: WatchState, *, may: bool) -> Html:
    rows: list[tuple[object, object]] = [("Address", tag("span", source.url, class_="mono"))]
    copying = source.copying
    if copying is not None:
        left = (
            f", {words.duration(copying.seconds_left)} left"
            if copying.seconds_left is not None
            else ""
        )
        bar = tag(
            "span",
            tag("i", class_="fill-accent", style=f"width:{copying.share * 100:.1f}%"),
            class_="meter",
        )
        said = (
            f"{copying.table}: {words.count(copying.rows)} of about "
            f"{words.count(copying.expected)} rows{left}"
        )
        rows.append(("Copying", join([said, bar])))
    if source.lag_bytes is not None:
        rows.append(("Behind", f"{words.size(source.lag_bytes)} of log"))
    if source.lag_events is not None:
        rows.append(("Behind", f"{words.count(source.lag_events)} messages"))
    if source.retained_bytes is not None:
        rows.append(("Kept for us", f"{words.size(source.retained_bytes)} of log on the server"))
    rows.append(
        (
            "Stored",
            f"{words.count(source.rows)} rows, {words.number(source.rows_per_second)} rows/s",
        )
    )
    if not source.resumes:
        rows.append(("After a restart", "the password has to be given again"))
    hint = tag("p", source.hint, class_="reading bad") if source.hint else ""
    acts = []
    if may:
        acts = [
            button("Check", "source.check", name=source.name),
            button(
                "Disconnect",
                "source.drop",
                kind="danger",
                confirm=f"Watch {source.name} no more? Slot and publication are removed from its "
                "server; tables and metrics stay.",
                name=source.name,
            ),
        ]
    head = tag(
        "div",
        tag("h3", source.name),
        state(told(source.message) or source.state, _STATES.get(source.state, "calm")),
        tag("span", *acts, class_="tools-end"),
        class_="head",
    )
    return tag(
        "div", head, hint, pairs(rows), tag("div", data_local_slot=f"findings-{source.name}")
    )


def _check(look: Look, fields: Fields) -> Done:
    name = text(fields, "name")
    url = text(fields, "url")
    if url:
        found = look.workspace.diagnose_address(
            url, name=name, include=listed(fields, "include"), exclude=listed(fields, "exclude")
        )
        return Done(slots={"findings": _findings(found)})
    return Done(slots={f"findings-{name}": _findings(look.workspace.diagnose(name))})


def _findings(found: list[Finding]) -> Html:
    bad = [each for each in found if not each.ok and each.blocking]
    verdict = (
        badge(f"{len(bad)} to fix first", "bad") if bad else badge("Ready to be watched", "good")
    )
    rows = []
    for each in found:
        tone = "good" if each.ok else "bad" if each.blocking else "warn"
        fix = tag("p", each.fix, class_="mono") if each.fix else ""
        rows.append(
            tag("li", tag("span", state(each.check, tone), " ", each.detail, class_="what"), fix)
        )
    return tag("div", verdict, tag("ul", *rows, class_="feed"), role="status")


def _add(look: Look, fields: Fields) -> Done:
    try:
        made = look.workspace.watch(
            text(fields, "url"),
            name=text(fields, "name"),
            include=listed(fields, "include"),
            exclude=listed(fields, "exclude"),
            snapshot=ticked(fields, "snapshot"),
        )
    except DataWatchError as error:
        shown = tag(
            "p", tag("b", "Not connected. "), str(error), class_="reading bad", role="alert"
        )
        return Done(
            fault="Not connected; the reason stands below the form.", slots={"findings": shown}
        )
    return Done(said=f"Watching {made.name}.", changed=True, go=look.place.link(tab="sources"))


def _drop(look: Look, fields: Fields) -> Done:
    gone = look.workspace.unwatch(text(fields, "name"))
    left = f" Left on its server: {gone.left}" if gone.left else ""
    return Done(said=f"{gone.name} is watched no more.{left}", changed=True)


ACTIONS: Mapping[str, Action] = {"source.check": _check, "source.add": _add, "source.drop": _drop}

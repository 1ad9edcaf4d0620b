"""Settings: who one is, users, tokens, reports, the configuration and where each value is from."""

from __future__ import annotations

import os
from collections.abc import Mapping

from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.who import USER_ROLES
from datawatch_lab.service.operations.users import TokenAnswer, UserAnswer
from datawatch_lab.views import format as words
from datawatch_lab.views.pages import icons, settings_reports
from datawatch_lab.views.pages.page import Done, Fields, Look, Page, text
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
    pairs,
    select,
    state,
    table,
    tabs,
    tag,
    text_input,
    when,
)
from datawatch_lab.views.pages.settings_values import rows

_PARTS = (
    ("configuration", "Configuration"),
    ("reports", "Reports"),
    ("you", "You"),
    ("users", "Users"),
    ("audit", "Audit log"),
    ("server", "Server"),
)
_ROLES = USER_ROLES
_MOST = 100


def view(look: Look) -> Mapping[str, str]:
    """The part that is chosen."""
    chosen = look.place.get("tab", "configuration")
    shown = [each for each in _PARTS if look.may("admin") or each[0] not in ("users", "audit")]
    options = [(key, title, look.place.link(tab=key, id=None), "") for key, title in shown]
    parts = {
        "configuration": _configuration,
        "reports": settings_reports.view,
        "you": _you,
        "users": _users,
        "audit": _audit,
        "server": _server,
    }
    return {"tabs": str(tabs(options, chosen))} | dict(parts.get(chosen, _configuration)(look))


# ---------------------------------------------------------------------- configuration


def _no_key(look: Look) -> Html:
    """Why no key is listed: none is set, or none has what is looked for."""
    if look.place.get("q"):
        return empty("No key has that in its name")
    every = link("Every key", look.place.link(set=None), class_="btn")
    return empty("Nothing is set", "Every key is at its default.", every)


def _configuration(look: Look) -> Mapping[str, str]:
    found = rows(os.environ, look.config)
    asked = look.place.get("q").lower()
    only = look.place.get("set") == "changed"
    fits = [
        each
        for each in found
        if asked in f"{each.key} {each.help}".lower() and (not only or each.origin != "default")
    ]
    form = tag(
        "form",
        field(
            "Find",
            text_input("q", look.place.get("q"), type="search", placeholder="retention, channel …"),
            class_="grow",
        ),
        field(
            "Show",
            select("set", [("", "every key"), ("changed", "what is set")], look.place.get("set")),
        ),
        class_="filters",
        data_go=True,
    )

    tones = {"default": "calm", "environment": "info", "file": "good"}
    cells = [
        (
            tag("span", each.key, class_="mono"),
            tag("span", each.value, class_="mono"),
            badge(each.origin, tones[each.origin]),
            each.help,
        )
        for each in fits
    ]
    shown = (
        table(("Key", "Value", "From", "What it is"), cells, hide=(3,), label="configuration")
        if cells
        else _no_key(look)
    )
    hint = tag(
        "p",
        "Keys stand in datawatch.yaml or, as DATAWATCH_KEY, in the environment; a restart "
        "takes them. Secrets are not shown.",
        class_="note",
    )
    return {
        "filters": form,
        "configuration": card(
            "Configuration", hint, shown, note=f"{len(fits)} of {len(found)} keys"
        ),
        "print": card("Every key with its comment", code("datawatch config init")),
    }


# ---------------------------------------------------------------------- you


def _you(look: Look) -> Mapping[str, str]:
    who = look.who
    facts = [("Name", who.name), ("Role", badge(who.role, "info")), ("Signed in by", who.via)]
    made: dict[str, str] = {"you": card("You", pairs(facts))}
    if who.via == "session":
        form = tag(
            "form",
            field(
                "Old password",
                text_input("old", type="password", required=True, autocomplete="current-password"),
            ),
            field(
                "New password",
                text_input(
                    "new",
                    type="password",
                    required=True,
                    autocomplete="new-password",
                    minlength="8",
                ),
            ),
            tag("button", "Change", class_="btn main"),
            class_="filters",
            id="dw-password",
            data_act="password",
        )
        made["password"] = card("Password", form)
    made["tokens"] = _tokens(look, look.workspace.list_tokens(who.name) if _known(look) else [])
    return made


def _known(look: Look) -> bool:
    """Whether who looks is a user, who may have tokens."""
    return look.who.via == "session" or look.who.via.startswith("token:")


def _tokens(look: Look, found: list[TokenAnswer]) -> Html:
    if not _known(look):
        return card(
            "Tokens",
            empty(
                "The owner has the token of the workspace",
                "Programs use the file WORKSPACE.token; users have tokens of their own.",
            ),
        )
    form = tag(
        "form",
        field("Name", text_input("name", required=True, placeholder="nightly report")),
        field("Role", select("role", [each for each in _ROLES if look.may(each)])),
        field("Expires", text_input("expires", placeholder="never, or 90d")),
        tag("button", "Make a token", class_="btn main"),
        class_="filters",
        id="dw-token",
        data_act="token.make",
    )
    lines = [
        (
            each.name or each.id,
            each.role or "",
            when(each.expires, look.now) if each.expires else "never",
            tag(
                "div",
                button(
                    "Revoke",
                    "token.revoke",
                    kind="danger",
                    confirm="Revoke this token? Programs that use it are refused at once.",
                    id=each.id,
                ),
                class_="acts",
            ),
        )
        for each in found
    ]
    shown = (
        table(("Token", "Role", "Expires", ""), lines, label="tokens")
        if lines
        else empty("No token yet")
    )
    return card("Tokens", form, tag("div", data_local_slot="token", id="dw-token-made"), shown)


def _make_token(look: Look, fields: Fields) -> Done:
    made = look.workspace.make_token(
        name=text(fields, "name"),
        role=text(fields, "role") or None,
        expires=text(fields, "expires") or None,
    )
    shown = join(
        [tag("p", "Copy it now; it is not shown again.", class_="reading"), code(made.token)]
    )
    return Done(said="The token is made.", slots={"token": shown}, changed=True)


def _revoke_token(look: Look, fields: Fields) -> Done:
    look.workspace.revoke_token(text(fields, "id"))
    return Done(said="The token is revoked.", changed=True)


def _password(look: Look, fields: Fields) -> Done:
    look.workspace.change_password(old=text(fields, "old"), new=text(fields, "new"))
    return Done(said="The password is changed.", changed=True)


# ---------------------------------------------------------------------- users, audit


def _users(look: Look) -> Mapping[str, str]:
    form = tag(
        "form",
        field("Name", text_input("name", required=True)),
        field("Role", select("role", _ROLES)),
        field(
            "Password",
            text_input("password", type="password", required=True, autocomplete="new-password"),
        ),
        tag("button", "Add", class_="btn main"),
        class_="filters",
        id="dw-user",
        data_act="user.add",
    )
    found = look.workspace.list_users()
    lines = [_user(look, each) for each in found]
    shown = (
        table(("User", "Role", "Since", ""), lines, hide=(2,), label="users")
        if lines
        else empty(
            "No user yet", "On this machine the owner's token is enough; others sign in by name."
        )
    )
    return {"add": card("Add a user", form), "users": card("Users", shown)}


def _user(look: Look, user: UserAnswer) -> tuple[object, ...]:
    acts = [
        button(f"Make {role}", "user.role", name=user.name, role=role)
        for role in _ROLES
        if role != user.role
    ]
    if user.name != look.who.name:
        acts.append(
            button(
                "Remove",
                "user.drop",
                kind="danger",
                confirm=f"Remove {user.name}? Sessions and tokens end at once.",
                name=user.name,
            )
        )
    return (
        user.name,
        badge(user.role, "info"),
        when(user.created, look.now),
        tag("div", *acts, class_="acts"),
    )


def _add_user(look: Look, fields: Fields) -> Done:
    made = look.workspace.add_user(
        text(fields, "name"), role=text(fields, "role"), password=str(fields.get("password", ""))
    )
    return Done(said=f"{made.name} may sign in.", changed=True)


def _change_role(look: Look, fields: Fields) -> Done:
    made = look.workspace.change_user(text(fields, "name"), role=text(fields, "role"))
    return Done(said=f"{made.name} is {made.role} now.", changed=True)


def _drop_user(look: Look, fields: Fields) -> Done:
    gone = look.workspace.remove_user(text(fields, "name"))
    return Done(said=f"{gone.name} is removed.", changed=True)


def _audit(look: Look) -> Mapping[str, str]:
    entries = look.workspace.audit(limit=_MOST)
    lines = [
        (
            each.who,
            each.operation,
            each.target or words.NOTHING,
            state(each.outcome, "good" if each.outcome == "done" else "warn"),
            when(each.at, look.now),
        )
        for each in entries
    ]
    shown = (
        table(("Who", "Did", "To", "Outcome", "When"), lines, hide=(2,), label="audit log")
        if lines
        else empty("Nothing was changed yet")
    )
    return {
        "audit": card(
            "Audit log",
            shown,
            note=f"newest {_MOST}"
            if len(lines) == _MOST
            else "every change: who, what, before, after",
        )
    }


# ---------------------------------------------------------------------- server


def _server(look: Look) -> Mapping[str, str]:
    status = look.workspace.status()
    lines: list[tuple[object, object]] = [
        ("Release", status.release),
        ("Workspace", tag("span", status.workspace, class_="mono")),
        ("Address", status.address or "none"),
        ("Started", when(status.started, look.now)),
        ("On disk", words.size(status.size_bytes)),
        ("Tables", words.count(status.tables)),
        ("Metrics", words.count(status.metrics)),
        ("Events", words.count(status.events)),
        ("Waiting to be stored", words.count(status.backlog)),
    ]
    made: dict[str, str] = {"server": card("Server", pairs(lines))}
    try:
        kept = look.workspace.retention()
    except DataWatchError as error:
        return made | {"store": card("Store", tag("p", error.message))}
    back = [
        ("State and metrics", state("DuckDB, embedded", "good")),
        ("Raw changes", f"{kept.raw}, at most {kept.raw_size}"),
        *((f"Level {name}", span) for name, span in kept.levels.items()),
    ]
    return made | {"store": card("Back ends", pairs(back), note="DuckDB always holds state")}


PAGE = Page(
    "settings",
    "Settings",
    "c",
    icons.SETTINGS,
    view,
    {
        "password": _password,
        "token.make": _make_token,
        "token.revoke": _revoke_token,
        "user.add": _add_user,
        "user.role": _change_role,
        "user.drop": _drop_user,
        **settings_reports.ACTIONS,
    },
    every=5.0,
    personal=True,
)

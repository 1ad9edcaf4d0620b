"""The verbs users and audit: who may sign in, and what they changed.

They work on the access file beside the workspace, whether a server runs or not; a running one
follows at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, print_json, say, workspace_option
from datawatch_lab.core.who import USER_ROLES, current_who

if TYPE_CHECKING:
    from datawatch_lab.service.access.access import Access
    from datawatch_lab.service.access.audit import AuditEntry

_ROLE = click.Choice(USER_ROLES)


@click.group(short_help="Add, list and remove users and their API tokens.")
def users() -> None:
    r"""Who may sign in to a workspace, and with which role.

    \b
    viewer   looks; sensitive columns are masked
    editor   defines metrics, sends events, sees what is masked
    admin    manages users and sources, reads the audit log
    """


@contextmanager
def _access(workspace: Path | None) -> Iterator[Access]:
    from datawatch_lab.service.access.access import Access
    from datawatch_lab.service.handle import default_path

    with Access(workspace or default_path()) as access:
        yield access


def _password(*, generate: bool, from_stdin: bool) -> str:
    """A password from where it was asked for: made, a line of standard input, or typed twice."""
    from datawatch_lab.service.access.users import new_password

    if generate:
        return new_password()
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return typed


_generate = click.option("--generate", is_flag=True, help="Make a password and print it once.")
_stdin = click.option("--password-stdin", is_flag=True, help="Read it from standard input.")


@users.command("add", short_help="Add a user.")
@click.argument("name")
@click.option("--role", type=_ROLE, default="viewer", show_default=True, help="What they may do.")
@_generate
@_stdin
@click.option("--no-password", is_flag=True, help="They come by API tokens only.")
@workspace_option
def add(
    name: str,
    role: str,
    *,
    generate: bool,
    password_stdin: bool,
    no_password: bool,
    workspace: Path | None,
) -> None:
    """Add the user NAME; without an option the password is asked for."""
    from datawatch_lab.service.access.users import checked_name

    name = checked_name(name)
    given = None
    if not no_password:
        given = _password(generate=generate, from_stdin=password_stdin)
    asked = {"name": name, "role": role, "password": given}
    with (
        _access(workspace) as access,
        access.audit.noted(current_who(), "add_user", name, asked) as after,
    ):
        made = access.users.add(name, role, given)
        after.append({"name": made.name, "role": made.role})
    say(f"{made.name} may sign in as {made.role}.")
    if generate and given:
        click.echo(given)


@users.command("list", short_help="List the users.")
@workspace_option
@json_option
def list_(workspace: Path | None, as_json: bool) -> None:
    """List the users, their roles, and when they last signed in."""
    from datawatch_lab.service.freshness import iso

    with _access(workspace) as access:
        found = access.users.all()
        tokens = access.tokens.all()
    listed = [
        {
            "name": each.name,
            "role": each.role,
            "has_password": each.has_password,
            "tokens": sum(token.user == each.name for token in tokens),
            "created": iso(each.created),
            "last_seen": iso(each.last_seen),
        }
        for each in found
    ]
    if as_json:
        print_json(listed)
        return
    if not listed:
        say("There are no users yet. `datawatch users add NAME --role admin` adds one.")
        return
    _table(("Name", "Role", "Signs in by", "Tokens", "Last signed in"), [_user(e) for e in listed])


def _user(each: dict[str, Any]) -> tuple[str, ...]:
    by = "password" if each["has_password"] else "tokens"
    seen = text.since(each["last_seen"], text.utc_now()) if each["last_seen"] else "never"
    return each["name"], each["role"], by, str(each["tokens"]), seen


@users.command("remove", short_help="Remove a user and their tokens.")
@click.argument("name")
@workspace_option
def remove(name: str, workspace: Path | None) -> None:
    """Remove the user NAME with all tokens; their sessions are over."""
    with _access(workspace) as access:
        user = access.users.get(name)
        before = {"name": user.name, "role": user.role}
        with access.audit.noted(
            current_who(), "remove_user", user.name, {"name": user.name}, before
        ):
            access.users.remove(user.name)
    say(f"{user.name} may sign in no more.")


@users.command("role", short_help="Give a user another role.")
@click.argument("name")
@click.argument("role", type=_ROLE)
@workspace_option
def role_(name: str, role: str, workspace: Path | None) -> None:
    """Give the user NAME another ROLE; it holds from the next request on."""
    with _access(workspace) as access:
        user = access.users.get(name)
        asked = {"name": user.name, "role": role}
        before = {"name": user.name, "role": user.role}
        with access.audit.noted(current_who(), "change_user", user.name, asked, before) as after:
            access.users.set_role(user.name, role)
            after.append(asked)
    say(f"{user.name} was {user.role} and is {role}.")


@users.command("password", short_help="Give a user another password.")
@click.argument("name")
@_generate
@_stdin
@workspace_option
def password(name: str, generate: bool, password_stdin: bool, workspace: Path | None) -> None:
    """Give the user NAME another password; their sessions are over."""
    with _access(workspace) as access:
        user = access.users.get(name)
        given = _password(generate=generate, from_stdin=password_stdin)
        asked = {"name": user.name, "password": given}
        with access.audit.noted(current_who(), "change_user", user.name, asked):
            access.users.set_password(user.name, given)
    say(f"{user.name} has another password.")
    if generate:
        click.echo(given)


@users.command("token", short_help="Make an API token for a user.")
@click.argument("name")
@click.option("--for", "purpose", default="", metavar="TEXT", help="What it is for.")
@click.option("--role", type=_ROLE, help="What it may do at most.  [default: as the user]")
@click.option("--expires", metavar="D", help="After a duration such as 90d.  [default: never]")
@workspace_option
def token(
    name: str, purpose: str, role: str | None, expires: str | None, workspace: Path | None
) -> None:
    """Make an API token for the user NAME and print it, this once."""
    from datawatch_lab.service.operations.users import span_of

    asked = {"user": name, "name": purpose, "role": role, "expires": expires}
    with (
        _access(workspace) as access,
        access.audit.noted(current_who(), "make_token", name, asked) as after,
    ):
        made, secret = access.tokens.make(name, purpose, role=role, expires_in=span_of(expires))
        after.append({"id": made.id, "user": made.user, "role": made.role})
    say(f"Token {made.id} of {made.user}, {made.role}; it is not shown again:")
    click.echo(secret)


@users.command("tokens", short_help="List the API tokens.")
@click.argument("name", required=False)
@workspace_option
@json_option
def tokens(name: str | None, workspace: Path | None, as_json: bool) -> None:
    """List the API tokens, or those of the user NAME; never the tokens themselves."""
    from datawatch_lab.service.freshness import iso

    with _access(workspace) as access:
        found = access.tokens.all(None if name is None else access.users.get(name).name)
    listed = [
        {
            "id": each.id,
            "user": each.user,
            "name": each.name,
            "role": each.role,
            "created": iso(each.created),
            "expires": iso(each.expires),
            "last_used": iso(each.last_used),
        }
        for each in found
    ]
    if as_json:
        print_json(listed)
        return
    now = text.utc_now()
    rows = [
        (
            str(each["id"]),
            str(each["user"]),
            str(each["name"] or "–"),
            str(each["role"]),
            text.moment(each["expires"]) if each["expires"] else "never",
            text.since(each["last_used"], now) if each["last_used"] else "never",
        )
        for each in listed
    ]
    _table(("Id", "User", "For", "Role", "Expires", "Last used"), rows)


@users.command("revoke", short_help="End an API token.")
@click.argument("id_", metavar="ID")
@workspace_option
def revoke(id_: str, workspace: Path | None) -> None:
    """End the API token ID; the next request with it is refused."""
    with _access(workspace) as access:
        found = access.tokens.get(id_)
        before = {"id": id_, "user": found.user, "role": found.role}
        with access.audit.noted(current_who(), "revoke_token", id_, {"id": id_}, before):
            access.tokens.revoke(id_)
    say(f"Token {id_} of {found.user} is no more.")


@click.command(short_help="Show who changed what, newest first.")
@click.option("--who", default="", metavar="NAME", help="Only what this user did.")
@click.option("--operation", default="", metavar="NAME", help="Only this operation.")
@click.option("--target", default="", metavar="TEXT", help="Only what was done to this.")
@click.option("--from", "start", metavar="T", help="From this time on, such as -7d.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@workspace_option
@json_option
def audit(
    *,
    who: str,
    operation: str,
    target: str,
    start: str | None,
    limit: int,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Show the audit log: every change, who made it, what was there before and after."""
    from datetime import UTC, datetime

    from datawatch_lab.core.durations import parse_time
    from datawatch_lab.service.access.audit import Wanted

    since = None if start is None else parse_time(start, datetime.now(UTC))
    wanted = Wanted(who=who, operation=operation, target=target, since=since, limit=limit)
    with _access(workspace) as access:
        found = access.audit.entries(wanted)
    if as_json:
        print_json(found)
    elif not found:
        say("Nothing was changed.")
    else:
        heads = ("When (UTC)", "Who", "Did", "To", "Before → after", "Outcome")
        _table(heads, [_entry(each) for each in found])


def _entry(each: AuditEntry) -> tuple[str, ...]:
    change = f"{_short(each.before)} → {_short(each.after)}"
    outcome = f"{each.outcome}: {each.reason}" if each.reason else each.outcome
    who = f"{each.who} ({each.via})"
    return text.moment(each.at), who, each.operation, each.target or "–", change, outcome


def _short(value: object) -> str:
    import msgspec

    return "–" if value is None else text.clean(msgspec.json.encode(value).decode(), 60)


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = grid(heads)
    for each in rows:
        row(out, *each)
    console().print(out)

"""What a tool that holds the password of a database can do with it, beside the operations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from urllib.parse import quote

from datawatch_lab.core.addresses import expand, without_password
from datawatch_lab.core.errors import not_found
from datawatch_lab.core.watching import Finding, Unwatched, Watch, WatchState
from datawatch_lab.service.handle import Workspace


def diagnose(url: str, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Finding]:
    """Check from this process all that watching a database needs; changes nothing.

    Raises:
        InputError: the address cannot be read.
        ConfigError: it names a variable of the environment that is not set.
    """
    from datawatch_lab.engine import sources

    sources.check_scheme(url)
    return sources.diagnose(expand(url, os.environ), include=include, exclude=exclude)


def complete_address(url: str) -> str:
    """The address with what only this process knows filled in, for a server elsewhere to use.

    Variables of the environment, and PGPASSWORD where there is no password. A password file is
    found by the server itself, since it is of the same user.
    """
    from datawatch_lab.engine import sources
    from datawatch_lab.engine.watching.kinds import kind_of

    sources.check_scheme(url)
    full = expand(url, os.environ)
    if sources.is_system(full) or kind_of(full) is not None:
        return full
    secret = os.environ.get("PGPASSWORD", "")
    if not secret or "://" not in full or without_password(full) != full:
        return full
    return f"{full}{'&' if '?' in full else '?'}password={quote(secret, safe='')}"


def state_of(workspace: Workspace, name: str) -> WatchState:
    """One watched database; a `NotFoundError` names the nearest when there is none."""
    states = {each.name: each for each in workspace.sources()}
    if name not in states:
        raise not_found("source", name, states)
    return states[name]


def find(workspace: Workspace, url: str, name: str = "") -> WatchState:
    """The watched database of an address, or of a name.

    Raises:
        NotFoundError: there is none; names those that are.
    """
    states = workspace.sources()
    shown = without_password(url)
    plain = without_password(expand(url, os.environ))
    for each in states:
        if each.name == name or (not name and each.url in (shown, plain)):
            return each
    raise not_found("source", name or plain, [each.name for each in states])


def unwatch(workspace: Workspace, name: str, url: str, *, keep: bool = False) -> Unwatched:
    """Watch a database no more, and take back what was made there, with this address.

    Args:
        workspace: that watches it.
        name: of the source.
        url: its address, with the password.
        keep: leave slot, publications and triggers there.

    Raises:
        NotFoundError: there is none of that name.
        SourceError: it is watched no more, but its server cannot be reached or refuses.
    """
    from datawatch_lab.engine import sources

    state = state_of(workspace, name)
    dropped = workspace.unwatch(name, keep=True)
    if keep:
        return dropped
    watch = Watch(
        name=name,
        url=state.url,
        slot=state.slot,
        include=tuple(state.include),
        exclude=tuple(state.exclude),
    )
    sources.remove_watched(watch, expand(url, os.environ))
    return Unwatched(name=name, removed=True)

"""Databases that the workspace watches: add, look, check, remove."""

from __future__ import annotations

import os

import msgspec

from datawatch_lab.core.addresses import expand, without_password
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.watching import Finding, Unwatched, WatchSettings, WatchState
from datawatch_lab.engine import Engine
from datawatch_lab.engine import sources as watched
from datawatch_lab.service.operation import API, Nothing, operation


class WatchAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A database to be watched; in no repr, for the address may hold a password.

    Attributes:
        url: ``postgresql://user:password@host/database``, ``mysql://user:password@host/database``,
            ``kafka://host/topic,other.*`` or ``redis://host/0?streams=orders``. A password in it
            is kept in memory only; after a restart the server needs ``${NAME}`` in its place,
            PGPASSWORD or a password file.
        name: of the source; by default made of host and database.
        include, exclude: patterns of tables, such as ``public.*``; exclude wins.
        snapshot: copy the rows that are there first.
    """

    url: str
    name: str = ""
    include: list[str] = []
    exclude: list[str] = []
    snapshot: bool = True

    def __repr__(self) -> str:
        return f"WatchAsk(name={self.name!r}, include={self.include}, exclude={self.exclude})"


def _state(engine: Engine, ask: WatchAsk | UnwatchAsk) -> WatchState | None:
    """A source as it is before a change; None for none of that name."""
    return next((each for each in engine.watching.states() if each.name == ask.name), None)


@operation("POST", f"{API}/sources", role="admin", status=201, before=_state)
def watch(engine: Engine, ask: WatchAsk) -> WatchState:
    """Watch a database: copy its tables, then follow every change; said again, it goes on."""
    settings = WatchSettings(
        url=ask.url,
        name=ask.name,
        include=tuple(ask.include),
        exclude=tuple(ask.exclude),
        snapshot=ask.snapshot,
    )
    return engine.watching.add(settings)


@operation("GET", f"{API}/sources")
def sources(engine: Engine, ask: Nothing) -> list[WatchState]:
    """The databases that are watched: state, progress of the copy, slot and lag."""
    del ask
    return engine.watching.states()


class UnwatchAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which source.

    Attributes:
        keep: leave slot, publications and triggers on its server, which then keeps its log.
    """

    name: str
    keep: bool = False


@operation("DELETE", f"{API}/sources/{{name}}", role="admin", before=_state)
def unwatch(engine: Engine, ask: UnwatchAsk) -> Unwatched:
    """Watch a database no more and take back what was made there; tables and metrics stay."""
    return engine.watching.drop(ask.name, keep=ask.keep)


class DiagnoseAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which database.

    Attributes:
        name: of one that is watched.
        url: of another; without a password, since query strings end up in logs.
        include, exclude: patterns of tables, several with commas.
    """

    name: str = ""
    url: str = ""
    include: str = ""
    exclude: str = ""


@operation("GET", f"{API}/sources/doctor", role="admin")
def diagnose(engine: Engine, ask: DiagnoseAsk) -> list[Finding]:
    """Check what watching a database needs, and say how to fix each fault; changes nothing."""
    if bool(ask.name) == bool(ask.url):
        raise InputError("doctor: give the name of a source, or a url.")
    if ask.name:
        return engine.watching.diagnose(ask.name)
    if without_password(ask.url) != ask.url:
        raise InputError(
            "doctor: a password in a query string ends up in logs.",
            hint="Send {'url': …} with POST, or write ${NAME} in its place.",
        )
    return _checked(ask.url, _listed(ask.include), _listed(ask.exclude))


@operation("POST", f"{API}/sources/doctor", role="admin", audited=False)
def diagnose_address(engine: Engine, ask: WatchAsk) -> list[Finding]:
    """The same for an address with a password in it, and for a selection of tables."""
    del engine
    return _checked(ask.url, ask.include, ask.exclude)


def _checked(url: str, include: list[str], exclude: list[str]) -> list[Finding]:
    watched.check_scheme(url)
    return watched.diagnose(expand(url, os.environ), include=include, exclude=exclude)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]

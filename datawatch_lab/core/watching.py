"""Databases that are watched: what a user says of one, what is kept of it, how it is doing."""

from __future__ import annotations

from typing import Literal

import msgspec

State = Literal["starting", "snapshot", "streaming", "reconnecting", "failed", "stopped"]


class WatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a user says of a database that is to be watched; in no repr, for it may hold a password.

    Attributes:
        url: ``postgresql://user:password@host/database``, ``mysql://…``, ``kafka://host/topic``,
            ``redis://host/0?streams=…``, or ``system://``, the machine itself; ``${NAME}`` is of
            the environment.
        name: of the source; '' for one made of host and database.
        include, exclude: patterns of ``schema.table``; see docs/postgresql.md.
        snapshot: copy the rows that are there first.
    """

    url: str
    name: str = ""
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    snapshot: bool = True

    def __repr__(self) -> str:
        return f"WatchSettings(name={self.name!r}, include={self.include}, exclude={self.exclude})"


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """What a workspace keeps of a database that it watches.

    Attributes:
        name: of the source; unique.
        url: without a password; references to the environment stay as they are.
        slot: replication slot and publication, made up once, so no two workspaces share one.
        complete: whether the address is enough to sign in again: there was no password in it that
            had to be left out.
        configured: it stands in the configuration file, not only here.
    """

    name: str
    url: str
    slot: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    snapshot: bool = True
    complete: bool = True
    configured: bool = False


class Copying(msgspec.Struct, frozen=True, kw_only=True):
    """How far the first copy is.

    Attributes:
        table: the one that is copied now.
        rows: copied of all tables so far.
        expected: about how many all have.
        tables_done, tables: how many are whole, of how many.
        share: in [0, 1].
        seconds_left: at the pace so far; None at its beginning.
    """

    table: str
    rows: int
    expected: int
    tables_done: int
    tables: int
    share: float
    seconds_left: float | None = None


class WatchState(msgspec.Struct, frozen=True, kw_only=True):
    """A watched database now.

    Attributes:
        url: without a password.
        state: ``starting``, ``snapshot`` (the first copy), ``streaming``, ``reconnecting``,
            ``failed`` (it will not be tried again) or ``stopped`` (nobody reads it).
        since: of the state, ISO 8601.
        message: the state in words.
        hint: what to do when it failed.
        rows: stored since this run began.
        rows_per_second: over the last seconds.
        lag_bytes: of the server's log that are not stored here yet; None while that is not known.
        lag_events: the same of a broker, which counts messages; None for others.
        lag_at: when that was measured, ISO 8601.
        retained_bytes: of log that the server keeps for the slot.
        copying: during the first copy.
        resumes: whether a server that is started again can go on without being given the password.
    """

    name: str
    url: str
    slot: str
    state: State
    since: str
    message: str
    hint: str = ""
    rows: int = 0
    rows_per_second: float = 0.0
    lag_bytes: int | None = None
    lag_at: str | None = None
    retained_bytes: int | None = None
    lag_events: int | None = None
    copying: Copying | None = None
    include: list[str] = []
    exclude: list[str] = []
    resumes: bool = True


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one check of a server.

    Attributes:
        check: its name.
        ok: nothing stands in the way.
        blocking: whether watching fails, or misses what was asked for, unless it is fixed.
        detail: what was found, one sentence.
        fix: what to do; '' when there is nothing to do.
    """

    check: str
    ok: bool
    blocking: bool
    detail: str
    fix: str = ""


class Unwatched(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a database that is watched no more.

    Attributes:
        removed: whether slot, publications and triggers are gone from its server.
        left: what is still there and why; '' for nothing.
    """

    name: str
    removed: bool
    left: str = ""

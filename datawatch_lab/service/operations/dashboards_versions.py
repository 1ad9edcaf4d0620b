"""Versions of dashboards: what became of one, what differs, and back again."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.dashboards.versions import Version
from datawatch_lab.engine import Engine
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import Nothing, operation
from datawatch_lab.service.operations.dashboards import (
    PATH,
    DashboardAnswer,
    DashboardAsk,
    answered,
    resource_of,
)


class VersionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a dashboard, which made a version of it.

    Attributes:
        version: from 1.
        what: made, changed, autosaved, restored or dropped.
        words: what differs from the version before.
        after_seq: number of the last event of the log before it.
    """

    dashboard: str
    version: int
    at: str | None
    who: str
    what: str
    words: str
    after_seq: int


class DifferenceAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs between two versions.

    Attributes:
        path: where, such as ``tiles.revenue.query.metric``.
        change: added, removed, changed or moved.
        before, after: as in the document; null for nothing.
        words: the difference as a sentence.
    """

    path: str
    change: str
    before: Any
    after: Any
    words: str


def _version(each: Version) -> VersionAnswer:
    return VersionAnswer(
        dashboard=each.dashboard,
        version=each.version,
        at=iso(each.at),
        who=each.who,
        what=each.what,
        words=each.words,
        after_seq=each.after_seq,
    )


@operation("GET", f"{PATH}/{{id}}/versions")
def dashboard_versions(engine: Engine, ask: DashboardAsk) -> list[VersionAnswer]:
    """The versions of a dashboard, newest first; by its id also of one that was dropped."""
    return [_version(each) for each in engine.beside(Dashboards).versions(ask.id)]


class VersionAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which version of which dashboard."""

    id: str
    version: int


@operation("GET", f"{PATH}/{{id}}/versions/{{version}}")
def dashboard_version(engine: Engine, ask: VersionAsk) -> DashboardAnswer:
    """A dashboard as of one of its versions."""
    return answered(engine, engine.beside(Dashboards).at(ask.id, ask.version))


class DiffAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Two versions of a dashboard.

    Attributes:
        old, new: ``from`` and ``to``; the newest but one and the newest by default.
    """

    id: str
    old: int | None = msgspec.field(default=None, name="from")
    new: int | None = msgspec.field(default=None, name="to")


@operation("GET", f"{PATH}/{{id}}/diff")
def dashboard_diff(engine: Engine, ask: DiffAsk) -> list[DifferenceAnswer]:
    """What lies between two versions of a dashboard."""
    boards = engine.beside(Dashboards)
    old = ask.old
    if old is None:
        kept = [each.version for each in boards.versions(ask.id) if each.what != "dropped"]
        newest = kept[0] if ask.new is None else ask.new
        old = next((each for each in kept if each < newest), newest)
    return [
        DifferenceAnswer(
            path=each.path,
            change=each.change,
            before=each.before,
            after=each.after,
            words=each.words,
        )
        for each in boards.difference(ask.id, old, ask.new)
    ]


class RollbackAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which version is to be the newest again; by default the one before the newest.

    Attributes:
        id: of the dashboard, also of one that was dropped, or its name.
        version: that it is to be as of.
    """

    id: str
    version: int | None = None


@operation("POST", f"{PATH}/{{id}}/rollback", role="editor", resource=resource_of)
def rollback_dashboard(engine: Engine, ask: RollbackAsk) -> DashboardAnswer:
    """Make a dashboard what it was; the versions in between stay."""
    boards = engine.beside(Dashboards)
    version = ask.version
    if version is None:
        kept = [each.version for each in boards.versions(ask.id) if each.what != "dropped"]
        is_gone = boards.versions(ask.id)[0].what == "dropped"
        version = kept[0] if is_gone or len(kept) == 1 else kept[1]
    return answered(engine, boards.rollback(ask.id, version))


@operation("GET", f"{PATH}/dropped")
def dropped_dashboards(engine: Engine, ask: Nothing) -> list[VersionAnswer]:
    """Dashboards that were dropped and can be brought back, newest first."""
    del ask
    return [_version(each) for each in engine.beside(Dashboards).dropped()]

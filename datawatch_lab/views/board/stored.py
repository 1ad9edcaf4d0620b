"""Dashboards as a workspace stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.core.dashboards import replace
from datawatch_lab.core.errors import DataWatchError, NotFoundError
from datawatch_lab.service.operations.dashboards import dashboard_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datawatch_lab.core.dashboards import Dashboard
    from datawatch_lab.service.operations.dashboards import DashboardItem
    from datawatch_lab.views.board.feed import Loader

HOME = "home"
"""Name of the default dashboard: one that is stored, else what the overview template makes now."""

_KEPT = 64
_TEMPLATE = "overview"


def default_of(boards: Iterable[DashboardItem]) -> DashboardItem | None:
    """The dashboard that the home page shows: of the overview template, else the oldest."""
    found = sorted(boards, key=lambda each: (each.created_at or "", each.id))
    return next((each for each in found if each.template == _TEMPLATE), next(iter(found), None))


def loader(workspace: Any) -> Loader:
    """What gives the dashboards of a workspace by id or name.

    It asks each time, and reads what it is told anew only when that has changed: the boards that
    are looked at are asked for at every tick.

    Args:
        workspace: a `Workspace`; it raises a `NotFoundError` for a dashboard that there is not.
    """
    held: dict[tuple[str, str], tuple[Any, Dashboard]] = {}

    def load(name: str) -> Dashboard:
        try:
            answer = workspace.get_dashboard(name)
        except NotFoundError:
            if name != HOME:
                raise
            return _home(workspace)
        key = (name, answer.role)  # the answer is another one for each role
        known = held.get(key)
        if known is not None and known[0] == answer:
            return known[1]
        if len(held) >= _KEPT:
            held.clear()
        found = dashboard_of(answer)
        held[key] = (answer, found)
        return found

    return load


def _home(workspace: Any) -> Dashboard:
    """The default dashboard; made of the template while nobody has stored one."""
    kept = default_of(workspace.list_dashboards())
    if kept is not None:
        return dashboard_of(workspace.get_dashboard(kept.id))
    try:
        made = dashboard_of(workspace.dashboard_template(_TEMPLATE))
    except DataWatchError as error:
        raise NotFoundError(
            f"there is no dashboard yet: {error.message}",
            hint="Make one on the page of dashboards.",
        ) from error
    return replace(made, id=HOME)

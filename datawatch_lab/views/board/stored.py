"""Dashboards as a workspace stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datawatch_lab.service.operations.dashboards import dashboard_of

if TYPE_CHECKING:
    from datawatch_lab.core.dashboards import Dashboard
    from datawatch_lab.views.board.feed import Loader


def loader(workspace: Any) -> Loader:
    """What gives the dashboards of a workspace by id or name.

    Args:
        workspace: a `Workspace`; it raises a `NotFoundError` for a dashboard that there is not.
    """

    def load(name: str) -> Dashboard:
        return dashboard_of(workspace.get_dashboard(name))

    return load

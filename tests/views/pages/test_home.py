"""The home page: what it shows of dashboards."""

from __future__ import annotations

from datawatch_lab.core.who import UserRole, Who, acting
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.pages import home
from datawatch_lab.views.pages.page import Look
from datawatch_lab.views.pages.place import Place


def slots(workspace: Workspace, role: UserRole = "editor") -> dict[str, str]:
    """The parts of the page for somebody of a role."""
    who = Who("ann", role, "session")
    with acting(who):
        return dict(home.view(Look(workspace, Place("home"), who)))


def test_the_overview_is_shown_before_anybody_has_made_a_dashboard(shop: Workspace) -> None:
    """It can be kept by who may change things, and by nobody else."""
    board = slots(shop)["board"]
    assert 'src="./d/home?embed=1"' in board
    assert 'data-act="keep"' in board
    assert 'data-act="keep"' not in slots(shop, "viewer")["board"]


def test_what_is_kept_is_shown(shop: Workspace) -> None:
    """The button stores the overview, and the page shows what is stored."""
    who = Who("ann", "editor", "session")
    with acting(who):
        done = home.PAGE.act(Look(shop, Place("home"), who), "keep", {})
    assert done.changed
    (kept,) = shop.list_dashboards()
    board = slots(shop)["board"]
    assert f'src="./d/{kept.id}?embed=1"' in board
    assert f'href="./d/{kept.id}?edit"' in board
    assert "?edit" not in slots(shop, "viewer")["board"]


def test_all_that_home_is_for_is_there(shop: Workspace) -> None:
    """Cards, the dashboard, recent anomalies and schema changes."""
    found = slots(shop)
    assert list(found) == ["glance", "board", "news"]
    assert "Recent anomalies" in found["news"]
    assert "Schema changes" in found["news"]


def test_an_empty_workspace_says_how_to_fill_it(workspace: Workspace) -> None:
    """Nothing else is shown then."""
    assert list(slots(workspace)) == ["empty"]

"""Dashboards of a workspace, and the one that the home page shows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from datawatch_lab.core.errors import NotFoundError
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views.board.stored import HOME, default_of, loader


def item(id_: str, made: str, template: str | None = None) -> Any:
    """A dashboard in a list."""
    return SimpleNamespace(id=id_, created_at=made, template=template)


def test_the_default_is_the_overview_else_the_oldest() -> None:
    """A template called overview is meant for it; else what was there first."""
    old, new = item("a", "2026-01-01"), item("b", "2026-02-01")
    assert default_of([]) is None
    assert default_of([new, old]) == old
    overview = item("c", "2026-03-01", "overview")
    assert default_of([old, overview]) == overview


def test_a_workspace_without_dashboards_has_a_home(shop: Workspace) -> None:
    """The overview is made of what is there, and nothing is stored for it."""
    made = loader(shop)(HOME)
    assert made.id == HOME
    assert made.tiles
    assert shop.list_dashboards() == []


def test_the_home_is_the_stored_one_once_there_is_one(shop: Workspace) -> None:
    """What was kept is shown, with what was changed in it."""
    kept = shop.add_dashboard(template="overview", name="Mine")
    assert loader(shop)(HOME).id == kept.id


def test_an_empty_workspace_has_none(workspace: Workspace) -> None:
    """Nothing can be shown before something has come."""
    with pytest.raises(NotFoundError):
        loader(workspace)("no such")


def test_a_dashboard_is_read_again_when_it_has_changed(shop: Workspace) -> None:
    """The same answer is the same value; another version is another."""
    made = shop.add_dashboard(template="overview")
    load = loader(shop)
    first = load(made.id)
    assert load(made.id) is first
    shop.change_dashboard(made.id, name="Other")
    assert load(made.id).name == "Other"

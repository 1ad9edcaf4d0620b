"""The apps of ``panel serve``: several of one process over one workspace, and over none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import panel as pn
import pytest
from playwright.sync_api import Page, expect

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.service.handle import open_workspace
from datawatch_lab.views.board.component import Board
from datawatch_lab.views.builder import apps
from datawatch_lab.views.builder.component import Builder
from datawatch_lab.views.pages.serving import Place, shared_place
from tests.services.ports import free_port
from tests.views.conftest import orders, post
from tests.waiting import PATIENCE, eventually

ROOT = Path(__file__).resolve().parents[3]
_PATIENCE = 90_000  # ms; the first page of a process loads Panel
APPS = sorted((ROOT / "panel_apps").glob("*.py"))


@contextmanager
def panel_serve(workspace: Path, folder: Path) -> Iterator[str]:
    """All apps at once, as plain ``panel serve`` serves them; gives the server's address."""
    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", *map(str, APPS), "--port", str(port)]
    environment = os.environ | {"DATAWATCH_WORKSPACE": str(workspace)}
    with (folder / "panel.log").open("w") as log:
        running = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://localhost:{port}"

            def answers() -> bool:
                with suppress(httpx.TransportError):
                    return httpx.get(f"{address}/static/js/bokeh.min.js").is_success
                return False

            eventually(answers)
            yield address
        finally:
            running.terminate()
            running.wait(PATIENCE)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.stem)
def test_an_app_is_short(app: Path) -> None:
    """An app is a few lines that one may copy and change."""
    assert len(app.read_text("utf-8").splitlines()) <= 40


@pytest.mark.soak
@pytest.mark.browser
def test_all_apps_share_one_workspace(page: Page, tmp_path: Path) -> None:
    """Served by one process, each app shows the workspace that none of them has alone."""
    path = tmp_path / "shop.duckdb"
    with open_workspace(path, what="tests") as workspace:
        post(workspace, orders(60, datetime.now(UTC) - timedelta(seconds=2)))
        workspace.add_quality_rule(table="orders", rule="not_null", field="amount")
    with panel_serve(path, tmp_path) as address:
        page.goto(f"{address}/overview", timeout=_PATIENCE)
        expect(page.locator("#content")).to_contain_text("Events today", timeout=_PATIENCE)
        page.goto(f"{address}/quality", timeout=_PATIENCE)
        expect(page.locator("#content")).to_contain_text("By table", timeout=_PATIENCE)
        page.goto(f"{address}/detector_tuning", timeout=_PATIENCE)
        expect(page.locator("#content")).to_contain_text("Tune a detector", timeout=_PATIENCE)
        assert page.locator("#dw-nav").count() == 0
        page.goto(f"{address}/dashboard", timeout=_PATIENCE)
        expect(page.locator(".dwb-tile").first).to_be_visible(timeout=_PATIENCE)
        page.goto(f"{address}/builder", timeout=_PATIENCE)
        expect(page.locator("[data-act=add]")).to_be_visible(timeout=_PATIENCE)


@pytest.mark.soak
@pytest.mark.browser
def test_without_a_workspace_the_apps_say_how_to_get_one(page: Page, tmp_path: Path) -> None:
    """Looking creates no file; what to do is on the page."""
    path = tmp_path / "none.duckdb"
    with panel_serve(path, tmp_path) as address:
        for app in ("quality", "detector_tuning"):
            page.goto(f"{address}/{app}", timeout=_PATIENCE)
            expect(page.locator("#content")).to_contain_text("datawatch watch", timeout=_PATIENCE)
        for app in ("dashboard", "builder"):
            page.goto(f"{address}/{app}", timeout=_PATIENCE)
            card = page.locator("section.card")
            expect(card).to_contain_text("datawatch watch", timeout=_PATIENCE)
            expect(card).to_have_css("border-radius", "12px")
    assert not path.exists()


def test_without_a_workspace_a_board_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page of the others, with what to do as code, and nothing of the path as HTML."""
    path = tmp_path / "<b>none.duckdb"
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(path))
    for made in (apps.dashboard(), apps.builder()):
        assert isinstance(made, pn.pane.HTML)
        said = str(made.object)
        assert "No workspace to show" in said
        assert "There is no workspace at" in said
        assert "<code>datawatch demo</code>" in said
        assert "<b>" not in said
    assert not path.exists()


def test_a_workspace_is_opened_once_and_closed_by_the_last(tmp_path: Path) -> None:
    """Two who want the file share one engine; it is free again when both have given it back."""
    path = tmp_path / "shop.duckdb"
    open_workspace(path, what="tests").close()
    place = Place(path)
    first, second = place.lend(), place.lend()
    assert first.caller is second.caller
    first.close()
    first.close()
    assert second.status().tables == 0
    second.close()
    with open_workspace(path, what="others") as other:
        assert not other.is_remote


def test_boards_are_of_the_workspace_that_the_pages_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The apps of dashboards open the file once with the others, and let go of it with them."""
    path = tmp_path / "shop.duckdb"
    open_workspace(path, what="tests").close()
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(path))
    page = shared_place().lend()
    shown, edited = apps.dashboard(), apps.builder()
    assert isinstance(shown, Board)
    assert isinstance(edited, Builder)
    assert edited.workspace.caller is page.caller
    shown.close()
    edited.close()
    page.close()
    apps._forget()
    with open_workspace(path, what="others") as other:
        assert not other.is_remote


def test_a_workspace_that_is_gone_is_reached_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its workspace could not be used, an app does not keep what it had of it."""
    path = tmp_path / "late.duckdb"
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(path))
    assert not isinstance(apps.dashboard(), Board)
    open_workspace(path, what="tests").close()
    first = apps.dashboard()
    assert isinstance(first, Board)
    first.close()
    feed = apps._feed()
    monkeypatch.setattr(feed.workspace, "list_dashboards", _gone)
    assert not isinstance(apps.dashboard(), Board)
    second = apps.dashboard()
    assert isinstance(second, Board)
    assert apps._feed() is not feed
    second.close()
    apps._forget()


def _gone() -> None:
    raise WorkspaceError("nobody serves it any more.")


def test_a_workspace_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """Looking never creates a file, and can be tried again."""
    place = Place(tmp_path / "none.duckdb")
    for _ in range(2):
        with pytest.raises(WorkspaceError):
            place.lend()
    assert not place.path.exists()

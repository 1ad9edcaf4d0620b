"""The wheel in an environment of its own, as users get it: no node, no source, one command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import eventually

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3_600)]

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0
_PAUSE = 0.5
_LINK = re.compile(r"first notebook on it: (http://\S+?)/lab/tree/(\S+?)\?token=(\w+)")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of a new environment with the wheel and what it needs."""
    folder = tmp_path_factory.mktemp("clean")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*pip, str(folder), str(ROOT)], check=True)
    (wheel,) = folder.glob("datawatch_lab-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    programs = folder / "venv" / "bin"
    subprocess.run([programs / "pip", "install", "--quiet", str(wheel)], check=True)
    return programs


@pytest.fixture
def demo(clean: Path, tmp_path: Path) -> Iterator[str]:
    """What ``datawatch demo`` prints once JupyterLab is there; nothing else is on the path."""
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    environment = {name: str(tmp_path / name.lower()) for name in places}
    environment |= {"PATH": str(clean), "LANG": os.environ.get("LANG", "C.UTF-8")}
    assert shutil.which("node", path=str(clean)) is None
    command = [str(clean / "datawatch"), "demo", "--days", "1", "--no-browser", "--port", "0"]
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    try:
        eventually(
            lambda: process.poll() is not None or "The shop is live" in said.read_text(),
            said.read_text,
            PATIENCE,
        )
        yield said.read_text()
    finally:
        process.terminate()
        process.wait(120)


def ran(page: Page, base: str, token: str, name: str) -> None:
    """Open a notebook, run all its cells, and wait until each has run without an error."""
    page.goto(f"{base}/lab/tree/{name}?token={token}")
    page.locator(".jp-Notebook").wait_for()
    page.locator("#jp-main-statusbar").get_by_text("Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()

    found: list[dict[str, Any]] = []
    answers: list[str] = []

    def is_over() -> bool:
        time.sleep(_PAUSE)
        page.keyboard.press("Control+s")
        answer = page.request.get(f"{base}/api/contents/{name}?content=1&token={token}")
        answers[:] = [answer.text()[:500]]
        document = json.loads(answer.text()).get("content") or {"cells": []}
        found[:] = [each for each in document["cells"] if each["cell_type"] == "code"]
        return bool(found) and all(each["execution_count"] for each in found)

    eventually(is_over, lambda: f"cells of {name} were not run: {answers}", PATIENCE)
    kinds = [each["output_type"] for cell in found for each in cell["outputs"]]
    assert "error" not in kinds
    assert "display_data" in kinds or "execute_result" in kinds


def test_the_first_notebooks_run_in_a_clean_environment(demo: str, page: Page) -> None:
    """The side bar shows the shop; notebooks 01 and 03 run; the slider moves its preview."""
    from playwright.sync_api import expect

    found = _LINK.search(demo)
    assert found is not None, demo
    base, first, token = found.groups()
    page.goto(f"{base}/lab?token={token}")
    page.locator("li.lm-TabBar-tab[data-id=datawatch-side-bar]").click()
    bar = page.locator("#datawatch-side-bar")
    expect(bar).to_contain_text("orders")
    expect(bar).to_contain_text("Dashboards (")
    ran(page, base, token, first)
    ran(page, base, token, "03_tune_a_detector.ipynb")
    slider = page.locator(".noUi-handle")
    preview = page.locator(".jp-OutputArea").filter(has=slider).first
    slider.first.scroll_into_view_if_needed()
    before = preview.inner_text()
    slider.first.press("ArrowRight")
    eventually(lambda: preview.inner_text() != before, "the preview did not change")

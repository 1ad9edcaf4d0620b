"""Editors in a notebook of a real JupyterLab, in a real browser, on an engine that runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import datawatch_lab as dw

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

CELLS = (
    "import datawatch_lab as dw\nlab = dw.open()",
    'editor = lab.metric("orders_inserts_total").tune(days=1)\neditor',
    (
        'rule = lab.alerts().edit(\n    "Many orders", metric="orders_inserts_total", '
        'condition="> 20 over 5m", last="1d"\n)\nrule'
    ),
)
_READY_SECONDS = 120
_CHANGES = 6
_PREVIEW = """([within, press]) => new Promise((resolve) => {
  const root = [...document.querySelectorAll('.jp-OutputArea')].find((e) => e.querySelector(within));
  const slider = root.querySelector(within);
  const begun = performance.now();
  const before = root.innerText;
  const look = new MutationObserver(() => {
    if (root.innerText.match(/it would have flagged.*/)[0] === before.match(/it would have flagged.*/)[0])
      return;
    look.disconnect();
    resolve(performance.now() - begun);
  });
  look.observe(root, { subtree: true, childList: true, characterData: true });
  slider.dispatchEvent(new KeyboardEvent('keydown', { key: press, bubbles: true }));
})"""  # noqa: E501 — a script

_DRAGGED = (0.1, 0.2, 0.12, 0.22, 0.14, 0.24)
"""Where the threshold is dragged to, as shares of the height of the plot."""
_PLOT = (12, 204)
"""Top and bottom of the plot in its picture, px."""
_WATCH = """(root) => {
  const said = () => (root.innerText.match(/(In the last|It would) .*/) || [''])[0];
  let moved = 0, before = said();
  window.took = [];
  root.addEventListener('pointermove', () => { moved = performance.now(); }, true);
  const look = () => {
    if (said() === before) return;
    before = said();
    window.took.push(performance.now() - moved);
  };
  new MutationObserver(look).observe(root, { subtree: true, childList: true, characterData: true });
}"""


@pytest.fixture
def notebook(tmp_path: Path) -> Iterator[str]:
    """The link to a notebook in ``datawatch lab`` on a day of the simulated shop."""
    with dw.open(tmp_path / "datawatch.duckdb") as lab:
        lab.ingest_demo(days=1, rate=0.6)
    blank: dict[str, Any] = {"cell_type": "code", "metadata": {}, "outputs": []}
    cells = [{**blank, "execution_count": None, "source": each} for each in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3"}
    made = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    (tmp_path / "tune.ipynb").write_text(json.dumps(made))
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(tmp_path / name.lower()) for name in places}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "datawatch_lab.cli", "lab", "--no-browser", "--port", "0"]
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    try:
        yield link_of(process, said)
    finally:
        process.terminate()
        process.wait(60)


def link_of(process: subprocess.Popen[bytes], said: Path) -> str:
    """The link that the command prints, to the notebook."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"(http://\S+)/lab\?token=(\w+)", said.read_text()):
            return f"{found[1]}/lab/tree/tune.ipynb?token={found[2]}"
        time.sleep(0.2)
    pytest.fail(f"no link was printed:\n{said.read_text()}")


def run_all(page: Page) -> None:
    """Run all cells once the kernel is there, until both editors are."""
    page.locator("#jp-main-statusbar").get_by_text("Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Run All Cells").first.click()
    page.locator(".jp-OutputArea .noUi-handle").wait_for()
    page.locator(".jp-OutputArea").get_by_role("button", name="Save").first.wait_for()


def drag_threshold(page: Page, editor: Locator) -> list[float]:
    """Drag the threshold of an alert with the mouse; ms from each movement to its back-test."""
    catch, picture = editor.locator(".dw-catch"), editor.locator("svg.dw-chart")
    picture.scroll_into_view_if_needed()
    editor.evaluate(_WATCH)
    box, line = picture.bounding_box(), catch.bounding_box()
    assert box is not None
    assert line is not None
    across = line["x"] + line["width"] / 2
    page.mouse.move(across, line["y"] + line["height"] / 2)
    page.mouse.down()
    top, bottom = _PLOT
    for number, share in enumerate(_DRAGGED):
        page.mouse.move(across, box["y"] + bottom - share * (bottom - top))
        page.wait_for_function("(count) => window.took.length > count", arg=number)
    page.mouse.up()
    took: list[float] = page.evaluate("window.took")
    return took


def test_what_is_set_by_hand_outlives_kernel_and_page(notebook: str, page: Page) -> None:
    """A slider moves the preview; what is saved is there after the kernel and the page are new."""
    from playwright.sync_api import expect

    page.goto(notebook)
    page.locator(".jp-Notebook").wait_for()
    run_all(page)
    outputs = page.locator(".jp-OutputArea")
    expect(outputs.filter(has=page.locator(".noUi-handle"))).to_contain_text("medium")
    keys = ("ArrowRight", "ArrowLeft")
    took = [page.evaluate(_PREVIEW, [".noUi-handle", keys[n % 2]]) for n in range(_CHANGES)]
    print(f"a step of the slider until the preview: {sorted(round(each) for each in took)} ms")
    alert = outputs.filter(has=page.locator(".dw-threshold"))
    dragged = sorted(round(each) for each in drag_threshold(page, alert))
    print(f"a movement of the threshold until its back-test: {dragged} ms")
    expect(alert).to_contain_text("it would have fired")
    level = alert.locator(".dw-threshold").get_attribute("aria-valuenow")
    expect(alert.locator("input[type=text]").nth(1)).to_have_value(f"> {level} over 5m")
    assert alert.locator(".dw-mark").count() > 0
    name = outputs.locator("input[type=text]").first
    name.fill("Very many orders")
    name.press("Enter")
    saving = outputs.filter(has=page.locator("input[type=text]"))
    expect(saving).to_contain_text("Very many orders")  # the kernel knows of it
    saving.get_by_role("button", name="Save").click()
    expect(saving).to_contain_text("Saved Very many orders")
    page.keyboard.press("Control+s")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text="Restart Kernel…").first.click()
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(page.locator(".jp-OutputArea .jp-mod-dirty")).to_have_count(0)
    page.reload()
    stills = page.locator(".jp-OutputArea .dw-still")
    expect(stills).to_have_count(2)  # the pictures stand without their kernel
    expect(stills.first).to_be_visible()
    expect(stills.first).to_contain_text("it would have flagged")
    run_all(page)
    expect(outputs.filter(has=page.locator(".noUi-handle"))).to_contain_text("medium")
    base, token = re.match(r"(\S+)/lab/tree/\S+token=(\w+)", notebook).groups()  # type: ignore[union-attr]
    rules = page.request.get(f"{base}/datawatch/api/v1/datawatch/alerts?token={token}")
    assert "Very many orders" in rules.text()

"""The notebooks of the repository run from top to bottom, and are kept without outputs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from tests.services.postgres import Server
from tests.services.shop import shop

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
POSTGRES = FOLDER / "08_your_own_postgresql.ipynb"

_TIDY = """
get_ipython().run_line_magic("unload_ext", "datawatch_lab")
for _each in [*globals().values()]:
    if type(_each).__name__ == "Lab":
        _each.close()
get_ipython().run_line_magic("reset", "-f")
"""


def _read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)  # type: ignore[no-any-return, no-untyped-call]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path: Path) -> None:
    """No outputs and no counts of execution are kept."""
    for cell in _read(path).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to a file and to a heading of the notebook itself has its target."""
    text = "\n".join(cell.source for cell in _read(path).cells if cell.cell_type == "markdown")
    headings = {
        line.lstrip("# ").replace(" ", "-") for line in text.splitlines() if line[:1] == "#"
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (FOLDER / target).exists(), target


def test_the_report_has_parameters() -> None:
    """The weekly report has one cell for tools that set parameters, first among its code."""
    code = [
        each for each in _read(FOLDER / "07_weekly_report.ipynb").cells if each.cell_type == "code"
    ]
    tagged = [each for each in code if "parameters" in each.metadata.get("tags", ())]
    assert tagged == code[:1]


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One kernel for all notebooks, since it loads the libraries once."""
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(kernel_name="python3")
    environment = {
        **{key: value for key, value in os.environ.items() if key != "DATAWATCH_WORKSPACE"},
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONPATH": str(FOLDER.parent),
    }
    manager.start_kernel(env=environment, cwd=str(folder))
    yield manager
    manager.shutdown_kernel(now=True)


def _run(path: Path, kernel: KernelManager, work: Path, url: str = "") -> nbformat.NotebookNode:
    """The notebook with its outputs; afterwards the kernel is as new."""
    notebook = _read(path)
    client: Any = NotebookClient(notebook, timeout=150, km=kernel)
    client.kc = kernel.client()
    client.kc.start_channels()
    client.kc.wait_for_ready(timeout=60)
    before = f"import os; os.chdir({str(work)!r}); os.environ['SHOP_URL'] = {url!r}"
    assert client.kc.execute_interactive(before, timeout=60)["content"]["status"] == "ok"
    try:
        client.execute(reset_kc=False, cleanup_kc=False)
    finally:
        client.kc.execute_interactive(_TIDY, timeout=60)
        client.kc.stop_channels()
    return notebook


def _said(notebook: nbformat.NotebookNode, name: str) -> list[str]:
    return [
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "stream" and output.name == name
    ]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_in_an_empty_folder(path: Path, tmp_path: Path, kernel: KernelManager) -> None:
    """Every cell runs without a workspace around, leaves nothing behind, and says no warning."""
    notebook = _run(path, kernel, tmp_path)
    assert not _said(notebook, "stderr")
    assert not list(tmp_path.iterdir())
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[-1].outputs  # the last code showed itself


@pytest.mark.timeout(400)
def test_it_watches_a_real_database(
    postgres_server: Server, tmp_path: Path, kernel: KernelManager
) -> None:
    """Named a database, the notebook copies it, shows its rows, and leaves it as it was."""
    with shop(postgres_server) as made:
        notebook = _run(POSTGRES, kernel, tmp_path, made.url)
        shown = str([cell.get("outputs") for cell in notebook.cells])
        assert "1000" in shown.replace(",", "")
        assert "✓ wal_level" in shown
        assert made.server.url(database=made.name) not in shown
        assert made.slots() == []

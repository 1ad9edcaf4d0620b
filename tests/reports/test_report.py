"""A notebook run as a report: parameters, faults, and pages that ask nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner

from datawatch_lab.cli.program import main
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.reports.pages import as_html
from datawatch_lab.reports.running import ReportError, parameters_of, run_report

PLOT = (
    "from IPython.display import HTML; HTML('<b>' + 'x' * days + '</b><img src=\"http://a.b/\">')"
)


def notebook(folder: Path, *sources: str) -> Path:
    """A notebook with a cell of parameters, then these."""
    cells: list[Any] = [
        nbformat.v4.new_markdown_cell("# A week"),  # type: ignore[no-untyped-call]
        nbformat.v4.new_code_cell("days = 3", metadata={"tags": ["parameters"]}),  # type: ignore[no-untyped-call]
        *(nbformat.v4.new_code_cell(each) for each in sources),  # type: ignore[no-untyped-call]
    ]
    path = folder / "week.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
    return path


def test_a_report_has_what_its_parameters_make(tmp_path: Path) -> None:
    """The page shows results for the given value, no code, a policy against any request."""
    path = notebook(tmp_path, PLOT)
    before = path.read_bytes()
    told: list[tuple[int, int]] = []
    out = run_report(
        path,
        tmp_path / "w.html",
        {"days": 5},
        progress=lambda done, all_: told.append((done, all_)),
    )
    page = out.read_text("utf-8")
    assert "<b>xxxxx</b>" in page
    assert "days = " not in page.partition("<body")[2]
    assert "default-src 'none'" in page.partition("<script")[0]
    assert "<title>A week</title>" in page
    assert told[-1][0] == told[-1][1]
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["w.html", "week.ipynb"]


def test_a_page_asks_nobody(tmp_path: Path, page: Any) -> None:
    """Opened in a browser it makes no request, whatever its outputs name."""
    out = run_report(notebook(tmp_path, PLOT), tmp_path / "w.html")
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url))
    page.goto(out.as_uri())
    assert page.locator("b", has_text="xxx").is_visible()
    assert [each for each in asked if not each.startswith(("file:", "data:", "blob:"))] == []


def test_a_pdf_is_printed(tmp_path: Path, chromium: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chromium prints it."""
    monkeypatch.setenv("DATAWATCH_CHROMIUM", chromium)
    out = run_report(notebook(tmp_path, PLOT), tmp_path / "w.pdf")
    assert out.read_bytes().startswith(b"%PDF-")


def test_a_cell_that_fails_is_named(tmp_path: Path) -> None:
    """The error names cell, code and exception; nothing is written."""
    path = notebook(tmp_path, "1 + 1", "days / 0")
    with pytest.raises(ReportError, match=r"cell 4 of 4 failed with ZeroDivisionError") as raised:
        run_report(path, tmp_path / "w.html", {"days": 2})
    assert "days / 0" in str(raised.value)
    assert not (tmp_path / "w.html").exists()


def test_bad_input_is_refused_before_a_kernel_starts(tmp_path: Path) -> None:
    """Unknown parameters name the nearest; forms and files are checked."""
    path = notebook(tmp_path)
    assert parameters_of(path) == {"days": "3"}
    with pytest.raises(NotFoundError, match="did you mean 'days'"):
        run_report(path, tmp_path / "w.html", {"dayz": 1})
    with pytest.raises(InputError, match=r"\.html, \.pdf, \.ipynb"):
        run_report(path, tmp_path / "w.docx")
    with pytest.raises(InputError, match="no notebook"):
        run_report(tmp_path / "none.ipynb", tmp_path / "w.html")


def test_the_command_line(tmp_path: Path) -> None:
    """Parameters are listed, read as YAML, and refused with exit status 2 where they are none."""
    path = notebook(tmp_path, "print(days + 1)")
    listed = CliRunner().invoke(main, ["report", str(path), "--params", "--json"])
    assert json.loads(listed.stdout) == {"days": "3"}
    out = tmp_path / "w.ipynb"
    ran = CliRunner().invoke(
        main, ["report", str(path), "--param", "days=6", "--out", str(out), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["parameters"] == {"days": 6}
    assert "7\n" in out.read_text("utf-8").replace("\\n", "\n")
    wrong = CliRunner().invoke(main, ["report", str(path), "--param", "days"])
    assert wrong.exit_code == 2


def test_tagged_cells_are_left_out(tmp_path: Path) -> None:
    """A cell tagged remove is not in the page; what a quiet one prints is not, what it shows is."""
    path = notebook(
        tmp_path,
        "print('secret'); 'gone'",
        "from IPython.display import HTML\nprint('address'); HTML('<b>kept</b>')",
    )
    node = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    node.cells[2].metadata["tags"], node.cells[3].metadata["tags"] = ["remove"], ["quiet"]
    nbformat.write(node, path)  # type: ignore[no-untyped-call]
    page = run_report(path, tmp_path / "w.html").read_text("utf-8").partition("<body")[2]
    assert "<b>kept</b>" in page
    assert not [word for word in ("secret", "gone", "address") if word in page]


def test_where_the_workspace_was_found_is_left_out() -> None:
    """Of loading the extension only what is no greeting is shown; other cells keep their lines."""
    greeting = "Opened http://127.0.0.1:3002 as `lab`.\n"
    said = {"%load_ext datawatch_lab": greeting, "%load_ext datawatch_lab\n1": f"{greeting}kept\n"}
    cells: list[Any] = []
    for source, text in {**said, "print()": "Opened by me\n"}.items():
        cells.append(nbformat.v4.new_code_cell(source))  # type: ignore[no-untyped-call]
        output = {"output_type": "stream", "name": "stdout", "text": text}
        cells[-1].outputs = [nbformat.from_dict(output)]  # type: ignore[no-untyped-call]
    node = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    page = as_html(node, title="t", code=False).partition("<body")[2]
    assert "3002" not in page
    assert "kept" in page
    assert "Opened by me" in page


def test_a_quoted_value_is_a_text(tmp_path: Path) -> None:
    """On the command line "7" in quotes is the text, 7 the number."""
    path = notebook(tmp_path, "type(days).__name__ + 'ly'")
    for given, said in (('days="7"', "strly"), ("days=7", "intly")):
        out = tmp_path / "w.html"
        ran = CliRunner().invoke(main, ["report", str(path), "--param", given, "--out", str(out)])
        assert ran.exit_code == 0, ran.output
        assert said in out.read_text("utf-8")


def test_mail_without_a_channel_is_refused_before_anything_runs(tmp_path: Path) -> None:
    """It names what is missing, and no report is written."""
    path, out = notebook(tmp_path, "1"), tmp_path / "w.html"
    for to, said in (("ada@example.org", "alerts.channels.email"), ("ada", "no address")):
        ran = CliRunner().invoke(main, ["report", str(path), "--out", str(out), "--mail", to])
        assert ran.exit_code == 2  # wrong usage
        assert said in ran.output
    assert not out.exists()


@pytest.mark.parametrize("out", ["none/w.html", "week.ipynb/w.html", "folder.html"])
def test_what_cannot_be_written_is_said_before_anything_runs(tmp_path: Path, out: str) -> None:
    """No cell runs; the sentence names the file and the folder."""
    path = notebook(tmp_path, f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        run_report(path, tmp_path / out)
    assert not (tmp_path / "ran").exists()

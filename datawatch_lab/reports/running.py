"""Run a notebook with parameters (papermill) and make a page of what it shows (nbconvert)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datawatch_lab.core.errors import DataWatchError, InputError, not_found
from datawatch_lab.core.writing import check_target, write_whole
from datawatch_lab.reports.pages import as_html, as_pdf

FORMS = (".html", ".pdf", ".ipynb")
"""What a report can become, by the ending of its file."""

Progress = Callable[[int, int], None]
"""Told of cells that are done, and of all."""

_KERNEL = "python3"
_LINES = 12


class ReportError(DataWatchError):
    """A cell of a report failed; ``details`` names it."""

    code = "report_failed"
    status = 500


def parameters_of(notebook: Path) -> dict[str, str]:
    """Parameters that a notebook takes and their defaults as written, from the tagged cell.

    Raises:
        InputError: there is no such file, or it is no notebook.
    """
    from papermill.translators import papermill_translators
    from papermill.utils import find_first_tagged_cell_index

    node = _read(notebook)
    place = find_first_tagged_cell_index(node, "parameters")
    if place < 0:
        return {}
    translator = papermill_translators.find_translator(_KERNEL, "python")
    return {each.name: str(each.default) for each in translator.inspect(node.cells[place])}


def run_report(
    notebook: Path,
    out: Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    code: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Run a notebook in a kernel of its own and write what it shows.

    Args:
        notebook: is not changed.
        out: ``.html`` (one file, which needs no network), ``.pdf`` or ``.ipynb``.
        parameters: those of the cell tagged ``parameters`` that differ from its defaults.
        code: show the code as well; a notebook always has it.
        progress: told after each cell.

    Returns:
        ``out``, which is written whole or not at all.

    Raises:
        InputError: no notebook, no such parameter, no such form, or ``out`` cannot be written.
        ReportError: a cell failed.
    """
    if out.suffix not in FORMS:
        raise InputError(f"{out.name}: a report ends in {', '.join(FORMS)}.")
    check_target(out)
    known, given = parameters_of(notebook), dict(parameters or {})
    for name in given:
        if name not in known:
            raise not_found("parameter", name, known, where=notebook.name)
    ran = _run(notebook, given, progress)
    write_whole(out, _written(ran, out, code=code))
    return out


def _read(notebook: Path) -> Any:
    """A notebook of Python, as nbformat has it."""
    from nbformat.reader import NotJSONError
    from papermill.iorw import load_notebook_node

    if notebook.suffix != ".ipynb":
        raise InputError(f"{notebook.name} is no notebook; its name would end in .ipynb.")
    try:
        with _quiet():
            node = load_notebook_node(str(notebook))
    except FileNotFoundError:
        raise InputError(f"there is no notebook {notebook}.") from None
    except NotJSONError:
        raise InputError(f"{notebook} is no notebook: it is not JSON.") from None
    node.metadata["kernelspec"] = {"name": _KERNEL, "language": "python", "display_name": "Python"}
    return node


def _run(notebook: Path, parameters: Mapping[str, Any], progress: Progress | None) -> Any:
    """The notebook with what its cells gave."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError
    from papermill.parameterize import parameterize_notebook

    node = _read(notebook)
    with _quiet():
        made = parameterize_notebook(node, dict(parameters), report_mode=True, kernel_name=_KERNEL)
    cells = [place for place, cell in enumerate(made.cells) if cell.cell_type == "code"]
    done = 0

    def follow(cell: Any, cell_index: int, **_: Any) -> None:
        nonlocal done
        del cell, cell_index
        done += 1
        if progress is not None:
            progress(done, len(cells))

    client = NotebookClient(
        made,
        timeout=None,
        extra_arguments=["--log-level=ERROR"],
        kernel_name=_KERNEL,
        resources={"metadata": {"path": str(notebook.resolve().parent)}},
        on_cell_executed=follow,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise _failed(notebook, made, error) from None
    return made


def _failed(notebook: Path, node: Any, error: Any) -> ReportError:
    """Names the cell, the first lines of its code, and what was raised."""
    cells = [cell for cell in node.cells if cell.cell_type == "code"]
    broken = [
        (number, cell)
        for number, cell in enumerate(cells, 1)
        if any(each.output_type == "error" for each in cell.get("outputs", ()))
    ]
    number, cell = broken[0] if broken else (0, {"source": ""})
    source = "\n".join(f"    {line}" for line in cell["source"].splitlines()[:_LINES])
    return ReportError(
        f"{notebook.name}: cell {number} of {len(cells)} failed with {error.ename}: "
        f"{error.evalue}\n{source}",
        details={"cell": number, "error": str(error.ename)},
    )


def _written(node: Any, out: Path, *, code: bool) -> bytes:
    import nbformat

    if out.suffix == ".ipynb":
        text: str = nbformat.writes(node)  # type: ignore[no-untyped-call]
        return text.encode()
    page = as_html(node, title=_title(node, out), code=code)
    return page.encode() if out.suffix == ".html" else as_pdf(page)


def _title(node: Any, out: Path) -> str:
    """The first heading of a notebook; else the name of its file."""
    for cell in node.cells:
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source.splitlines()[0].removeprefix("# ").strip())
    return out.stem


@contextmanager
def _quiet() -> Iterator[None]:
    """Without papermill's remarks about notebooks that name no language."""
    import logging

    log = logging.getLogger("papermill")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def kernel_sees(workspace: Path | None) -> None:
    """Let kernels that are started from here open this workspace where they name none."""
    if workspace is not None:
        os.environ["DATAWATCH_WORKSPACE"] = str(workspace.resolve())

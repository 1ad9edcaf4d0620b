"""A notebook that ran as a page: HTML in one file without a network, and PDF by Chromium."""

from __future__ import annotations

import re
import tempfile
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

from datawatch_lab.core import chromium

_NO_NETWORK = (
    '<head><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline'; "
    'img-src data: blob:; font-src data:; media-src data:">'
)
"""Templates and outputs name scripts of other servers, for formulas and diagrams; a report that is
mailed or filed asks nobody."""
_STYLE = """<style>
body { max-width: 62rem; margin: 0 auto; padding: 1rem 1.5rem; }
.jp-Cell { padding: 0.15rem 0; }
.jp-OutputPrompt, .jp-InputPrompt { display: none; }
.jp-OutputArea-output { overflow-x: auto; }
@page { size: A4; margin: 14mm; }
@media print {
body { max-width: none; padding: 0; }
.jp-OutputArea-output { overflow: visible; }
.jp-Notebook, main { margin: 0; min-height: 0; padding: 0; }
.jp-Cell:last-child:not(:has(.jp-OutputArea-child, .jp-RenderedMarkdown)) { display: none; }
.jp-MarkdownCell, h1, h2, h3 { break-after: avoid; break-inside: avoid; }
tr, svg, .jp-OutputArea-child:not(:has(table)) { break-inside: avoid; }
}
</style></head>"""


_AS_WIDE_AS_PAPER = "<style>body { padding: 0; width: 182mm; }</style></head>"
"""Plots that fill their cell are drawn before the page is laid out for printing."""


_LOADS = "%load_ext datawatch_lab"
_GREETING = re.compile(r"^Opened .*\n?", re.MULTILINE)


def as_html(notebook: Any, *, title: str, code: bool) -> str:
    """A page of a notebook that ran.

    Args:
        notebook: as nbformat has it, version 4.
        title: of the page.
        code: show the code, too.

    Returns:
        HTML that asks nothing of any server; formulas of TeX stay as they are written.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        exclude_input=not code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        widget_renderer_url="",
        html_manager_semver_range="",
    )
    page: str
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Your element with mimetype")  # an output that is empty
        page, _ = exporter.from_notebook_node(
            _shown(notebook), resources={"metadata": {"name": title}}
        )
    return page.replace("<head>", _NO_NETWORK, 1).replace("</head>", _STYLE, 1)


def _shown(notebook: Any) -> Any:
    """A copy without cells tagged ``remove``, and without what those tagged ``quiet`` printed.

    What a quiet cell displays stays: scripts that plots need are of that kind. Where the workspace
    was found is left out too; it is of use to who writes the notebook, and of none to who reads it.
    """
    copy = deepcopy(notebook)
    tags = [set(cell.get("metadata", {}).get("tags", ())) for cell in copy.cells]
    for cell, its in zip(copy.cells, tags, strict=True):
        if "quiet" in its:
            cell.outputs = [each for each in cell.outputs if each.output_type != "stream"]
        elif _LOADS in cell.source and cell.cell_type == "code":
            cell.outputs = list(filter(None, map(_without_greeting, cell.outputs)))
    copy.cells = [cell for cell, its in zip(copy.cells, tags, strict=True) if "remove" not in its]
    return copy


def _without_greeting(output: Any) -> Any:
    """An output without the line that names the workspace; None when nothing else is in it."""
    if output.output_type != "stream":
        return output
    output.text = _GREETING.sub("", output.text)
    return output if output.text.strip() else None


def as_pdf(page: str) -> bytes:
    """A page on A4, printed by Chromium.

    Raises:
        MissingPackageError: there is no Chromium, or it could not print; the error says what helps.
    """
    with tempfile.TemporaryDirectory(prefix="datawatch-report-") as folder:
        source = Path(folder, "report.html")
        source.write_text(page.replace("</head>", _AS_WIDE_AS_PAPER, 1), "utf-8")
        return chromium.pdf_of(source, hint="Or write .html, and print it from a browser.")

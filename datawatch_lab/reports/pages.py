"""A notebook that ran as a page: HTML in one file without a network, and PDF by Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from typing import Any

from datawatch_lab.core.errors import MissingPackageError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_PDF_SECONDS = 120
_NO_NETWORK = (
    '<head><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
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
@media print { body { max-width: none; padding: 0; } .jp-Cell { break-inside: avoid; } }
</style></head>"""


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
        page, _ = exporter.from_notebook_node(notebook, resources={"metadata": {"name": title}})
    return page.replace("<head>", _NO_NETWORK, 1).replace("</head>", _STYLE, 1)


def as_pdf(page: str) -> bytes:
    """A page on A4, printed by Chromium.

    Raises:
        MissingPackageError: there is no Chromium, or it could not print; the error says what helps.
    """
    browser = find_browser()
    if browser is None:
        raise MissingPackageError(
            "a PDF is printed by Chromium, and there is none here.",
            hint="Install it (Debian, Ubuntu: apt-get install chromium), name it in "
            "DATAWATCH_CHROMIUM, or write .html.",
        )
    with tempfile.TemporaryDirectory(prefix="datawatch-report-") as folder:
        source, out = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, "utf-8")
        ran = subprocess.run(  # noqa: S603 — a browser of this machine
            [*_command(browser, folder), f"--print-to-pdf={out}", source.as_uri()],
            capture_output=True,
            check=False,
            timeout=_PDF_SECONDS,
        )
        if not out.is_file():
            said = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise MissingPackageError(
                f"{browser} could not print the report: {''.join(said) or 'it said nothing'}.",
                hint="Write .html, and print it from a browser.",
            )
        return out.read_bytes()


def _command(browser: str, folder: str) -> list[str]:
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        browser,
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-pdf-header-footer",
        "--disable-dev-shm-usage",
        f"--user-data-dir={folder}/profile",
        *(["--no-sandbox"] if root else []),  # Chromium has no sandbox for root
    ]


def find_browser() -> str | None:
    """Path of a Chromium: DATAWATCH_CHROMIUM first, then the PATH; None for none."""
    names = (os.environ.get("DATAWATCH_CHROMIUM", ""), *_BROWSERS)
    return next((path for name in names if name and (path := shutil.which(name))), None)

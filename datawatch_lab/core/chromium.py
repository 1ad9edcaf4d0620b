"""A Chromium of this machine makes pictures and PDF of pages that are files."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from datawatch_lab.core.errors import MissingPackageError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 120
_MOST_MS = 15_000
"""Milliseconds of its own time that a page has to draw itself; they pass as fast as it works."""


def find() -> str | None:
    """Path of a Chromium: DATAWATCH_CHROMIUM first, then the PATH; None for none."""
    names = (os.environ.get("DATAWATCH_CHROMIUM", ""), *_NAMES)
    return next((path for name in names if name and (path := shutil.which(name))), None)


def pdf_of(page: Path, *, hint: str = "") -> bytes:
    """A page as PDF, on paper of the size that its own style says.

    Args:
        page: an HTML file; what it loads stands beside it.
        hint: what to do instead where there is no Chromium.

    Raises:
        MissingPackageError: there is no Chromium, or it could not print; the error says what helps.
    """
    return _made(page, "print", "pdf", ("--print-to-pdf={out}", "--no-pdf-header-footer"), hint)


def png_of(page: Path, *, width: int, height: int, scale: float = 2.0, hint: str = "") -> bytes:
    """A page as a picture.

    Args:
        page: an HTML file; what it loads stands beside it.
        width: of the window, in CSS pixels.
        height: of the window.
        scale: pixels of the picture by CSS pixel.
        hint: what to do instead where there is no Chromium.

    Raises:
        MissingPackageError: there is no Chromium, or it could not draw; the error says what helps.
    """
    flags = (
        "--screenshot={out}",
        f"--window-size={width},{height}",
        f"--force-device-scale-factor={scale:g}",
        "--hide-scrollbars",
    )
    return _made(page, "draw", "png", flags, hint)


def _made(page: Path, verb: str, ending: str, flags: tuple[str, ...], hint: str) -> bytes:
    browser = find()
    if browser is None:
        what = {"pdf": "a PDF is printed", "png": "a picture is drawn"}[ending]
        raise MissingPackageError(
            f"{what} by Chromium, and there is none here.",
            hint="Install it (Debian, Ubuntu: apt-get install chromium) or name it in "
            f"DATAWATCH_CHROMIUM. {hint}".strip(),
        )
    with tempfile.TemporaryDirectory(prefix="datawatch-chromium-") as folder:
        out = Path(folder, f"out.{ending}")
        said = [each.format(out=out) for each in flags]
        try:
            ran = subprocess.run(  # noqa: S603 — a browser of this machine
                [*_command(browser, folder), *said, page.as_uri()],
                capture_output=True,
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise MissingPackageError(
                f"{browser} did not {verb} the page within {_SECONDS} s.",
                hint=f"This machine is very busy; try again. {hint}".strip(),
            ) from None
        if not out.is_file():
            last = ran.stderr.decode(errors="replace").strip().splitlines()[-1:]
            reason = "".join(last) or "it said nothing"
            raise MissingPackageError(f"{browser} could not {verb} the page: {reason}.", hint=hint)
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
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--force-prefers-reduced-motion",
        "--allow-file-access-from-files",  # scripts that stand beside the page
        f"--virtual-time-budget={_MOST_MS}",
        f"--user-data-dir={folder}/profile",
        *(["--no-sandbox"] if root else []),  # Chromium has no sandbox for root
    ]

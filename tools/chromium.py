"""Finds a Chromium that starts, for the tests that look at pages; ``--install`` gets one if it can.

Run as a script it prints the path, or says what to do. It ends with status 0 either way: the tests
say what they skip, and with DATAWATCH_REQUIRE_SERVICES=1 they fail.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW_TO_GET_ONE = (
    "install it (Debian: apt-get install chromium; elsewhere: "
    ".venv/bin/python -m playwright install --with-deps chromium) "
    "or name one in DATAWATCH_CHROMIUM"
)


def find() -> str | None:
    """Path of the first Chromium that starts, or None.

    DATAWATCH_CHROMIUM comes first, then the PATH, then Playwright's own download.
    """
    return next((path for path in _candidates() if _starts(path)), None)


def _candidates() -> Iterator[str]:
    for name in (os.environ.get("DATAWATCH_CHROMIUM", ""), *NAMES):
        path = shutil.which(name) if name else None
        if path:
            yield path
    own = _downloaded_by_playwright()
    if own:
        yield own


def _starts(path: str) -> bool:
    """Whether it answers ``--version``; Ubuntu's package is a stub that points to a snap."""
    try:
        answer = subprocess.run(
            [path, "--version"], capture_output=True, check=False, timeout=30, text=True
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _downloaded_by_playwright() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.is_file() else None


def install() -> bool:
    """Install Chromium as root on Debian or Ubuntu; False where that is not possible or failed."""
    system = _os_id()
    if os.geteuid() != 0 or system not in ("debian", "ubuntu"):
        return False
    commands = {
        "debian": [
            ["apt-get", "update", "-q"],
            ["apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"],
        ],
        "ubuntu": [[sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]],
    }
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands[system]:
        print("Installing Chromium:", *command, flush=True)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, env=environment, check=False)
        if done.returncode != 0:
            return False
    return True


def _os_id() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "")
    except OSError:
        return ""


def main(arguments: list[str]) -> None:
    """Print the path of a Chromium, installing one first when asked and needed."""
    path = find()
    if path is None and "--install" in arguments and install():
        path = find()
    print(path or f"No Chromium here, so tests that need a browser are skipped; {HOW_TO_GET_ONE}.")


if __name__ == "__main__":
    main(sys.argv[1:])

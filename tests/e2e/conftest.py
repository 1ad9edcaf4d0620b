"""Running the command line as a user does: in its own process, on its own workspace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "datawatch_lab.cli")


def run_cli(*arguments: str | Path, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    """Run ``datawatch`` and wait; fails with what it printed unless it went well."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stderr}"
    return done


def cli_json(*arguments: str | Path) -> Any:
    """What ``datawatch … --json`` prints."""
    return json.loads(run_cli(*arguments, "--json").stdout)


def start_cli(arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start ``datawatch`` and do not wait."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

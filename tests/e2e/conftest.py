"""Running the command line: in this process, and as a user does, in one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from datawatch_lab.cli import main

COMMAND = (sys.executable, "-m", "datawatch_lab.cli")


def run_cli(*arguments: str | Path) -> str:
    """Run ``datawatch`` in this process; what it prints. It fails unless it went well."""
    done = CliRunner().invoke(main, [*map(str, arguments)], env={"NO_COLOR": "1"})
    assert done.exit_code == 0, f"{arguments} ended with {done.exit_code}:\n{done.output}"
    return done.stdout


def cli_json(*arguments: str | Path) -> Any:
    """What ``datawatch … --json`` prints."""
    return json.loads(run_cli(*arguments, "--json"))


def run_process(*arguments: str | Path, timeout: float = 600) -> None:
    """Run ``datawatch`` in a process of its own and wait; fails unless it went well."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert done.returncode == 0, f"{arguments} ended with {done.returncode}:\n{done.stderr}"


def start_cli(arguments: Sequence[str | Path]) -> subprocess.Popen[bytes]:
    """Start ``datawatch`` in a process of its own and do not wait."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

"""How long a start takes: the package, and the command's help."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.meters import Meter
from benchmarks.model import Context, Figure, Sample, Scenario

_IMPORT, _HELP = "import_time", "import_time_help"


def subject(context: Context) -> Sample:
    """Seconds of whole processes, interleaved with that of an empty program."""
    command = Path(sys.executable).with_name("datawatch")
    help_ = [str(command)] if command.exists() else [sys.executable, "-m", "datawatch_lab.cli"]
    commands = {
        _IMPORT: [sys.executable, "-c", "import datawatch_lab"],
        _HELP: [*help_, "--help"],
        "nothing": [sys.executable, "-c", "pass"],
    }
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for each in commands.values():
        _seconds(each, context)  # once for the caches of files
    with Meter() as meter:
        for _ in range(3 if context.quick else 9):
            for name, each in commands.items():
                taken[name].append(_seconds(each, context))
    found = {name: median(each) for name, each in taken.items()}
    nothing = found.pop("nothing")
    return Sample(found, dict.fromkeys(found, nothing), cpu_seconds=meter.cpu_seconds)


def _seconds(command: Sequence[str], context: Context) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=context.folder)
    return time.perf_counter() - start


SCENARIO = Scenario(
    name=_IMPORT,
    about="`import datawatch_lab` and `datawatch --help`, whole processes",
    figures=(Figure(_IMPORT, "s", "lower"), Figure(_HELP, "s", "lower")),
    subject=subject,
    against="`python -c pass`",
)

"""Runs scenarios: each part in a fresh child process, the product interleaved with its baseline."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.child import plain_of
from benchmarks.model import Context, Sample, Scenario, UnmeasurableError
from benchmarks.results import Pair, Result, result_of

ROOT = Path(__file__).resolve().parents[1]
QUICK_SECONDS = 55.0
QUICK_RUNS = 3
LEAST_PART_SECONDS = 12.0
"""What a part of a quick scenario may take at least, so that one does not use up the minute."""

Say = Callable[[str], None]


class Deadline:
    """The time that is left, shared out among the scenarios to come; endless without a limit."""

    def __init__(self, seconds: float | None, parts: int) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._parts = parts
        self._share_end = 0.0
        self._most = math.inf

    def next_scenario(self) -> None:
        """Give the next scenario its share of what is left."""
        if (left := self.left) is not None:
            share = left / max(self._parts, 1)
            self._share_end = time.monotonic() + share
            self._most = max(2 * share, LEAST_PART_SECONDS)
        self._parts -= 1

    @property
    def left(self) -> float | None:
        """Seconds until the end; None when there is none."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def limit(self, seconds: float) -> float:
        """How long one part may take that would be given so many seconds."""
        return min(seconds, self._most, math.inf if self.left is None else self.left)

    def allows(self, seconds: float) -> bool:
        """Whether the scenario's share has room for a further round that takes so long."""
        return self._end is None or time.monotonic() + seconds <= self._share_end


def run(
    scenarios: Sequence[Scenario], context: Context, say: Say, seconds: float | None = None
) -> dict[str, Result]:
    """Measure scenarios one after another.

    Args:
        scenarios: in this order.
        context: ``folder`` and ``cache`` exist.
        say: told of progress, a line at a time.
        seconds: when to end; scenarios that there is no time for are skipped. None: no limit.

    Returns:
        By figure.
    """
    deadline = Deadline(seconds, len(scenarios))
    results: dict[str, Result] = {}
    for scenario in scenarios:
        say(f"{scenario.name}: {scenario.about}")
        deadline.next_scenario()
        pairs, reason = _measure(scenario, context, deadline, say)
        for figure in scenario.figures:
            results[figure.name] = result_of(
                figure,
                pairs,
                against=scenario.against,
                reason=reason,
                scaled=scenario.scaled(context),
                load=os.getloadavg()[0],
            )
    return results


def _measure(
    scenario: Scenario, context: Context, deadline: Deadline, say: Say
) -> tuple[list[Pair], str]:
    """Runs of a scenario, and why there are none or they do not count."""
    runs = min(scenario.runs, QUICK_RUNS) if context.quick else scenario.runs
    pairs: list[Pair] = []
    try:
        if scenario.prepare is not None:
            _part(scenario, "prepare", context, deadline)
        for number in range(runs):
            start = time.monotonic()
            pairs.append(_pair(scenario, number, context, deadline))
            spent = time.monotonic() - start
            say(f"  {number + 1} of {runs}: {_words(scenario, pairs[-1])} in {spent:.1f} s")
            if not deadline.allows(spent):
                break
    except UnmeasurableError as error:
        say(f"  given up: {error}")
        out_of_time = deadline.left is not None and deadline.left < 1.0
        return pairs, "" if pairs and out_of_time else str(error)
    return pairs, ""


def _pair(scenario: Scenario, number: int, context: Context, deadline: Deadline) -> Pair:
    """The product and its baseline; every other time the baseline goes first.

    A baseline that cannot be measured leaves the product's own value, and a fault.
    """
    found: dict[str, Sample | None] = {"baseline": None}
    parts = ["subject", *(["baseline"] if scenario.baseline else [])]
    missing = ""
    for part in reversed(parts) if number % 2 else parts:
        try:
            found[part] = _part(scenario, part, context, deadline)
        except UnmeasurableError as error:
            if part == "subject":
                raise
            missing = f"no baseline: {error}"
    subject = found["subject"]
    if subject is None:
        raise UnmeasurableError("it gave no sample")
    if missing and not subject.fault:
        subject = replace(subject, fault=missing)
    return subject, found["baseline"]


def _part(scenario: Scenario, part: str, context: Context, deadline: Deadline) -> Sample | None:
    """Run one part in a fresh process with a folder of its own.

    Raises:
        UnmeasurableError: it failed, took too long or says that it cannot be measured.
    """
    left = deadline.left
    if left is not None and left < 1.0:
        raise UnmeasurableError("skipped: the minute of --quick was over")
    limit = deadline.limit(scenario.seconds)
    folder = Path(tempfile.mkdtemp(prefix=f"{scenario.name}-", dir=context.folder))
    out = context.folder / f"{folder.name}.json"
    try:
        given = json.dumps(plain_of(replace(context, folder=folder)))
        command = [sys.executable, "-m", "benchmarks.child", scenario.name, part, str(out)]
        _wait(command, given, limit)
        answer = json.loads(out.read_text("utf-8"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        out.unlink(missing_ok=True)
    if "reason" in answer:
        raise UnmeasurableError(answer["reason"])
    return Sample(**answer) if answer else None


def _wait(command: Sequence[str], given: str, limit: float) -> None:
    """Run a command with its children; end them all when it takes too long.

    Raises:
        UnmeasurableError: it failed (with its last words) or took too long.
    """
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
    )
    try:
        _, words = child.communicate(given, timeout=limit)
    except subprocess.TimeoutExpired:
        raise UnmeasurableError(f"it did not end within {limit:.0f} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    if child.returncode < 0:
        raise UnmeasurableError(f"it was ended by {signal.Signals(-child.returncode).name}")
    if child.returncode:
        last = next((line for line in reversed(words.splitlines()) if line.strip()), "no word")
        raise UnmeasurableError(f"it failed: {last.strip()[:300]}")


def _words(scenario: Scenario, pair: Pair) -> str:
    shown: dict[str, Any] = {
        figure.name: pair[0].values.get(figure.name) for figure in scenario.figures
    }
    return ", ".join(f"{name} {value:,.4g}" for name, value in shown.items() if value is not None)


@contextmanager
def scratch(**how: Any) -> Iterator[Context]:
    """A context with empty folders, deleted at the end; the cache lives as long."""
    with tempfile.TemporaryDirectory(prefix="datawatch-bench-") as name:
        folder = Path(name)
        (folder / "cache").mkdir()
        yield Context(folder=folder, cache=folder / "cache", **how)

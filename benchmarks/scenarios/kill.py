"""An ingest that is killed with -9 at random moments loses and repeats nothing."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.events import Mix, read_truth, write_events
from benchmarks.ingesting import difference, events_file
from benchmarks.meters import Meter, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario

NAME = "kill"
FULL_EVENTS, QUICK_EVENTS, QUICK_KILLS = 150_000, 10_000, 2


def prepare(context: Context) -> None:
    """Events of four keyed tables, with updates and deletes."""
    write_events(
        events_file(context, NAME), context.size(FULL_EVENTS, QUICK_EVENTS), Mix(updates=0.3)
    )


def subject(context: Context) -> Sample:
    """Kill as often as asked; after each kill the ledger must balance, at the end all must agree.

    A workspace that is through before all kills are done is checked whole, and a new one begun.
    """
    chance, file = random.Random(9), events_file(context, NAME)
    wanted = QUICK_KILLS if context.quick else context.kills
    survived, made, runs, fault = 0, 0, 0, ""
    whole = _uninterrupted(context, file)
    with Meter() as meter:
        while made < wanted and not fault:
            runs += 1
            path = context.folder / f"rough{runs}.duckdb"
            kills, good, fault = _one_run(path, file, chance, whole, wanted - made)
            made += kills
            survived += good
            if not kills:
                whole *= 0.7  # it was faster than the first run
    return Sample(
        {NAME: survived},
        cpu_seconds=meter.cpu_seconds,
        file_bytes=workspace_bytes(path),
        details={"kills": made, "runs": runs, "seconds_uninterrupted": round(whole, 2)},
        fault=fault,
        attempted=made,
    )


def _uninterrupted(context: Context, file: Path) -> float:
    """Seconds of a run that nobody disturbs."""
    start = time.perf_counter()
    _ingest(context.folder / "calm.duckdb", file).wait()
    return time.perf_counter() - start


def _one_run(
    path: Path, file: Path, chance: random.Random, whole: float, most: int
) -> tuple[int, int, str]:
    """Ingest one file with kills until it is through; kills, those survived, and what is wrong.

    It is also through when it was killed between the note that it is and its exit: who starts it
    again then has the whole file read anew, all of it duplicates.
    """
    kills = good = received = 0
    total = read_truth(file).total
    while received < total:
        run = _ingest(path, file)
        if kills < most:
            try:
                run.wait(chance.uniform(0.1, 1.0) * whole)
            except subprocess.TimeoutExpired:
                run.kill()
                kills += run.wait() != 0  # one that was through in this moment was not killed
        if run.wait() == 0:
            break
        if run.returncode > 0:
            return kills, good, f"after {kills} kills the ingest failed ({run.returncode})"
        received, fault = _ledger(path)
        if fault:
            return kills, good, f"after {kills} kills: {fault}"
        good += 1
    fault = _unlike(path, file)
    return kills, good if not fault else 0, fault


def _ingest(path: Path, file: Path) -> subprocess.Popen[bytes]:
    words = ["ingest", str(file), "--workspace", str(path)]
    return subprocess.Popen(
        [sys.executable, "-m", "datawatch_lab.cli", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _ledger(path: Path) -> tuple[int, str]:
    """Events received by a workspace whose owner was killed, and what is wrong; '' for nothing."""
    from datawatch_lab.service.handle import open_workspace

    if not path.exists():
        return 0, ""
    with open_workspace(path) as lab:
        ledger = lab.ledger()
    parts = ledger.applied + ledger.duplicate + ledger.late + ledger.quarantined
    if ledger.received != parts or ledger.applied != ledger.received:
        fault = f"{ledger.received} received, {ledger.applied} applied, {parts} accounted for"
        return ledger.received, fault
    return ledger.received, ""


def _unlike(path: Path, file: Path) -> str:
    """How a workspace that is through differs from the truth about the file; '' for not at all."""
    from datawatch_lab.service.handle import open_workspace

    truth = read_truth(file)
    with open_workspace(path) as lab:
        if lab.ledger().duplicate == truth.total:
            return "the file was read twice"
        return difference(lab, truth)


def _scaled(context: Context) -> str:
    if context.quick:
        return f"{QUICK_KILLS} kills instead of 50, {QUICK_EVENTS:,} events instead of 150,000"
    parts = [f"{context.kills} kills instead of 50"] if context.kills < 50 else []
    size = context.size(FULL_EVENTS, QUICK_EVENTS)
    parts += [f"{size:,} events instead of {FULL_EVENTS:,}"] if size < FULL_EVENTS else []
    return ", ".join(parts)


SCENARIO = Scenario(
    name=NAME,
    about="`datawatch ingest` killed with -9 at random moments: kills after which all was right",
    figures=(Figure(NAME, "kills", "higher"),),
    prepare=prepare,
    subject=subject,
    scaled=_scaled,
    runs=1,
    seconds=7_200,
)

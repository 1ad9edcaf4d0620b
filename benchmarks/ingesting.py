"""Durable ingest of a file as a scenario: all stages on, the final check-point counted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.events import Mix, Truth, read_truth, write_events
from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace

ORJSON = "orjson.loads of the same bytes"


def events_file(context: Context, name: str) -> Path:
    """Where the events of a scenario are kept."""
    return context.cache / f"{name}.ndjson"


def ingest_scenario(name: str, about: str, mix: Mix, *, full: int, quick: int) -> Scenario:
    """A scenario that reads a file of events into a new workspace, against `ORJSON`."""

    def prepare(context: Context) -> None:
        write_events(events_file(context, name), context.size(full, quick), mix)

    def subject(context: Context) -> Sample:
        return ingest(context, name, events_file(context, name))

    def baseline(context: Context) -> Sample:
        return load_all(name, events_file(context, name))

    return Scenario(
        name=name,
        about=about,
        figures=(Figure(name, "events/s", "higher"),),
        prepare=prepare,
        subject=subject,
        baseline=baseline,
        against=ORJSON,
        needs=("orjson",),
        scaled=of_size(full, quick, "events"),
    )


def ingest(context: Context, name: str, file: Path) -> Sample:
    """Read a file into a new workspace, close it, and check what it says against the truth."""
    import datawatch_lab.engine  # noqa: F401 - imports are not what is measured
    from datawatch_lab.service.handle import open_workspace
    from datawatch_lab.service.intake import file_source, ingest_source

    truth = read_truth(file)
    path = context.folder / "bench.duckdb"
    with Meter() as meter, open_workspace(path) as lab:
        ingest_source(lab, file_source(str(file)))
    memory = peak_bytes()
    with open_workspace(path) as lab:
        fault = difference(lab, truth)
        keyed = [each for each in lab.tables() if each.key]
        tables = len(lab.tables())
    return Sample(
        {name: truth.total / meter.seconds},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=memory,
        file_bytes=workspace_bytes(path),
        details={
            "events": truth.total,
            "tables": tables,
            "keyed_tables": len(keyed),
            "bytes_per_event": round(file.stat().st_size / truth.total),
            "file_bytes_per_event": round(workspace_bytes(path) / truth.total),
            "events_per_cpu_second": round(truth.total / meter.cpu_seconds),
        },
        fault=fault,
    )


def difference(lab: Workspace, truth: Truth) -> str:
    """What a workspace says otherwise than the truth about all that it was given; '' when nothing.

    The ledger, and by table the events, the current rows and the exact sum of inserted amounts.
    """
    ledger = lab.ledger()
    parts = ledger.applied + ledger.duplicate + ledger.late + ledger.quarantined
    if (ledger.received, ledger.applied, parts) != (truth.total,) * 3:
        return f"{ledger.applied} of {truth.total} events applied, {parts} accounted for"
    answers = {each.name: each for each in lab.tables()}
    for table in list(truth.events)[:20]:
        found = answers.get(table)
        if found is None or found.events != truth.events[table]:
            return f"{table}: not {truth.events[table]} events"
        if found.rows is not None and found.rows != truth.rows[table]:
            return f"{table}: {found.rows} rows instead of {truth.rows[table]}"
        series = lab.query(f"{table}_amount_sum", aggregation="sum").series
        total = round(sum(value or 0.0 for each in series for _, value in each.points) * 100)
        if total != truth.cents[table]:
            return f"{table}: amounts of {total} cents instead of {truth.cents[table]}"
    return ""


def load_all(name: str, file: Path) -> Sample:
    """``orjson.loads`` of every line, one core, results discarded; reading the file not counted."""
    import orjson

    lines = file.read_bytes().splitlines()
    loads = orjson.loads
    with Meter() as meter:
        for line in lines:
            loads(line)
    return Sample({name: len(lines) / meter.seconds}, cpu_seconds=meter.cpu_seconds)

"""The product beside a Bytewax dataflow that does the same counts and sums."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from benchmarks.events import read_truth, write_events
from benchmarks.ingesting import events_file, ingest
from benchmarks.meters import Meter, peak_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size
from benchmarks.scenarios.ingest_4_tables import MIX

NAME = "bytewax_flow"
FULL, QUICK = 100_000, 6_000


def prepare(context: Context) -> None:
    """Events of four tables."""
    write_events(events_file(context, NAME), context.size(FULL, QUICK), MIX)


def subject(context: Context) -> Sample:
    """Ingest, durable, with everything that the product keeps."""
    return ingest(context, NAME, events_file(context, NAME))


def _parts(line: str) -> Iterator[tuple[str, tuple[int, float]]]:
    """Key, and (rows, sum) of what a line adds to it."""
    event: dict[str, Any] = json.loads(line)
    place = f"{event['table']}|{event['timestamp'][:16]}"
    yield f"{place}|{event['operation']}", (1, 0.0)
    if event["operation"] == "INSERT":
        for field in ("amount", "quantity", "weight"):
            yield f"{place}|{field}", (1, float(event["after"][field]))


def _add(one: tuple[int, float], other: tuple[int, float]) -> tuple[int, float]:
    return one[0] + other[0], one[1] + other[1]


def baseline(context: Context) -> Sample:
    """Counts and sums by table, field and minute; in memory only."""
    import bytewax.operators as op
    from bytewax.connectors.files import FileSource
    from bytewax.dataflow import Dataflow
    from bytewax.testing import TestingSink, run_main

    file = events_file(context, NAME)
    run: Any = run_main  # its types are not declared
    totals: list[tuple[str, tuple[int, float]]] = []
    with Meter() as meter:
        flow = Dataflow("sums")
        lines = op.input("lines", flow, FileSource(file))
        summed = op.reduce_final("sums", op.flat_map("parts", lines, _parts), _add)
        op.output("totals", summed, TestingSink(totals))
        run(flow)
    ops = {"INSERT", "UPDATE", "DELETE"}
    counted = sum(rows for key, (rows, _) in totals if key.rpartition("|")[2] in ops)
    expected = read_truth(file).total
    return Sample(
        {NAME: counted / meter.seconds},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        fault="" if counted == expected else f"it counted {counted} of {expected} events",
    )


SCENARIO = Scenario(
    name=NAME,
    about="durable ingest beside a Bytewax dataflow that counts and sums in memory",
    figures=(Figure(NAME, "events/s", "higher"),),
    prepare=prepare,
    subject=subject,
    baseline=baseline,
    against="a Bytewax dataflow over the same file",
    needs=("bytewax",),
    scaled=of_size(FULL, QUICK, "events"),
)

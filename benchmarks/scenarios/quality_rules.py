"""What fifty quality rules on twenty tables take of an ingest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.events import Mix, write_events
from benchmarks.ingesting import events_file
from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario, of_size

if TYPE_CHECKING:
    from datawatch_lab.core.quality import Rule

NAME = "quality_rules"
FULL, QUICK = 400_000, 20_000
TABLES, RULES = 20, 50
_MIX = Mix(tables=TABLES)


def prepare(context: Context) -> None:
    """A file of changes of twenty tables."""
    write_events(events_file(context, NAME), context.size(FULL, QUICK), _MIX)


def rules_for(tables: list[str]) -> list[Rule]:
    """Fifty rules of ten kinds, spread over the tables."""
    from datawatch_lab.core.quality import Rule

    made = []
    for number in range(RULES):
        table = tables[number % len(tables)]
        kinds = (
            Rule(table, "not_null", field="customer_id"),
            Rule(table, "positive", field="amount"),
            Rule(table, "in_set", field="status", values=("new", "paid", "shipped")),
            Rule(table, "in_range", field="amount", min=0, max=10_000),
            Rule(table, "unique", field="id"),
            Rule(table, "regex", field="status", pattern="[a-z]+"),
            Rule(table, "not_empty", field="status"),
            Rule(table, "mean", field="amount", min=0),
            Rule(table, "length", field="status", min=2, max=20),
            Rule(table, "event_freshness", threshold="30d"),
        )
        made.append(kinds[(number // len(tables) + number) % len(kinds)])
    return made


def subject(context: Context) -> Sample:
    """The same ingest without rules and with them; the share is what they add."""
    plain, tables = _ingest(context, "plain", [])
    ruled, _ = _ingest(context, "ruled", tables)
    share = max(1.0 - plain.seconds / ruled.seconds, 0.0) * 100
    count = context.size(FULL, QUICK)
    return Sample(
        {NAME: share},
        cpu_seconds=ruled.cpu_seconds,
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(context.folder / "ruled.duckdb"),
        details={
            "events": count,
            "events_per_second": round(count / ruled.seconds),
            "events_per_second_without_rules": round(count / plain.seconds),
            "cpu_share": round(100 * (1.0 - plain.cpu_seconds / ruled.cpu_seconds), 1),
        },
    )


def _ingest(context: Context, name: str, tables: list[str]) -> tuple[Meter, list[str]]:
    """Ingest the file into a new workspace; done when every rule has seen every event."""
    from datawatch_lab.engine import Engine
    from datawatch_lab.engine.quality import rules as quality_rules
    from datawatch_lab.service.callers import LocalCaller
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.intake import file_source, ingest_source

    path: Path = context.folder / f"{name}.duckdb"
    engine = Engine.open(path)
    if tables:
        quality_rules.add(engine.quality, rules_for(tables), known=False)
    lab = Workspace(LocalCaller(engine))
    with Meter() as meter:
        ingest_source(lab, file_source(str(events_file(context, NAME))))
        engine.quality.evaluate()
        found = sorted(each.name for each in engine.tables())
        problems = dict(engine.quality.problems)
        lab.close()
    if problems:
        raise RuntimeError(f"rules could not be evaluated: {problems}")
    return meter, found


SCENARIO = Scenario(
    name=NAME,
    about=f"share of the time of an ingest that {RULES} quality rules on {TABLES} tables take",
    figures=(Figure(NAME, "%", "lower"),),
    prepare=prepare,
    subject=subject,
    against="the same ingest without rules, as the share is worked out",
    scaled=of_size(FULL, QUICK, "events"),
)

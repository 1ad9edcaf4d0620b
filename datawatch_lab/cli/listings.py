"""The verbs that look: status, tables, metrics, ledger."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.backends import show_backends
from datawatch_lab.cli.correcting import apply_corrections, correction_options, corrections
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option
from datawatch_lab.cli.watching import show_watched

if TYPE_CHECKING:
    from datawatch_lab.service.answers import (
        Counts,
        LedgerAnswer,
        MetricAnswer,
        StatusAnswer,
        TableAnswer,
    )

_OUTCOMES = ("received", "applied", "duplicate", "late", "quarantined")


@click.command(short_help="Show what the workspace holds and whether data still comes.")
@workspace_option
@json_option
def status(workspace: Path | None, as_json: bool) -> None:
    """Show what the workspace holds, from where, and whether data still comes."""
    with opened(workspace, "status") as handle:
        answer = handle.status()
    if as_json:
        print_json(answer)
    else:
        _show_status(answer)
        show_backends(answer.backends)


def _show_status(answer: StatusAnswer) -> None:
    from datawatch_lab.cli.show import console, state
    from datawatch_lab.cli.show import text as shown

    out = console()
    out.print(shown(answer.workspace, "bold"), state(answer.status, answer.message))
    out.print(shown(f"served at {answer.address}" if answer.address else "not served now", "dim"))
    if answer.problem:
        out.print(shown(f"✗ cannot store what comes: {answer.problem}", "red"))
    facts = [
        text.plural(answer.tables, "table"),
        text.plural(answer.metrics, "metric"),
        text.plural(answer.events, "event"),
        f"{text.count(answer.quarantined)} quarantined",
        f"{text.count(answer.backlog)} waiting",
        text.size(answer.size_bytes),
    ]
    out.print(" · ".join(facts))
    if answer.first_event:
        first, last = text.moment(answer.first_event), text.moment(answer.last_event)
        out.print(f"events from {first} to {last} UTC")
    if answer.sources:
        _show_sources(answer)
    show_watched(answer.watched)


def _show_sources(answer: StatusAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row, state

    out, now = console(), text.utc_now()
    table = grid(
        ("Source", "Received", "Last received", "Newest event", "State"), numbers=("Received",)
    )
    for each in answer.sources:
        row(
            table,
            each.name,
            text.count(each.received),
            text.since(each.last_received, now),
            text.since(each.last_event, now),
            state(each.status, each.message),
        )
    out.print()
    out.print(table)


@click.command(short_help="List the tables, their keys, columns and freshness.")
@click.argument("name", required=False)
@click.option("--columns", is_flag=True, help="Show each table's columns and their roles.")
@correction_options
@workspace_option
@json_option
def tables(
    name: str | None,
    columns: bool,
    workspace: Path | None,
    as_json: bool,
    **said: tuple[str, ...],
) -> None:
    """List the tables found so far; with NAME, that table and its columns.

    Roles and masks that were inferred wrong are set with --set, --mask and --unmask, and hold;
    --reset takes that back. What was set is shown.
    """
    with opened(workspace, "tables") as handle:
        corrected = corrections(said)
        changed = apply_corrections(handle, corrected) if corrected else ()
        every = [handle.table(name)] if name else handle.tables()
    answers = [each for each in every if not changed or each.name in changed]
    columns = columns or bool(changed)
    if as_json:
        print_json(answers)
        return
    _show_tables(answers)
    for each in answers if columns or name else ():
        _show_columns(each)


def _show_tables(answers: list[TableAnswer]) -> None:
    from datawatch_lab.cli.show import console, grid, row, state

    if not answers:
        console().print("No tables yet. `datawatch ingest FILE` or `datawatch demo` brings some.")
        return
    now = text.utc_now()
    listed = grid(
        ("Table", "Rows", "Events", "Key", "Columns", "Newest event", "State"),
        numbers=("Rows", "Events", "Columns"),
    )
    for each in answers:
        row(
            listed,
            each.name,
            text.count(each.rows),
            text.count(each.events),
            key_words(each),
            text.count(len(each.columns)),
            text.since(each.last_event, now),
            state(each.status, each.message),
        )
    console().print(listed)


def key_words(answer: TableAnswer) -> str:
    """The key and who named it, or that there is none: ``id (source)``."""
    if answer.key:
        return f"{', '.join(answer.key)} ({answer.key_from or 'inferred'})"
    return "no key: append-only"


def _show_columns(answer: TableAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row

    listed = grid(
        ("Column", "Type", "Role", "Sure", "Why"), numbers=("Sure",), title=text.clean(answer.name)
    )
    for each in answer.columns:
        why = f"{each.reason} (sensitive)" if each.sensitive else each.reason
        row(listed, each.name, each.type, each.role, f"{each.confidence:.0%}", why)
    out = console()
    out.print()
    out.print(listed)


@click.command()
@click.option("--table", metavar="NAME", help="Only metrics of this table.")
@click.option("--search", metavar="TEXT", help="Only metrics with this text in name or meaning.")
@workspace_option
@json_option
def metrics(table: str | None, search: str | None, workspace: Path | None, as_json: bool) -> None:
    """List the metrics that can be queried, by table."""
    with opened(workspace, "metrics") as handle:
        answers = handle.metrics(table=table, search=search)
    if as_json:
        print_json(answers)
    else:
        _show_metrics(answers)


def _show_metrics(answers: list[MetricAnswer]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    if not answers:
        out.print("No such metrics. `datawatch metrics` without options lists all there are.")
        return
    for number, (name, group) in enumerate(groupby(answers, key=lambda each: each.table)):
        listed = grid(
            ("Metric", "Unit", "Shows", "By", "Meaning"),
            title=text.clean(name or "the whole workspace"),
        )
        for each in group:
            labels = ", ".join(each.labels)
            row(listed, each.name, each.unit, each.aggregation, labels, each.description)
        if number:
            out.print()
        out.print(listed)


@click.command(short_help="Show what became of everything received.")
@workspace_option
@json_option
def ledger(workspace: Path | None, as_json: bool) -> None:
    """Show what became of everything received: the four counts and whether they add up."""
    with opened(workspace, "ledger") as handle:
        answer = handle.ledger()
    if as_json:
        print_json(answer)
    else:
        _show_ledger(answer)


def _show_ledger(answer: LedgerAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row
    from datawatch_lab.cli.show import text as shown

    out = console()
    for title, counts in (("Table", answer.tables), ("Source", answer.sources)):
        headings = [each.capitalize() for each in _OUTCOMES]
        listed = grid((title, *headings), numbers=headings)
        for name, cells in counts.items():
            row(listed, name, *_cells(cells))
        listed.add_section()
        row(listed, "all", *_cells(answer), style="bold")
        out.print(listed)
        out.print()
    faults = imbalances(answer)
    if faults:
        for each in faults:
            out.print(shown(f"✗ {each}", "bold red"))
    else:
        out.print(
            shown("balanced ✓", "green"), "received = applied + duplicate + late + quarantined"
        )


def _cells(counts: Counts | LedgerAnswer) -> list[str]:
    return [text.count(getattr(counts, name)) for name in _OUTCOMES]


def imbalances(answer: LedgerAnswer) -> list[str]:
    """What does not add up, in sentences; empty when all does."""
    lines: list[tuple[str, Counts | LedgerAnswer]] = [
        ("all", answer),
        *((f"table {name}", counts) for name, counts in answer.tables.items()),
        *((f"source {name}", counts) for name, counts in answer.sources.items()),
    ]
    faults = []
    for name, counts in lines:
        outcomes = sum(getattr(counts, each) for each in _OUTCOMES[1:])
        if counts.received != outcomes:
            faults.append(f"{name}: {counts.received:,} received, {outcomes:,} accounted for")
    for kind, parts in (("tables", answer.tables), ("sources", answer.sources)):
        for outcome in _OUTCOMES:
            total = getattr(answer, outcome)
            parted = sum(getattr(counts, outcome) for counts in parts.values())
            if total != parted:
                faults.append(f"{outcome}: {total:,} in all, {parted:,} over the {kind}")
    return faults

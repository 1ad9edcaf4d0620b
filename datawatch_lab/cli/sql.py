"""The verb sql: one query over live tables, changes and metrics, as a table, JSON or CSV."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, say, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.handle import Workspace
    from datawatch_lab.service.operations.sql import SqlAnswer, SqlColumn

_NUMBERS = ("integer", "number", "decimal")
_SHOWN = 200
_WIDEST = 60
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@click.command(short_help="Run one SELECT over tables and metrics.")
@click.argument("query")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, all rows, and nothing else.")
@click.option("--limit", type=click.IntRange(1, 100_000), metavar="N", help="At most N rows.")
@click.option("--unmasked", is_flag=True, help="Show personal and secret values too.")
@workspace_option
@json_option
def sql(
    query: str,
    workspace: Path | None,
    as_json: bool,
    as_csv: bool,
    limit: int | None,
    unmasked: bool,
) -> None:
    """Run one QUERY that only reads; `-` reads it from standard input.

    Tables are live.NAME (rows now) and changes.NAME (every change), metrics are metrics.NAME
    (time, labels, value by the minute). `SHOW TABLES` and `DESCRIBE live.NAME` say what there is.
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    if query == "-":
        query = sys.stdin.read()
    with opened(workspace, "sql") as handle:
        if as_csv:
            check_export(handle)
        answer = handle.sql(query, limit, masked=not unmasked)
    if as_json:
        names = [column.name for column in answer.columns]
        print_json([dict(zip(names, row, strict=True)) for row in answer.rows])
    elif as_csv:
        _print_csv(answer)
    else:
        _show(answer)
    if answer.truncated and limit is None:
        say(f"Cut at {answer.limit}; there is more.")


def check_export(handle: Workspace) -> None:
    """Refuse where the workspace's plan has no export.

    Raises:
        PlanError: it has none.
    """
    from datawatch_lab.core.plans import check_feature
    from datawatch_lab.service.operation import Nothing
    from datawatch_lab.service.operations.users import me

    check_feature(handle.caller.call(me, Nothing()).plan, "csv_export")


def _print_csv(answer: SqlAnswer) -> None:
    import csv

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([_cell(column.name) for column in answer.columns])
    kinds = [column.type for column in answer.columns]
    for row in answer.rows:
        writer.writerow(
            value if kind in _NUMBERS else _cell(_plain(value))
            for value, kind in zip(row, kinds, strict=True)
        )


def _cell(value: str | None) -> str | None:
    """Text as CSV; what a spreadsheet would take for a formula gets an apostrophe before it."""
    return f"'{value}" if value is not None and value.startswith(_FORMULA) else value


def _show(answer: SqlAnswer) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    heads = [text.clean(column.name, _WIDEST) for column in answer.columns]
    numbers = [
        head for head, column in zip(heads, answer.columns, strict=True) if column.type in _NUMBERS
    ]
    listed = grid(heads, numbers=numbers)
    for values in answer.rows[:_SHOWN]:
        row(listed, *(_shown(v, c) for v, c in zip(values, answer.columns, strict=True)))
    out.print(listed)
    more = len(answer.rows) - _SHOWN
    if more > 0:
        out.print(f"… and {text.plural(more, 'more row')}; --csv and --json give all.")
    plus = "+" if answer.truncated else ""
    out.print(
        f"{len(answer.rows):,}{plus} {'row' if len(answer.rows) == 1 else 'rows'}, "
        f"{text.seconds(answer.elapsed_ms / 1_000)}",
        style="dim",
    )


def _shown(value: Any, column: SqlColumn) -> str:
    if value is None:
        return "–"
    if column.type == "integer":
        return str(value)
    if column.type == "number":
        return f"{value:.10g}"
    if column.type == "timestamp":
        return str(value).replace("T", " ").removesuffix("Z")
    return text.clean(_plain(value) or "", _WIDEST)


def _plain(value: Any) -> str | None:
    """A value as text; lists and structures as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    import msgspec

    return msgspec.json.encode(value).decode()

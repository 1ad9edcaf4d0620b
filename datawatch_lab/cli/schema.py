"""The verb schema: how the schemas of the watched tables changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from rich.text import Text

    from datawatch_lab.service.operations.schema import (
        SchemaChangeItem,
        SchemaStep,
        SchemaTableAnswer,
    )

_SIGNS = {"breaking": ("✖", "red"), "risky": ("▲", "yellow"), "safe": ("●", "green")}
_RECENT = 30


@click.group(short_help="Show how schemas changed.", invoke_without_command=True)
@click.option("--from", "start", metavar="TIME", help="Only changes since then, such as -7d.")
@click.option("--table", metavar="NAME", help="Only changes of this table.")
@click.option("--impact", type=click.Choice(list(_SIGNS)), help="Only changes of this class.")
@click.option("--limit", type=click.IntRange(1), default=_RECENT, help="At most so many.")
@workspace_option
@json_option
@click.pass_context
def schema(
    ctx: click.Context,
    start: str | None,
    table: str | None,
    impact: str | None,
    limit: int,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Show changes of schemas, newest first: what happened, how much it can break, what it touches.

    They are read from DDL where the source tells it, else from the rows themselves.
    """
    if ctx.invoked_subcommand:
        return
    with opened(workspace, "schema") as handle:
        answer = handle.schema_changes(
            start=start, table=table or "", impact=impact or "", limit=limit
        )
    if as_json:
        print_json(answer)
        return
    _show_changes(answer.changes, "No schema changed yet.")
    if answer.total > len(answer.changes):
        click.echo(f"… and {answer.total - len(answer.changes):,} more; see --limit.")


def _show_changes(changes: list[SchemaChangeItem], nothing: str) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    if not changes:
        out.print(nothing)
        return
    listed = grid(("When (UTC)", "Impact", "Change", "Why", "Touches"))
    for each in changes:
        sure = "" if each.confidence == 1 else f" ({each.confidence:.0%} sure)"
        touched = text.plural(len(each.references), "reference") if each.references else ""
        when = text.moment(each.at)
        row(listed, when, _sign(each.impact), f"{each.title}{sure}", each.reason, touched)
    out.print(listed)


def _sign(impact: str) -> Text:
    """A sign and a word, so that colour is not needed."""
    from datawatch_lab.cli.show import text as shown

    sign, style = _SIGNS[impact]
    return shown(f"{sign} {impact}", style)


@schema.command(short_help="Show what lies between two moments.")
@click.argument("old")
@click.argument("new", default="now")
@workspace_option
@json_option
def diff(old: str, new: str, workspace: Path | None, as_json: bool) -> None:
    """Show what lies between OLD and NEW, each the name of a snapshot or a time such as -1d."""
    with opened(workspace, "schema") as handle:
        answer = handle.schema_diff(start=old, end=new)
    if as_json:
        print_json(answer)
    else:
        _show_steps(answer.steps)


def _show_steps(steps: list[SchemaStep]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    if not steps:
        console().print("The schema was the same.")
        return
    listed = grid(("Impact", "Change", "Why"))
    for each in steps:
        row(listed, _sign(each.impact), each.title, each.reason)
    console().print(listed)


@schema.command(short_help="Show a table and how it changed.")
@click.argument("table")
@click.option("--at", metavar="TIME", help="As of then: a time or the name of a snapshot.")
@workspace_option
@json_option
def history(table: str, at: str | None, workspace: Path | None, as_json: bool) -> None:
    """Show the columns of TABLE, and its changes up to now or up to a time."""
    with opened(workspace, "schema") as handle:
        answer = handle.schema_table(table=table, at=at)
    if as_json:
        print_json(answer)
    else:
        _show_table(answer, table)


def _show_table(answer: SchemaTableAnswer, name: str) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    if answer.table is None:
        out.print(f"There was no table {text.clean(name)} then.")
    else:
        title = f"{answer.table.table}, key {', '.join(answer.table.key) or 'not known'}"
        listed = grid(("Column", "Type", "Null", "Default"), title=text.clean(title))
        nulls = {None: "?", True: "yes", False: "no"}
        for each in answer.table.columns:
            kind = f"{each.type}({', '.join(each.values)})" if each.values else each.type
            default = "generated" if each.generated else each.default or ""
            row(listed, each.name, kind, nulls[each.nullable], default)
        out.print(listed)
    out.print()
    _show_changes(answer.history, "It has not changed since it was first seen.")


@schema.command(short_help="Give a moment of the schema a name.")
@click.argument("name", required=False)
@click.option("--at", metavar="TIME", help="Another moment than now.")
@click.option("--note", default="", metavar="TEXT", help="One sentence.")
@workspace_option
@json_option
def snapshot(
    name: str | None, at: str | None, note: str, workspace: Path | None, as_json: bool
) -> None:
    """Give the schema of now, or of another moment, NAME; without one, list those there are."""
    with opened(workspace, "schema") as handle:
        if name:
            found = [handle.make_schema_snapshot(name=name, at=at, note=note)]
        else:
            found = handle.schema_snapshots()
    if as_json:
        print_json(found[0] if name else found)
        return
    from datawatch_lab.cli.show import console, grid, row

    if not found:
        console().print("There are no snapshots yet. `datawatch schema snapshot NAME` makes one.")
        return
    numbers = ("Tables", "Columns")
    listed = grid(("Snapshot", "Of (UTC)", *numbers, "Note", "By"), numbers=numbers)
    for each in found:
        counts = (text.count(each.tables), text.count(each.columns))
        row(listed, each.name, text.moment(each.at), *counts, each.note, each.by)
    console().print(listed)

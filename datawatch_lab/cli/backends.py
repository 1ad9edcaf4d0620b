"""The verb backends: the servers that metrics are written to, and how they stand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.core.backend_states import BackendState


@click.command(short_help="Show the metric back ends, or send to one again.")
@click.option("--resend", metavar="NAME", help="Send minutes to this back end once more.")
@click.option(
    "--from", "start", default="-24h", metavar="TIME", help="Of --resend.  [default: -24h]"
)
@workspace_option
@json_option
def backends(resend: str | None, start: str, workspace: Path | None, as_json: bool) -> None:
    """Show Prometheus, InfluxDB, TimescaleDB and ClickHouse as far as they are written to.

    What each took and refused, how far it is behind, and why it is away if it is.
    """
    with opened(workspace, "backends") as handle:
        found = handle.backends()
        if resend:
            found = handle.resend_to_backend(name=resend, start=start)
    if as_json:
        print_json(found)
        return
    show_backends(found)
    if not found:
        click.echo(
            "No back end is written to; the section `storage` of the configuration names them."
        )


def show_backends(found: list[BackendState]) -> None:
    """A line each, and the problem of those that are away."""
    from datawatch_lab.cli.show import console, grid, row
    from datawatch_lab.cli.show import text as shown

    if not found:
        return
    out = console()
    numbers = ("Points", "Refused", "Behind")
    listed = grid(("Back end", "Address", "State", *numbers), numbers=numbers)
    for each in found:
        row(
            listed,
            f"{each.name} {each.version}".strip(),
            each.address,
            each.state,
            text.count(each.points),
            text.count(each.refused),
            f"{each.behind_seconds:,.0f} s",
        )
    out.print(listed)
    for each in found:
        if each.problem:
            out.print(shown(f"✗ {each.name}: {each.problem}", "red"))

"""The verb services: how the services that send telemetry do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, workspace_option

if TYPE_CHECKING:
    from rich.text import Text

    from datawatch_lab.service.telemetry.shapes import Service

_STATES = {
    "healthy": ("●", "green"),
    "degraded": ("▲", "yellow"),
    "unhealthy": ("✖", "red"),
    "stale": ("○", "yellow"),
}


@click.command(short_help="Show the services that send telemetry, and how they do.")
@workspace_option
@json_option
def services(workspace: Path | None, as_json: bool) -> None:
    """Show the services that send events, heartbeats or measurements, and how they do.

    A service is degraded or unhealthy by what it says, its errors or its latency; it is stale when
    it was not heard of for two minutes. The limits are settings.
    """
    with opened(workspace, "services") as handle:
        found = handle.list_services()
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: list[Service]) -> None:
    from datawatch_lab.cli.show import console, grid, row

    out = console()
    if not found:
        out.print(
            "No service has sent anything yet. POST to /heartbeat or /events, or use the SDK."
        )
        return
    numbers = ("Requests", "Errors", "Latency", "Uptime")
    table = grid(("Service", "State", *numbers, "Last heartbeat"), numbers=numbers)
    now = text.utc_now()
    for each in found:
        row(
            table,
            each.name,
            _state(each.status),
            text.count(each.request_count),
            text.count(each.error_count),
            text.value(each.avg_latency_ms, "ms") if each.avg_latency_ms else "–",
            text.seconds(each.uptime_hours * 3_600),
            text.since(each.last_heartbeat, now) if each.last_heartbeat else "never",
        )
    out.print(table)


def _state(status: str) -> Text:
    """A sign and a word, so that colour is not needed."""
    from datawatch_lab.cli.show import text as shown

    sign, colour = _STATES.get(status, ("○", "dim"))
    return shown(f"{sign} {status}", colour)

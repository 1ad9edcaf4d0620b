"""The verb watch: a database into the workspace, its tables first, then every change, served."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli.options import (
    opened,
    say,
    selection_options,
    workspace_option,
)

if TYPE_CHECKING:
    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.service.handle import Workspace

_HOST = "127.0.0.1"


@click.command(short_help="Watch a database: its tables, then every change.")
@click.argument("url", metavar="URL")
@selection_options
@click.option("--no-snapshot", is_flag=True, help="Changes only, not the rows that are there.")
@click.option("--name", default="", help="Of the source.  [default: from host and database]")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 for any free one.  [default: 3002]")
@click.option("--no-browser", is_flag=True, help="Print the link only.")
@click.option("--remove", is_flag=True, help="Watch it no more; take slot and publications back.")
@click.option("--keep-slot", is_flag=True, help="With --remove: leave them on the server.")
@workspace_option
def watch(url: str, workspace: Path | None, **how: Any) -> None:
    """Watch a database: copy its tables, then follow every change, until Ctrl-C.

    URL is postgresql://user:password@host/database, mysql://user:password@host/database,
    kafka://host:9092/topic,other.*, redis://host:6379/0?streams=orders,shop:*, or system:// for the
    machine itself. The password is kept in memory only; without one in the URL of a PostgreSQL
    database, PGPASSWORD and ~/.pgpass hold. Started again it goes on where it stopped. If a server
    has the workspace, that server watches, and this command only shows how it goes.
    """
    from datawatch_lab.cli.logs import start_logging
    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.service.handle import default_path

    start_logging("ERROR")  # what is tried again is shown anyway
    path = workspace or default_path()
    with Interruption() as interruption, opened(path, "watch", create=not how["remove"]) as handle:
        if how["remove"]:
            _remove(handle, url, how["name"], keep=how["keep_slot"])
            return
        if handle.is_remote:
            _through_server(handle, path, url, how, interruption)
        else:
            _here(handle, path, url, how, interruption)
    click.get_current_context().exit(interruption.server_status)


def _settings(how: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": how["name"],
        "include": list(how["include"]),
        "exclude": list(how["exclude"]),
        "snapshot": not how["no_snapshot"],
    }


def _here(
    handle: Workspace, path: Path, url: str, how: dict[str, Any], interruption: Interruption
) -> None:
    """Serve the workspace and watch in this process."""
    from datawatch_lab.api.server import free_port
    from datawatch_lab.cli.demo import has_desktop
    from datawatch_lab.cli.serving import resume, served
    from datawatch_lab.cli.watching import follow
    from datawatch_lab.core.config import load_config

    wanted = load_config(None, os.environ).port if how["port"] is None else how["port"]
    chosen = free_port(_HOST, wanted, search=True)
    if wanted not in (0, chosen):
        say(f"Port {wanted} is taken; using {chosen}.")
    with served(handle, path, host=_HOST, port=chosen, auth=True, sources=None) as place:
        watched = handle.watch(url, **_settings(how))
        click.echo(f"DataWatch shows {watched.name} at {place.link}")
        sys.stdout.flush()
        resume(handle)
        if has_desktop() and not how["no_browser"]:
            click.launch(place.link)
        follow(handle, watched.name, interruption)
        say("Stopping …")
    say(f"Stopped; all that was read is in {path}. The same command goes on from there.")


def _through_server(
    handle: Workspace, path: Path, url: str, how: dict[str, Any], interruption: Interruption
) -> None:
    """Ask the server that has the workspace to watch, and show how it goes."""
    from datawatch_lab.cli.serving import link_to
    from datawatch_lab.cli.watching import follow
    from datawatch_lab.service.access import read_token
    from datawatch_lab.service.watching import complete_address

    if how["port"] is not None:
        say(f"--port has no effect: {path} is served already.")
    watched = handle.watch(complete_address(url), **_settings(how))
    link = link_to(handle.place, read_token(path))
    click.echo(f"The server of {path} watches {watched.name}: {link}")
    sys.stdout.flush()
    follow(handle, watched.name, interruption)
    say("The server goes on watching; `datawatch watch URL --remove` ends that.")


def _remove(handle: Workspace, url: str, name: str, *, keep: bool) -> None:
    from datawatch_lab.service import watching

    found = watching.find(handle, url, name)
    dropped = watching.unwatch(handle, found.name, url, keep=keep)
    if found.url.startswith("system:"):
        say(f"{found.name} is measured no more.")
    elif not found.url.startswith("postgres"):
        left = f"; left on its server: {dropped.left}" if dropped.left else ""
        say(f"{found.name} is watched no more{left}.")
    elif dropped.left:
        say(f"{found.name} is watched no more; left on its server: {dropped.left}.")
    else:
        say(f"{found.name} is watched no more; slot and publications {found.slot} are gone.")
    say("Its tables and metrics stay in the workspace.")

"""The verb dashboards: listed, exported, imported, checked, made of templates, rolled back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import json_option, opened, print_json, say, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.service.operations.dashboards_exchange import DocumentVerdict

_FORMATS = ("yaml", "json", "grafana", "metabase", "python")
_FILES = click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True)


@click.group(short_help="List, export and import dashboards.", invoke_without_command=True)
@click.option("--search", default="", metavar="TEXT", help="Only those with this text.")
@workspace_option
@json_option
@click.pass_context
def dashboards(ctx: click.Context, search: str, workspace: Path | None, as_json: bool) -> None:
    """List the dashboards of the workspace."""
    if ctx.invoked_subcommand:
        return
    with opened(workspace, "dashboards") as handle:
        found = handle.list_dashboards(search=search)
    if as_json:
        print_json(found)
        return
    from datawatch_lab.cli.show import console, grid, row

    if not found:
        console().print("There are no dashboards yet. `datawatch dashboards new` makes one.")
        return
    numbers = ("Tiles", "Version")
    listed = grid(("Dashboard", *numbers, "Changed (UTC)", "By", "Id"), numbers=numbers)
    for each in found:
        counts = (text.count(each.tiles), text.count(each.version))
        row(listed, each.name, *counts, text.moment(each.updated_at), each.created_by, each.id)
    console().print(listed)


@dashboards.command(short_help="Make a dashboard of a template.")
@click.argument("template", default="overview")
@click.option("--name", default="", metavar="NAME", help="In place of the template's own.")
@workspace_option
@json_option
def new(template: str, name: str, workspace: Path | None, as_json: bool) -> None:
    """Make a dashboard of TEMPLATE, which takes what the workspace has."""
    with opened(workspace, "dashboards new") as handle:
        made = handle.add_dashboard(template=template, name=name or None)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{text.clean(made.name)}: {text.plural(len(made.tiles), 'tile')}, {made.path}")


@dashboards.command(short_help="List the templates.")
@workspace_option
@json_option
def templates(workspace: Path | None, as_json: bool) -> None:
    """List the templates, and how many tiles each would make of the workspace."""
    with opened(workspace, "dashboards templates") as handle:
        found = handle.dashboard_templates()
    if as_json:
        print_json(found)
        return
    from datawatch_lab.cli.show import console, grid, row

    listed = grid(("Template", "Tiles", "Shows", "Needs"), numbers=("Tiles",))
    for each in found:
        row(listed, each.name, text.count(each.tiles), each.description, each.needs)
    console().print(listed)


@dashboards.command(short_help="Write dashboards as YAML, JSON, Python, or for others.")
@click.argument("names", nargs=-1)
@click.option("--format", "form", type=click.Choice(_FORMATS), default="yaml", show_default=True)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="A file; a folder for several. Else standard output.",
)
@workspace_option
def export(names: tuple[str, ...], form: str, output: Path | None, workspace: Path | None) -> None:
    """Write the dashboards of these NAMES, or ids; all of them without one."""
    from datawatch_lab.core.writing import check_target, write_whole

    is_file = output is not None and len(names) == 1 and not output.is_dir()
    if output is not None and is_file:
        check_target(output)
    with opened(workspace, "dashboards export") as handle:
        wanted = names or tuple(each.id for each in handle.list_dashboards())
        found = [handle.export_dashboard(each, format=form) for each in wanted]
    if output is None:
        separator = "---\n" if form == "yaml" else ""
        click.echo(separator.join(each.text for each in found), nl=False)
        return
    if is_file:
        write_whole(output, found[0].text.encode())
        say(f"Wrote {output}.")
        return
    output.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    for each in found:
        name, number = each.name, 1
        stem, _, ending = each.name.partition(".")
        while name in taken:
            number += 1
            name = f"{stem}_{number}.{ending}"
        taken.add(name)
        (output / name).write_text(each.text, "utf-8")
    say(f"Wrote {text.plural(len(found), 'file')} into {output}.")


@dashboards.command("import", short_help="Take dashboards in from YAML or JSON.")
@click.argument("files", nargs=-1, required=True, type=_FILES)
@click.option("--replace", is_flag=True, help="Change the dashboard of that id or name.")
@click.option("--copy", is_flag=True, help="Make new ones, under other names where taken.")
@workspace_option
@json_option
def import_(
    files: tuple[Path, ...], replace: bool, copy: bool, workspace: Path | None, as_json: bool
) -> None:
    """Take dashboards in from FILES, YAML or JSON; - is standard input."""
    if replace and copy:
        raise click.UsageError("--replace and --copy cannot be had together.")
    with opened(workspace, "dashboards import", create=True) as handle:
        made = [handle.import_dashboard(_words(each), replace=replace, copy=copy) for each in files]
    if as_json:
        print_json(made)
        return
    for each in made:
        tiles = text.plural(len(each.tiles), "tile")
        click.echo(f"{text.clean(each.name)}: {tiles}, version {each.version}")
        for fault in each.warnings:
            say(f"  {text.clean(fault.path)}: {text.clean(fault.message)}")


@dashboards.command(short_help="Check files of dashboards.")
@click.argument("files", nargs=-1, required=True, type=_FILES)
@click.option("--strict", is_flag=True, help="Warnings too make it fail.")
@workspace_option
@json_option
@click.pass_context
def validate(
    ctx: click.Context,
    files: tuple[Path, ...],
    strict: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Check FILES: their form, and whether what they name is in the workspace. Nothing is stored.

    Exit status 1 when one cannot be taken.
    """
    with opened(workspace, "dashboards validate") as handle:
        found = {str(each): handle.validate_dashboard(text=_words(each)) for each in files}
    bad = [each for each in found.values() if not each.valid or (strict and each.faults)]
    if as_json:
        print_json(found)
    else:
        _show_faults(found)
    if bad:
        ctx.exit(1)


def _show_faults(found: dict[str, DocumentVerdict]) -> None:
    for file, answer in found.items():
        tiles = text.plural(answer.tiles, "tile")
        words = f"{text.clean(answer.name)}, {tiles}" if answer.valid else "cannot be taken"
        click.echo(f"{text.clean(file)}: {words}")
        for each in answer.faults:
            sign = "warning" if each.is_warning else "error"
            line = f"line {each.line}, " if each.line else ""
            click.echo(f"  {sign}: {line}{text.clean(each.path)}: {text.clean(each.message)}")


def _words(file: Path) -> str:
    with click.open_file(str(file), encoding="utf-8") as opened_file:
        found: str = opened_file.read()
    return found


@dashboards.command(short_help="List the versions of a dashboard.")
@click.argument("name")
@workspace_option
@json_option
def versions(name: str, workspace: Path | None, as_json: bool) -> None:
    """List the versions of the dashboard NAME, newest first."""
    with opened(workspace, "dashboards versions") as handle:
        found = handle.dashboard_versions(name)
    if as_json:
        print_json(found)
        return
    from datawatch_lab.cli.show import console, grid, row

    listed = grid(("Version", "When (UTC)", "By", "What", "Difference"), numbers=("Version",))
    for each in found:
        when = text.moment(each.at)
        row(listed, text.count(each.version), when, each.who, each.what, each.words)
    console().print(listed)


@dashboards.command(short_help="Show what differs between two versions.")
@click.argument("name")
@click.argument("old", type=int, required=False)
@click.argument("new", type=int, required=False)
@workspace_option
@json_option
def diff(
    name: str, old: int | None, new: int | None, workspace: Path | None, as_json: bool
) -> None:
    """Show what differs between versions OLD and NEW of NAME; by default the newest two."""
    with opened(workspace, "dashboards diff") as handle:
        found = handle.dashboard_diff(name, old=old, new=new)
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo(text.clean(each.words))
    if not found:
        click.echo("They are the same.")


@dashboards.command(short_help="Make a dashboard what it was.")
@click.argument("name")
@click.argument("version", type=int, required=False)
@workspace_option
@json_option
def rollback(name: str, version: int | None, workspace: Path | None, as_json: bool) -> None:
    """Make NAME what it was at VERSION, by default the one before; by its id a dropped one too."""
    with opened(workspace, "dashboards rollback") as handle:
        made = handle.rollback_dashboard(name, version=version)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{text.clean(made.name)} is at version {made.version}.")

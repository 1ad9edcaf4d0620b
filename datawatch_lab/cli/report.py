"""The verb report: a notebook, run with parameters, as a page."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli.options import debug_option, json_option, on_terminal, print_json, say
from datawatch_lab.core.errors import ConfigError

if TYPE_CHECKING:
    from datawatch_lab.reports.running import Progress


@click.command(short_help="Run a notebook as a report: HTML, PDF or a notebook.")
@click.argument("notebook", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Ends in .html, .pdf or .ipynb.  [default: NOTEBOOK's name with .html, here]",
)
@click.option(
    "--param", "given", multiple=True, metavar="NAME=VALUE", help="A parameter; may be repeated."
)
@click.option("--params", "listed", is_flag=True, help="List the parameters, and run nothing.")
@click.option("--code", is_flag=True, help="Show the code as well.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the notebook opens: its parameter `workspace`, and DATAWATCH_WORKSPACE.",
)
@debug_option
@json_option
def report(
    notebook: Path,
    out: Path | None,
    given: tuple[str, ...],
    listed: bool,
    code: bool,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Run NOTEBOOK without anybody watching, and write what it shows.

    Values of parameters are read as YAML: 7, true, 2026-01-31, "text". The notebook is not changed;
    a cell that fails ends it with the cell's code and error, and nothing is written.
    """
    from datawatch_lab.reports.running import kernel_sees, parameters_of, run_report

    known = parameters_of(notebook)
    if listed:
        _list(known, as_json=as_json)
        return
    parameters = dict(_parameter(each) for each in given)
    if workspace is not None and "workspace" in known:
        parameters.setdefault("workspace", str(workspace.resolve()))
    kernel_sees(workspace)
    target = out or Path(f"{notebook.stem}.html")
    bar = _Bar()
    with bar.shown():
        run_report(notebook, target, parameters, code=code, progress=bar.at)
    if as_json:
        print_json({"notebook": str(notebook), "out": str(target), "parameters": parameters})
    else:
        click.echo(f"{target} · {target.stat().st_size / 1_000:,.0f} kB")


def _list(known: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        print_json(known)
    elif not known:
        say("It takes none. Those of the cell tagged `parameters` would be listed.")
    for name, default in () if as_json else known.items():
        click.echo(f"{name} = {default}")


def _parameter(text: str) -> tuple[str, Any]:
    """Name and value of ``NAME=VALUE``."""
    import yaml

    name, equals, value = text.partition("=")
    if not name.strip() or not equals:
        raise ConfigError(f"--param {text}: it must be NAME=VALUE, such as --param days=7.")
    try:
        read: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    return name.strip(), read if isinstance(read, int | float | bool | list | dict) else value


class _Bar:
    """Cells that are done, on standard error where somebody watches."""

    def __init__(self) -> None:
        self.at: Progress | None = None

    def shown(self) -> AbstractContextManager[object]:
        """Show the bar while a block runs."""
        if not on_terminal():
            return nullcontext()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        bar = Progress(
            TextColumn("cells"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        task = bar.add_task("cells", total=None)
        self.at = lambda done, total: bar.update(task, completed=done, total=total)
        return bar

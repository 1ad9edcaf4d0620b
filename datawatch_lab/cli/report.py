"""The verb report: a notebook, run with parameters, as a page."""

from __future__ import annotations

import json
import os
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from datawatch_lab.cli.options import (
    debug_option,
    json_option,
    on_terminal,
    opened,
    print_json,
    say,
)
from datawatch_lab.core.errors import ConfigError

if TYPE_CHECKING:
    from datawatch_lab.core.config import Config
    from datawatch_lab.reports.running import Progress
    from datawatch_lab.service.operations.reports import RunAnswer


@click.command(short_help="Run a notebook as a report: HTML, PDF or a notebook.")
@click.argument("notebook", required=False, type=click.Path(path_type=Path, dir_okay=False))
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
    "--mail", "to", multiple=True, metavar="ADDRESS", help="Mail it, too; may be repeated."
)
@click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Whose alerts.channels mail goes through.",
)
@click.option("--list", "lists", is_flag=True, help="Reports that run by themselves, and how.")
@click.option("--run", "now", metavar="NAME", help="Let the server run one of these now.")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What the notebook opens: its parameter `workspace`, and DATAWATCH_WORKSPACE.",
)
@debug_option
@json_option
def report(  # noqa: PLR0913, PLR0917 — one per option
    notebook: Path | None,
    out: Path | None,
    given: tuple[str, ...],
    listed: bool,
    code: bool,
    to: tuple[str, ...],
    file: Path | None,
    lists: bool,
    now: str | None,
    workspace: Path | None,
    as_json: bool,
) -> None:
    """Run NOTEBOOK without anybody watching, and write what it shows.

    Values of parameters are read as JSON or YAML: 7, true, null, 2026-01-31, "text". The notebook
    is not changed; a cell that fails ends it with the cell's code and error, and nothing is
    written.

    Reports of the configuration (`reports:`) are run by `datawatch serve`; see --list and --run.
    """
    if lists or now:
        _scheduled(workspace, now, as_json=as_json)
        return
    if notebook is None:
        raise click.UsageError("name a notebook, or use --list.")
    from datawatch_lab.reports.running import kernel_sees, parameters_of, run_report

    known = parameters_of(notebook)
    if listed:
        _list(known, as_json=as_json)
        return
    config = _config(file, to)
    parameters = dict(_parameter(each) for each in given)
    if workspace is not None and "workspace" in known:
        parameters.setdefault("workspace", str(workspace.resolve()))
    kernel_sees(workspace)
    target = out or Path(f"{notebook.stem}.html")
    bar = _Bar()
    with bar.shown():
        run_report(notebook, target, parameters, code=code, progress=bar.at)
    mailed = "" if config is None else _mail(config, target, to, parameters)
    if as_json:
        print_json({"notebook": str(notebook), "out": str(target), "parameters": parameters})
    else:
        click.echo(f"{target} · {target.stat().st_size / 1_000:,.0f} kB")
        if mailed:
            click.echo(mailed)


def _config(file: Path | None, to: tuple[str, ...]) -> Config | None:
    """The configuration that mail goes by, read before anything runs; None without mail."""
    if not to:
        return None
    from datawatch_lab.core.config import load_config
    from datawatch_lab.core.config.reports import read_addresses

    try:
        read_addresses("--mail", list(to))
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
    config = load_config(file, os.environ)
    if not any(each.kind == "email" and each.enabled for each in config.channels):
        raise ConfigError(
            "--mail needs a channel of the kind email.",
            hint="Name a configuration that has alerts.channels.email: --config FILE.",
        )
    return config


def _mail(config: Config, page: Path, to: tuple[str, ...], parameters: dict[str, Any]) -> str:
    from datawatch_lab.service.reporting import mail_report

    rows = {f"· {name}": str(value) for name, value in parameters.items() if name != "workspace"}
    return mail_report(config, f"Report {page.stem}", page, to, rows)


def _scheduled(workspace: Path | None, now: str | None, *, as_json: bool) -> None:
    """Reports of the configuration; or let one run now."""
    with opened(workspace, "report") as handle:
        if now:
            taken = handle.run_report(now)
            print_json(taken) if as_json else click.echo(
                f"{now} runs; see `datawatch report --list`."
            )
            return
        found = handle.reports()
    if as_json:
        print_json(found)
        return
    if not found:
        say("No reports run by themselves. `reports:` of the configuration names them.")
        return
    if not any(each.next for each in found):
        say("No server runs these now: `datawatch serve --config FILE` does.")
    from datawatch_lab.cli.show import console, grid, row

    table = grid(("Report", "Every", "Next", "Last", "Outcome"), title="Reports")
    for each in found:
        last = each.runs[0] if each.runs else None
        row(
            table,
            each.name,
            each.every,
            _clock(each.next, each.timezone),
            "–" if last is None else _clock(last.due, each.timezone),
            "–" if last is None else _outcome(last),
        )
    console().print(table)


def _clock(at: str | None, zone: str) -> str:
    """A moment by the clock of the workspace."""
    if at is None:
        return "–"
    return datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).strftime("%a %Y-%m-%d %H:%M")


def _outcome(run: RunAnswer) -> str:
    said = [run.state, run.out, run.detail.splitlines()[0] if run.detail else ""]
    return " · ".join(filter(None, said))


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
    with suppress(ValueError):  # as the server writes them; YAML 1.1 reads 1e20 as a text
        return name.strip(), json.loads(value)
    try:
        read: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    quoted = value[:1] in ("'", '"') and isinstance(read, str)
    typed = quoted or isinstance(read, int | float | bool | list | dict)
    return name.strip(), read if typed else value


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

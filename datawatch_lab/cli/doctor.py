"""The verb doctor: what a database needs to be watched, checked, each with the way to fix it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import debug_option, json_option, print_json, selection_options

if TYPE_CHECKING:
    from datawatch_lab.core.watching import Finding

FAILED = 1


@click.command(short_help="Check what watching a database needs.")
@click.argument("url", metavar="[URL]", required=False)
@selection_options
@click.option(
    "--config",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Check the metric back ends of this configuration.",
)
@debug_option
@json_option
def doctor(
    url: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    file: Path | None,
    as_json: bool,
) -> None:
    """Check what watching a database needs, and say how to fix each fault; changes nothing.

    URL is that of a PostgreSQL, MySQL or MariaDB database, of topics of Kafka or streams of Redis,
    as `datawatch watch` takes it. With --config, the metric back ends of the section `storage` are
    asked too. A check that fails makes the exit status 1; advice does not.
    """
    from datawatch_lab.service.watching import diagnose

    if url is None and file is None:
        raise click.UsageError("Give a URL, or --config FILE.")
    findings = diagnose(url, include, exclude) if url is not None else []
    if file is not None:
        findings += _backends(file)
    if as_json:
        print_json(findings)
    elif findings:
        _show(findings, watched=url is not None)
    else:
        click.echo("The configuration names no metric back end.")
    if any(each.blocking and not each.ok for each in findings):
        click.get_current_context().exit(FAILED)


def _backends(file: Path) -> list[Finding]:
    from datawatch_lab.core.config import load_config
    from datawatch_lab.service.backends import check_backends

    return check_backends(load_config(file, os.environ))


def _show(findings: list[Finding], *, watched: bool) -> None:
    from datawatch_lab.cli.show import console
    from datawatch_lab.cli.show import text as shown

    out = console()
    width = max(len(each.check) for each in findings)
    for each in findings:
        sign, colour = _sign(each)
        out.print(shown(f"{sign} {each.check.ljust(width)}  {each.detail}", colour))
        if each.fix:
            out.print(shown(f"  {' ' * width}  → {each.fix}"))
    failed = sum(each.blocking and not each.ok for each in findings)
    advice = sum(not each.blocking and not each.ok for each in findings)
    out.print()
    if failed:
        out.print(shown(f"{text.plural(failed, 'check')} failed; → says how to fix it.", "red"))
    elif watched:
        more = f" ({advice} with advice)" if advice else ""
        out.print(shown(f"It can be watched{more}: datawatch watch URL", "green"))


def _sign(finding: Finding) -> tuple[str, str]:
    if finding.ok:
        return "✓", "green"
    return ("✗", "red") if finding.blocking else ("!", "yellow")

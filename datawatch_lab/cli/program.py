"""The program `datawatch`: its verbs, and how it ends when something fails."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

import click

from datawatch_lab.cli.alerts import alerts
from datawatch_lab.cli.anomalies import anomalies
from datawatch_lab.cli.backends import backends
from datawatch_lab.cli.config import config
from datawatch_lab.cli.dashboards import dashboards
from datawatch_lab.cli.demo import demo
from datawatch_lab.cli.detectors import detectors
from datawatch_lab.cli.doctor import doctor
from datawatch_lab.cli.evaluate import evaluate
from datawatch_lab.cli.export_board import export_board
from datawatch_lab.cli.forecast import forecast
from datawatch_lab.cli.ingest import ingest
from datawatch_lab.cli.lab import lab
from datawatch_lab.cli.listings import ledger, metrics, status, tables
from datawatch_lab.cli.metric import metric
from datawatch_lab.cli.quality import quality
from datawatch_lab.cli.quarantine import quarantine
from datawatch_lab.cli.query import query
from datawatch_lab.cli.report import report
from datawatch_lab.cli.schema import schema
from datawatch_lab.cli.serve import serve
from datawatch_lab.cli.services import services
from datawatch_lab.cli.sql import sql
from datawatch_lab.cli.users import audit, users
from datawatch_lab.cli.watch import watch
from datawatch_lab.core.errors import ConfigError, DataWatchError, TimeError

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130


class Failure(click.ClickException):
    """An error as this program shows it: one message on standard error."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        vars(self)["exit_code"] = exit_code  # click declares it as a constant of the class


class Program(click.Group):
    """The group of all verbs; turns errors into one clear message and an exit status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
        except DataWatchError as error:
            _fail(ctx, error, str(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 — the last place; --debug shows the trace
            _fail(ctx, error, f"internal error: {type(error).__name__}: {error}")

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a newcomer needs them."""
        del ctx
        return list(self.commands)


def _fail(ctx: click.Context, error: Exception, message: str) -> NoReturn:
    if ctx.meta.get("debug") or os.environ.get("DATAWATCH_DEBUG"):
        raise error
    if not isinstance(error, DataWatchError):
        message += "\nRun it again with --debug to see where."
    raise Failure(message, WRONG_USAGE if isinstance(error, ConfigError | TimeError) else FAILED)


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"datawatch {version('datawatch-lab')}")
    ctx.exit()


_EPILOG = """\b
Exit status: 0 well, 1 it failed, 2 wrong usage. `datawatch VERB --help` says more.
Completion:  eval "$(_DATAWATCH_COMPLETE=bash_source datawatch)"
             (or zsh_source; for fish: _DATAWATCH_COMPLETE=fish_source datawatch | source)"""


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EPILOG,
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_version,
    help="Print the release and end.",
)
def main() -> None:
    """Live tables, metrics and dashboards from database changes and telemetry."""


for verb in (
    demo,
    watch,
    doctor,
    backends,
    serve,
    lab,
    ingest,
    status,
    tables,
    metrics,
    metric,
    query,
    forecast,
    sql,
    ledger,
    quarantine,
    quality,
    schema,
    services,
    alerts,
    anomalies,
    detectors,
    dashboards,
    export_board,
    report,
    users,
    audit,
    config,
    evaluate,
):
    main.add_command(verb)


def run() -> NoReturn:
    """The entry point: `main`, then out at once.

    Taking DuckDB and Arrow apart costs 0.2 s after everything is stored and said; a process that is
    killed in that time would look interrupted although nothing was left to do.
    """
    status = 0
    try:
        main()
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else FAILED
    finally:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(BrokenPipeError, ValueError):  # who read it has gone
                stream.flush()
    os._exit(status)

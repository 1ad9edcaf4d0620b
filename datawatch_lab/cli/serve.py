"""The verb serve: one server for pages and REST, until it is told to end."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli.options import opened, say, workspace_option

if TYPE_CHECKING:
    from datawatch_lab.cli.serving import Place
    from datawatch_lab.core.config import Config
    from datawatch_lab.service.handle import Workspace


@click.command(short_help="Serve the workspace: pages and REST.")
@click.option(
    "--config",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A YAML file of settings.",
)
@click.option("--port", type=click.IntRange(0, 65_535), help="0 for any free one.  [default: 3002]")
@click.option("--host", help="Address to bind to.  [default: 127.0.0.1]")
@click.option("--no-auth", is_flag=True, help="Ask nobody to sign in; on this machine only.")
@click.option(
    "--objects",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="A Python file of Panel and HoloViews objects that tiles show.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@workspace_option
def serve(
    file: Path | None,
    port: int | None,
    host: str | None,
    no_auth: bool,
    objects: str | None,
    opens: bool,
    workspace: Path | None,
) -> None:
    """Serve the workspace, its pages and its REST interface, until Ctrl-C.

    A workspace that does not exist is made. What stands later wins: --config, the environment
    (PORT, LOG_LEVEL, DATAWATCH_...), these options. Without --config the workspace goes on with the
    settings, rules and reports that it was last given.
    """
    import msgspec

    from datawatch_lab.cli.logs import start_logging
    from datawatch_lab.core.config import load_config
    from datawatch_lab.core.errors import ConfigError

    config = load_config(file, os.environ)
    given = {
        "port": port,
        "host": host,
        "auth": False if no_auth else None,
        "objects": objects,
        "workspace": None if workspace is None else str(workspace),
    }
    config = msgspec.structs.replace(
        config, **{name: value for name, value in given.items() if value is not None}
    )
    if not config.enabled or not config.server_enabled:
        key = "server.enabled" if config.enabled else "enabled"
        raise ConfigError(f"the server is switched off: {key} is false.", hint="Set it to true.")
    start_logging(config=config)
    _serve(config, told=file is not None, opens=opens)


def _serve(config: Config, *, told: bool, opens: bool) -> None:
    from datawatch_lab.cli.signals import Interruption

    with Interruption() as interruption, ExitStack() as stack:
        with unswept():
            place, path = _begun(stack, config, told=told)
        click.echo(f"DataWatch serves {path} at {place.link}")
        if opens:
            click.launch(place.link)
        interruption.wait()
        say("Stopping …")
    say(f"Stopped; everything taken in is stored in {path}.")
    click.get_current_context().exit(interruption.server_status)


@contextmanager
def unswept() -> Iterator[None]:
    """No sweeps for garbage while a block runs, nor of what it made, ever.

    To start is to make half a million objects that stay. Sweeping them over and over is a tenth of
    what a start costs, and later some 80 ms at a time in which nobody is answered.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _begun(stack: ExitStack, config: Config, *, told: bool) -> tuple[Place, Path]:
    """The workspace, opened and served until the stack is closed; where, and its file."""
    from datawatch_lab.api.server import free_port
    from datawatch_lab.cli.report_server import scheduled_reports
    from datawatch_lab.cli.serving import check_host, served
    from datawatch_lab.core.config import changed_settings
    from datawatch_lab.service.handle import default_path

    path = Path(config.workspace) if config.workspace else default_path()
    check_host(config.host, auth=config.auth, path=path)
    opening = opened(
        path,
        "serve",
        create=True,
        settings=config.settings if told else None,
        changed={} if told else changed_settings(os.environ),
    )
    workspace = stack.enter_context(opening)
    refuse_served(workspace, path)
    config = _configured(workspace, config, told=told)
    port = free_port(config.host, config.port)
    serving = served(
        workspace,
        path,
        host=config.host,
        port=port,
        auth=config.auth,
        sources=config.sources,
        config=config,
    )
    place = stack.enter_context(serving)
    stack.enter_context(scheduled_reports(workspace))
    return place, path


def _configured(workspace: Workspace, config: Config, *, told: bool) -> Config:
    """Make what the configuration says of quality and of alerts so.

    Args:
        workspace: of this process.
        config: as it was read.
        told: whether it was read from a file.

    Returns:
        The configuration with the settings that hold, which the workspace may have remembered.
    """
    import msgspec

    from datawatch_lab.service.alerting import apply_alerts
    from datawatch_lab.service.backends import apply_backends
    from datawatch_lab.service.callers import LocalCaller
    from datawatch_lab.service.detecting import apply_anomalies
    from datawatch_lab.service.quality import apply_quality
    from datawatch_lab.service.reporting import apply_reports

    if not isinstance(workspace.caller, LocalCaller):
        return config
    engine = workspace.caller.engine
    config = msgspec.structs.replace(config, settings=engine.settings)
    apply_quality(
        engine,
        config.data_quality_rules if told or config.data_quality_rules else None,
        enabled=config.quality.enabled,
        suggests=config.quality.default_rules,
        score_threshold=config.quality.score_threshold,
    )
    apply_anomalies(engine, config)
    apply_alerts(engine, config, told=told)
    apply_backends(engine, config)
    apply_reports(engine, config, told=told)
    return config


def refuse_served(workspace: Workspace, path: Path) -> None:
    """Refuse to serve a workspace twice.

    Raises:
        WorkspaceLockedError: another process serves it; gives the link.
    """
    from datawatch_lab.cli.serving import link_to
    from datawatch_lab.core.errors import WorkspaceLockedError
    from datawatch_lab.service.access import read_token

    if workspace.is_remote:
        raise WorkspaceLockedError(
            f"{path} is served already, at {link_to(workspace.place, read_token(path))}",
            hint="Open that link, or stop that server first.",
        )

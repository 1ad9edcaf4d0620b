"""The verb lab: JupyterLab with everything of DataWatch on, beside the engine of the workspace."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from datawatch_lab.cli.options import opened, say, workspace_option

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from datawatch_lab.cli.serving import Place
    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.service.handle import Workspace

LAB_PORT = 8888
FIRST_NOTEBOOK = "01_first_look.ipynb"
_FOLDER = "datawatch-notebooks"
_HOST = "127.0.0.1"
_END_SECONDS = 10.0
_POLL_SECONDS = 0.2
_READY_SECONDS = 60.0
_EXTENSION = "datawatch_lab.jupyter"
_TIED = "datawatch_lab.cli.lab_tied"


class Jupyter:
    """JupyterLab as a child process.

    Attributes:
        link: opens it and signs in.
    """

    def __init__(self, workspace: Path, port: int, folder: Path, log: Path) -> None:
        self.address = f"http://{_HOST}:{port}"
        self.token = secrets.token_hex(24)
        self.link = f"{self.address}/lab?token={self.token}"
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 — our own command
                command(port, folder, _TIED),
                stdin=subprocess.PIPE,  # it ends with this process, which holds the other end
                stdout=output,
                stderr=output,
                env=environment(workspace, self.token),
                start_new_session=True,  # Ctrl-C of the terminal is for us; we end it in order
            )
        self.log = log

    def link_to(self, notebook: str) -> str:
        """The link that opens a notebook of the folder."""
        return f"{self.address}/lab/tree/{notebook}?token={self.token}"

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def wait_ready(self, interruption: Interruption) -> bool:
        """Until it answers; False when it ended, was interrupted or did not answer for a minute."""
        import httpx

        deadline = time.monotonic() + _READY_SECONDS
        while self.is_alive and not interruption.signal and time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.address}/api", timeout=2.0, trust_env=False).is_success:
                    return True
            except httpx.HTTPError:
                time.sleep(_POLL_SECONDS)
        return False

    def end(self) -> None:
        """Ask it to end, with its kernels; insist after ten seconds."""
        with self._process:
            self._process.terminate()
            try:
                self._process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()


def command(port: int, folder: Path, module: str = "jupyterlab") -> list[str]:
    """What starts JupyterLab with the extensions on, also where no wheel switched them on.

    Args:
        port: of JupyterLab.
        folder: that it shows.
        module: that Python runs; see `cli.lab_tied`.
    """
    from importlib.util import find_spec

    place = find_spec(_EXTENSION)
    built = Path(place.origin or "").parent / "labextension" if place is not None else Path()
    return [
        *(sys.executable, "-m", module, "--no-browser"),
        f"--ServerApp.ip={_HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--ServerApp.jpserver_extensions={{'{_EXTENSION}': True}}",
        f"--LabApp.extra_labextensions_path={built}",
        "--DataWatchExtension.autostart=False",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


def environment(workspace: Path, token: str) -> dict[str, str]:
    """The environment of JupyterLab: where the workspace is, and how to sign in."""
    given = {"DATAWATCH_WORKSPACE": str(workspace.resolve()), "JUPYTER_TOKEN": token}
    return {**os.environ, **given}


@contextmanager
def jupyter(workspace: Path, *, port: int | None = None, folder: Path) -> Iterator[Jupyter]:
    """JupyterLab on a workspace while a block runs.

    Args:
        workspace: its file.
        port: wished for; by default the first free one from 8888 on.
        folder: that JupyterLab shows.

    Raises:
        AddressError: the port is taken.
    """
    from datawatch_lab.api.server import free_port

    chosen = free_port(_HOST, LAB_PORT if port is None else port, search=port is None)
    log = workspace.with_name(workspace.name + ".jupyter.log")
    started = Jupyter(workspace, chosen, folder, log)
    try:
        yield started
    finally:
        started.end()


def notebooks() -> Path:
    """The folder of the notebooks: ``./notebooks`` of a clone, else a copy of those of the wheel.

    The copy stands in ``./datawatch-notebooks``; what is there already is left as it is.
    """
    from importlib.resources import as_file, files

    own = Path.cwd() / "notebooks"
    if (own / FIRST_NOTEBOOK).exists():
        return own
    made = Path.cwd() / _FOLDER
    with as_file(files(_EXTENSION) / "notebooks") as packed:
        if packed.is_dir():
            made.mkdir(exist_ok=True)
            for each in sorted(packed.glob("*.ipynb")):
                if not (made / each.name).exists():
                    shutil.copyfile(each, made / each.name)
    return made if made.is_dir() else Path.cwd()


@click.command(short_help="Start JupyterLab with everything on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Of JupyterLab; 0 for any free one.  [default: 8888]",
)
@click.option("--no-browser", is_flag=True, help="Print the link only.")
@workspace_option
def lab(port: int | None, no_browser: bool, workspace: Path | None) -> None:
    """Start JupyterLab in this folder, and the engine of the workspace unless one runs.

    Ending the command ends both; an engine that ran before goes on.
    """
    from datawatch_lab.cli.logs import start_logging
    from datawatch_lab.cli.report_server import scheduled_reports
    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.service.handle import default_path

    start_logging("WARNING")
    path = workspace or default_path()
    with Interruption() as interruption, opened(path, "lab", create=True) as handle:
        served = nullcontext() if handle.is_remote else _served(handle, path)
        reports = scheduled_reports(handle)
        with served, reports, jupyter(path, port=port, folder=Path.cwd()) as running:
            _tell(running, path, interruption, opens=not no_browser)
            while running.is_alive and not interruption.signal:
                time.sleep(_POLL_SECONDS)
            failed = not interruption.signal
            say("Stopping …")
    if failed:
        say(f"JupyterLab ended by itself; {running.log} says why.")
    status = 1 if failed else interruption.server_status
    click.get_current_context().exit(status)


def _served(handle: Workspace, path: Path) -> AbstractContextManager[Place]:
    from datawatch_lab.api.server import free_port
    from datawatch_lab.cli.serving import served
    from datawatch_lab.core.config import load_config

    port = free_port(_HOST, load_config(None, os.environ).port, search=True)
    return served(handle, path, host=_HOST, port=port, auth=True)


def _tell(running: Jupyter, path: Path, interruption: Interruption, *, opens: bool) -> None:
    from datawatch_lab.cli.demo import has_desktop

    if not running.wait_ready(interruption):
        return
    click.echo(f"JupyterLab with {path} at {running.link}")
    sys.stdout.flush()
    if opens and has_desktop():
        click.launch(running.link)

"""The verb demo: a simulated shop in a workspace of its own, with history, served and live."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import on_terminal, opened, say, workspace_option

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from rich.progress import Progress

    from datawatch_lab.cli.signals import Interruption
    from datawatch_lab.core.sources import Source
    from datawatch_lab.service.handle import Workspace

DEFAULT_FILE = "demo.duckdb"
_HOST = "127.0.0.1"
_SOURCE = "demo"
_POLL_SECONDS = 0.1


@click.command(short_help="Show a live page on simulated shop data.")
@click.option("--port", type=click.IntRange(0, 65_535), help="0 for any free one.  [default: 3002]")
@click.option(
    "--days",
    type=click.FloatRange(min=0, max=366),
    default=7,
    show_default=True,
    help="History of a new shop.",
)
@click.option(
    "--rate", type=float, metavar="N", help="Orders a minute of a new shop.  [default: 8]"
)
@click.option("--seed", type=int, help="The same seed is the same shop.  [default: 7]")
@click.option("--no-lab", is_flag=True, help="Start no JupyterLab.")
@click.option("--no-browser", is_flag=True, help="Print the links only.")
@workspace_option
def demo(
    port: int | None,
    days: float,
    rate: float | None,
    seed: int | None,
    no_lab: bool,
    no_browser: bool,
    workspace: Path | None,
) -> None:
    """Show a live page on a simulated shop: its history first, then its orders as they come.

    JupyterLab is started beside it, with a first notebook on the same shop. Ctrl-C ends both.

    The shop lives in ./demo.duckdb (or --workspace FILE). Started again, it goes on where it was,
    and fills the gap since.
    """
    from datawatch_lab.cli.logs import start_logging
    from datawatch_lab.cli.signals import Interruption

    start_logging("WARNING")
    path = workspace or Path(DEFAULT_FILE)
    with Interruption() as interruption, opened(path, "demo", create=True) as handle:
        if handle.is_remote:
            _point_at(handle, path, opens=not no_browser)
            return
        shop = _shop(handle, days=days, rate=rate, seed=seed)
        _run(handle, path, shop, port, interruption, opens=not no_browser, lab=not no_lab)
    say(f"Stopped; the shop is kept in {path}. `datawatch demo` goes on with it.")
    click.get_current_context().exit(interruption.server_status)


def _point_at(handle: Workspace, path: Path, *, opens: bool) -> None:
    """The demo runs already: give its link."""
    from datawatch_lab.cli.serving import link_to
    from datawatch_lab.service.access import read_token

    link = link_to(handle.place, read_token(path))
    click.echo(f"{path} is served already: {link}")
    if opens and has_desktop():
        click.launch(link)


def _shop(
    handle: Workspace, *, days: float, rate: float | None, seed: int | None
) -> dict[str, Any]:
    """Options of the source; those of the shop that the workspace holds, where none is given."""
    stored = (handle.offset(_SOURCE).position or {}).get("shop")
    shop = {"orders_per_minute": rate, "seed": seed}
    chosen = {name: value for name, value in shop.items() if value is not None}
    known = {name: stored[name] for name in shop if isinstance(stored, dict) and name in stored}
    return {**known, **chosen, "history": timedelta(days=days)}


def _run(
    handle: Workspace,
    path: Path,
    shop: dict[str, Any],
    port: int | None,
    interruption: Interruption,
    *,
    opens: bool,
    lab: bool,
) -> None:
    from datawatch_lab.api.server import free_port
    from datawatch_lab.cli.demo_rooms import Furnishing
    from datawatch_lab.cli.report_server import scheduled_reports
    from datawatch_lab.cli.serving import served
    from datawatch_lab.core.config import load_config
    from datawatch_lab.service.intake import demo_source

    wanted = load_config(None, os.environ).port if port is None else port
    chosen = free_port(_HOST, wanted, search=True)
    if wanted not in (0, chosen):
        say(f"Port {wanted} is taken; using {chosen}.")
    history = History()
    source = demo_source(progress=history.made, **shop)
    simulation, rooms = Simulation(handle, source), Furnishing(handle)
    with ExitStack() as stack:
        place = stack.enter_context(served(handle, path, host=_HOST, port=chosen, auth=True))
        click.echo(f"DataWatch shows the demo shop at {place.link}")
        sys.stdout.flush()
        say(f"Ask it from another terminal: export DATAWATCH_WORKSPACE={path.resolve()}")
        simulation.start()
        try:
            if opens and has_desktop():
                click.launch(place.link)
            stack.enter_context(_beside(path, interruption) if lab else nullcontext())
            with history.shown():
                simulation.wait(interruption, until=history.done)
                simulation.settle(interruption)
            if not interruption.signal and simulation.is_alive():
                # not before: the report of a week that was missed is about what fills the gap
                stack.enter_context(scheduled_reports(handle))
                rooms.start()
                say(f"{history.sentence()} The shop is live; Ctrl-C stops it.")
            simulation.wait(interruption)
            say("Stopping …")
        finally:
            rooms.end()
            simulation.end()


@contextmanager
def _beside(path: Path, interruption: Interruption) -> Iterator[None]:
    """JupyterLab on the shop while a block runs, with its link to the first notebook printed.

    A JupyterLab that does not start is no reason to show no shop.
    """
    from datawatch_lab.cli.lab import FIRST_NOTEBOOK, jupyter, notebooks

    with jupyter(path, folder=notebooks()) as running:
        if running.wait_ready(interruption):
            click.echo(
                f"JupyterLab, with a first notebook on it: {running.link_to(FIRST_NOTEBOOK)}"
            )
            sys.stdout.flush()
        elif not interruption.signal:
            say(f"JupyterLab did not start; {running.log} says why. The page above is there.")
        yield


class Simulation(threading.Thread):
    """Reads the demo source into the workspace in a thread of its own."""

    def __init__(self, handle: Workspace, source: Source) -> None:
        super().__init__(name="datawatch-demo", daemon=True)
        self.handle = handle
        self.source = source
        self.fault: BaseException | None = None

    def run(self) -> None:
        """Read until stopped."""
        from datawatch_lab.service.intake import ingest_source

        try:
            ingest_source(self.handle, self.source)
        except BaseException as error:  # noqa: BLE001 — raised in the main thread by `wait`
            self.fault = error

    def wait(self, interruption: Interruption, until: threading.Event | None = None) -> None:
        """Until a signal comes, the event is set, or the source ends.

        Raises:
            BaseException: what ended the source.
        """
        while self.is_alive() and not interruption.signal:
            if until is not None and until.is_set():
                break
            time.sleep(_POLL_SECONDS)
        if self.fault is not None:
            raise self.fault

    def settle(self, interruption: Interruption) -> None:
        """Until what was made so far is stored."""
        while self.is_alive() and not interruption.signal and self.handle.health().backlog:
            time.sleep(_POLL_SECONDS)

    def end(self) -> None:
        """Stop the source and wait for what it has in hand."""
        self.source.stop()
        if self.is_alive():
            self.join()


class History:
    """The progress of the shop's history, on standard error where somebody watches.

    Attributes:
        done: set when the present is reached.
    """

    def __init__(self) -> None:
        self.done = threading.Event()
        self.events = 0
        self._started = time.monotonic()
        self._progress: Progress | None = None

    def made(self, done: float, total: float, events: int) -> None:
        """Called by the source after each stretch: seconds of history done and in all, events."""
        if self.done.is_set():  # what fell due meanwhile is no history
            return
        self.events = events
        if self._progress is not None:
            passed = f"{events:,} events · {text.seconds(total - done)} to go"
            self._progress.update(self._task, completed=done, total=total, said=passed)
        if done >= total:
            self.done.set()

    def shown(self) -> AbstractContextManager[object]:
        """Show the bar while a block runs."""
        if not on_terminal():
            return nullcontext()
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._progress = RichProgress(
            TextColumn("history"),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._progress.add_task("history", total=None, said="")
        return self._progress

    def sentence(self) -> str:
        """What was made."""
        spent = text.seconds(time.monotonic() - self._started)
        return f"{text.plural(self.events, 'event')} of history in {spent}."


def has_desktop() -> bool:
    """Whether there is somebody before a screen here: a desktop, no remote shell, no CI."""
    environment = os.environ
    if environment.get("CI") or environment.get("SSH_CONNECTION"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"))

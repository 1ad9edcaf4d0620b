"""The verb ingest: files into the workspace, exactly once, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from datawatch_lab.cli import text
from datawatch_lab.cli.options import (
    json_option,
    on_terminal,
    opened,
    print_json,
    say,
    workspace_option,
)
from datawatch_lab.cli.signals import Interruption

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.progress import Progress

    from datawatch_lab.core.batches import DecodedBatch
    from datawatch_lab.core.sources import Source
    from datawatch_lab.core.values import LedgerCounts
    from datawatch_lab.service.handle import Workspace

_COUNTS = ("received", "applied", "duplicate", "late", "quarantined")


class WatchedSource:
    """A source that remembers where it resumed.

    Attributes:
        resumed: the line of the first event when it did not start at the beginning, else None.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.resumed: int | None = None

    @property
    def name(self) -> str:
        """The source's name."""
        return self.source.name

    def stop(self) -> None:
        """Ask it to end."""
        self.source.stop()

    def batches(self, resume: Mapping[str, object] | None) -> Iterator[DecodedBatch]:
        """The source's batches."""
        goes_on = bool(resume) and not (resume or {}).get("closed")
        for number, batch in enumerate(self.source.batches(resume)):
            if number == 0 and goes_on:
                line = _first_line(batch)
                self.resumed = line if line and line > 1 else None
            yield batch


def _first_line(batch: DecodedBatch) -> int | None:
    import pyarrow.compute as pc

    firsts = [pc.min(part.column("line")).as_py() for part in (batch.events, batch.bad)]
    return min((int(line) for line in firsts if line is not None), default=None)


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: str
    counts: LedgerCounts
    seconds: float
    resumed: int | None
    interrupted: bool

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        counts = {name: getattr(self.counts, name) for name in _COUNTS}
        rest = {"seconds": round(self.seconds, 3), "resumed_at_line": self.resumed}
        return {"file": self.file, **counts, **rest}

    def sentence(self) -> str:
        """For people."""
        counts = self.counts
        rate = counts.received / self.seconds if self.seconds else 0.0
        start = f"resumed at line {self.resumed:,}; " if self.resumed else ""
        return (
            f"{text.clean(self.file)}: {start}{counts.received:,} received = "
            f"{counts.applied:,} applied + {counts.duplicate:,} duplicate + {counts.late:,} late + "
            f"{counts.quarantined:,} quarantined "
            f"({text.seconds(self.seconds)}, {rate:,.0f} events/s)"
        )


@click.command(short_help="Read files of change events.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--follow", is_flag=True, help="Go on when the file grows, until Ctrl-C.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="Replay at N times the pace of the events.  [default: as fast as possible]",
)
@click.option("--table", metavar="T", help="Table of CSV and Parquet rows.  [default: FILE's name]")
@click.option(
    "--time-column",
    metavar="C",
    help="Column of the rows' event times; '' for none.  [default: found by name and values]",
)
@click.option(
    "--format",
    type=click.Choice(["auto", "json", "csv", "parquet"]),
    default="auto",
    help="How FILE is read; auto: by its ending and first bytes.",
)
@click.option("--delimiter", metavar="C", default="", help="Of CSV fields.  [default: found]")
@click.option(
    "--header/--no-header", default=None, help="Whether CSV begins with names.  [default: found]"
)
@workspace_option
@json_option
def ingest(
    files: tuple[str, ...],
    follow: bool,
    speed: float | None,
    workspace: Path | None,
    as_json: bool,
    **rows: Any,
) -> None:
    """Read files of change events or of rows into the workspace, each exactly once.

    FILE is NDJSON, a JSON array or CSV, plain, gzip or zstd, or Parquet; - reads standard input.
    Rows of CSV and Parquet are inserts into the table named after the file. An interrupted file
    goes on where it stopped; a finished one that is read again brings duplicates only. Malformed
    events are set aside and are no failure: see `datawatch quarantine`.
    """
    if follow and len(files) > 1:
        raise click.UsageError("--follow takes one FILE; start one command for each.")
    rows["delimiter"] = rows["delimiter"].replace("\\t", "\t")
    if len(rows["delimiter"].encode()) > 1:
        raise click.UsageError("--delimiter is one character, or \\t for a tab.")
    how = {"follow": follow, "speed": speed, **rows}
    outcomes: list[Outcome] = []
    with opened(workspace, "ingest", create=True) as handle, Interruption() as interruption:
        for file in files:
            outcome = _take(handle, file, how, interruption)
            outcomes.append(outcome)
            say(outcome.sentence())
            if interruption.signal:
                break
    _conclude(outcomes, as_json)
    if interruption.signal:
        say("Interrupted. What is counted above is stored; the same command goes on from there.")
        click.get_current_context().exit(interruption.status)


def _conclude(outcomes: list[Outcome], as_json: bool) -> None:
    aside = sum(each.counts.quarantined + each.counts.late for each in outcomes)
    if aside:
        say(f"{text.plural(aside, 'event')} set aside; `datawatch quarantine` shows them and why.")
    if as_json:
        total = {name: sum(getattr(o.counts, name) for o in outcomes) for name in _COUNTS}
        print_json({**total, "files": [each.plain() for each in outcomes]})


def _take(handle: Workspace, file: str, how: dict[str, Any], interruption: Interruption) -> Outcome:
    """Read one file; an interruption ends it between two batches."""
    from datawatch_lab.core.values import LedgerCounts
    from datawatch_lab.service.intake import file_source, ingest_source

    bar = Bar(file)
    source = WatchedSource(file_source(file, progress=bar.bytes_done, **how))
    interruption.stops(source.stop)
    started = time.monotonic()
    seen = LedgerCounts()

    def stored(counts: LedgerCounts) -> None:
        nonlocal seen
        seen = counts
        bar.events_done(counts.received)

    with bar.shown():
        try:
            seen = ingest_source(handle, source, stored)
        except KeyboardInterrupt:  # the second one: do not wait for the batch in hand
            interruption.note()
    spent = time.monotonic() - started
    return Outcome(file, seen, spent, source.resumed, bool(interruption.signal))


class Bar:
    """The progress bar of one file on standard error; nothing where nobody watches."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._progress: Progress | None = None
        self._started = time.monotonic()

    def shown(self) -> AbstractContextManager[object]:
        """Show it while a block runs."""
        if not on_terminal():
            return nullcontext()
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress
        from rich.text import Text

        self._progress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[events]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        name = Text(text.clean(Path(self.file).name, 40)).markup
        self._task = self._progress.add_task(name, total=None, events="")
        return self._progress

    def bytes_done(self, done: int, total: int | None, events: int) -> None:
        """Called by the source after each batch."""
        del events
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)

    def events_done(self, events: int) -> None:
        """Called when events are durable."""
        if self._progress is not None:
            rate = events / max(time.monotonic() - self._started, 0.001)
            self._progress.update(self._task, events=f"{events:,} events · {rate:,.0f}/s")

"""A report run in a process of its own, at low priority, so that nothing else waits for it."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.reports import ReportRun, ReportSchedule

log = logging.getLogger(__name__)

_NICE = 10
_POLL_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_MOST_SAID = 2_000


class RunError(DataWatchError):
    """A report did not become a file; the message is what it said."""

    code = "report_failed"


def target_of(schedule: ReportSchedule, run: ReportRun, zone: str) -> Path:
    """The file of a run, named by the wall clock: ``week-2026-03-02T0800.html``.

    An hour that comes twice in autumn has the offset the second time: ``T0230+0100``.
    """
    wall = run.due.astimezone(ZoneInfo(zone))
    stamp = wall.strftime("%Y-%m-%dT%H%M%S" if run.asked else "%Y-%m-%dT%H%M")
    stamp += wall.strftime("%z") if wall.fold else ""
    return Path(schedule.out).expanduser() / f"{schedule.name}-{stamp}.{schedule.form}"


def run_in_process(
    schedule: ReportSchedule, out: Path, workspace: Path, ended: threading.Event
) -> None:
    """Run a notebook by the command line and wait for it.

    Args:
        schedule: of the report.
        out: file that it becomes.
        workspace: that the notebook opens; it is asked through its engine.
        ended: set to end it before it is done.

    Raises:
        RunError: it failed, took too long or was ended; says what it said last.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 — this Python, arguments from the configuration
            _command(schedule, out, workspace),
            stdin=subprocess.PIPE,  # it ends with this process, which holds the other end
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,
        )
        with process:
            with suppress(OSError):  # it may be over already
                os.setpriority(os.PRIO_PROCESS, process.pid, _NICE)
            fault = _wait(process, schedule, ended)
        said.seek(0)
        text = said.read().decode(errors="replace").strip()
    if fault or process.returncode:
        raise RunError(fault or text[-_MOST_SAID:] or f"it ended with {process.returncode}.")
    if not out.is_file():
        raise RunError(f"it ended well, but there is no {out}.")


def _command(schedule: ReportSchedule, out: Path, workspace: Path) -> list[str]:
    params = [f"--param={name}={_word(value)}" for name, value in schedule.params.items()]
    return [
        *(sys.executable, "-m", "datawatch_lab.cli.report_tied", schedule.notebook),
        *("--out", str(out.resolve()), "--workspace", str(workspace.resolve())),
        *params,
        *(["--code"] if schedule.code else []),
    ]


def _word(value: object) -> str:
    """A value as the command line reads it back: JSON is YAML."""
    return json.dumps(value, default=str, ensure_ascii=False)


def _wait(
    process: subprocess.Popen[bytes], schedule: ReportSchedule, ended: threading.Event
) -> str:
    """Wait until it is over or must be; gives why it had to be ended, '' when it was not."""
    left = schedule.timeout.total_seconds()
    while process.poll() is None:
        if ended.wait(_POLL_SECONDS):
            _end(process)
            return "the server ended while it ran."
        left -= _POLL_SECONDS
        if left <= 0:
            _end(process)
            return f"it was ended after {format_duration(schedule.timeout)}, its timeout."
    return ""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it started, first gently: its kernel, its browser."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
            return


def drop_old(schedule: ReportSchedule) -> list[Path]:
    """Take away files of a report beyond those that are kept; gives them, oldest first.

    One that cannot be taken away stays, and is a line of the log.
    """
    if not schedule.keep:
        return []
    gone = []
    for each in _files(schedule)[: -schedule.keep]:
        try:
            each.unlink(missing_ok=True)
        except OSError as error:
            log.warning("report %s: an old file stays: %s", schedule.name, error)
        else:
            gone.append(each)
    return gone


def _files(schedule: ReportSchedule) -> list[Path]:
    """Files that runs of a report made, oldest first; none that somebody else put there."""
    stamp = r"(\d{4}-\d{2}-\d{2}T\d{2})(\d{2}(?:\d{2})?)([+-]\d{4})?"
    made = re.compile(rf"{re.escape(schedule.name)}-{stamp}\.{schedule.form}")
    folder = Path(schedule.out).expanduser()
    try:
        names = [each.name for each in folder.iterdir()]
    except OSError as error:
        log.warning("report %s: old files stay: %s", schedule.name, error)
        return []
    found = [match for name in names if (match := made.fullmatch(name))]
    found.sort(key=lambda match: (match[1], bool(match[3]), match[2]))  # an offset: the second time
    return [folder / match[0] for match in found]


def local(moment: datetime, zone: str) -> str:
    """A moment by the wall clock of a zone, for people: ``2026-03-02 08:00 CET``."""
    wall = moment.astimezone(ZoneInfo(zone))
    return f"{wall:%Y-%m-%d %H:%M} {wall.tzname() or ''}".rstrip()

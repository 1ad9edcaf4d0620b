"""Reports that run by themselves: what is due is run once, one at a time, filed, mailed, noted.

A run is noted before it begins. After a crash, one that had made nothing is made once more; one
that may have been mailed is not. What was missed while no server ran is made up for by one run, of
the newest time that was missed. Where the configuration with the channels was not read, a report
that is mailed is not made: it stays due for a server that knows them.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from datawatch_lab.core.alerting import ChannelSettings
from datawatch_lab.core.errors import BusyError, DataWatchError, InputError, not_found
from datawatch_lab.core.reports import ReportRun, ReportSchedule
from datawatch_lab.engine.reporting.mail import Letter, channel_of, mail, told
from datawatch_lab.engine.reporting.running import (
    RunError,
    drop_old,
    local,
    run_in_process,
    target_of,
)
from datawatch_lab.store.reports import KnownReport

if TYPE_CHECKING:
    from datawatch_lab.engine.engine import Engine

log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_RETRY_SECONDS = (10.0, 60.0)
_MOST_ASKED = 20
_PATIENCE_SECONDS = 3.0
_ATTEMPTS = 2

Run = Callable[[ReportSchedule, Path, Path, threading.Event], None]


@dataclass(frozen=True)
class Standing:
    """A report as it stands.

    Attributes:
        schedule: what is to be run when.
        next: UTC; None while no server runs it, for one that is switched off, and for one that is
            mailed where no channels are known.
        runs: newest first.
    """

    schedule: ReportSchedule
    next: datetime | None
    runs: tuple[ReportRun, ...]


class Reporting:
    """Reports of a workspace; made by ``engine.beside(Reporting)``. Any thread may call it.

    Attributes:
        run: makes a report; see `run_in_process`.
        retries: seconds between attempts to mail.
        patience: seconds that a report that failed waits for the end of the server, which may be
            why it failed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._channels: Sequence[ChannelSettings] | None = None
        self._asked: deque[tuple[str, str]] = deque()
        self._asking = threading.Lock()
        self._ended = threading.Event()
        self._due = threading.Event()
        self._working = threading.Lock()
        self._thread: threading.Thread | None = None
        self.run: Run = run_in_process
        self.retries: Sequence[float] = _RETRY_SECONDS
        self.patience = _PATIENCE_SECONDS

    @property
    def _zone(self) -> str:
        return self._engine.settings.timezone

    @property
    def is_running(self) -> bool:
        """Whether reports run by themselves here."""
        return self._thread is not None and not self._ended.is_set()

    def configure(
        self, schedules: Sequence[ReportSchedule], channels: Sequence[ChannelSettings] | None = ()
    ) -> None:
        """Keep these reports in place of all; nothing runs before `start`.

        Args:
            schedules: the others are not listed any more and do not run.
            channels: of the configuration; None where it is not known, see `mail_through`.
        """
        self._channels = channels
        self._engine.store.reports.save(schedules, self._engine.clock.now())

    def mail_through(self, channels: Sequence[ChannelSettings]) -> None:
        """Mail through these; until it is said, reports that are mailed wait."""
        self._channels = channels

    def start(self) -> None:
        """Run what is due from now on; harmless when repeated."""
        if self._thread is None and not self._ended.is_set():
            self._thread = threading.Thread(
                target=self._work, name="datawatch-reports", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End, and the report that runs with it."""
        self._ended.set()
        self._due.set()
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()

    def standings(self, runs: int = 10) -> list[Standing]:
        """All reports with their newest runs, by name."""
        now = self._engine.clock.now()
        return [
            Standing(
                each.schedule,
                each.schedule.times.after(now, self._zone)
                if self.is_running and self._runs(each.schedule)
                else None,
                tuple(self._engine.store.reports.runs(each.schedule.name, runs)),
            )
            for each in self._engine.store.reports.known()
        ]

    def _runs(self, schedule: ReportSchedule) -> bool:
        """Whether it runs here when it is time; a report that could not be mailed would be lost."""
        return schedule.enabled and not (schedule.mail and self._channels is None)

    def ask(self, name: str, by: str) -> None:
        """Run a report as soon as the one that runs is done.

        Raises:
            NotFoundError: there is no such report.
            InputError: no server runs reports here.
            BusyError: as many as may wait do.
        """
        known = [each.schedule.name for each in self._engine.store.reports.known()]
        if name not in known:
            raise not_found("report", name, known)
        if not self.is_running:
            raise InputError(
                "reports are run by the server of the workspace, and none is running.",
                hint="Start one with `datawatch serve --config FILE`.",
            )
        with self._asking:
            if len(self._asked) >= _MOST_ASKED:
                raise BusyError(
                    f"{_MOST_ASKED} reports wait already.",
                    hint="Try again when one of them is done; `datawatch report --list` says so.",
                    details={"retry_after": 60.0},
                )
            self._asked.append((name, by or "somebody"))
        self._due.set()

    # ------------------------------------------------------------------ running

    def _work(self) -> None:
        while not self._ended.is_set():
            try:
                self.catch_up()
            except Exception:
                if self._engine.store.is_closed:
                    return
                log.exception("reports could not be looked after; it is tried again")
            self._due.wait(_TICK_SECONDS)
            self._due.clear()

    def catch_up(self) -> list[ReportRun]:
        """Run all that is due or was asked for, one after the other; gives what became of it."""
        done = []
        with self._working:
            known = self._engine.store.reports.known()
            for each in known:
                run = self._next_run(each)
                if run is not None and not self._ended.is_set():
                    done.append(self._make(each.schedule, run))
            while self._asked and not self._ended.is_set():
                name, by = self._asked.popleft()
                now = self._engine.clock.now()
                run = ReportRun(report=name, due=now, state="running", started=now, asked=by)
                done += [self._make(e.schedule, run) for e in known if e.schedule.name == name]
        return done

    def _next_run(self, known: KnownReport) -> ReportRun | None:
        """The run that is due; None for none."""
        schedule, now = known.schedule, self._engine.clock.now()
        runs = [
            self._cut_off(run) if run.state in ("running", "mailing") else run
            for run in self._engine.store.reports.runs(schedule.name)
        ]
        last = next((run for run in runs if not run.asked), None)
        if not self._runs(schedule):
            return None
        since = known.since if last is None else max(last.due, known.since)
        due = schedule.times.latest(since, now, self._zone)
        if due is not None:
            return ReportRun(report=schedule.name, due=due, state="running", started=now)
        if last is not None and last.state == "cut off" and self._may_repeat(last):
            return ReportRun(
                report=schedule.name,
                due=last.due,
                state="running",
                started=now,
                attempt=last.attempt + 1,
            )
        return None

    def _cut_off(self, run: ReportRun) -> ReportRun:
        """Note that a run ended with the server that made it."""
        detail = "the server ended while it ran."
        if run.state == "mailing":
            detail = "the server ended while it was mailed; it may have been sent."
        ended = self._engine.clock.now()
        cut = msgspec.structs.replace(run, state="cut off", ended=ended, detail=detail)
        self._engine.store.reports.put(cut)
        return cut

    @staticmethod
    def _may_repeat(run: ReportRun) -> bool:
        """Whether it made nothing that anybody could have seen, and was not tried twice."""
        return not run.out and run.attempt < _ATTEMPTS

    def _make(self, schedule: ReportSchedule, run: ReportRun) -> ReportRun:
        """Make a report; whatever happens, its run ends, so that it is not made for ever."""
        store = self._engine.store.reports
        store.put(run)
        try:
            run = self._made(schedule, run)
        except Exception as error:
            if self._engine.store.is_closed:
                raise
            log.exception("report %s failed", schedule.name)
            detail = f"{type(error).__name__}: {error}"
            ended = self._engine.clock.now()
            run = msgspec.structs.replace(run, state="failed", ended=ended, detail=detail)
        store.put(run)
        return run

    def _made(self, schedule: ReportSchedule, run: ReportRun) -> ReportRun:
        out = target_of(schedule, run, self._zone)
        try:
            self.run(schedule, out, self._engine.path, self._ended)
        except (RunError, OSError) as error:
            # What ends the server may end the report first: both get a signal.
            if self._ended.wait(self.patience):
                return self._cut_off(run)
            return self._failed(schedule, run, str(error))
        gone = drop_old(schedule)
        if gone:
            log.info("report %s: %d old files were dropped", schedule.name, len(gone))
        if schedule.mail:
            mailing = msgspec.structs.replace(run, state="mailing", out=str(out))
            self._engine.store.reports.put(mailing)
        detail = self._mailed(schedule, run, out)
        log.info("report %s: %s %s", schedule.name, out, detail)
        ended = self._engine.clock.now()
        return msgspec.structs.replace(run, state="done", ended=ended, out=str(out), detail=detail)

    def _failed(self, schedule: ReportSchedule, run: ReportRun, why: str) -> ReportRun:
        log.error("report %s failed: %s", schedule.name, why)
        mailed = ""
        if schedule.mail and schedule.mail_failures:
            mailed = self._mailed(schedule, run, None, why)
        ended = self._engine.clock.now()
        detail = f"{why}\n{mailed}".strip()
        return msgspec.structs.replace(run, state="failed", ended=ended, detail=detail)

    # ------------------------------------------------------------------ mail

    def _mailed(
        self, schedule: ReportSchedule, run: ReportRun, page: Path | None, failed: str = ""
    ) -> str:
        """Mail a report, or that it failed, where it is asked for; gives what became of it."""
        if not schedule.mail:
            return ""
        if self._channels is None:
            return "not mailed: this server was started without a configuration of channels."
        letter = self._letter(schedule, run, page, failed)
        try:
            channel = channel_of(self._channels)
            outcome = mail(letter, channel, schedule.mail)
            for pause in self.retries:
                if outcome.ok or not outcome.retryable or self._ended.wait(pause):
                    break
                outcome = mail(letter, channel, schedule.mail)
        except (DataWatchError, ValueError, OSError) as error:  # also a page that cannot be read
            log.error("report %s was not mailed: %s", schedule.name, error)  # noqa: TRY400 — told
            return f"not mailed: {error}"
        if not outcome.ok:
            log.error("report %s was not mailed: %s", schedule.name, outcome.detail)
            return f"not mailed: {outcome.detail}"
        said = told(schedule.mail, outcome)
        if outcome.detail != "taken":
            log.warning("report %s: %s", schedule.name, said)
        return said

    def _letter(
        self, schedule: ReportSchedule, run: ReportRun, page: Path | None, failed: str
    ) -> Letter:
        after = schedule.times.after(run.due, self._zone)
        rows = {
            "For": local(run.due, self._zone),
            "Workspace": self._engine.path.name,
            **{f"· {name}": str(value) for name, value in schedule.params.items()},
            "Next": local(after, self._zone) if after is not None else "",
        }
        return Letter(
            title=f"Report {schedule.name}",
            made=self._engine.clock.now(),
            page=page,
            rows={name: value for name, value in rows.items() if value},
            failed=failed,
            key=f"{schedule.name} {run.due.isoformat()} {run.attempt} {bool(failed)}",
        )

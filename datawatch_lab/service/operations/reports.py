"""Reports that run by themselves: when they run next, what became of the last ones."""

from __future__ import annotations

from typing import Any

import msgspec

from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.who import current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.reporting import Reporting, Standing
from datawatch_lab.service.freshness import iso
from datawatch_lab.service.operation import API, operation

_MOST = 100


class RunAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a report ran.

    Attributes:
        due: when it was meant to run.
        state: running, mailing, done, failed or cut off (the server ended while it ran).
        ended: None while it runs.
        out: path of the file on the server; '' for none.
        detail: what went wrong, or what became of the mail.
        asked: by whom, when it was not its time.
    """

    due: str
    state: str
    started: str
    ended: str | None
    out: str
    detail: str
    asked: str


class ScheduledReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it stands.

    Attributes:
        every: when, by the clock of the workspace.
        next: None while no server runs it, or it is switched off.
        mail: addresses; only their number to viewers, as ``2 addresses``.
        keep: newest files that stay; 0 for all.
        runs: newest first.
    """

    name: str
    notebook: str
    every: str
    timezone: str
    next: str | None
    enabled: bool
    params: dict[str, Any]
    form: str
    out: str
    keep: int
    mail: list[str]
    timeout: str
    runs: list[RunAnswer]


class ReportsAsk(msgspec.Struct, frozen=True, kw_only=True):
    """How much of the past.

    Attributes:
        runs: newest runs of each report.
    """

    runs: int = 10


@operation("GET", f"{API}/reports")
def reports(engine: Engine, ask: ReportsAsk) -> list[ScheduledReport]:
    """Reports of the configuration: when they run next, what became of the last runs."""
    if not 0 <= ask.runs <= _MOST:
        raise InputError(f"runs is {ask.runs}; it goes from 0 to {_MOST}.")
    zone, open_ = engine.settings.timezone, current_who().sees_sensitive
    return [_answer(each, zone, open_=open_) for each in _standings(engine, ask.runs)]


def _standings(engine: Engine, runs: int) -> list[Standing]:
    return engine.beside(Reporting).standings(runs)


def _answer(found: Standing, zone: str, *, open_: bool) -> ScheduledReport:
    schedule, count = found.schedule, len(found.schedule.mail)
    told = list(schedule.mail) if open_ or not count else [f"{count} addresses"]
    return ScheduledReport(
        name=schedule.name,
        notebook=schedule.notebook,
        every=schedule.every,
        timezone=zone,
        next=iso(found.next),
        enabled=schedule.enabled,
        params=schedule.params if open_ else dict.fromkeys(schedule.params, "•••"),
        form=schedule.form,
        out=schedule.out,
        keep=schedule.keep,
        mail=told,
        timeout=format_duration(schedule.timeout),
        runs=[
            RunAnswer(
                due=iso(run.due) or "",
                state=run.state,
                started=iso(run.started) or "",
                ended=iso(run.ended),
                out=run.out,
                detail=run.detail if open_ else "",
                asked=run.asked if open_ else "",
            )
            for run in found.runs
        ],
    )


class RunReportAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Which report."""

    name: str


class RunReportAnswer(msgspec.Struct, frozen=True):
    """It was taken: it runs when those before it are done."""

    name: str
    status: str


@operation("POST", f"{API}/reports/{{name}}/run", role="editor", status=202)
def run_report(engine: Engine, ask: RunReportAsk) -> RunReportAnswer:
    """Run a report of the configuration now, beside its times; it is filed and mailed as always."""
    engine.beside(Reporting).ask(ask.name, current_who().name)
    return RunReportAnswer(ask.name, "accepted")

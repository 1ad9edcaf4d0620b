"""Reports that run by themselves, as values: what is to be run when, and what became of it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from datawatch_lab.core.recurring import Recurring, read_recurring

RunState = Literal["running", "mailing", "done", "failed", "cut off"]
FORMS = ("html", "pdf", "ipynb")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class ReportSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """A notebook that runs by itself.

    Attributes:
        name: of the report, and how its files begin.
        notebook: path of it.
        every: when, by the clock of the workspace: ``monday 08:00`` or cron.
        params: of the notebook.
        out: folder that takes the files.
        form: html, pdf or ipynb.
        keep: newest files that stay; 0 for all.
        mail: addresses that the report is sent to.
        mail_failures: tell them, too, when it fails.
        code: show the code as well.
        timeout: it is ended after this long.
        enabled: whether it runs.
    """

    name: str
    notebook: str
    every: str
    params: dict[str, Any] = {}
    out: str = "reports"
    form: str = "html"
    keep: int = 0
    mail: tuple[str, ...] = ()
    mail_failures: bool = True
    code: bool = False
    timeout: timedelta = timedelta(minutes=30)
    enabled: bool = True

    @property
    def times(self) -> Recurring:
        """When, as it was read."""
        return read_recurring(self.every)


class ReportRun(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a report ran.

    Attributes:
        report: its name.
        due: when it was meant to run, UTC; the moment itself when somebody asked for it.
        attempt: from 1; a run that was cut off before it made anything is made once more.
        state: running, mailing, done, failed or cut off.
        started: UTC.
        ended: None while it runs.
        out: path of the file; '' for none.
        detail: what went wrong, or what became of the mail.
        asked: by whom, when it was not its time; '' for its time.
    """

    report: str
    due: datetime
    state: RunState
    started: datetime
    attempt: int = 1
    ended: datetime | None = None
    out: str = ""
    detail: str = ""
    asked: str = ""

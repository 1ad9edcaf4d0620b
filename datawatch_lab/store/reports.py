"""Reports that run by themselves, since when they are known, and their newest runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import duckdb
import msgspec

from datawatch_lab.core.reports import ReportRun, ReportSchedule
from datawatch_lab.store.part import Part

MOST = 100
"""Runs of a report that are kept; the oldest go first."""

_TRIM = """
DELETE FROM meta.report_runs WHERE report = $1 AND due < (
SELECT min(due) FROM (
SELECT due FROM meta.report_runs WHERE report = $1 ORDER BY due DESC LIMIT $2))
"""


@dataclass(frozen=True)
class KnownReport:
    """A report and since when its times count: it is known, or the last one that it ran at."""

    schedule: ReportSchedule
    since: datetime


def save_schedules(
    con: duckdb.DuckDBPyConnection, schedules: Sequence[ReportSchedule], now: datetime
) -> None:
    """Keep these schedules in place of all; one of the same times is known since as before.

    The others are retired: they are not listed and do not run, but since when their times count is
    kept for when they come back.
    """
    known = {
        (each.schedule.name, each.schedule.every): each.since
        for retired in (True, False)
        for each in read_schedules(con, retired=retired)
    }
    con.execute("UPDATE meta.reports SET retired = true")
    for each in schedules:
        since = _naive(known.get((each.name, each.every), now))
        con.execute("DELETE FROM meta.reports WHERE name = ?", [each.name])
        con.execute(
            "INSERT INTO meta.reports VALUES (?, ?, ?, false)", [each.name, since, _text(each)]
        )


def read_schedules(con: duckdb.DuckDBPyConnection, *, retired: bool = False) -> list[KnownReport]:
    """The schedules, or those that are retired, by name."""
    rows = con.execute(
        "SELECT since, document FROM meta.reports WHERE retired = ? ORDER BY name", [retired]
    ).fetchall()
    return [
        KnownReport(msgspec.json.decode(text, type=ReportSchedule), since.replace(tzinfo=UTC))
        for since, text in rows
    ]


def save_run(con: duckdb.DuckDBPyConnection, run: ReportRun) -> None:
    """Keep a run in place of what is kept of the same time of the same report."""
    con.execute(
        "DELETE FROM meta.report_runs WHERE report = ? AND due = ?", [run.report, _naive(run.due)]
    )
    con.execute(
        "INSERT INTO meta.report_runs VALUES (?, ?, ?, ?)",
        [run.report, _naive(run.due), _naive(run.started), _text(run)],
    )
    if not run.asked:  # its time is over, also when its run has been trimmed
        con.execute(
            "UPDATE meta.reports SET since = greatest(since, ?) WHERE name = ?",
            [_naive(run.due), run.report],
        )
    con.execute(_TRIM, [run.report, MOST])


def read_runs(con: duckdb.DuckDBPyConnection, report: str, limit: int) -> list[ReportRun]:
    """The newest runs of a report, newest first."""
    rows = con.execute(
        "SELECT document FROM meta.report_runs WHERE report = ? ORDER BY due DESC LIMIT ?",
        [report, limit],
    ).fetchall()
    return [msgspec.json.decode(text, type=ReportRun) for (text,) in rows]


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


class ReportStore(Part):
    """What a workspace keeps of reports; any thread may ask and write."""

    def save(self, schedules: Sequence[ReportSchedule], now: datetime) -> None:
        """Keep these schedules in place of all."""
        with self.writing() as con:
            save_schedules(con, schedules, now)

    def known(self) -> list[KnownReport]:
        """The schedules, by name."""
        with self.reading() as con:
            return read_schedules(con)

    def put(self, run: ReportRun) -> None:
        """Keep a run in place of what is kept of the same time of the same report."""
        with self.writing() as con:
            save_run(con, run)

    def runs(self, report: str, limit: int = MOST) -> list[ReportRun]:
        """The newest runs of a report, newest first."""
        with self.reading() as con:
            return read_runs(con, report, limit)

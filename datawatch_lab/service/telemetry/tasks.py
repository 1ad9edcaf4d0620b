"""How task runs go: success rate, durations, reasons of failures, the queue."""

from __future__ import annotations

import polars as pl

from datawatch_lab.service.telemetry.calls import number, text
from datawatch_lab.service.telemetry.shapes import Failure, Tasks, TaskType

MOST = 20

_DONE = ("success", "succeeded", "successful", "completed", "complete", "done", "finished", "ok")
_FAILED = ("failed", "failure", "error", "errored", "timeout", "timed_out", "crashed", "aborted")

SCHEMA = {
    "at": pl.Datetime("us", "UTC"),
    "seq": pl.Int64,
    "task": pl.String,
    "type": pl.String,
    "start": pl.String,
    "status": pl.String,
    "ms": pl.Float64,
    "error": pl.String,
    "queue": pl.Float64,
}


def reports_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of ``task_runs`` as reports, see `SCHEMA`; a run may be reported more than once."""
    start, end = (
        text(rows, name).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        for name in ("start", "end")
    )
    spent = (end - start).dt.total_microseconds() / 1e3
    made = rows.select(
        at=pl.col("_ts"),
        seq=pl.col("_seq"),
        task=text(rows, "task_id"),
        type=text(rows, "task_type").fill_null(""),
        start=text(rows, "start"),
        status=text(rows, "status").str.to_lowercase(),
        ms=pl.coalesce(number(rows, "duration_ms"), spent),
        error=text(rows, "error_message"),
        queue=number(rows, "queue_depth"),
    )
    return made.cast(SCHEMA)  # type: ignore[arg-type]  # a mapping of types


def runs_of(reports: pl.DataFrame) -> pl.DataFrame:
    """One row a run, with the newest of what was reported of it; the same id may run again.

    A run is known by its task's id and its start; a report without a start is of the last one.
    Reports without an id are runs of their own.
    """
    nameless = pl.format("#{}", pl.col("seq"))
    ordered = reports.sort("at", "seq").with_columns(
        task=pl.coalesce("task", nameless),
        start=pl.col("start").forward_fill().over(pl.coalesce("task", nameless)),
    )
    return ordered.group_by("task", "start", maintain_order=True).agg(
        pl.col("type").last(),
        pl.col("at").last(),
        pl.col("status", "ms", "error").drop_nulls().last(),
    )


def tasks(reports: pl.DataFrame) -> Tasks:
    """What the reports of the window say; rates are of runs that have ended, in [0, 1]."""
    runs = runs_of(reports).with_columns(
        done=pl.col("status").is_in(_DONE).fill_null(value=False),
        failed=pl.col("status").is_in(_FAILED).fill_null(value=False),
    )
    queue = reports.sort("at", "seq")["queue"].drop_nulls()
    reasons = (
        runs.filter("failed")
        .group_by(reason=pl.col("error").fill_null("(no message)"))
        .agg(count=pl.len())
        .sort(["count", "reason"], descending=[True, False])
        .head(MOST)
    )
    kinds = _summary(runs, ["type"]).sort(["runs", "type"], descending=[True, False]).head(MOST)
    whole = _summary(runs, []).to_dicts()[0]
    return Tasks(
        **whole,
        queue_depth=queue[-1] if queue.len() else None,
        failures=[Failure(*row) for row in reasons.rows()],
        types=[TaskType(**row) for row in kinds.to_dicts()],
    )


def _summary(runs: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    done, failed = pl.col("done").sum(), pl.col("failed").sum()
    ended = done + failed
    numbers = (
        pl.len().alias("runs"),
        done.alias("succeeded"),
        failed.alias("failed"),
        (pl.len() - ended).alias("running"),
        pl.when(ended > 0).then(done / ended).alias("success_rate"),
        pl.col("ms").mean().alias("average_ms"),
        pl.col("ms").quantile(0.95, "linear").alias("p95_ms"),
    )
    return runs.group_by(by).agg(numbers) if by else runs.select(numbers)

"""Calls: rows of several streams brought to one shape, column by column.

A call is one request, error or other event of a service. Its columns::

    at       Datetime[us, UTC]  event time
    service  String             '' when it names none
    kind     String             the event's type; ``measured`` for measurements of requests, errors
                                and latency; ``performance``
    name     String             endpoint or operation; '' for none
    weight   Float64            events that it stands for
    errors   Float64            of these, failed
    value    Float64            milliseconds; null when not told
    user     String             null when not told
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import polars as pl

REQUEST, ERROR, MEASURED, PERFORMANCE = "request", "error", "measured", "performance"

SERVED = (REQUEST, MEASURED)
"""Kinds that are requests."""

_MOMENT = pl.Datetime("us", "UTC")
_SERVER_FAULT = 500
_REQUESTS = ("requests", "request_count", "request")
_ERRORS = ("errors", "error_count", "error")
_LATENCIES = ("latency", "latency_ms", "response_time", "response_time_ms")
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")

SCHEMA: dict[str, pl.DataType] = {
    "at": _MOMENT,
    "service": pl.String(),
    "kind": pl.String(),
    "name": pl.String(),
    "weight": pl.Float64(),
    "errors": pl.Float64(),
    "value": pl.Float64(),
    "user": pl.String(),
}


def text(rows: pl.DataFrame, name: str, *inside: str) -> pl.Expr:
    """A field as text; null where it is missing, or ''.

    Args:
        rows: of a stream.
        name: of the field.
        inside: names that it may have within ``data``, for rows that do not have it themselves.
    """
    found = [pl.col(name).cast(pl.String)] if name in rows.columns else []
    if rows.schema.get("data") == pl.String:
        found += [pl.col("data").str.json_path_match(f"$.{each}") for each in inside]
    whole = pl.coalesce(found) if found else pl.lit(None, pl.String)
    return pl.when(whole != "").then(whole)


def number(rows: pl.DataFrame, name: str, *inside: str) -> pl.Expr:
    """A field as a finite Float64; null where it is missing or no number. See `text`."""
    value = text(rows, name, *inside).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def flag(rows: pl.DataFrame, name: str, *inside: str) -> pl.Expr:
    """A field as Boolean; null where it is missing or neither true nor false. See `text`."""
    word = text(rows, name, *inside).str.to_lowercase()
    return (
        pl.when(word.is_in(_TRUE)).then(pl.lit(value=True))
        .when(word.is_in(_FALSE)).then(pl.lit(value=False))
    )  # fmt: skip


def endpoint_of(rows: pl.DataFrame) -> pl.Expr:
    """The endpoint of rows of ``events``, without what stands after ``?`` or ``#``."""
    whole = text(rows, "endpoint", "endpoint", "path", "url", "page")
    return whole.str.replace(r"[?#].*$", "")


def calls_of_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls of rows of ``events``: an error is of type ``error``, or a request that failed."""
    kind = text(rows, "type")
    failed = (number(rows, "status_code", "status_code", "statusCode") >= _SERVER_FAULT) | (
        ~flag(rows, "success", "success")
    ).fill_null(value=False)
    return _calls(
        rows,
        service=text(rows, "service"),
        kind=kind,
        name=endpoint_of(rows),
        errors=((kind == ERROR) | ((kind == REQUEST) & failed)).fill_null(value=False),
        value=number(rows, "duration_ms", "duration_ms", "latency_ms", "response_time", "duration"),
        user=text(rows, "user_id"),
    )


def calls_of_measurements(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls of rows of ``measurements`` named requests, errors or latency; others are left out."""
    word = text(rows, "name").str.to_lowercase()
    value = number(rows, "value")
    made = _calls(
        rows,
        service=text(rows, "service"),
        kind=pl.lit(MEASURED),
        weight=pl.when(word.is_in(_REQUESTS)).then(value).otherwise(0.0),
        errors=pl.when(word.is_in(_ERRORS)).then(value).otherwise(0.0),
        value=pl.when(word.is_in(_LATENCIES)).then(value),
    )
    return made.filter(
        (pl.col("weight") != 0) | (pl.col("errors") != 0) | pl.col("value").is_not_null()
    )


def calls_of_performance(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls of rows of ``performance``: failed where ``success`` is false or an error is named."""
    told = flag(rows, "success")
    return _calls(
        rows,
        service=text(rows, "service_id"),
        kind=pl.lit(PERFORMANCE),
        name=text(rows, "operation"),
        errors=pl.coalesce(~told, text(rows, "error_type").is_not_null()),
        value=number(rows, "duration_ms"),
    )


CALLS: Mapping[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "events": calls_of_events,
    "measurements": calls_of_measurements,
    "performance": calls_of_performance,
}
"""By stream, what makes calls of its rows."""


def _calls(rows: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    """Rows with these columns, those that are not named filled in."""
    whole = {
        "at": pl.col("_ts"),
        "service": pl.lit(""),
        "kind": pl.lit(""),
        "name": pl.lit(""),
        "weight": pl.lit(1.0),
        "errors": pl.lit(0.0),
        "value": pl.lit(None, pl.Float64),
        "user": pl.lit(None, pl.String),
    } | columns
    made = rows.select(**{name: whole[name].cast(kind) for name, kind in SCHEMA.items()})
    return made.with_columns(pl.col("service", "kind", "name").fill_null(""))


def failures_of(stream: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What failed, and how: at, service, error (String).

    Args:
        stream: events, user_actions, performance or task_runs; others have none.
        rows: of the stream.
    """
    error: pl.Expr
    if stream == "events":
        told = text(rows, "error_message", "message", "error", "error_message", "error_type")
        is_error = text(rows, "type") == ERROR
        error = pl.when(is_error).then(pl.coalesce(told, text(rows, "endpoint"), pl.lit("error")))
        service = text(rows, "service")
    elif stream == "performance":
        error = pl.coalesce(
            text(rows, "error_type"), pl.when(~flag(rows, "success")).then(pl.lit("error"))
        )
        service = text(rows, "service_id")
    elif stream in ("user_actions", "task_runs"):
        error = text(rows, "error_message")
        service = text(rows, "service_id") if stream == "user_actions" else text(rows, "task_type")
    else:
        return pl.DataFrame(schema={"at": _MOMENT, "service": pl.String, "error": pl.String})
    made = rows.select(at=pl.col("_ts"), service=service.fill_null(""), error=error)
    return made.drop_nulls("error").with_columns(pl.col("error").str.slice(0, 300))


__all__ = [
    "CALLS",
    "ERROR",
    "MEASURED",
    "PERFORMANCE",
    "REQUEST",
    "SCHEMA",
    "SERVED",
    "calls_of_events",
    "calls_of_measurements",
    "calls_of_performance",
    "endpoint_of",
    "failures_of",
    "flag",
    "number",
    "text",
]

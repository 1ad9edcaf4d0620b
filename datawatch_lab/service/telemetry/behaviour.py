"""What users do: sessions, features, journeys, the peak hour. Functions of the window's actions.

An action is a row of ``user_actions``, or an event that names a user or a session. Its columns: at,
seq (Int64, order among equal times), user, session (String, null when not told), action (String),
service (String, ''), success (Boolean, null when not told).
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from datawatch_lab.service.telemetry.calls import endpoint_of, flag, text
from datawatch_lab.service.telemetry.shapes import (
    Behaviour,
    Feature,
    PeakHour,
    Sessions,
    Step,
)

MOST = 20
"""Entries of a list of the most frequent."""

_SEPARATOR = "\x1f"


def actions_of(stream: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Actions of the rows of a stream; of ``events`` those that name a user or a session.

    An event with an endpoint is named by both, such as ``request /cart``.
    """
    service = "service_id" if stream == "user_actions" else "service"
    action = text(rows, "action" if stream == "user_actions" else "type").fill_null("")
    if stream == "events":
        action = pl.concat_str([action, endpoint_of(rows)], separator=" ", ignore_nulls=True)
    made = rows.select(
        at=pl.col("_ts"),
        seq=pl.col("_seq"),
        user=text(rows, "user_id"),
        session=text(rows, "session_id", "session_id", "sessionId"),
        action=action,
        service=text(rows, service).fill_null(""),
        success=flag(rows, "success", "success"),
    )
    return made.filter(pl.col("user").is_not_null() | pl.col("session").is_not_null())


def with_visit(actions: pl.DataFrame, gap: timedelta) -> pl.DataFrame:
    """Actions in order, with ``visit``: the session that each belongs to.

    Sessions are those that actions name. A user's actions without one make a new session wherever
    more than ``gap`` lies between two of them.
    """
    named = actions.filter(pl.col("session").is_not_null()).with_columns(visit="session")
    alone = actions.filter(pl.col("session").is_null()).sort("user", "at", "seq")
    begins = (pl.col("at").diff().over("user") > gap).fill_null(value=True)
    number = begins.cast(pl.Int64).cum_sum().over("user").cast(pl.String)
    alone = alone.with_columns(visit=pl.col("user") + _SEPARATOR + number)
    return pl.concat([named, alone]).sort("visit", "at", "seq")


def behaviour(actions: pl.DataFrame, gap: timedelta, timezone: str) -> Behaviour:
    """What the actions of the window say.

    Args:
        actions: of the window.
        gap: see `with_visit`.
        timezone: IANA name, for the peak hour.
    """
    visits = with_visit(actions, gap)
    told = actions["success"].drop_nulls()
    return Behaviour(
        actions=actions.height,
        unique_users=actions["user"].drop_nulls().n_unique(),
        success_rate=_share(int(told.sum()), told.len()),
        sessions=_sessions(visits),
        features=_features(actions),
        journeys=_journeys(visits),
        peak_hour=_peak(actions, timezone),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sessions(visits: pl.DataFrame) -> Sessions:
    each = visits.group_by("visit").agg(
        user=pl.col("user").drop_nulls().first(),
        n=pl.len(),
        seconds=(pl.col("at").max() - pl.col("at").min()).dt.total_microseconds() / 1e6,
    )
    users = each["user"].drop_nulls().n_unique()
    if each.is_empty():
        return Sessions()
    return Sessions(
        count=each.height,
        per_user=_share(each["user"].drop_nulls().len(), users),
        average_seconds=each["seconds"].mean(),  # type: ignore[arg-type]  # numbers
        longest_seconds=each["seconds"].max(),  # type: ignore[arg-type]  # numbers
        actions_per_session=visits.height / each.height,
    )


def _features(actions: pl.DataFrame) -> list[Feature]:
    used = (
        actions.group_by("action")
        .agg(
            count=pl.len(),
            users=pl.col("user").drop_nulls().n_unique(),
            failures=(~pl.col("success")).sum(),
        )
        .sort(["count", "action"], descending=[True, False])
        .head(MOST)
    )
    return [Feature(*row) for row in used.select("action", "count", "users", "failures").rows()]


def _journeys(visits: pl.DataFrame) -> list[Step]:
    steps = (
        visits.with_columns(then=pl.col("action").shift(-1).over("visit"))
        .drop_nulls("then")
        .group_by("action", "then")
        .agg(count=pl.len())
        .sort(["count", "action", "then"], descending=[True, False, False])
        .head(MOST)
    )
    return [Step(*row) for row in steps.select("action", "then", "count").rows()]


def _peak(actions: pl.DataFrame, timezone: str) -> PeakHour | None:
    hour = pl.col("at").dt.convert_time_zone(timezone).dt.hour().cast(pl.Int64)
    counts = actions.group_by(hour=hour).agg(count=pl.len())
    if counts.is_empty():
        return None
    best = counts.sort(["count", "hour"], descending=[True, False]).row(0)
    return PeakHour(*best)

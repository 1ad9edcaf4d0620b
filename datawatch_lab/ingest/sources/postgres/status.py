"""How far a slot is behind, and what the server says of its own load."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from datawatch_lab.ingest.sources.postgres import driver
from datawatch_lab.ingest.sources.postgres.address import Address

_SLOTS = """
SELECT slot_name, active, confirmed_flush_lsn::text, restart_lsn::text, wal_status,
       coalesce(pg_wal_lsn_diff(now_lsn, confirmed_flush_lsn), 0)::bigint,
       coalesce(pg_wal_lsn_diff(now_lsn, restart_lsn), 0)::bigint,
       safe_wal_size
FROM pg_replication_slots,
     (SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                  ELSE pg_current_wal_insert_lsn() END AS now_lsn) AS wal
WHERE slot_type = 'logical' AND (%s::text IS NULL OR slot_name = %s)
ORDER BY slot_name
"""

_DATABASE = """
SELECT clock_timestamp() AS at, d.datname AS database,
       d.numbackends AS connections,
       (SELECT count(*) FROM pg_stat_activity WHERE state = 'active'
        AND backend_type = 'client backend') AS active_connections,
       current_setting('max_connections')::int AS max_connections,
       d.xact_commit AS commits, d.xact_rollback AS rollbacks, d.deadlocks,
       d.blks_hit AS blocks_hit, d.blks_read AS blocks_read,
       d.blks_hit::float8 / nullif(d.blks_hit + d.blks_read, 0) AS cache_hit_rate,
       d.tup_inserted AS rows_inserted, d.tup_updated AS rows_updated,
       d.tup_deleted AS rows_deleted, d.temp_bytes,
       pg_database_size(d.datname) AS size_bytes,
       (SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables) AS dead_rows,
       (SELECT coalesce(sum(n_live_tup), 0)::bigint FROM pg_stat_user_tables) AS live_rows,
       (SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)), 0)::float8
        FROM pg_stat_activity WHERE datname = d.datname) AS oldest_transaction_seconds
FROM pg_stat_database d WHERE d.datname = current_database()
"""

_STATEMENTS = """
SELECT sum(calls)::bigint, sum(total_exec_time)::float8
FROM {} s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class SlotStatus:
    """A logical replication slot.

    Attributes:
        active: somebody reads it.
        confirmed_lsn: what is before is stored by the reader; '' when there is none yet.
        restart_lsn: from here on the server keeps its log for the slot.
        wal_status: ``reserved``, ``extended``, ``unreserved`` or ``lost``.
        lag_bytes: written to the server's log since the confirmed place.
        retained_bytes: of log that is kept for the slot.
        safe_bytes: that can be written until the slot may be lost; None for no limit.
    """

    slot: str
    active: bool
    confirmed_lsn: str
    restart_lsn: str
    wal_status: str
    lag_bytes: int
    retained_bytes: int
    safe_bytes: int | None


def slot_status(url: str, slot: str | None = None) -> list[SlotStatus]:
    """All logical slots of the server, or the one of that name; none when there is none.

    Raises:
        SourceError: the server cannot be reached or refuses.
    """
    connection = driver.connect(Address.parse(url))
    try:
        return slots_of(connection, slot)
    finally:
        connection.close()


def slots_of(connection: Any, slot: str | None = None) -> list[SlotStatus]:
    """The same through a connection that is open."""
    return [
        SlotStatus(name, active, confirmed or "", restart or "", wal or "", lag, kept, safe)
        for name, active, confirmed, restart, wal, lag, kept, safe in driver.query(
            connection, _SLOTS, [slot, slot]
        )
    ]


def server_stats(connection: Any) -> dict[str, Any]:
    """One row of statistics of the database that the connection is to.

    Counts (commits, blocks …) grow from the server's last reset; rates are the reader's business.
    ``statements`` and ``mean_query_ms`` are None where ``pg_stat_statements`` is not there or not
    readable. ``slots`` is a list of `SlotStatus` as dicts, ``max_lag_bytes`` the largest lag.
    """
    with connection.cursor() as cursor:
        cursor.execute(_DATABASE)
        names = [column.name for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True))
    calls, spent = _statements(connection)
    slots = slots_of(connection)
    row["statements"] = calls
    row["mean_query_ms"] = spent / calls if calls and spent is not None else None
    row["max_lag_bytes"] = max((slot.lag_bytes for slot in slots), default=0)
    row["slots"] = [asdict(slot) for slot in slots]
    return row


def _statements(connection: Any) -> tuple[int | None, float | None]:
    """Calls and milliseconds of all statements; None without the extension."""
    sql = driver.psycopg2().sql
    found = driver.query(
        connection,
        "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace "
        "WHERE e.extname = 'pg_stat_statements' "
        "AND current_setting('shared_preload_libraries') LIKE '%%pg_stat_statements%%'",
        [],
    )
    if not found:
        return None, None
    view = sql.Identifier(found[0][0], "pg_stat_statements")
    calls, spent = driver.query(connection, sql.SQL(_STATEMENTS).format(view))[0]
    return calls, spent

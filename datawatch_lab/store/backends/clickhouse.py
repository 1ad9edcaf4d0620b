"""ClickHouse as a metric back end, over its HTTP interface: tables that keep the newest version.

A state that is sent again is one more row with a greater version. `ReplacingMergeTree` drops the
older ones when it merges parts, and ``FINAL`` leaves them out before that. A materialised view
would add up the older versions too, so hours are made by a statement that aggregates what ``FINAL``
leaves: see `hours`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx
import polars as pl

from datawatch_lab.core.backends import (
    MERGED,
    UTC_US,
    Asked,
    BackendError,
    Capabilities,
    Health,
    KeptFor,
    Points,
)
from datawatch_lab.core.clock import Clock, SystemClock
from datawatch_lab.core.config.sections import BackendsSection
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.store.backends import clickhouse_native as native
from datawatch_lab.store.backends import clickhouse_sql as sql
from datawatch_lab.store.backends.hours import Hours, stretches

_MONTHS = 12
_LATEST = 2**32
_DAY = timedelta(days=1)
_TTL_SINCE = (19, 6)
_CODE = re.compile(r"Code: (\d+)")
_NO_TTL = (
    "This ClickHouse is older than 19.6 and has no TTL: old minutes are deleted once a day, while "
    "points are written."
)
_SIGN_IN = "Check storage.clickhouse.username and storage.clickhouse.password."
_GRANT = (
    "Its user needs SELECT, INSERT, CREATE TABLE and ALTER on the database: GRANT SELECT, INSERT, "
    "CREATE TABLE, ALTER ON {database}.* TO {user}; before version 20, no profile with readonly "
    "and the database among allow_databases in users.xml."
)
_WAIT = "It is tried again; points wait in the workspace."
_DO = {
    81: "Make the database: CREATE DATABASE {database}, or correct storage.clickhouse.database.",
    60: "The next write makes it anew.",
    164: _GRANT,
    291: _GRANT,
    497: _GRANT,
    **dict.fromkeys((192, 193, 194, 516), _SIGN_IN),
    **dict.fromkeys((159, 202, 209, 241, 242, 252), _WAIT),
    243: "Its disk is full: give it room; points wait in the workspace.",
}
"""What to do, by the server's error code."""


def make(section: BackendsSection) -> ClickHouse | None:
    """The back end that a configuration describes; None when it names none."""
    if section.clickhouse_url is None:
        return None
    return ClickHouse(
        section.clickhouse_url,
        database=section.clickhouse_database or "default",
        username=section.clickhouse_username or "",
        password=section.clickhouse_password or "",
    )


class ClickHouse:
    """Metrics in ClickHouse, from version 18.16 on.

    Args:
        url: of the HTTP interface, ``http://host:8123``; a user and a password in it are used
            where the arguments give none.
        database: that holds our tables; it has to be there.
        username, password: to sign in with.
        timeout: seconds that a call waits for the server.
        clock: versions of rows are made from it.

    Raises:
        ConfigError: the address cannot be read.
    """

    name = "clickhouse"

    def __init__(
        self,
        url: str,
        *,
        database: str = "default",
        username: str = "",
        password: str = "",
        timeout: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                "storage.clickhouse.url is no address of an HTTP interface.",
                hint="It looks like http://host:8123.",
            )
        self._database = database
        self._user = username or unquote(parts.username or "") or "default"
        host = parts.netloc.rpartition("@")[2]
        self.address = urlunsplit((parts.scheme, host, parts.path or "/", "", ""))
        self._client = httpx.Client(
            base_url=self.address,
            auth=(self._user, password or unquote(parts.password or "")),
            timeout=timeout,
        )
        self._clock = clock or SystemClock()
        self._writing = threading.Lock()
        self._newest = 0
        self._version = ""
        self._known: set[int] = set()
        self._kept: KeptFor | None = None
        self._swept: datetime | None = None
        self._hours = Hours(self)

    def __repr__(self) -> str:
        return f"ClickHouse({self.address!r}, database={self._database!r})"

    @property
    def target(self) -> str:
        """The address with the database that is written to."""
        return f"{self.address}?database={self._database}"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do; notes tell what the server lacks, once it was spoken to."""
        old = bool(self._version) and not self._has_ttl
        return Capabilities(retention="ours", notes=(_NO_TTL,) if old else ())

    @property
    def _has_ttl(self) -> bool:
        numbers = [int(part) for part in re.findall(r"\d+", self._version)[:2]]
        return tuple(numbers) >= _TTL_SINCE

    def prepare(self) -> None:
        """Make the tables that are missing."""
        self._look()
        there = self._tables()
        for table in sql.TYPES:
            if table not in there:
                self._run(sql.make(self._database, table))
        self._hours.forget()

    def write(self, points: Points) -> None:
        """Store points; a minute that was written before is replaced.

        Raises:
            BackendError: the server refuses or does not answer, and the whole may be written
                again; or some minutes are outside 1970 to 2106, and the others were stored.
        """
        with self._writing:
            version = self._next_version()
            states, values = _in_range(points.states), _in_range(points.values)
            self._write_series(states, version)
            series = pl.col("series").str.to_integer(base=16, dtype=pl.UInt64)
            at = pl.col("last_at").dt.epoch("us")
            self._insert("datawatch_states", states.with_columns(series, at), version)
            self._insert("datawatch_values", values, version)
            self._hours.wrote(states)
            self._sweep()
        if refused := points.height - states.height - values.height:
            raise BackendError(
                f"{refused} points are of minutes before 1970 or after 2105, which ClickHouse "
                "does not hold.",
                retry=False,
                rejected=refused,
            )

    def _write_series(self, states: pl.DataFrame, version: int) -> None:
        numbered = states.unique("series").with_columns(
            pl.col("series").str.to_integer(base=16, dtype=pl.UInt64)
        )
        fresh = numbered.filter(~pl.col("series").is_in(list(self._known)))
        self._insert("datawatch_series", fresh, version)
        self._known.update(fresh["series"])

    def _insert(self, table: str, frame: pl.DataFrame, version: int) -> None:
        """Send rows, few enough months at a time for the server to take them."""
        if not frame.height:
            return
        rows = frame.with_columns(pl.lit(version, pl.UInt64).alias("version"))
        parts = [rows]
        if "minute" in rows.columns:
            month = pl.col("minute").dt.truncate("1mo").rank("dense") // _MONTHS
            parts = rows.with_columns(
                pl.col("minute").dt.epoch("s"), month.alias("part")
            ).partition_by("part")
        for part in parts:
            self._run(sql.insert(self._database, table), native.encode(part, sql.TYPES[table]))

    def _next_version(self) -> int:
        """Greater than those before, also when the clock is set back while we run."""
        micros = int(self._clock.now().timestamp() * 1e6)
        self._newest = max(self._newest + 1, micros)
        return self._newest

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states.

        Raises:
            BackendError: the server refuses or does not answer.
        """
        keys = {int(key, 16): key for key in asked.series}
        if not keys:
            return pl.DataFrame(schema=MERGED)
        parts = stretches(asked, self._hours.until())
        frame = self._ask(sql.read(self._database, asked, list(keys), parts))
        if not frame.height:
            return pl.DataFrame(schema=MERGED)
        bucket = pl.from_epoch("bucket", "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
        return frame.select(
            pl.col("series").replace_strict(keys, default=None, return_dtype=pl.String()),
            bucket if asked.step is not None else pl.lit(None, UTC_US).alias("bucket"),
            *(pl.col(f"m_{part}").alias(part) for part in ("n", "sum", "min", "max", "last")),
            pl.col("m_last_at")
            .cast(pl.Datetime("us"))
            .dt.replace_time_zone("UTC")
            .alias("last_at"),
        )

    # ------------------------------------------------------------------ hours

    def span(self) -> tuple[datetime, datetime] | None:
        """See `hours.HoursServer`, which this and what follows are for."""
        found = self._ask(sql.span(self._database))
        if not found.height or not found["rows"][0]:
            return None
        return _moment(found["first"][0]), _moment(found["last"][0])

    def known_series(self) -> list[str]:
        """Keys of all series."""
        found = self._ask(sql.known_series(self._database))
        return [f"{key:016x}" for key in found["series"]] if found.height else []

    def mark(self) -> datetime | None:
        """Hours before this are made."""
        found = self._ask(sql.mark(self._database))
        return _moment(found["until"][0]) if found.height else None

    def put_mark(self, until: datetime) -> None:
        """Say up to where hours are made."""
        self._run(sql.put_mark(self._database, until, self._next_version()))

    def make_hours(self, series: Sequence[str], start: datetime, end: datetime) -> None:
        """Make hours of minutes, within the server."""
        keys = [int(key, 16) for key in series]
        self._run(sql.make_hours(self._database, keys, start, end, self._next_version()))

    # ------------------------------------------------------------------ the rest

    def retain(self, kept: KeptFor) -> None:
        """Drop what is older, by TTL; once a day by us where the server has none."""
        self._look()
        if self._has_ttl:
            made = self._tables()
            for table in sql.TIMED:
                age = _age(table, kept)
                if sql.ttl(age) not in made.get(table, ""):  # it would rewrite what is stored
                    self._run(sql.expire(self._database, table, age))
        self._kept = kept

    def shortfall(self, kept: KeptFor) -> str:
        """Nothing: retention is ours."""
        del kept
        return ""

    def _sweep(self) -> None:
        now = self._clock.now()
        if self._kept is None or (self._swept is not None and now < self._swept + _DAY):
            return
        if not self._has_ttl:
            for table in sql.TIMED:
                before = now - _age(table, self._kept)
                self._run(sql.delete_before(self._database, table, before))
        self._swept = now

    def health(self) -> Health:
        """Whether it answers and has our tables."""
        try:
            self._look()
            missing = sorted(sql.TYPES.keys() - self._tables().keys())
        except BackendError as error:
            return Health(ok=False, version=self._version, problem=str(error))
        if missing:
            problem = (
                f"{self._database} has no table {missing[0]} yet, or {self._user} may not see it; "
                "it is made with the first write."
            )
            return Health(ok=False, version=self._version, problem=problem, fresh=True)
        return Health(ok=True, version=self._version)

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def _look(self) -> None:
        found = self._ask(sql.SERVER)
        if "version" not in found.columns or not found.height:
            raise self._foreign()
        self._version = f"ClickHouse {found['version'][0]}"

    def _tables(self) -> dict[str, str]:
        """Our tables that are there, with the statements that would make them."""
        found = self._ask(sql.there(self._database))
        return dict(found.select("table", "made").iter_rows()) if found.height else {}

    def _ask(self, statement: str) -> pl.DataFrame:
        answer = self._run(statement)
        try:
            return native.decode(answer)
        except (ValueError, IndexError, pl.exceptions.PolarsError):
            raise self._foreign() from None

    def _foreign(self) -> BackendError:
        return BackendError(
            f"What answers at {self.address} is no ClickHouse.",
            hint="Check that storage.clickhouse.url names its HTTP interface, and no proxy's page.",
        )

    def _run(self, statement: str, data: bytes | None = None) -> bytes:
        """Run a statement; what it answers.

        Raises:
            BackendError: it failed; says what to do.
        """
        # Without the wait an error may come after a status of 200, in the middle of the answer.
        query = {"database": self._database, "wait_end_of_query": "1"}
        if data is not None:
            query["query"] = statement
        try:
            reply = self._client.post(
                "", params=query, content=statement.encode() if data is None else data
            )
        except httpx.HTTPError as error:
            raise BackendError(
                f"ClickHouse at {self.address} does not answer ({type(error).__name__}).",
                hint="Check that it runs and that storage.clickhouse.url names its HTTP "
                "interface; points wait in the workspace.",
            ) from None
        if reply.status_code != 200:
            raise self._told(reply)
        return reply.content

    def _told(self, reply: httpx.Response) -> BackendError:
        """The server's words, cut, and what to do."""
        found = _CODE.search(reply.text)
        code = int(found[1]) if found else 0
        if not found and reply.status_code in (401, 403):
            code = 516
        words = " ".join(reply.text.partition("DB::Exception: ")[2].split()) or reply.reason_phrase
        if code == 60:
            self._known.clear()
            self._hours.forget()
        if code in (192, 193, 194, 516):
            words = f"user {self._user} or the password is wrong."
        hint = _DO.get(code, "").format(database=self._database, user=self._user)
        return BackendError(f"ClickHouse at {self.address}: {words[:300]}", hint=hint)


def _age(table: str, kept: KeptFor) -> timedelta:
    """How long a table is kept; there is no level of days, so hours stand for them."""
    return kept.days if table == sql.HOURS else kept.minutes


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


def _in_range(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows whose minute a DateTime holds."""
    seconds = pl.col("minute").dt.epoch("s")
    return frame.filter((seconds >= 0) & (seconds < _LATEST))

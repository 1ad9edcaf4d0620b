"""InfluxDB: line protocol in (1.x ``/write``, 2.x ``/api/v2/write``), InfluxQL out.

A state is one point of the measurement ``datawatch_states`` with the tags ``series`` and
``measure``, and a value one point of the metric's own name with its labels as tags. A point with
the same time and tags takes the place of the one before, so late corrections replace. Of 2.x,
InfluxQL is asked at ``/query`` of the same server; it needs a DBRP mapping, see docs/backends.md.
Source: https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import polars as pl

from datawatch_lab.core.backends import (
    MERGED,
    Asked,
    BackendError,
    Capabilities,
    Health,
    KeptFor,
    Points,
)
from datawatch_lab.core.config.sections import BackendsSection
from datawatch_lab.core.durations import format_duration
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.store.backends.hours import Hours, stretches
from datawatch_lab.store.backends.influx_hours import InfluxHours
from datawatch_lab.store.backends.influx_lines import quoted, state_lines, value_lines
from datawatch_lab.store.backends.influx_reading import frame_of, joined, select
from datawatch_lab.store.backends.signing import signed

_FIELDS = {
    each: f'{how}("{each}")'
    for each, how in {"n": "sum", "sum": "sum", "min": "min", "max": "max"}.items()
}
_NO_ADMIN = (
    "Its user is no administrator of InfluxDB, who alone may make retention policies: no hours are "
    "made, and autogen keeps minutes for as long as it is set to."
)
_LINES = 5_000  # of one request, as InfluxData advises
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


def make(section: BackendsSection) -> Influx | None:
    """The back end that a configuration describes; None when it names none."""
    if section.influxdb_url is None:
        return None
    second = section.influxdb_token is not None
    database = section.influxdb_bucket if second else section.influxdb_database
    if second and not (section.influxdb_org and database):
        raise ConfigError(
            "storage.influxdb: a token is of InfluxDB 2.x, which needs org and bucket too."
        )
    return Influx(
        section.influxdb_url,
        database or "datawatch",
        username=section.influxdb_username or "",
        password=section.influxdb_password or "",
        token=section.influxdb_token or "",
        org=section.influxdb_org or "",
    )


class Influx:
    """InfluxDB at an address; see `core.backends.Backend`.

    Args:
        url: such as http://localhost:8086.
        database: database of 1.x; bucket of 2.x.
        username, password: of 1.x.
        token, org: of 2.x; with a token the write path of 2.x is used.
        timeout: seconds that a call may take.
    """

    name = "influxdb"

    def __init__(
        self,
        url: str,
        database: str = "datawatch",
        *,
        username: str = "",
        password: str = "",
        token: str = "",
        org: str = "",
        timeout: float = 10.0,
    ) -> None:
        plain, named = signed(url)
        self._url = plain.rstrip("/")
        self._database = database
        self._is_second = bool(token)
        self._org = org
        headers = {"Authorization": f"Token {token}"} if token else {}
        auth = (username, password) if username and not token else named
        self._client = httpx.Client(timeout=timeout, headers=headers, auth=auth)
        self._made = InfluxHours(self._ask, self._put, self._database)
        self._hours: Hours | None = None  # of 1.x, where the user may make a retention policy
        self._is_admin = True

    def __repr__(self) -> str:
        return f"Influx({self.address}, {self._database!r})"

    @property
    def address(self) -> str:
        """Without a password."""
        return self._url

    @property
    def target(self) -> str:
        """The address with the database, or organisation and bucket, that is written to."""
        if self._is_second:
            return f"{self._url}?org={self._org}&bucket={self._database}"
        return f"{self._url}?db={self._database}"

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return Capabilities(
            retention="theirs" if self._is_second else "ours",
            notes=(
                "Backslashes, line ends and % within labels are written as %5C, %0A and %25.",
                *(() if self._is_admin else (_NO_ADMIN,)),
            ),
        )

    def prepare(self) -> None:
        """Make the database of 1.x when it is missing; a bucket of 2.x has to be there."""
        if self._is_second:
            return
        if self._database not in self._databases():
            self._ask(f"CREATE DATABASE {quoted(self._database)}")
        self._is_admin = self._if_admin(self._made.prepare)
        self._hours = Hours(self._made) if self._is_admin else None

    def _if_admin(self, run: Callable[[], object]) -> bool:
        """Run what the server lets administrators alone do; whether it did."""
        try:
            run()
        except _DeniedError as error:
            if "requires admin privilege" not in error.said:
                raise
            return False
        return True

    def _databases(self) -> list[str]:
        (found,) = self._ask("SHOW DATABASES")
        return [row[0] for each in found.get("series", ()) for row in each.get("values", ())]

    def _buckets(self) -> list[dict[str, Any]]:
        """Those of 2.x with the name of ours that the token may see."""
        where = {"org": self._org, "name": self._database}
        answer = self._request("GET", "/api/v2/buckets", params=where)
        if answer.status_code == 404:
            return []
        if not answer.is_success:
            raise self._failure(answer)
        found: list[dict[str, Any]] = self._decoded(answer).get("buckets", [])
        return found

    # ------------------------------------------------------------------ writing

    def write(self, points: Points) -> None:
        """Store points; the same time and tags take the place of what was there."""
        lines = [*state_lines(points.states), *value_lines(points.values)]
        path = "/api/v2/write" if self._is_second else "/write"
        if self._is_second:
            where = {"org": self._org, "bucket": self._database, "precision": "ns"}
        else:
            where = {"db": self._database, "precision": "ns"}
        failure: BackendError | None = None
        rejected = 0
        for start in range(0, len(lines), _LINES):
            chunk = lines[start : start + _LINES]
            body = "\n".join(chunk).encode()
            answer = self._request("POST", path, params=where, content=body)
            if answer.is_success:
                continue
            failure = self._failure(answer)
            if failure.retry:
                raise failure
            rejected += len(chunk) if failure.rejected is None else failure.rejected
        if self._hours is not None:
            self._hours.wrote(points.states)
        if failure is not None:
            failure.rejected = rejected
            raise failure

    def _put(self, line: str, policy: str) -> None:
        where = {"db": self._database, "rp": policy, "precision": "ns"}
        answer = self._request("POST", "/write", params=where, content=line.encode())
        if not answer.is_success:
            failure = self._failure(answer)
            failure.retry = True  # the points themselves are stored
            raise failure

    # ------------------------------------------------------------------ reading

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states; minutes become steps in InfluxQL."""
        if not asked.series:
            return pl.DataFrame(schema=MERGED)
        parts = [each for each in _FIELDS if each in asked.parts or each == "n"]
        fields = ", ".join(f'{_FIELDS[each]} AS "{each}"' for each in parts)
        asks = [(fields, (*parts, "n"))]
        if "last" in asked.parts:
            last = 'last("last") AS "last", last("last_at") AS "last_at"'
            asks.append((last, ("last", "last_at")))
        where = stretches(asked, self._hours.until() if self._hours else None)
        found = iter(
            self._ask("; ".join(select(each, asked, part) for part in where for each, _ in asks))
        )
        frames = []
        for _ in where:
            frame, *more = (frame_of(next(found), named, asked) for _, named in asks)
            for each in more:
                frame = frame.join(each, on=("series", "bucket"), how="left", nulls_equal=True)
            missing = [pl.lit(None).alias(each) for each in MERGED if each not in frame.columns]
            frames.append(
                frame.with_columns(missing).select(
                    pl.col(name).cast(pl.Int64() if name == "last_at" else kind)
                    for name, kind in MERGED.items()
                )
            )
        at = pl.col("last_at").cast(pl.Datetime("us", "UTC"))
        return joined(frames).filter(pl.col("n").is_not_null()).with_columns(at)

    # ------------------------------------------------------------------ the rest

    def retain(self, kept: KeptFor) -> None:
        """Set how long the retention policies of a 1.x database keep minutes, and hours."""
        if self._is_second:
            return
        named = quoted(self._database)

        def alter() -> None:
            self._ask(f"ALTER RETENTION POLICY autogen ON {named} DURATION {_hours(kept.minutes)}")
            self._made.retain(kept.days)

        self._is_admin = self._if_admin(alter)

    def shortfall(self, kept: KeptFor) -> str:
        """Whether a bucket of 2.x keeps minutes for less long than the workspace does."""
        if not self._is_second:
            return ""
        for each in self._buckets():
            seconds = [rule.get("everySeconds", 0) for rule in each.get("retentionRules", [])]
            if any(0 < every < kept.minutes.total_seconds() for every in seconds):
                wanted = format_duration(kept.minutes)
                return (
                    f"The bucket {self._database} keeps points for "
                    f"{format_duration(timedelta(seconds=min(seconds)))}, the workspace minutes "
                    f"for {wanted}. Set it: influx bucket update --id ID --retention "
                    f"{_hours(kept.minutes)}, or set metrics.retention to less."
                )
        return ""

    def health(self) -> Health:
        """Whether it answers, lets us in and has the database."""
        try:
            answer = self._request("GET", "/ping")
            version = answer.headers.get("X-Influxdb-Version", "").removeprefix("v")
            there = (
                [str(each["name"]) for each in self._buckets()]
                if self._is_second
                else self._databases()
            )
            if self._database not in there:
                kind = "bucket" if self._is_second else "database"
                return Health(
                    ok=False,
                    version=version,
                    problem=f"InfluxDB at {self.address} has no {kind} {self._database!r}"
                    + (
                        f" in {self._org!r} that the token may see: make it, or give the token "
                        "the right to read and write it."
                        if self._is_second
                        else " yet; it is made with the first write."
                    ),
                    fresh=not self._is_second,
                )
        except BackendError as error:
            return Health(ok=False, problem=str(error))
        return Health(ok=True, version=version)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _ask(self, query: str) -> list[dict[str, Any]]:
        """The results of InfluxQL statements."""
        sent = {"q": query, "db": self._database, "epoch": "ns"}
        answer = self._request("POST", "/query", data=sent)
        if not answer.is_success:
            raise self._failure(answer)
        results: list[dict[str, Any]] = self._decoded(answer).get("results", [])
        for each in results:
            if "error" in each:
                raise BackendError(f"InfluxDB at {self.address}: {each['error']}.", retry=False)
        return results

    def _decoded(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            return msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError:  # a page that is not theirs, with a status of 200
            raise BackendError(
                f"What answers at {self.address} is no InfluxDB.",
                hint="Check that storage.influxdb.url names the server, and no proxy's page.",
            ) from None

    def _request(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return self._client.request(method, f"{self._url}{path}", **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendError(
                f"InfluxDB at {self.address} does not answer: {type(error).__name__}.",
                hint="Is it running, and is storage.influxdb.url right?",
            ) from None

    def _failure(self, answer: httpx.Response) -> BackendError:
        code = answer.status_code
        text = _said(answer)
        if code in (401, 403):
            name = "token" if self._is_second else "username and password"
            return _DeniedError(
                f"InfluxDB at {self.address} lets nobody in ({code}).",
                hint=f"Check storage.influxdb's {name}, and that it may write and read "
                f"{self._database}.",
                said=text,
            )
        if code == 404:
            return BackendError(
                f"InfluxDB at {self.address} has no database {self._database!r}: {text}",
                hint="Make it, or let the user make it (GRANT ALL).",
            )
        lost = re.search(r"dropped=(\d+)", text)
        rejected = int(lost.group(1)) if lost else None
        retry = code in _BUSY and "partial write" not in text
        sentence = f"InfluxDB at {self.address} answered {code}: {text}"
        return BackendError(sentence, retry=retry, rejected=rejected)


class _DeniedError(BackendError):
    """The server does not let the user do this.

    Attributes:
        said: its own words.
    """

    def __init__(self, message: str, *, hint: str, said: str) -> None:
        super().__init__(message, hint=hint)
        self.said = said


def _hours(kept: timedelta) -> str:
    return f"{max(int(kept.total_seconds() // 3_600), 1)}h"


def _said(answer: httpx.Response) -> str:
    try:
        found = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return answer.text[:200]
    return str(found.get("error") or found.get("message") or "")[:200]

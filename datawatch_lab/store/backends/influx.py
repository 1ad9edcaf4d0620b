"""InfluxDB: line protocol in (1.x ``/write``, 2.x ``/api/v2/write``), InfluxQL out.

A state is one point of the measurement ``datawatch_states`` with the tags ``series`` and
``measure``, and a value one point of the metric's own name with its labels as tags. A point with
the same time and tags takes the place of the one before, so late corrections replace. Of 2.x,
InfluxQL is asked at ``/query`` of the same server; it needs a DBRP mapping, see docs/backends.md.
Source: https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
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
    Points,
)
from datawatch_lab.core.config.sections import BackendsSection
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.store.backends.signing import signed

_STATES = "datawatch_states"
_FIELDS = {
    each: f'{how}("{each}")'
    for each, how in {"n": "sum", "sum": "sum", "min": "min", "max": "max"}.items()
}
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
            notes=("Backslashes, line ends and % within labels are written as %5C, %0A and %25.",),
        )

    def prepare(self) -> None:
        """Make the database of 1.x when it is missing; a bucket of 2.x has to be there."""
        if self._is_second or self._database in self._databases():
            return
        self._ask(f"CREATE DATABASE {_name(self._database)}")

    def _databases(self) -> list[str]:
        (found,) = self._ask("SHOW DATABASES")
        return [row[0] for each in found.get("series", ()) for row in each.get("values", ())]

    def _buckets(self) -> list[str]:
        """Those of 2.x with the name of ours that the token may see."""
        where = {"org": self._org, "name": self._database}
        answer = self._request("GET", "/api/v2/buckets", params=where)
        if answer.status_code == 404:
            return []
        if not answer.is_success:
            raise self._failure(answer)
        found = self._decoded(answer).get("buckets", [])
        return [str(each["name"]) for each in found]

    # ------------------------------------------------------------------ writing

    def write(self, points: Points) -> None:
        """Store points; the same time and tags take the place of what was there."""
        lines = [*_state_lines(points.states), *_value_lines(points.values)]
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
        if failure is not None:
            failure.rejected = rejected
            raise failure

    # ------------------------------------------------------------------ reading

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states; minutes become steps in InfluxQL."""
        if not asked.series:
            return pl.DataFrame(schema=MERGED)
        parts = [each for each in _FIELDS if each in asked.parts or each == "n"]
        fields = ", ".join(f'{_FIELDS[each]} AS "{each}"' for each in parts)
        asks = [self._select(fields, asked)]
        if "last" in asked.parts:
            asks.append(self._select('last("last") AS "last", last("last_at") AS "last_at"', asked))
        found = self._ask("; ".join(asks))
        frame = _frame(found[0], (*parts, "n"), asked)
        if len(found) > 1:
            last = _frame(found[1], ("last", "last_at"), asked)
            on = ("series", "bucket")
            frame = frame.join(last, on=on, how="left", nulls_equal=True)
        missing = [pl.lit(None).alias(each) for each in MERGED if each not in frame.columns]
        at = pl.col("last_at").cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
        return (
            frame.with_columns(missing)
            .filter(pl.col("n").is_not_null())
            .with_columns(at)
            .select(pl.col(name).cast(kind) for name, kind in MERGED.items())
        )

    def _select(self, fields: str, asked: Asked) -> str:
        where = f"time >= {_nanos(asked.start)} AND time < {_nanos(asked.end)}"
        keys = "|".join(asked.series)
        buckets = '"series"'
        if asked.step is not None:
            width = int(asked.step.total_seconds())
            offset = int(asked.start.timestamp()) % width
            buckets += f", time({width}s, {offset}s)"
        return (
            f'SELECT {fields} FROM {_STATES} WHERE {where} AND "series" =~ /^({keys})$/ '
            f'AND "n" != 0 GROUP BY {buckets}' + (" fill(none)" if asked.step else "")
        )

    # ------------------------------------------------------------------ the rest

    def retain(self, kept: timedelta) -> None:
        """Set how long the default retention policy of a 1.x database keeps points."""
        if not self._is_second:
            hours = max(int(kept.total_seconds() // 3_600), 1)
            self._ask(
                f"ALTER RETENTION POLICY autogen ON {_name(self._database)} DURATION {hours}h",
            )

    def health(self) -> Health:
        """Whether it answers, lets us in and has the database."""
        try:
            answer = self._request("GET", "/ping")
            version = answer.headers.get("X-Influxdb-Version", "").removeprefix("v")
            there = self._buckets() if self._is_second else self._databases()
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
            return BackendError(
                f"InfluxDB at {self.address} lets nobody in ({code}).",
                hint=f"Check storage.influxdb's {name}, and that it may write and read "
                f"{self._database}.",
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


def _said(answer: httpx.Response) -> str:
    try:
        found = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        return answer.text[:200]
    return str(found.get("error") or found.get("message") or "")[:200]


def _frame(result: Mapping[str, Any], parts: Sequence[str], asked: Asked) -> pl.DataFrame:
    """A result as series, bucket and parts."""
    frames = []
    for each in result.get("series", ()):
        columns = list(zip(*each["values"], strict=True))
        named = dict(zip(each["columns"], columns, strict=True))
        times = pl.Series(named["time"], dtype=pl.Int64) // 1_000
        bucket = times.cast(pl.Datetime("us", "UTC"))
        if asked.step is None:
            bucket = pl.Series([None] * len(times), dtype=pl.Datetime("us", "UTC"))
        kinds = {"n": pl.Int64(), "last_at": pl.Int64()}
        cells = {
            part: pl.Series(named[part], dtype=kinds.get(part, pl.Float64()), strict=False)
            for part in dict.fromkeys(parts)
        }
        key = [each["tags"]["series"]] * len(times)
        frames.append(pl.DataFrame({"series": key, "bucket": bucket, **cells}))
    if frames:
        return pl.concat(frames)
    kinds = {"n": pl.Int64(), "last_at": pl.Int64()}
    empty: dict[str, Any] = {"series": pl.String(), "bucket": pl.Datetime("us", "UTC")}
    return pl.DataFrame(schema=empty | {each: kinds.get(each, pl.Float64()) for each in parts})


def _state_lines(states: pl.DataFrame) -> list[str]:
    """Points of states; a part that is null is left out, and so keeps nothing of before."""
    if not states.height:
        return []
    measures = states["measure"].unique().to_list()
    safe = states["measure"].replace_strict(measures, [escaped(each) for each in measures])
    fields = [pl.format("n={}i", "n")]
    for part in ("sum", "min", "max", "last"):
        shown = pl.format(f"{part}={{}}", pl.col(part))
        fields.append(pl.when(pl.col(part).is_not_null()).then(shown))
    at = pl.format("last_at={}i", pl.col("last_at").dt.epoch("us"))
    fields.append(pl.when(pl.col("last_at").is_not_null()).then(at))
    lines = states.with_columns(safe.alias("measure")).select(
        pl.format(
            _STATES + ",measure={},series={} {} {}",
            "measure",
            "series",
            pl.concat_str(fields, separator=",", ignore_nulls=True),
            pl.col("minute").dt.epoch("us") * 1_000,
        )
    )
    return lines.to_series().to_list()


def _value_lines(values: pl.DataFrame) -> list[str]:
    """Points of values, the measurement and tags written once for all minutes of a series."""
    lines: list[str] = []
    for (metric, labels), rows in values.group_by("metric", "labels", maintain_order=True):
        tags = msgspec.json.decode(str(labels), type=dict[str, str])
        named = [escaped(str(metric))]
        named += [f"{escaped(tag)}={escaped(value)}" for tag, value in tags.items() if value]
        shown = pl.format(
            "{} value={} {}",
            pl.lit(",".join(named)),
            "value",
            pl.col("minute").dt.epoch("us") * 1_000,
        )
        lines += rows.select(shown.alias("line"))["line"].to_list()
    return lines


def escaped(text: str) -> str:
    r"""A measurement, tag or tag value of the line protocol.

    A backslash cannot be written in every place, so it and line ends are written as in addresses.

    >>> escaped("a b,c=d"), escaped("x\\")
    ('a\\ b\\,c\\=d', 'x%5C')
    """
    text = text.replace("%", "%25").replace("\\", "%5C").replace("\n", "%0A").replace("\r", "%0D")
    return re.sub(r"([ ,=])", r"\\\1", text)


def _name(name: str) -> str:
    """A name within InfluxQL."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _nanos(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000

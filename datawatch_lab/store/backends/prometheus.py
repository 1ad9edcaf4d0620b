"""Prometheus: remote write 1.0 in, PromQL out.

A state is six samples (``datawatch_state_n``, ``_sum``, ``_min``, ``_max``, ``_last`` and
``_last_at``) with the labels ``series`` and ``measure``; a value is a sample of the metric's own
name with its labels. A sample stands in the last second of its minute, so that a range selector
takes whole minutes whether it counts its left edge in (Prometheus 2) or not (3).

Prometheus keeps the first sample of a moment, whatever is sent later (measured with 2.42: the
newest is answered with 400, an older one with 204 and nothing). So a correction is a sample of its
own, a millisecond later than the one before: counts and sums as the difference, the others as they
are. One sample that it does not take undoes the whole request, so a refused request is sent again
in halves. Sources: https://prometheus.io/docs/specs/remote_write_spec/ and
https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
import polars as pl

from datawatch_lab.core.backends import (
    MERGED,
    MINUTE,
    Asked,
    BackendError,
    Capabilities,
    Health,
    KeptFor,
    Points,
)
from datawatch_lab.core.config.sections import BackendsSection
from datawatch_lab.core.dashboards import prometheus_name
from datawatch_lab.core.durations import format_duration, parse_duration
from datawatch_lab.core.errors import ConfigError, InputError, MissingPackageError
from datawatch_lab.core.names import prometheus_label
from datawatch_lab.store.backends.prometheus_wire import (
    Series,
    count,
    encode,
    halves,
    moments_of,
)
from datawatch_lab.store.backends.signing import signed

_PARTS = ("n", "sum", "min", "max", "last", "last_at")
_OVER = {"n": "sum", "sum": "sum", "min": "min", "max": "max", "last": "last", "last_at": "last"}
_AT = 59_000  # milliseconds into its minute that the first sample of a state stands at
_RECEIVER = "/api/v1/write"
_BUCKETS = 10_000  # of one range query; Prometheus allows 11,000
_HALVINGS = 200  # requests that one write may take to find what is refused
_CORRECTIONS = (
    "Late corrections reach the states that queries are answered from; values drawn by hand "
    "(datawatch_<metric>) stay as first sent."
)
_USUAL_RETENTION = "15d"
_BUSY = frozenset({408, 425, 429, 502, 503, 504})
_TOO_OLD = ("too old sample", "out of bounds")
_HALVED = frozenset({400, 413})  # something in it is refused, or there is too much in it


def make(section: BackendsSection) -> Prometheus | None:
    """The back end that a configuration describes; None while it is not written to."""
    remote = section.prometheus_remote_write
    if not remote:
        return None
    url = section.prometheus_url or (remote if isinstance(remote, str) else None)
    if url is None:
        raise ConfigError("storage.prometheus.remote_write needs storage.prometheus.url.")
    root = url.removesuffix(_RECEIVER)
    return Prometheus(root, remote if isinstance(remote, str) else None)


class Prometheus:
    """Prometheus at an address; see `core.backends.Backend`.

    Args:
        url: where PromQL is asked, such as http://localhost:9090; may hold user and password.
        write_url: the receiver of remote write; None for the usual path of ``url``.
        timeout: seconds that a call may take.
    """

    name = "prometheus"

    def __init__(self, url: str, write_url: str | None = None, *, timeout: float = 10.0) -> None:
        try:
            import cramjam
        except ImportError:
            raise MissingPackageError(
                "remote write needs cramjam.", hint="pip install 'datawatch-lab[prometheus]'"
            ) from None
        self._pack = cramjam.snappy.compress_raw
        plain, auth = signed(url)
        self._url = plain.rstrip("/")
        self._write_url, other = signed(write_url or f"{self._url}{_RECEIVER}")
        self._auth = auth
        self._write_auth = other or (auth if write_url is None else None)
        self._client = httpx.Client(timeout=timeout)
        self._window: timedelta | None = None

    def __repr__(self) -> str:
        return f"Prometheus({self.address})"

    @property
    def address(self) -> str:
        """Without a password."""
        return self._url

    @property
    def target(self) -> str:
        """The receiver of remote write, without a password."""
        return self._write_url.removesuffix(_RECEIVER)

    @property
    def capabilities(self) -> Capabilities:
        """What it can do, as far as it is known from its configuration."""
        return Capabilities(
            takes_old=self._window,
            notes=(
                "Minutes older than out_of_order_time_window are refused and counted.",
                _CORRECTIONS,
                "How long samples are kept is said by --storage.tsdb.retention.time.",
            ),
        )

    def prepare(self) -> None:
        """Read how old a sample may be; there is nothing to make."""
        answer = self._call("GET", "/api/v1/status/config")
        text = str(answer.get("yaml", ""))
        found = re.search(r"out_of_order_time_window:\s*(\S+)", text)
        self._window = parse_duration(found.group(1)) if found else timedelta(0)

    # ------------------------------------------------------------------ writing

    def write(self, points: Points) -> None:
        """Store points; those that Prometheus refuses for good are told, the others stored."""
        refused = self._send(list(_value_series(points.values)))
        refused += self._send(list(self._state_series(points.states)))
        if refused:
            raise BackendError(
                f"Prometheus refused {refused:,} samples, as too old or already there.",
                hint="Set storage.tsdb.out_of_order_time_window in prometheus.yml to as long as "
                "late data and outages may take.",
                retry=False,
                rejected=refused,
            )

    def _state_series(self, states: pl.DataFrame) -> Iterator[Series]:
        """Samples of states: as they are where there is nothing, else what makes them so."""
        if not states.height:
            return
        frame = states.join(self._there(states), on=("series", "minute"), how="left").with_columns(
            pl.col("revision").fill_null(0),
            pl.col("there_n", "there_sum").fill_null(0),
        )
        same = (pl.col("revision") > 0) & (pl.col("n") == pl.col("there_n"))
        same &= (pl.col("sum").fill_null(0.0) - pl.col("there_sum")).abs() <= (
            1e-12 * pl.col("sum").fill_null(0.0).abs()
        )
        frame = frame.filter(~same).with_columns(
            (pl.col("minute").dt.epoch("ms") + _AT + pl.col("revision")).alias("ms"),
            pl.col("n") - pl.col("there_n"),
            pl.col("sum") - pl.col("there_sum"),
            (pl.col("last_at").dt.epoch("us") / 1e6).alias("last_at"),
        )
        for (series, measure), rows in frame.sort("ms").group_by(
            "series", "measure", maintain_order=True
        ):
            for part in _PARTS:
                known = rows.filter(pl.col(part).is_not_null()).select(
                    "ms", pl.col(part).cast(pl.Float64)
                )
                if known.height:
                    labels = (
                        ("__name__", f"datawatch_state_{part}"),
                        ("measure", str(measure)),
                        ("series", str(series)),
                    )
                    yield labels, known.rows()

    def _there(self, states: pl.DataFrame) -> pl.DataFrame:
        """What is there of the same minutes: series, minute, revision, there_n, there_sum."""
        low, high = states["minute"].min(), states["minute"].max()
        if not isinstance(low, datetime) or not isinstance(high, datetime):
            return _EMPTY
        end = high + MINUTE
        keys = states["series"].unique().to_list()
        seen = f"count_over_time({_selector('n', keys)}[{_seconds(end - low)}s])"
        some = {each["metric"]["series"] for each in self._instant(seen, end)}
        frames = [pl.DataFrame(schema={"series": pl.String, "minute": pl.Datetime("us", "UTC")})]
        for name, part, how in (
            ("revision", "n", "count"),
            ("there_n", "n", "sum"),
            ("there_sum", "sum", "sum"),
        ):
            question = Asked(tuple(sorted(some)), low, end, MINUTE)
            found = self._merged(part, how, question) if some else _EMPTY
            frames.append(found.rename({"bucket": "minute", "value": name}))
        joined = frames[1]
        for each in frames[2:]:
            joined = joined.join(each, on=("series", "minute"), how="left")
        return joined.with_columns(
            pl.col("revision", "there_n").cast(pl.Int64),
            pl.col("minute").cast(states["minute"].dtype),
        )

    def _send(self, series: Sequence[Series]) -> int:
        """Write series; gives the samples that are refused for good.

        A refused request is sent again in halves. Without a window for late samples the early half
        goes first, as Prometheus wants it; else the late one, and where one moment is too old, all
        before it is too.
        """
        waiting, refused, tries = [list(series)] if series else [], 0, 0
        while waiting:
            part = waiting.pop()
            tries += 1
            answer = self._post(part)
            if answer is None:
                continue
            if self._window and answer in _TOO_OLD and len(moments_of(part)) == 1:
                return refused + sum(count(each) for each in (part, *waiting))
            parts = halves(part)
            if not parts or tries > _HALVINGS:
                refused += count(part)
            else:
                waiting.extend(parts if self._window else reversed(parts))
        return refused

    def _post(self, series: Sequence[Series]) -> str | None:
        """One request; when something in it is refused for good, why in a word or two."""
        body = bytes(self._pack(encode(series)))
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        answer = self._request(
            "POST", self._write_url, content=body, headers=headers, auth=self._write_auth
        )
        if answer.is_success:
            return None
        text = answer.text.strip()[:200]
        # a sample beyond the window comes as 500, though sending it again is no use
        old = next((each for each in _TOO_OLD if each in text), None)
        if old is not None or answer.status_code in _HALVED:
            return old or "refused"
        raise _failure(answer, text)

    # ------------------------------------------------------------------ reading

    def read(self, asked: Asked) -> pl.DataFrame:
        """Merged states; minutes become steps in PromQL."""
        wanted = [each for each in _PARTS[:-1] if each in asked.parts or each == "n"]
        if "last" in wanted:
            wanted.append("last_at")
        if not asked.series:
            return pl.DataFrame(schema=MERGED)
        frame = _EMPTY.select("series", "bucket")
        for part in wanted:
            found = self._merged(part, _OVER[part], asked).rename({"value": part})
            on = ("series", "bucket")
            frame = found if part == "n" else frame.join(found, on=on, how="left", nulls_equal=True)
        missing = [pl.lit(None).alias(each) for each in _PARTS if each not in frame.columns]
        frame = frame.with_columns(missing)
        at = (pl.col("last_at").cast(pl.Float64) * 1e6).round().cast(pl.Int64)
        return frame.with_columns(at.cast(pl.Datetime("us", "UTC")).alias("last_at")).select(
            pl.col(name).cast(kind) for name, kind in MERGED.items()
        )

    def _merged(self, part: str, how: str, asked: Asked) -> pl.DataFrame:
        """One part by series and bucket: series, bucket, value."""
        width = asked.step or asked.end - asked.start
        query = f"{how}_over_time({_selector(part, asked.series)}[{_seconds(width)}s])"
        rows: list[tuple[str, float, float]] = []
        start = asked.start
        while start < asked.end:
            last = min(asked.end, start + width * _BUCKETS)
            for each in self._range(query, start + width, last, width):
                key = each["metric"]["series"]
                rows += [(key, float(at), float(value)) for at, value in each["values"]]
            start = last
        frame = pl.DataFrame(rows, schema=["series", "at", "value"], orient="row") if rows else None
        if frame is None:
            return _EMPTY
        begins = ((pl.col("at") - width.total_seconds()) * 1e6).round().cast(pl.Int64)
        bucket = begins.cast(pl.Datetime("us", "UTC"))
        if asked.step is None:
            bucket = pl.lit(None, pl.Datetime("us", "UTC"))
        return frame.select("series", bucket.alias("bucket"), "value")

    def _range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Any:
        sent = {
            "query": query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{_seconds(step)}",
        }
        return self._call("POST", "/api/v1/query_range", sent)["result"]

    def _instant(self, query: str, at: datetime) -> Any:
        sent = {"query": query, "time": f"{at.timestamp():.3f}"}
        return self._call("POST", "/api/v1/query", sent)["result"]

    # ------------------------------------------------------------------ the rest

    def retain(self, kept: KeptFor) -> None:
        """Nothing: how long it keeps samples is said when it is started."""
        del kept

    def shortfall(self, kept: KeptFor) -> str:
        """Whether it was started to keep minutes for less long than the workspace does."""
        flags = self._call("GET", "/api/v1/status/flags")
        said = str(flags.get("storage.tsdb.retention.time") or _USUAL_RETENTION)
        try:
            keeps = parse_duration(said if said not in ("0s", "0") else _USUAL_RETENTION)
        except InputError:
            return ""
        if keeps >= kept.minutes:
            return ""
        return (
            f"Prometheus at {self.address} keeps samples for {said}, the workspace minutes for "
            f"{format_duration(kept.minutes)}. Start it with --storage.tsdb.retention.time="
            f"{format_duration(kept.minutes)}, or set metrics.retention to less."
        )

    def health(self) -> Health:
        """Whether it answers, and has its receiver switched on."""
        try:
            version = str(self._call("GET", "/api/v1/status/buildinfo").get("version", ""))
            self._post(())
        except BackendError as error:
            return Health(ok=False, problem=str(error))
        return Health(ok=True, version=version)

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _call(self, method: str, path: str, sent: Mapping[str, str] | None = None) -> Any:
        """What the API answers with, its ``data``."""
        answer = self._request(method, f"{self._url}{path}", data=sent, auth=self._auth)
        try:
            found = msgspec.json.decode(answer.content, type=dict[str, Any])
        except msgspec.DecodeError:
            found = {}
        if not answer.is_success or found.get("status") != "success" or "data" not in found:
            failure = _failure(answer, str(found.get("error", answer.text))[:200])
            failure.retry = True  # a question that fails says nothing of the points
            raise failure
        return found["data"]

    def _request(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            return self._client.request(method, url, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise BackendError(
                f"Prometheus at {self.address} does not answer: {type(error).__name__}.",
                hint="Is it running, and is storage.prometheus.url right?",
            ) from None


_EMPTY = pl.DataFrame(
    schema={"series": pl.String(), "bucket": pl.Datetime("us", "UTC"), "value": pl.Float64()}
)


def _failure(answer: httpx.Response, text: str) -> BackendError:
    """The error for an answer that is none."""
    code = answer.status_code
    host = urlsplit(str(answer.url)).hostname
    if code in (401, 403):
        hint = "Put user and password into its address: http://user:${PW}@host:9090."
        return BackendError(f"Prometheus at {host} lets nobody in ({code}).", hint=hint)
    if code == 404:
        hint = "Start it with --web.enable-remote-write-receiver."
        return BackendError(f"Prometheus at {host} takes no remote write ({text}).", hint=hint)
    retry = code >= 500 or code in _BUSY
    return BackendError(f"Prometheus at {host} answered {code}: {text}", retry=retry)


def _selector(part: str, series: Iterable[str]) -> str:
    return f'datawatch_state_{part}{{series=~"{"|".join(series)}"}}'


def _seconds(width: timedelta) -> int:
    return int(width.total_seconds())


def _value_series(values: pl.DataFrame) -> Iterator[Series]:
    """Samples of values by metric and labels."""
    grouped = values.sort("minute").group_by("metric", "labels", maintain_order=True)
    for (metric, labels), rows in grouped:
        named = {
            prometheus_label(name): value
            for name, value in msgspec.json.decode(str(labels), type=dict[str, str]).items()
            if value
        }
        named["__name__"] = prometheus_name(str(metric))
        at = (pl.col("minute").dt.epoch("ms") + _AT).alias("ms")
        yield tuple(sorted(named.items())), rows.select(at, "value").rows()

"""A thousand points of a metric, out of a year of minutes of a thousand series, under writes."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.events import START, Maker, Mix
from benchmarks.loopback import percentile, summary
from benchmarks.meters import Meter, peak_bytes, workspace_bytes
from benchmarks.model import Context, Figure, Sample, Scenario
from benchmarks.workspaces import need_room

if TYPE_CHECKING:
    from datawatch_lab.core.settings import Settings
    from datawatch_lab.engine import Engine
    from datawatch_lab.service.handle import Workspace

NAME = "range_query"
FIELDS = 40
FULL_TABLES, QUICK_TABLES = 25, 1
FULL_DAYS, QUICK_DAYS = 365, 20
FULL_QUERIES, QUICK_QUERIES = 300, 30
WRITES_A_SECOND = 2_000
_ROWS_A_DAY = 1_440 + 288 + 24 + 1


@dataclass(frozen=True)
class Question:
    """A range in about a thousand points.

    Attributes:
        days: how much of the newest data it covers.
        step: of the points, as a duration.
        seconds: the same.
        level: number of the roll-up level that has it ready.
    """

    days: float
    step: str
    seconds: int
    level: int


QUESTIONS = (
    Question(365, "9h", 32_400, 3),
    Question(30, "45m", 2_700, 2),
    Question(1_000 / 1_440, "1m", 60, 1),
)


def _tables(context: Context) -> int:
    return context.size(FULL_TABLES, QUICK_TABLES)


def _end(context: Context) -> datetime:
    return START + timedelta(days=QUICK_DAYS if context.quick else FULL_DAYS)


def _settings() -> Settings:
    from datawatch_lab.core.settings import Settings

    year = timedelta(days=3 * 365)  # nothing is to be dropped while it is measured
    never = timedelta()  # each answer is made anew, also where a question comes twice
    return Settings(
        minutes_kept=year, five_minutes_kept=year, cache_live=never, cache_dashboards=never
    )


def _events(table: int, first: int, count: int, at: datetime) -> Iterator[bytes]:
    """Inserts with a thousand numbers in all, a millisecond apart."""
    for number in range(first, first + count):
        stamp = (at + timedelta(milliseconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        values = ",".join(
            f'"m{place:02d}":{(number * (place + 7)) % 999 / 4}' for place in range(FIELDS)
        )
        yield (
            f'{{"id":"w-{table}-{number}","source":"plant","schema":"public",'
            f'"table":"line_{table:02d}","operation":"INSERT","timestamp":"{stamp}",'
            f'"after":{{"at":"{stamp}",{values}}}}}'
        ).encode()


def prepare(context: Context) -> None:
    """Let the product make tables and series of a few events, then fill in the year's states.

    A year of minutes of a thousand series would be half a billion events at least; their merged
    states are written as compaction leaves them: block after block of time, sorted in each.
    """
    from datawatch_lab.service.handle import open_workspace

    path = context.cache / f"{NAME}.duckdb"
    days = (_end(context) - START).days
    need_room(context, _tables(context) * FIELDS * days * _ROWS_A_DAY * 40)
    with open_workspace(path, settings=_settings()) as lab:
        for table in range(_tables(context)):
            lab.post(b"\n".join(_events(table, 0, 100, _end(context))))
    _fill(path, days)


def _fill(path: Path, days: int) -> None:
    """Write states of the levels 1m, 5m, 1h and 1d, a sorted stretch at a time."""
    import duckdb

    end = START + timedelta(days=days)
    with duckdb.connect(str(path)) as con:
        con.execute("SET preserve_insertion_order = true")
        found = con.execute(f"SELECT count(*) FROM ({_SERIES})").fetchone()
        for number, (level, width) in enumerate(_LEVELS.items(), start=1):
            stretch = timedelta(seconds=width) * max(1, SORT_ROWS // (found or (1,))[0])
            at = START
            while at < end:
                until = min(at + stretch, end)
                span = [each.replace(tzinfo=None) for each in (at, until)]
                con.execute(_FILL.format(level=level, width=width), span)
                at = until
            if level != "1d":
                sorted_to = ["partials", number, end.replace(tzinfo=None)]
                con.execute("INSERT INTO meta.sorted VALUES (?, ?, ?)", sorted_to)


SORT_ROWS = 1_000_000
_LEVELS = {"1m": 60, "5m": 300, "1h": 3_600, "1d": 86_400}
_SERIES = """
SELECT id FROM meta.series
WHERE measure_id IN (SELECT id FROM meta.measures WHERE kind = 'value')
"""
_FILL = f"""
INSERT INTO measures.partials_{{level}}
    (series, bucket, n, sum, exact, min, max, last, last_at, last_seq)
SELECT series.id, s.bucket, {{width}}, {{width}} * v, ({{width}} * v)::DECIMAL(38, 9),
    v - 10, v + 10, v, s.bucket + to_seconds({{width}} - 1), epoch(s.bucket)::BIGINT
FROM (
    SELECT unnest(range($1::TIMESTAMP, $2::TIMESTAMP, to_seconds({{width}}))) AS bucket
) s, ({_SERIES}) series,
    LATERAL (SELECT (hash(series.id, s.bucket) % 10000)::DOUBLE / 4 AS v) x
ORDER BY series.id, s.bucket"""


class Writes(threading.Thread):
    """Stores events of a shop, and some of the tables that are asked about, at a fixed rate.

    Attributes:
        sent: events stored so far.
    """

    def __init__(self, lab: Workspace, context: Context) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._lab, self._tables, self._at = lab, _tables(context), _end(context)
        self._over = threading.Event()

    def run(self) -> None:
        """Store."""
        shop = Maker(Mix(per_second=WRITES_A_SECOND, seed=8), start=self._at)
        start, turn, each = time.perf_counter(), 0, WRITES_A_SECOND // 4
        while not self._over.is_set():
            asked = _events(turn % self._tables, 1_000 + turn * 250, 2, self._at)
            lines = [*asked, *shop.lines(each - 2, first=1 + turn * each)]
            self.sent += self._lab.post(b"\n".join(lines)).received
            turn += 1
            self._over.wait(max(start + turn / 4 - time.perf_counter(), 0.0))

    def stop(self) -> None:
        """End after the batch in hand."""
        self._over.set()
        self.join()


def subject(context: Context) -> Sample:
    """Ask, in turns, the service and bare SQL on the same states."""
    from datawatch_lab.service.callers import LocalCaller
    from datawatch_lab.service.handle import open_workspace

    path = context.cache / f"{NAME}.duckdb"
    with open_workspace(path, settings=_settings()) as lab:
        assert isinstance(lab.caller, LocalCaller)
        writes = Writes(lab, context)
        writes.start()
        time.sleep(0.3)
        with Meter() as meter:
            own, bare = _ask(context, lab, lab.caller.engine)
        rate = writes.sent / (meter.seconds + 0.3)
        writes.stop()
    every = sorted(value for each in own.values() for value in each)
    beside = sorted(value for each in bare.values() for value in each)
    return Sample(
        {NAME: percentile(every, 0.95)},
        {NAME: percentile(beside, 0.95)},
        cpu_seconds=meter.cpu_seconds,
        memory_bytes=peak_bytes(),
        file_bytes=workspace_bytes(path),
        details={
            "series": _tables(context) * FIELDS,
            "writes_per_second": round(rate),
            **{f"{step} points": summary(sorted(each)) for step, each in own.items()},
            **{f"{step} points, bare SQL": summary(sorted(each)) for step, each in bare.items()},
        },
    )


def _ask(
    context: Context, lab: Workspace, engine: Engine
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Milliseconds by step, of the service and of bare SQL."""
    chance, end = random.Random(4), _end(context)
    series = _series(engine)
    own: dict[str, list[float]] = {}
    bare: dict[str, list[float]] = {}
    for number in range(QUICK_QUERIES if context.quick else FULL_QUERIES):
        question = QUESTIONS[number % len(QUESTIONS)]
        metric, id_ = chance.choice(series)
        start = max(end - timedelta(days=question.days), START)
        began = time.perf_counter()
        answer = lab.range(metric, start=start.isoformat(), end=end.isoformat(), step=question.step)
        own.setdefault(question.step, []).append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        rows = _bare(engine, question, id_, start, end)
        bare.setdefault(question.step, []).append((time.perf_counter() - began) * 1e3)
        points = sum(value is not None for each in answer.series for _, value in each.points)
        if abs(points - rows) > 2:  # its range is widened to whole steps
            raise RuntimeError(f"{metric}: {points} points, bare SQL has {rows}")
    return own, bare


def _series(engine: Engine) -> list[tuple[str, int]]:
    """Metrics of averages and the ids of their series."""
    with engine.store._file.readers.cursor() as con:
        found = con.execute(
            "SELECT t.name || '_' || m.field || '_avg', s.id FROM meta.series s "
            "JOIN meta.measures m ON m.id = s.measure_id JOIN meta.tables t ON t.id = m.table_id "
            "WHERE m.kind = 'value' ORDER BY ALL"
        ).fetchall()
    return [(str(name), int(id_)) for name, id_ in found]


def _bare(engine: Engine, question: Question, series: int, start: datetime, end: datetime) -> int:
    """The same aggregation as one statement; gives the rows."""
    sql: Any = (
        "SELECT time_bucket(to_seconds(?), bucket) AS b, sum(n), sum(sum), min(min), max(max) "
        "FROM measures.all_partials WHERE level = ? AND series = ? AND bucket >= ? AND bucket < ? "
        "GROUP BY b ORDER BY b"
    )  # the view of all levels, so DuckDB finds the one that is meant
    span = [each.replace(tzinfo=None) for each in (start, end)]
    with engine.store._file.readers.cursor() as con:
        rows = con.execute(sql, [question.seconds, question.level, series, *span]).fetchall()
    return len(rows)


def _scaled(context: Context) -> str:
    series, days = _tables(context) * FIELDS, (_end(context) - START).days
    if (series, days) == (FULL_TABLES * FIELDS, FULL_DAYS):
        return ""
    return f"{series:,} series and {days} days instead of 1,000 and {FULL_DAYS}"


SCENARIO = Scenario(
    name=NAME,
    about="1,000 points of a metric over a year, a month and 1,000 minutes, of a year of minutes "
    "of 1,000 series, with 2,000 events/s written beside it, p95",
    figures=(Figure(NAME, "ms", "lower"),),
    prepare=prepare,
    subject=subject,
    against="the same aggregation as bare SQL, in turns",
    scaled=_scaled,
    runs=3,
    seconds=7_200,
)

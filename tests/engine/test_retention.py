"""Retention: what goes, what stays, and that the questions left are answered as before."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import InputError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.storage import Commit
from datawatch_lab.engine import Engine
from datawatch_lab.engine.queries import QueryRequest, run
from datawatch_lab.engine.retention import Pace, Retention, kept_since
from datawatch_lab.engine.schema.log import SchemaLog
from datawatch_lab.ingest.decode import decode
from tests.waiting import eventually

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHORT = Settings(
    seconds_kept=HOUR,
    minutes_kept=4 * DAY,
    five_minutes_kept=6 * DAY,
    hours_kept=8 * DAY,
    days_kept=9 * DAY,
    sketches_kept=DAY,
    raw_kept=DAY,
)


def line(number: int, at: datetime) -> bytes:
    """An inserted or, every fourth time, updated order."""
    update = number % 4 == 3
    event = {
        "id": f"e{number}",
        "table": "orders",
        "operation": "UPDATE" if update else "INSERT",
        "timestamp": at.isoformat(),
        "after": {
            "id": number - 1 if update else number,
            "amount": number % 97 + 0.25,
            "status": ("new", "paid", "sent")[number % 3],
            "customer_id": number % 41,
        },
    }
    return json.dumps(event).encode()


def history(days: int = 10, count: int = 3_000) -> list[bytes]:
    """Orders over the last days, in order."""
    step = days * DAY / count
    return [line(n, NOW - days * DAY + n * step) for n in range(1, count + 1)]


def submit(engine: Engine, lines: list[bytes], source: str = "test", **how: Any) -> Any:
    """Submit lines as one batch and wait for it."""
    batch = decode(lines, list(range(1, len(lines) + 1)), [-1] * len(lines), source=source)
    return engine.submit(replace(batch, **how)).result().counts


def tidy(engine: Engine) -> int:
    """Do all that retention has to do; returns steps."""
    assert engine.beside(SchemaLog).wait(engine.last_seq, 60)  # it reads the log first

    def all_steps() -> int:
        engine._upkeep.retention.look(engine.clock.now(), force=True)
        steps = 0
        while engine._upkeep.retention.step():
            steps += 1
        return steps

    return engine._writer.run(all_steps)


def ask(engine: Engine, metric: str, start: Any, end: Any = None, **how: Any) -> Any:
    """Points by labels, without those that are empty."""
    found = run(engine, QueryRequest(metric, start=start, end=end or NOW, **how)).series
    return {
        tuple(each.labels.items()): [point for point in each.points if point[1] is not None]
        for each in found
    }


@pytest.fixture(autouse=True)
def _by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is dropped but when a test says so; the writer does it at any moment otherwise."""
    monkeypatch.setattr(Retention, "run", lambda *_, **__: None)


@pytest.fixture
def clock() -> ManualClock:
    """Stands still at `NOW`."""
    return ManualClock(NOW)


@pytest.fixture
def engine(tmp_path: Path, clock: ManualClock) -> Iterator[Engine]:
    """Ten days of orders under a short retention; nothing was dropped yet."""
    made = Engine.open(tmp_path / "w.duckdb", clock=clock, settings=SHORT)
    lines = history()
    for start in range(0, len(lines), 500):
        submit(made, lines[start : start + 500])
    yield made
    made.close()


def levels(engine: Engine) -> dict[int, datetime]:
    """Oldest bucket of each level, but for what is carried at the beginning of time."""
    with engine.store._file.readers.cursor() as con:
        return dict(
            con.execute(
                "SELECT level, min(bucket) FROM measures.all_partials "
                "WHERE bucket > TIMESTAMP '0002-01-01' GROUP BY level ORDER BY level"
            ).fetchall()
        )


QUESTIONS: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("orders_amount_sum", NOW - timedelta(minutes=50), {"step": "10s"}),
    ("orders_amount_sum", NOW - 3 * DAY, {"step": "1m"}),
    ("orders_inserts_total", NOW - 5 * DAY, {"step": "5m", "group_by": ("status",)}),
    ("orders_amount_p95", NOW - 3 * DAY, {"step": "1m"}),
    ("orders_amount_p50", NOW - 3 * DAY, {"step": "5m"}),
    ("orders_amount_p95", NOW - 7 * DAY, {"step": "1h"}),
    ("orders_customer_id_cardinality", NOW - 3 * DAY, {"step": "1m"}),
    ("orders_customer_id_cardinality", NOW - 7 * DAY, {"step": "1d"}),
    ("orders_amount_avg", NOW - 8 * DAY + 12 * HOUR, {"step": "1d"}),
    ("orders_rows", NOW - 2 * DAY, {"step": "1h"}),
    ("orders_by_status", NOW - 2 * DAY, {"step": "1h"}),
    ("orders_amount_sum", NOW - 7 * DAY, {"stepped": False}),
    ("orders_amount_p95", NOW - 7 * DAY, {"stepped": False}),
)


def test_what_is_left_answers_as_before(engine: Engine) -> None:
    """At every level; quantiles of minutes without sketches, and totals over all time too."""
    before = [ask(engine, name, start, **how) for name, start, how in QUESTIONS]
    span = engine.span()
    assert tidy(engine) > 5
    engine.store.compact()
    for (name, start, how), expected in zip(QUESTIONS, before, strict=True):
        found = ask(engine, name, start, **how)
        assert expected, (name, how)
        assert found == expected, (name, how)
    assert engine.span() == span
    oldest = levels(engine)
    kept = kept_since(SHORT, span[1]).since
    for number, level in enumerate(kept):
        assert oldest[number] >= kept[level].replace(tzinfo=None), level
    assert tidy(engine) == 0


def test_what_can_no_longer_be_had_is_refused_with_a_sentence(engine: Engine) -> None:
    """Steps below a level, and quantiles of several finalised minutes."""
    tidy(engine)
    with pytest.raises(InputError, match="level 1m is kept from 2026-02-25T00:00:00Z"):
        ask(engine, "orders_amount_sum", NOW - 5 * DAY, step="1m")
    with pytest.raises(InputError, match="quantiles of minutes are final"):
        ask(engine, "orders_amount_p95", NOW - 3 * DAY, step="10m")
    widened = run(engine, QueryRequest("orders_amount_p95", start=NOW - 3 * DAY - 90 * HOUR / 7))
    assert widened.step == "1h"


def test_raw_changes_go_by_receipt_and_their_counts_stay(
    engine: Engine, clock: ManualClock, tmp_path: Path
) -> None:
    """Sequence numbers go on, live rows and the span of the data stay, also after a restart."""
    rows = ask(engine, "orders_rows", NOW - HOUR, stepped=False)
    table = engine.table("orders")
    counts = engine.table_counts(table)
    assert tidy(engine) > 0
    assert engine.store.retention.log_span() == (1, 3_000), "received just now"
    clock.advance(DAY + timedelta(seconds=1))
    tidy(engine)
    assert engine.store.retention.log_span() == (1, 0)
    assert engine.store.retention.log_since() is None
    assert engine.table_counts(table) == counts
    engine.close()
    again = Engine.open(tmp_path / "w.duckdb", clock=clock, settings=SHORT)
    assert again.table_counts(again.table("orders")) == counts
    submit(again, [line(4_001, NOW + DAY)])
    assert again.store.retention.log_span() == (3_001, 3_001)
    assert ask(again, "orders_rows", NOW + DAY - HOUR, NOW + DAY + HOUR, stepped=False) != rows
    with again.store._file.readers.cursor() as con:
        assert con.execute("SELECT count(*) FROM live.orders").fetchall() == [(2_251,)]
    again.close()


def test_what_is_due_goes_by_itself(
    engine: Engine, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer drops it, levels and log, when it has nothing else to do."""
    monkeypatch.undo()
    assert engine.beside(SchemaLog).wait(engine.last_seq, 60)
    clock.advance(DAY + timedelta(seconds=1))
    seconds = kept_since(SHORT, engine.span()[1]).since["1s"].replace(tzinfo=None)
    eventually(lambda: engine.store.retention.log_since() is None)
    eventually(lambda: levels(engine)[0] >= seconds)


def test_the_log_stays_below_its_size(tmp_path: Path, clock: ManualClock) -> None:
    """The oldest rows go first, measured once the file was check-pointed."""
    engine = Engine.open(tmp_path / "s.duckdb", clock=clock, settings=Settings(raw_bytes=1_000_000))
    for part in range(8):
        submit(
            engine,
            [line(part * 5_000 + n, NOW - DAY + n * timedelta(seconds=1)) for n in range(5_000)],
        )
    engine._writer.run(engine.store.checkpoint)
    first, last = engine.store.retention.log_span()
    bytes_a_row = engine.store.retention.log_row_bytes()
    assert (first, last) == (1, 40_000)
    assert bytes_a_row is not None
    clock.advance(timedelta(minutes=11))
    tidy(engine)
    first, last = engine.store.retention.log_span()
    assert last == 40_000
    assert 0.9 < (last - first + 1) * bytes_a_row / 1_000_000 <= 1
    engine.close()


def test_nothing_goes_that_a_derivation_has_yet_to_read(engine: Engine, clock: ManualClock) -> None:
    """A back-fill that is half done holds the log."""
    with engine.store._file.write() as con:
        con.execute("INSERT INTO meta.progress VALUES (1000000, 'cursor', 'a slow one', 0, '1200')")
    clock.advance(2 * DAY)
    tidy(engine)
    assert engine.store.retention.log_span() == (1_201, 3_000)


def test_the_archive_holds_what_was_dropped(tmp_path: Path, clock: ManualClock) -> None:
    """Raw changes with their images, states with labels; any Parquet reader adds them up again."""
    folder = tmp_path / "archive"
    engine = Engine.open(
        tmp_path / "a.duckdb",
        clock=clock,
        settings=Settings(
            **{f: getattr(SHORT, f) for f in SHORT.__struct_fields__ if f != "archive"},
            archive=str(folder),
        ),
    )
    lines = history()
    submit(engine, lines)
    before = count_rows(engine)
    clock.advance(2 * DAY)
    tidy(engine)
    after = count_rows(engine)
    for number, level in enumerate(("1s", "1m", "5m", "1h", "1d")):
        kept = pl.concat(
            [
                pl.DataFrame(pq.ParquetFile(path).read())
                for path in (folder / "measures" / f"level={level}").rglob("*.parquet")
            ],
            how="diagonal",
        ).filter(pl.col("kind") == "changes", pl.col("label_status").is_null())
        assert kept["n"].sum() + after[number] == before[number] == 3_000
    raw = list((folder / "changes").rglob("*.parquet"))
    changes = pl.concat([pl.DataFrame(pq.ParquetFile(path).read()) for path in raw])
    assert changes.sort("seq")["after"].to_list() == [
        json.dumps(json.loads(each)["after"]) for each in lines
    ]
    assert {path.relative_to(folder).parts[:3] for path in raw} == {
        ("changes", "table=orders", "day=2026-03-01")
    }
    assert not list(folder.rglob("*.part"))
    engine.close()


def count_rows(engine: Engine) -> list[int]:
    """Changes by level."""
    with engine.store._file.readers.cursor() as con:
        rows = con.execute(
            "SELECT level, sum(n) FROM measures.all_partials p "
            "JOIN meta.series s ON s.id = p.series "
            "JOIN meta.measures m ON m.id = s.measure_id WHERE m.kind = 'changes' "
            "AND s.labels NOT LIKE '%status%' GROUP BY level"
        ).fetchall()
    found = dict(rows)
    return [int(found.get(level, 0)) for level in range(5)]


def test_a_pace_learns() -> None:
    """Halved when slow, doubled when quick, within its bounds."""
    pace = Pace(8, 2, 16)
    for seconds, size in ((1.0, 4), (1.0, 2), (1.0, 2), (0.1, 2), (0.01, 4), (0.01, 8), (0, 16)):
        pace.took(seconds, 100_000)
        assert pace.size == size
    pace.took(1.0, 10)
    assert pace.size == 16


def retain_forever(path: Path, folder: Path) -> None:
    """Take old events in and archive them at once, over and over; print each batch taken."""
    clock = ManualClock(NOW)
    settings = Settings(seconds_kept=HOUR, raw_kept=timedelta(seconds=1), archive=str(folder))
    engine = Engine.open(path, clock=clock, settings=settings)
    number = engine._committer.last_seq
    while True:
        at = NOW - 30 * DAY + number * timedelta(minutes=3)
        submit(engine, [line(number + n, at + n * timedelta(minutes=3)) for n in range(1, 101)])
        number += 100
        print(number, flush=True)
        clock.advance(timedelta(minutes=2))
        tidy(engine)


@pytest.mark.parametrize("seed", range(2))
def test_kill_during_archiving_loses_nothing_and_doubles_nothing(tmp_path: Path, seed: int) -> None:
    """Archive and workspace together hold each change once, and each second's states once."""
    path, folder = tmp_path / "k.duckdb", tmp_path / "archive"
    script = (
        "import sys; from pathlib import Path; "
        "from tests.engine.test_retention import retain_forever; "
        "retain_forever(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    chance = random.Random(seed)
    done = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path), str(folder)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            done = max(done, int(process.stdout.readline()))
            time.sleep(chance.uniform(0.1, 0.9))
            process.kill()
            done = max([done, *map(int, process.stdout.read().split("\n")[:-1])])
    settings = Settings(seconds_kept=HOUR, raw_kept=timedelta(seconds=1), archive=str(folder))
    engine = Engine.open(path, clock=ManualClock(NOW + DAY), settings=settings)
    tidy(engine)
    last = engine._committer.last_seq
    assert last >= done
    seqs = [
        seq
        for each in (folder / "changes").rglob("*.parquet")
        for seq in pq.ParquetFile(each).read().column("seq").to_pylist()
    ]
    assert sorted(seqs) == list(range(1, last + 1))
    archived = sum(
        sum(
            n
            for n, kind, status in zip(
                *(
                    part.column(name).to_pylist()
                    if name in part.column_names
                    else [None] * part.num_rows
                    for name in ("n", "kind", "label_status")
                ),
                strict=True,
            )
            if kind == "changes" and status is None
        )
        for each in (folder / "measures" / "level=1s").rglob("*.parquet")
        for part in (pq.ParquetFile(each).read(),)
    )
    assert archived + count_rows(engine)[0] == last
    engine.close()


def test_a_full_archive_stops_the_dropping(tmp_path: Path, clock: ManualClock) -> None:
    """What cannot be archived is kept; the error names the folder."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    engine = Engine.open(
        tmp_path / "b.duckdb", clock=clock, settings=Settings(archive=str(blocked))
    )
    submit(engine, history(count=300))
    before = count_rows(engine)
    with pytest.raises(Exception, match="could not be written"):
        tidy(engine)
    assert count_rows(engine) == before
    assert isinstance(engine.store.commit(empty()), int)
    engine.close()


def empty() -> Commit:
    """A commit of nothing."""
    from tests.store.builders import make_commit

    return make_commit()


def test_the_log_is_kept_for_who_reads_it(tmp_path: Path) -> None:
    """What a reader has yet to read stays, however old; when it ends, that goes as well."""
    clock = ManualClock(NOW)
    engine = Engine.open(tmp_path / "w.duckdb", settings=SHORT, clock=clock)
    submit(engine, [line(n, NOW - HOUR + n * timedelta(seconds=1)) for n in range(1, 21)])
    idle = engine.hold_log(lambda: None)
    end = engine.hold_log(lambda: 12)
    clock.advance(3 * DAY)
    tidy(engine)
    assert engine.store.first_seq() == 13
    end()
    tidy(engine)
    first, last = engine.store.retention.log_span()
    assert first > last
    idle()
    engine.close()

"""Live tables by the command line: a file with late, thin and doubled changes, killed and not."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.service.handle import open_workspace
from tests.e2e.conftest import cli_json, run_process
from tests.e2e.test_kill import killed_until_through
from tests.oracle import plant
from tests.oracle.live import appended, row_differences, same
from tests.oracle.oracle import Oracle
from tests.oracle.plant_rows import FIELDS
from tests.oracle.reading import Reading, read

pytestmark = pytest.mark.timeout(900)

COUNTS = ("received", "applied", "duplicate", "late", "quarantined")
EVENTS = 50_000
KILLS = 10
HARD = plant.Options(
    events=EVENTS,
    start=plant.days_ago(3),
    span=timedelta(hours=10),
    seed=21,
    late=0.005,
    too_late=0.005,
    delayed=0.02,
    partial=0.4,
    bare=0.4,
)
KEYED = [table for table, kinds in FIELDS.items() if "key" in kinds]


@dataclass(frozen=True)
class Ingested:
    """A planted file that was ingested by the command line, and what the oracle read in it."""

    file: Path
    answers: dict[str, Any]
    workspace: Path
    reading: Reading
    oracle: Oracle
    seconds: float

    def rows(self, query: str, workspace: Path | None = None) -> list[dict[str, Any]]:
        """What ``datawatch sql`` prints; sensitive fields as they are."""
        found: list[dict[str, Any]] = cli_json(
            "sql", query, "--unmasked", "--workspace", workspace or self.workspace
        )
        return found


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """50,000 events of ten hours, three days ago."""
    folder = tmp_path_factory.mktemp("live")
    file, workspace = folder / "events.ndjson", folder / "w.duckdb"
    answers = plant.write(file, HARD)
    started = time.monotonic()
    run_process("ingest", file, "--workspace", workspace)
    seconds = time.monotonic() - started
    reading = read(file)
    return Ingested(file, answers, workspace, reading, Oracle(reading, answers["fields"]), seconds)


def test_each_count_is_as_planted(ingested: Ingested) -> None:
    """Late and too-late events told apart exactly, over the whole file and by table."""
    ledger = cli_json("ledger", "--workspace", ingested.workspace)
    assert {name: ledger[name] for name in COUNTS} == {
        name: ingested.answers[name] for name in COUNTS
    }
    assert ledger["late"] == EVENTS * 0.005
    for table, planted in ingested.answers["tables"].items():
        if table:
            assert ledger["tables"][table]["late"] == planted["late"], table


@pytest.mark.parametrize("table", KEYED)
def test_a_live_table_is_that_of_the_oracle_row_by_row(ingested: Ingested, table: str) -> None:
    """Every row, every field, every digit."""
    live = ingested.oracle.live[table]
    found = ingested.rows(f"SELECT * FROM live.{table}")
    wrong = row_differences(live, found, ingested.answers["fields"][table]["key"])
    assert not wrong, f"{len(wrong)} differences, e.g. {wrong[:5]}"
    assert len(found) == len(live.rows) > 1_000


def test_a_table_without_key_shows_what_was_inserted(ingested: Ingested) -> None:
    """In no order, nothing lost and nothing twice."""
    names = ("session_id", "page", "duration_ms")
    events = [event for event in ingested.reading.applied if event.table == "clicks"]
    wanted = sorted(str([row.get(name) for name in names]) for row in appended(events))
    found = ingested.rows("SELECT * FROM live.clicks")
    assert sorted(str([row[name] for name in names]) for row in found) == wanted


def test_metrics_of_the_present_say_what_sql_says(ingested: Ingested) -> None:
    """Rows, rows by state and the total of a field, by metric and by query on the live table."""
    for table, field in (("orders", "status"), ("payments", "status"), ("customers", "is_active")):
        by_sql = {
            row[field]: row["n"]
            for row in ingested.rows(f"SELECT {field}, count(*) AS n FROM live.{table} GROUP BY 1")
        }
        answer = cli_json(
            "query", f"{table}_by_{field}", "--step", "1d", "--workspace", ingested.workspace
        )
        by_metric = {
            series["labels"][field]: series["points"][-1][1] for series in answer["series"]
        }
        labels = {None: "(null)", True: "true", False: "false"}
        assert {k: n for k, n in by_metric.items() if n} == {
            labels.get(state, state): n for state, n in by_sql.items()
        }
    (totals,) = ingested.rows("SELECT count(*) AS n, sum(amount) AS total FROM live.orders")
    net = cli_json("query", "orders_amount_net_sum", "--step", "1d", *place(ingested))
    parts = [point[1] or 0 for series in net["series"] for point in series["points"]]
    assert sum(parts) == pytest.approx(float(totals["total"]), rel=1e-9)
    count = cli_json("query", "orders_rows", "--step", "1d", *place(ingested))
    assert count["series"][0]["points"][-1][1] == totals["n"]


def place(ingested: Ingested) -> tuple[str | Path, ...]:
    """Which workspace is meant."""
    return "--workspace", ingested.workspace


def test_metrics_of_the_present_equal_the_oracle_in_every_bucket(ingested: Ingested) -> None:
    """Rows, states, transitions and net sums by the minute and the hour, late changes included."""
    kinds, wrong = ("rows", "state", "net", "transition"), list[str]()
    with open_workspace(ingested.workspace) as workspace:
        for name, spec in ingested.oracle.specs.items():
            for step in ("1m", "1h") if spec.kind in kinds else ():
                answer = msgspec.to_builtins(workspace.range(name, step=step))
                wrong += ingested.oracle.differences(answer)
    assert not wrong, f"{len(wrong)} differences, e.g. {wrong[:5]}"


@pytest.mark.soak
def test_kills_leave_the_same_live_tables(ingested: Ingested, tmp_path: Path) -> None:
    """Killed with -9 at random moments and started again until it is through."""
    chance, kills, runs = random.Random(10), 0, 0
    while kills < KILLS:
        rough = tmp_path / f"rough{runs}.duckdb"
        kills += killed_until_through(ingested.file, rough, chance, ingested.seconds, KILLS)
        runs += 1
        assert runs < KILLS, "the runs are too short to be killed; plant more events"
        for table in KEYED:
            found = ingested.rows(f"SELECT * FROM live.{table}", rough)
            key = ingested.answers["fields"][table]["key"]
            wrong = row_differences(ingested.oracle.live[table], found, key)
            assert not wrong, f"{table} after {kills} kills: {wrong[:5]}"
        clicks = ingested.rows("SELECT count(*) AS n FROM live.clicks", rough)
        whole = ingested.rows("SELECT count(*) AS n FROM live.clicks")
        assert same(clicks[0]["n"], whole[0]["n"])
        ledger = cli_json("ledger", "--workspace", rough)
        for name in COUNTS[1:]:
            assert name == "duplicate" or ledger[name] == ingested.answers[name]
    print(f"{kills} kills over {runs} runs")

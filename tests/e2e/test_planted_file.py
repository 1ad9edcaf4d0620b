"""The main job on a file whose answers are known: ledger, quarantine, replay, every metric.

The answers and the oracle import nothing of the package; `tests.oracle` keeps to that by a test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.service.handle import open_workspace
from tests.e2e.conftest import cli_json, run_cli
from tests.oracle import plant
from tests.oracle.live import row_differences
from tests.oracle.oracle import LEVELS, Oracle
from tests.oracle.reading import read

pytestmark = pytest.mark.timeout(600)

COUNTS = ("received", "applied", "duplicate", "late", "quarantined")
EVENTS, SOAKED = 60_000, 300_000
"""Of the large file; the second with ``--soak``."""


@dataclass(frozen=True)
class Ingested:
    """A planted file that was ingested by the command line."""

    file: Path
    answers: dict[str, Any]
    workspace: Path

    @cached_property
    def oracle(self) -> Oracle:
        """What it should say; read once."""
        return Oracle(read(self.file), self.answers["fields"])


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Ingested:
    """A large file, 1 % malformed, 2 % duplicates, two years ago."""
    folder = tmp_path_factory.mktemp("planted")
    file = folder / "events.ndjson"
    events = SOAKED if request.config.getoption("--soak") else EVENTS
    answers = plant.write(file, plant.Options(events=events))
    run_cli("ingest", file, "--workspace", folder / "w.duckdb")
    return Ingested(file, answers, folder / "w.duckdb")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    """30,000 events of forty minutes."""
    folder = tmp_path_factory.mktemp("small")
    file = folder / "events.ndjson"
    answers = plant.write(file, plant.Options(events=30_000, span=timedelta(minutes=40), seed=4))
    run_cli("ingest", file, "--workspace", folder / "w.duckdb")
    return Ingested(file, answers, folder / "w.duckdb")


def differences(at: Ingested, asked: Iterable[tuple[str, str, str | None]]) -> list[str]:
    """Where answers differ from the oracle's; asks for (metric, step, aggregation)."""
    wrong = []
    with open_workspace(at.workspace) as workspace:
        for name, step, how in asked:
            answer = msgspec.to_builtins(workspace.range(name, step=step, aggregation=how))
            wrong += at.oracle.differences(answer)
    return wrong


def counts(cell: dict[str, int]) -> dict[str, int]:
    """The four counts and their sum."""
    return {name: cell[name] for name in COUNTS}


def test_the_ledger_balances_and_each_count_is_as_planted(ingested: Ingested) -> None:
    """`datawatch ledger --json` after the first pass."""
    ledger = cli_json("ledger", "--workspace", ingested.workspace)
    assert counts(ledger) == counts(ingested.answers)
    for cell in (ledger, *ledger["tables"].values(), *ledger["sources"].values()):
        assert cell["received"] == sum(cell[name] for name in COUNTS[1:])
    for table, planted in ingested.answers["tables"].items():
        if table:
            assert ledger["tables"][table]["applied"] == planted["applied"], table


def test_every_bad_line_is_in_quarantine_with_line_and_reason(ingested: Ingested) -> None:
    """No other line is, and each says why."""
    items = cli_json("quarantine", "--limit", "0", "--workspace", ingested.workspace)
    assert sorted(item["line"] for item in items) == sorted(
        bad["line"] for bad in ingested.answers["bad"]
    )
    assert all(len(item["reason"]) > 10 for item in items)


def test_every_metric_equals_the_oracle_at_every_level_and_aggregation(
    small: Ingested, request: pytest.FixtureRequest
) -> None:
    """Each metric: its own aggregation at all levels, every aggregation at 1m and 1h.

    One pair of seven in the ordinary run, all with ``--soak``.
    """
    names = small.oracle.names()
    with open_workspace(small.workspace) as workspace:
        metrics = {metric.name: metric for metric in workspace.metrics()}
    assert not sorted(set(names) - set(metrics)), "metrics that are missing"
    asked = [
        (name, level, how)
        for name in names
        for level in LEVELS
        for how in (metrics[name].aggregations if level in ("1m", "1h") else [None])
    ]
    assert len(asked) > 1_000
    wrong = differences(small, asked if request.config.getoption("--soak") else asked[::7])
    assert not wrong, f"{len(wrong)} differences, e.g. {wrong[:10]}"


@pytest.mark.soak
def test_every_metric_of_a_large_file_equals_the_oracle(ingested: Ingested) -> None:
    """300,000 events, per hour; distinct counts and quantiles of large buckets too."""
    names = ingested.oracle.names()
    wrong = differences(ingested, [(name, "1h", None) for name in names])
    assert not wrong, f"{len(wrong)} differences, e.g. {wrong[:10]}"


def test_a_metric_by_label_equals_the_oracle(small: Ingested) -> None:
    """Split by a status field, per minute."""
    with open_workspace(small.workspace) as workspace:
        for name in ("orders_amount_sum", "orders_amount_p99", "orders_inserts_total"):
            for label in ("status", "channel"):
                answer = msgspec.to_builtins(workspace.range(name, step="1m", group_by=label))
                assert len(answer["series"]) > 1
                assert not small.oracle.differences(answer), (name, label)


def test_live_tables_equal_the_oracle_row_by_row(small: Ingested) -> None:
    """Every keyed table after the last change, by ``datawatch sql``."""
    live = small.oracle.live
    for table, wanted in live.items():
        query = f"SELECT * FROM live.{table}"
        found = cli_json("sql", query, "--unmasked", "--workspace", small.workspace)
        wrong = row_differences(wanted, found, small.answers["fields"][table]["key"])
        assert not wrong, f"{table}: {len(wrong)} differences, e.g. {wrong[:5]}"
    assert live.keys() == {"orders", "payments", "customers", "entries"}


def test_transitions_split_by_both_ends_equal_the_oracle(small: Ingested) -> None:
    """Per minute and pair of states, and by each end alone."""
    with open_workspace(small.workspace) as workspace:
        for ends in ("from,to", "from", "to"):
            answer = workspace.range("orders_status_transitions", step="1m", group_by=ends)
            assert len(answer.series) > 1
            assert not small.oracle.differences(msgspec.to_builtins(answer)), ends


def test_an_old_file_is_history_and_answers_on_its_own_range(small: Ingested) -> None:
    """Two years old: nothing is late, and a query without a range covers what there is."""
    status = cli_json("status", "--workspace", small.workspace)
    assert status["status"] == "history"
    tables = cli_json("tables", "--workspace", small.workspace)
    orders = next(table for table in tables if table["name"] == "orders")
    answer = cli_json("query", "orders_inserts_total", "--workspace", small.workspace)
    assert answer["from"][:16] == orders["first_event"][:16]
    assert answer["to"][:16] >= orders["last_event"][:16]
    assert answer["series"][0]["points"][0][1] > 0


def test_the_same_file_again_is_all_duplicates(ingested: Ingested) -> None:
    """Whatever it is called, malformed lines included."""
    copy = ingested.file.with_name("renamed.ndjson")
    copy.write_bytes(ingested.file.read_bytes())
    again = cli_json("ingest", copy, "--workspace", ingested.workspace)
    assert again["duplicate"] == again["received"] == ingested.answers["received"]
    ledger = cli_json("ledger", "--workspace", ingested.workspace)
    assert ledger["duplicate"] == ingested.answers["duplicate"] + ingested.answers["received"]
    for name in ("applied", "late", "quarantined"):
        assert ledger[name] == ingested.answers[name]


def test_fixing_and_replaying_bad_lines_moves_the_counts(tmp_path: Path) -> None:
    """Each corrected line leaves the quarantine and is applied; the ledger balances after it."""
    file = tmp_path / "events.ndjson"
    answers = plant.write(file, plant.Options(events=20_000, seed=5))
    place = ("--workspace", tmp_path / "w.duckdb")
    run_cli("ingest", file, *place)
    fixed = {bad["line"]: bad["fixed"] for bad in answers["bad"]}
    items = cli_json("quarantine", "--limit", "0", *place)
    corrections = tmp_path / "fixed.ndjson"
    corrections.write_text(
        "".join(json.dumps({"id": i["id"], "raw": fixed[i["line"]]}) + "\n" for i in items)
    )
    run_cli("quarantine", "replay", "--from", corrections, *place)
    ledger = cli_json("ledger", *place)
    assert ledger["received"] == answers["received"]
    assert ledger["quarantined"] == 0
    assert ledger["applied"] + ledger["duplicate"] == ledger["received"]
    assert ledger["applied"] >= answers["applied"] + 0.9 * len(fixed)
    oracle = Oracle(read(file, fixed=fixed), answers["fields"])
    answer = cli_json("query", "orders_inserts_total", "--step", "1h", *place)
    assert not oracle.differences(answer)

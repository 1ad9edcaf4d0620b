"""An ingest that is killed again and again ends as one that never was."""

from __future__ import annotations

import random
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from datawatch_lab.service.handle import open_workspace
from tests.e2e.conftest import run_process, start_cli
from tests.e2e.dying import SECTIONS
from tests.e2e.kills import Campaigns
from tests.oracle import plant

pytestmark = pytest.mark.timeout(1200)

KILLS, SOAKED = 2, 20
"""How often it is killed at any moment; the second with ``--soak``."""

_SPARE = 8  # runs that may get through before they are killed, on a machine whose load changes

SECTION_KILLS, SECTION_SOAKED = 3, 500
"""How often inside drawn sections, see `dying.SECTIONS`."""


def everything(workspace: Path) -> dict[str, Any]:
    """All that a workspace answers, apart from when and how things came."""
    with open_workspace(workspace) as lab:
        ledger = msgspec.to_builtins(lab.ledger())
        items = lab.quarantine(limit=100_000).items
        return {
            "counts": {key: ledger[key] for key in ("received", "applied", "duplicate", "late")},
            "tables": ledger["tables"],
            "quarantine": sorted((item.line, item.reason, item.raw) for item in items),
            "metrics": {
                metric.name: _rounded(msgspec.to_builtins(lab.range(metric.name, step="1m")))
                for metric in lab.metrics()
                if "lag_seconds" not in metric.name
            },
            "rows": [(table.name, table.rows, table.events, table.key) for table in lab.tables()],
        }


def _rounded(answer: dict[str, Any]) -> list[Any]:
    """Points to 12 digits: doubles without an exact decimal form add up in any order."""
    return [
        (
            sorted(series["labels"].items()),
            [
                (at, None if value is None else float(f"{value:.12g}"))
                for at, value in series["points"]
            ],
        )
        for series in answer["series"]
    ]


def killed_until_through(
    file: Path, workspace: Path, chance: random.Random, whole: float, most: int
) -> int:
    """Ingest with kills at random moments until a run gets through; gives the kills.

    After ``most`` kills it is let through.
    """
    kills = 0
    while True:
        begun = time.monotonic()
        run = start_cli(["ingest", file, "--workspace", workspace])
        if kills < most:
            try:
                run.wait(chance.uniform(0.15, 0.75) * whole)
            except subprocess.TimeoutExpired:
                run.kill()
                kills += 1
            else:  # the machine is quicker than it was when the calm run was timed
                whole = min(whole, time.monotonic() - begun)
        if run.wait() == 0 or was_over(workspace, file):
            return kills


def was_over(workspace: Path, file: Path) -> bool:
    """Whether a run that was killed had done and noted everything, a moment before its end."""
    if not workspace.exists():
        return False
    with open_workspace(workspace) as lab:
        position = lab.offset(f"file:{file.name}").position
    return bool(position and position.get("closed"))


def test_kills_leave_no_trace(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Killed with -9 and restarted until it is through, a run equals an uninterrupted one."""
    soak = request.config.getoption("--soak")
    wanted = SOAKED if soak else KILLS
    file = tmp_path / "events.ndjson"
    events = 60_000 if soak else 30_000
    plant.write(
        file, plant.Options(events=events, seed=11, too_late=0.001, start=plant.days_ago(3))
    )
    calm = tmp_path / "calm.duckdb"
    started = time.monotonic()
    run_process("ingest", file, "--workspace", calm)
    whole = time.monotonic() - started
    expected = everything(calm)

    chance, kills, runs = random.Random(20), 0, 0
    while kills < wanted:
        rough = tmp_path / f"rough{runs}.duckdb"
        kills += killed_until_through(file, rough, chance, whole, wanted - kills)
        runs += 1
        found = everything(rough)
        wrong = [part for part in expected if found[part] != expected[part]]
        assert not wrong, f"run {runs} after {kills} kills: {wrong}, counts {found['counts']}"
        assert runs < wanted + _SPARE, "the runs are too short to be killed; plant more events"
    print(f"{kills} kills over {runs} runs")


@pytest.mark.timeout(14_400)
def test_kills_inside_sections_leave_no_trace(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Killed inside commit, journal, compaction, check-point …, nothing is lost or twice.

    After each campaign the ledger balances, every post that was answered for is there once, and
    rows, quarantine and metrics equal those of a run that was not killed.
    """
    soak = request.config.getoption("--soak")
    wanted = SECTION_SOAKED if soak else SECTION_KILLS
    with closing(Campaigns(tmp_path, seed=31)) as campaigns:
        while campaigns.hits.total() < wanted:
            campaigns.campaign(most=min(5, wanted - campaigns.hits.total()))
            if campaigns.runs % 20 == 0:
                print(f"\n  {campaigns.hits.total()} kills: {dict(campaigns.hits)}")
    missed = set(SECTIONS) - set(campaigns.hits)
    assert not soak or not missed, f"never died in {missed}"
    told = ", ".join(f"{name} {hits}" for name, hits in sorted(campaigns.hits.items()))
    print(f"\n  {campaigns.hits.total()} kills over {campaigns.runs} workspaces: {told}")

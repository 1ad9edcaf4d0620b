"""A table that lives in messages, watched by an engine that is killed: what is left is compared."""

from __future__ import annotations

from pathlib import Path

from datawatch_lab.service.handle import Workspace, open_workspace
from tests.e2e import follow_kills
from tests.services.broker_shop import Items


def assert_survives(url: str, items: Items, folder: Path, *, seed: int, kills: int) -> None:
    """Kill an engine under writes, catch up, and compare rows and counts with what was sent.

    One message in ten writes is no event: it is in quarantine, once.
    """
    items.insert(1, 500)
    poisoned = [0]

    def write(number: int) -> None:
        items.churn(seed * 1_000 + number, 15)
        if number % 10 == 0:
            items.poison([b'{"nothing": %d}' % number])
            poisoned[0] += 1

    deaths = follow_kills.campaign(url, folder, write, seed=seed, kills=kills)
    assert deaths.total() == kills
    with open_workspace(folder / "w.duckdb") as workspace:
        wrong = differences(workspace, items)
        assert not wrong, f"{len(wrong)} differences: {wrong[:5]}"
        ledger = workspace.ledger()
        assert ledger.quarantined == poisoned[0]
        ((events, distinct),) = workspace.sql(
            "SELECT count(*), count(DISTINCT _event_id) FROM changes.items"
        ).rows
        assert events == distinct == items.sent - poisoned[0]


def differences(workspace: Workspace, items: Items) -> list[str]:
    """Where the live table is not what was sent."""
    answer = workspace.sql("SELECT id, name, price FROM live.items", masked=False)
    assert not answer.truncated
    mine = {row[0]: (row[1], None if row[2] is None else float(row[2])) for row in answer.rows}
    theirs = {
        key: (row["name"], None if row["price"] is None else float(row["price"]))
        for key, row in items.rows.items()
    }
    return [
        f"{key}: {mine.get(key)} and not {theirs.get(key)}"
        for key in sorted(mine.keys() | theirs.keys())
        if mine.get(key) != theirs.get(key)
    ]

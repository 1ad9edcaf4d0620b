"""The demo in this process: what begins when."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from datawatch_lab.cli import demo, demo_rooms, report_server, serving
from datawatch_lab.cli.signals import Interruption
from datawatch_lab.service.handle import Workspace, open_workspace


def test_reports_run_when_the_gap_is_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weekly report that was missed is about the whole week, not one that lacks its days."""
    interruption, told = Interruption(), []

    @contextmanager
    def reports(handle: Workspace) -> Iterator[None]:
        told.append(("reports", handle.health().backlog))
        yield
        told.append(("no more reports", 0))

    @contextmanager
    def place(*_: object, **__: object) -> Iterator[serving.Place]:
        yield serving.Place("http://127.0.0.1:1", "http://127.0.0.1:1/")

    class Rooms(demo_rooms.Furnishing):
        def run(self) -> None:
            told.append(("rooms", 0))
            interruption.note()

    monkeypatch.setattr(report_server, "scheduled_reports", reports)
    monkeypatch.setattr(serving, "served", place)
    monkeypatch.setattr(demo_rooms, "Furnishing", Rooms)
    settle = demo.Simulation.settle

    def settled(self: demo.Simulation, asked: Interruption) -> None:
        settle(self, asked)
        told.append(("settled", self.handle.health().backlog))

    monkeypatch.setattr(demo.Simulation, "settle", settled)
    with open_workspace(tmp_path / "shop.duckdb") as handle:
        shop = {"history": timedelta(minutes=5)}
        demo._run(handle, tmp_path / "s", shop, 0, interruption, opens=False, lab=False)
    assert [what for what, _ in told] == ["settled", "reports", "rooms", "no more reports"]

"""A store in a fresh folder; tests that take it run over every implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datawatch_lab.store import DuckStore

Opener = Callable[[], DuckStore]


@pytest.fixture(params=["duckdb"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same workspace, again after it was closed; what stays open is closed at the end."""
    opened: list[DuckStore] = []

    def open_again() -> DuckStore:
        store = {"duckdb": DuckStore.open}[request.param](tmp_path / "shop.duckdb", read_threads=1)
        opened.append(store)
        return store

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> DuckStore:
    """An empty, open workspace."""
    return opener()

"""What the tests exchanged with real servers, told by name at the end of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

Exchanged = Callable[[str, str, int], None]
"""Told: ``source``, ``back end`` and the like; name and version of the server; rows."""

_KEY = "exchanged"


@pytest.fixture
def exchanged(request: pytest.FixtureRequest) -> Exchanged:
    """Note rows that went to or came from a server; they are listed when the run ends."""

    def note(kind: str, server: str, rows: int) -> None:
        request.node.user_properties.append((_KEY, [kind, server, rows]))

    return note


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """List sources and back ends that were spoken to, each with its version and rows."""
    sums: dict[tuple[str, str], int] = {}
    for report in terminalreporter.getreports("passed"):
        if report.when != "call":
            continue
        for key, value in report.user_properties:
            if key == _KEY and isinstance(value, list):
                kind, server, rows = value
                sums[kind, server] = sums.get((kind, server), 0) + rows
    if not sums:
        return
    terminalreporter.section("exchanged with servers")
    for (kind, server), rows in sorted(sums.items()):
        terminalreporter.write_line(f"{kind:<8}  {server}: {rows:,} rows")

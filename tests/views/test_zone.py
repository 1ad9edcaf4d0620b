"""Times as the clocks of the workspace's zone show them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from datawatch_lab.views.board.tiles.heatmap import wall_clock

ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "Pacific/Chatham")


@given(
    st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=20),
    st.sampled_from(ZONES),
)
def test_wall_clocks_are_those_of_the_zone(seconds: list[int], zone: str) -> None:
    """Each time reads as Python's own zones say, on both sides of a change of clocks."""
    shown = wall_clock(np.array(seconds) * 1_000, zone)
    for at, wall in zip(seconds, shown, strict=True):
        local = datetime.fromtimestamp(at, ZoneInfo(zone)).replace(tzinfo=UTC)
        assert int(wall) == int(local.timestamp() * 1_000)

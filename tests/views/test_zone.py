"""Times as the clocks of the workspace's zone show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import msgspec
import numpy as np
from hypothesis import given

from datawatch_lab.views import axes
from datawatch_lab.views.board.values import wall_clock
from datawatch_lab.views.clock import clocks_of, local, told, zone_word
from datawatch_lab.views.pages import alerts
from datawatch_lab.views.pages.parts import moment, when
from datawatch_lab.views.pages.place import Place
from tests.views.board_fakes import alert
from tests.views.fakes import NOW

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


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 — made UTC
    st.sampled_from(ZONES),
    st.sampled_from([timedelta(minutes=20), timedelta(hours=9), timedelta(days=5)]),
)
def test_axes_have_their_marks_at_round_local_times(
    start: datetime, zone: str, span: timedelta
) -> None:
    """Marks lie in the range, ascend, and what they say is what the clocks of the zone show."""
    begin = start.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    end = (begin.astimezone(UTC) + span).astimezone(ZoneInfo(zone))
    ticks = axes.times(begin, end)
    assert 1 <= len(ticks.places) <= 8
    assert sorted(set(ticks.places)) == ticks.places
    for at, said in ticks.labels.items():
        shown = datetime.fromtimestamp(at / 1e3, ZoneInfo(zone))
        assert begin <= shown <= end
        if ":" in said:
            assert said.startswith(f"{shown:%H:%M}")
        else:
            assert (shown.hour, shown.minute) in ((0, 0), (1, 0))


def test_sentences_are_told_in_the_zone() -> None:
    """Moments of UTC in them become those of the zone; what only looks like one stays."""
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    sentence = "low since 2026-07-01 12:00 UTC, 99:99 UTC, 2026-07-01 12:00 UTC+2"
    assert told(sentence) == sentence
    with clocks_of("Asia/Kolkata"):
        moved = sentence.replace("12:00 UTC,", "17:30 UTC+5:30,")
        assert told(sentence) == moved
        assert 'title="2026-07-01 17:30:00 UTC+5:30"' in when("2026-07-01T12:00:00Z", noon)
        assert local(noon).hour == 17
        assert moment("2026-07-01T12:00:00Z") == "2026-07-01 17:30 UTC+5:30"
    assert zone_word(noon) == "UTC"


def test_an_alert_is_told_in_the_zone() -> None:
    """What it is about, and why it was told or not, have moments of the workspace's clocks."""
    at = "2026-07-01 12:00 UTC"
    made = msgspec.structs.replace(alert("a"), description=f"Since {at}.", metric="")
    step = SimpleNamespace(what="silenced", detail=f"until {at}", at="2026-07-01T13:00:00Z")
    workspace = SimpleNamespace(alert_trace=lambda _: [step])
    look: Any = SimpleNamespace(
        workspace=workspace, may=lambda _: False, place=Place.of("alerts", {}), now=NOW
    )
    with clocks_of("Asia/Kolkata"):
        said = alerts._detail(look, made)
    assert said.count("2026-07-01 17:30 UTC+5:30") == 2
    assert at not in said

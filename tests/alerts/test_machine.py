"""The state machine against a simple model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.alerts.machine import Timing, step
from datawatch_lab.core.alerting import Standing

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

_INPUTS = st.lists(st.sampled_from([True, False, None, "fault"]), max_size=60)
_TIMINGS = st.builds(
    lambda lasting, keep, policy: Timing(lasting * MINUTE, keep * MINUTE, policy),
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(["no_data", "ok", "alert", "keep"]),
)


def model(inputs: list[bool | str | None], timing: Timing) -> list[tuple[str, str | None]]:
    """(state, event) after each minute, by looking back over everything that came before."""
    found: list[tuple[str, str | None]] = []
    lasting, keep = timing.lasting // MINUTE, timing.keep // MINUTE
    is_open = False
    holding = ending = 0  # minutes in a row; 0: not now
    state = "normal"
    for given_ in inputs:
        event = None
        meant = given_
        if given_ is None and timing.no_data in ("ok", "alert"):
            meant = timing.no_data == "alert"
        if given_ is None and timing.no_data == "keep":
            found.append((state, None))  # time goes on, nothing else
            holding += holding > 0
            ending += ending > 0
            continue
        if meant is True:
            holding, ending = holding + 1, 0
            if is_open or holding > lasting:
                event = None if is_open else "fired"
                is_open, state = True, "firing"
            else:
                state = "pending"
        elif meant is False:
            holding, ending = 0, ending + 1
            if is_open and ending > keep:
                is_open, event, state = False, "resolved", "normal"
            else:
                state = "recovering" if is_open else "normal"
        else:
            holding = ending = 0
            state = "error" if meant == "fault" else "no_data"
        found.append((state, event))
    return found


@given(_INPUTS, _TIMINGS)
def test_the_machine_does_as_the_model(inputs: list[bool | str | None], timing: Timing) -> None:
    """Whatever comes in, states and events are those of the model."""
    standing, found = Standing(), []
    for number, each in enumerate(inputs):
        fault = "broken" if each == "fault" else ""
        holds = each if isinstance(each, bool) else None
        at = START + number * MINUTE
        standing, event = step(standing, holds, at, timing, fault=fault, reason="nothing")
        found.append((standing.state, event))
    assert found == model(inputs, timing)


@given(_INPUTS, _TIMINGS)
def test_events_alternate(inputs: list[bool | str | None], timing: Timing) -> None:
    """What fired is resolved before it fires again, and an alert is open exactly in between."""
    standing, is_open = Standing(), False
    for number, each in enumerate(inputs):
        holds = each if isinstance(each, bool) else None
        standing, event = step(standing, holds, START + number * MINUTE, timing)
        assert event != ("fired" if is_open else "resolved")
        is_open = (is_open or event == "fired") and event != "resolved"
        assert (standing.fired is not None) == is_open

"""The state machine of one instance of a rule: a pure function from state and verdict to state.

::

    normal ──holds──▶ pending ──for──▶ firing ──ends──▶ recovering ──keep_firing_for──▶ normal
                         │ ends           ▲  ▲────holds────┘
                         ▼                │
                      normal        no_data, error (an alert that is open stays open)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from datawatch_lab.core.alerting import AlertRule, NoDataPolicy, Standing, StateName

Event = Literal["fired", "resolved"]
_NONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class Timing:
    """What of a rule the machine goes by.

    Attributes:
        lasting: how long the condition must hold before it fires.
        keep: how long it must not hold before it is over.
        no_data: what it means that nothing is known.
    """

    lasting: timedelta = _NONE
    keep: timedelta = _NONE
    no_data: NoDataPolicy = "no_data"


def timing_of(rule: AlertRule) -> Timing:
    """The timing of a rule."""
    return Timing(rule.lasting, rule.keep_firing_for, rule.no_data)


def step(
    before: Standing,
    holds: bool | None,  # noqa: FBT001 — what was decided is the input of the machine
    at: datetime,
    timing: Timing,
    *,
    fault: str = "",
    reason: str = "",
) -> tuple[Standing, Event | None]:
    """The next state, and what is to be told.

    Args:
        before: the state.
        holds: what the condition came to; None when it is not known.
        at: the end of the evaluated window, later than at any step before.
        timing: of the rule.
        fault: why it cannot be evaluated at all; '' when it can.
        reason: why it is not known.

    Returns:
        The same object when nothing changed.
    """
    if fault:
        return _aside(before, "error", fault, at), None
    if holds is None:
        if timing.no_data == "keep":
            return before, None
        if timing.no_data == "no_data":
            return _aside(before, "no_data", reason, at), None
        holds = timing.no_data == "alert"
    return _holds(before, at, timing) if holds else _ends(before, at, timing)


def rewound(before: Standing, at: datetime) -> Standing:
    """A state from after ``at``, as a clock that ran ahead left it: what was begun begins anew.

    An alert that fired stays, with the moment that it is known by.
    """
    if before.since is None or before.since <= at:
        return before
    if before.fired is None:
        return Standing(state="normal", since=at)
    holds = before.holds and min(before.holds, at)
    return msgspec.structs.replace(before, since=at, holds=holds)


def _aside(before: Standing, state: StateName, reason: str, at: datetime) -> Standing:
    if before.state == state and before.reason == reason:
        return before
    since = before.since if before.state == state else at
    return Standing(state=state, since=since, fired=before.fired, reason=reason)


def _holds(before: Standing, at: datetime, timing: Timing) -> tuple[Standing, Event | None]:
    if before.fired is not None:
        return _in(before, "firing", at), None
    holds = before.holds if before.state == "pending" and before.holds else at
    if at - holds >= timing.lasting:
        return Standing(state="firing", since=at, fired=at, holds=holds), "fired"
    if before.state == "pending":
        return before, None
    return Standing(state="pending", since=at, holds=holds), None


def _ends(before: Standing, at: datetime, timing: Timing) -> tuple[Standing, Event | None]:
    if before.fired is None:
        return _in(before, "normal", at), None
    since = before.since if before.state == "recovering" and before.since else at
    if at - since >= timing.keep:
        return Standing(state="normal", since=at), "resolved"
    return _in(before, "recovering", at), None


def _in(before: Standing, state: StateName, at: datetime) -> Standing:
    if before.state == state:
        return before
    holds = before.holds if before.fired is not None else None
    return msgspec.structs.replace(before, state=state, since=at, holds=holds, reason="")

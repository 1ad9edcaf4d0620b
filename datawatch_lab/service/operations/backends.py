"""Metric back ends: how they stand, and sending to one again."""

from __future__ import annotations

import msgspec

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.core.durations import parse_time
from datawatch_lab.engine import Engine
from datawatch_lab.service.operation import API, Nothing, operation


@operation("GET", f"{API}/backends")
def backends(engine: Engine, ask: Nothing) -> list[BackendState]:
    """The metric back ends that are written to: state, what they took, how far behind they are."""
    del ask
    return engine.backends.states()


class ResendAsk(msgspec.Struct, frozen=True, kw_only=True, rename={"start": "from"}):
    """What is sent again.

    Attributes:
        name: of the back end; '' for all.
        start: ``from``: minutes from this time on; ISO 8601 or relative, such as -7d.
    """

    name: str = ""
    start: str = "-24h"


@operation("POST", f"{API}/backends/resend", role="admin")
def resend_to_backend(engine: Engine, ask: ResendAsk) -> list[BackendState]:
    """Send closed minutes to back ends once more, as after one lost some; none counts twice."""
    start = parse_time(ask.start, engine.clock.now(), engine.settings.timezone)
    return engine.backends.resend(ask.name, start)

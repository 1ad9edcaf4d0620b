"""Metric back ends on the page of sources: what each took, and what waits for it."""

from __future__ import annotations

from collections.abc import Sequence

from datawatch_lab.core.backend_states import BackendState
from datawatch_lab.views import format as words
from datawatch_lab.views.pages.parts import Html, card, join, state, table, tag

_STATES = {"starting": "info", "catching up": "info", "current": "good", "away": "bad"}


def backends(states: Sequence[BackendState]) -> Html:
    """A row each; why one is away stands below it."""
    rows = []
    for each in states:
        behind = words.duration(each.behind_seconds) if each.behind_seconds else words.NOTHING
        problem = tag("p", each.problem, class_="reading bad") if each.problem else ""
        rows.append(
            (
                join([f"{each.name} {each.version}".strip(), problem]),
                tag("span", each.address, class_="mono"),
                state(each.state, _STATES.get(each.state, "calm")),
                words.count(each.points),
                words.count(each.refused),
                behind,
            )
        )
    heads = ("Back end", "Address", "State", "Points", "Refused", "Behind")
    listed = table(heads, rows, numbers=(3, 4, 5), label="back ends")
    return card("Metrics are written to", listed)

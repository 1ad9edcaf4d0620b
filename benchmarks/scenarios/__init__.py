"""The scenarios, one file each; what has a target comes first."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import cache
from importlib import import_module

from benchmarks.model import Scenario

NAMES = (
    "import_time",
    "ingest_4_tables",
    "ingest_200_tables",
    "post_single",
    "visible",
    "range_query",
    "live_upkeep",
    "quality_rules",
    "alert_rules",
    "bank",
    "detection_load",
    "restart",
    "dashboard",
    "sockets",
    "board",
    "kill",
    "decode",
    "follow",
    "ingest_postgres",
    "ingest_wide",
    "ingest_updates",
    "river_loop",
    "bytewax_flow",
    "post_batch",
    "post_clients",
    "live_reads",
    "live_store",
)
"""Also the names of their files, and of their first figures."""


def scenario_named(name: str) -> Scenario:
    """The scenario of that file."""
    scenario: Scenario = import_module(f"benchmarks.scenarios.{name}").SCENARIO
    return scenario


@cache
def _by_figure() -> dict[str, str]:
    return {figure.name: name for name in NAMES for figure in scenario_named(name).figures}


def scenarios_for(names: Sequence[str]) -> list[Scenario]:
    """Those named, by scenario or figure, in the order of `NAMES`; all without names.

    Raises:
        LookupError: there is none of a name; names the nearest.
    """
    known = {**_by_figure(), **{name: name for name in NAMES}}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else "."
            raise LookupError(f"no scenario {name!r}{guess} Scenarios: {', '.join(NAMES)}.")
    wanted = {known[name] for name in names} or set(NAMES)
    return [scenario_named(name) for name in NAMES if name in wanted]

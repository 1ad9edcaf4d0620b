"""Plans: limits that can be switched on with the setting ``plan``; without one there are none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar

import msgspec

from datawatch_lab.core.errors import ConfigError, PlanError
from datawatch_lab.core.settings import Settings

Countable = Literal["tables", "dashboards", "alert_rules"]
Feature = Literal["anomalies", "schema", "quality", "custom_quality", "csv_export", "api_export"]

_ALL: frozenset[Feature] = frozenset(
    {"anomalies", "schema", "quality", "custom_quality", "csv_export", "api_export"}
)
_KEPT = (
    "raw_kept",
    "seconds_kept",
    "minutes_kept",
    "five_minutes_kept",
    "hours_kept",
    "days_kept",
    "sketches_kept",
)
Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan:
    """What a plan allows. None is no limit.

    Attributes:
        tables: with automatic metrics.
        dashboards, alert_rules: how many there may be.
        features: what may be used at all. Without ``quality`` the basic checks remain.
        retention: how long anything is kept at most.
    """

    name: str
    tables: int | None = None
    dashboards: int | None = None
    alert_rules: int | None = None
    features: frozenset[Feature] = _ALL
    retention: timedelta | None = None

    def most(self, what: Countable) -> int | None:
        """How many of something there may be; None for any number."""
        found: int | None = getattr(self, what)
        return found


PLANS: dict[str, Plan] = {
    "none": Plan("none"),
    "community": Plan(
        "community",
        tables=5,
        dashboards=1,
        alert_rules=0,
        features=frozenset(),
        retention=timedelta(hours=24),
    ),
    "pro": Plan(
        "pro",
        dashboards=10,
        alert_rules=10,
        features=frozenset({"anomalies", "schema", "quality", "csv_export"}),
        retention=timedelta(days=30),
    ),
    "enterprise": Plan("enterprise"),
}
"""Plan by name; ``none`` is the default."""

_WORDS: dict[str, str] = {
    "tables": "tables with automatic metrics",
    "dashboards": "dashboards",
    "alert_rules": "alert rules",
    "anomalies": "anomalies",
    "schema": "schema tracking",
    "quality": "all quality checks",
    "custom_quality": "custom quality checks",
    "csv_export": "CSV export",
    "api_export": "export over the API",
}


def plan_named(name: str) -> Plan:
    """A plan by name.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in PLANS:
        raise ConfigError(f"no plan {name!r}. Plans: {', '.join(PLANS)}.")
    return PLANS[name]


def check_room(plan: str, what: Countable, have: int) -> None:
    """Refuse one more of something that a plan limits.

    Args:
        plan: its name, as in ``settings.plan``.
        what: is to be made.
        have: how many there are already.

    Raises:
        PlanError: that is as many as the plan allows.
    """
    most = plan_named(plan).most(what)
    if most is not None and have >= most:
        allowed = f"at most {most} {_WORDS[what]}" if most else f"no {_WORDS[what]}"
        raise PlanError(
            f"the plan {plan} allows {allowed}.",
            hint="The setting `plan` chooses another.",
            details={"plan": plan, "limit": what, "most": most},
        )


def check_feature(plan: str, what: Feature) -> None:
    """Refuse what a plan does not include.

    Raises:
        PlanError: it is not in the plan.
    """
    if what not in plan_named(plan).features:
        raise PlanError(
            f"the plan {plan} does not include {_WORDS[what]}.",
            hint="The setting `plan` chooses another.",
            details={"plan": plan, "limit": what},
        )


def with_metrics(plan: str, tables: Sequence[Item]) -> Sequence[Item]:
    """The tables that get automatic metrics: the first ones, in order of appearance."""
    most = plan_named(plan).tables
    return tables if most is None else tables[:most]


def within(settings: Settings) -> Settings:
    """The settings with nothing kept longer than their plan allows.

    >>> within(Settings(plan="community")).minutes_kept
    datetime.timedelta(days=1)
    """
    most = plan_named(settings.plan).retention
    if most is None:
        return settings
    kept = {name: min(getattr(settings, name), most) for name in _KEPT}
    return msgspec.structs.replace(settings, **kept)

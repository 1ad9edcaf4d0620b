"""Whether an alert is meant by matchers."""

from __future__ import annotations

from fnmatch import fnmatchcase

from datawatch_lab.core.alerting import Alert, Labels
from datawatch_lab.core.errors import InputError


def value_of(alert: Alert, name: str) -> str:
    """What a matcher's name means: ``rule``, ``severity``, ``metric`` or a label; '' for none."""
    if name in ("rule", "severity", "metric"):
        return str(getattr(alert, name))
    return dict(alert.labels).get(name, "")


def matches(matchers: Labels, alert: Alert) -> bool:
    """Whether all matchers fit; none of them fits every alert. ``*`` stands for any letters."""
    return all(fnmatchcase(value_of(alert, name), wanted) for name, wanted in matchers)


def read_matchers(given: dict[str, str]) -> Labels:
    """Matchers of a silence, sorted.

    Raises:
        InputError: there are none: that would silence everything by oversight.
    """
    if not given:
        raise InputError(
            "a silence needs matchers.",
            hint='Such as {"rule": "Order Spike"}; {"rule": "*"} is for every alert.',
        )
    return tuple(sorted((str(name), str(value)) for name, value in given.items()))

"""What a viewer does not see: sensitive values, wherever an answer would carry them.

SQL masks in the query itself (`store.gate`), so expressions over a sensitive column tell nothing
either. This is for what does not pass through SQL: labels of metrics, and the bytes and reasons of
the quarantine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from datawatch_lab.core.errors import AccessError, NotFoundError
from datawatch_lab.core.who import Who, current_who
from datawatch_lab.engine import Engine
from datawatch_lab.engine.signals import SIGNALS
from datawatch_lab.engine.sql import sensitive_labels, sensitive_names

MASK = "•••"
"""What stands for a masked value, in SQL too."""

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")


def hidden_labels(engine: Engine, metric: str, who: Who | None = None) -> frozenset[str]:
    """Labels of a metric whose values somebody may not see; none for editors and admins.

    Args:
        engine: of the workspace.
        metric: its name.
        who: asks; `current_who` when None.

    Raises:
        NotFoundError: there is no such metric.
    """
    if (who or current_who()).sees_sensitive:
        return frozenset()
    return sensitive_labels(engine, engine.metric(metric))


Masked = Callable[[str, Mapping[str, str]], dict[str, str]]
"""Of the name of a metric, '' for none, and labels: the labels as they may be shown."""


def label_mask(engine: Engine) -> Masked:
    """What masks labels for `current_who` where they are of any metric, as those of alerts are.

    A label with the name of any sensitive field is masked, and every label of a metric that is not
    there any more.
    """
    if current_who().sees_sensitive:
        return lambda _, labels: dict(labels)
    everywhere = sensitive_names(engine)

    @cache
    def hidden(metric: str) -> frozenset[str] | None:
        if not metric or metric in SIGNALS:
            return everywhere
        try:
            return everywhere | sensitive_labels(engine, engine.metric(metric))
        except NotFoundError:
            return None

    def masked(metric: str, labels: Mapping[str, str]) -> dict[str, str]:
        names = hidden(metric)
        return masked_labels(labels, frozenset(labels) if names is None else names)

    return masked


def check_filters(hidden: Iterable[str], filters: Iterable[tuple[str, str]]) -> None:
    """Refuse to filter by a label that is hidden: the answer would tell whether a value is there.

    Raises:
        AccessError: 403; names the label.
    """
    hides = set(hidden)
    for label, _ in filters:
        if label in hides:
            raise AccessError(
                f"{label} is sensitive; filtering by it needs the role editor.", status=403
            )


def masked_labels(labels: Mapping[str, str], hidden: frozenset[str]) -> dict[str, str]:
    """Labels of a series with hidden values masked; series stay apart, their names do not.

    >>> masked_labels({"email": "ada@example.com", "status": "paid"}, frozenset({"email"}))
    {'email': '•••', 'status': 'paid'}
    """
    return {name: MASK if name in hidden else value for name, value in labels.items()}


def masked_reason(reason: str) -> str:
    """A reason without the values that it quotes.

    >>> masked_reason("timestamp 'ada@example.com' is not ISO 8601 text")
    "timestamp '•••' is not ISO 8601 text"
    """
    return _QUOTED.sub(f"'{MASK}'", reason)

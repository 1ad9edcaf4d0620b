"""A configuration file with every key, its default and what it means."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from datawatch_lab.core.config.keys import KEYS, Key

_WIDTH = 96
_HEAD = """\
# DataWatch Lab: every key with its default. Nothing has to be set; a key may be left out.
# ${NAME} and ${NAME:-default} are taken from the environment, where every key is also a variable:
# server.port is DATAWATCH_SERVER_PORT. Check this file with `datawatch config check`.
# A workspace remembers the settings that it was last given by `datawatch serve --config FILE`, for
# who opens it without a file. What a file leaves out has its default again; an empty one resets.
"""
_SECTIONS = {
    "server": "Where the server listens, and who may ask.",
    "storage": "The workspace, and other servers that metrics are written to.",
    "metrics": "Automatic metrics, and how long they are kept.",
    "cache": "Answers that are kept for the next who asks.",
    "anomaly": "Detection of anomalies.",
    "quality": "Checks of the quality of data.",
    "schema": "History of schemas.",
    "alerts": "Evaluation of alert rules.",
}
_EXAMPLES = {
    "tables": "orders: {key: [id], roles: {state: text}, sensitive: [email]}",
    "alerts.routing": "{group_wait: 30s, severities: {critical: [pagerduty]}}",
    "alerts.channels": "slack: {webhook_url: '${SLACK_WEBHOOK}', channel: '#alerts'}",
    "notification_channels": "email: {recipients: [ops@example.org], smtp_host: mail.example.org}",
    "sources": "- {url: 'postgresql://reader:${SHOP_PASSWORD}@db.example/shop', name: shop}",
    "data_quality_rules": "orders: {completeness: [{field: email, rule: not_null, "
    "threshold: 99.9%}]}",
    "alert_rules": "- {name: Order Spike, metric: orders_created_rate, "
    "condition: '> 200% of baseline', for: 5m}",
    "objectives": "- 'paid: payments_inserts_total except status=failed, 99.5%'",
    "reports": "- {notebook: week.ipynb, every: 'monday 08:00', mail: [ops@example.org]}",
}
_OTHERS = "  # Other names of keys above; where both are given, the one above wins."
_LISTS = ("sources", "alert_rules", "objectives", "reports")


def default_file() -> str:
    """The text of a ``datawatch.yaml``.

    Of keys that say the same, the one in its section stands as it is, and the others as comments,
    since a file in which both stand would be changed in the wrong place.
    """
    lines = ["datawatch:"]
    keys = sorted(KEYS, key=_place)
    above: tuple[str, ...] = ()
    for key in keys:
        *sections, last = key.name.split(".")
        for depth in range(_shared(above, tuple(sections)), len(sections)):
            section, indent = sections[depth], "  " * (depth + 1)
            if depth == 0:
                lines += ["", f"  # {_SECTIONS[section]}"]
            lines.append(f"{indent}{section}:")
        above = tuple(sections)
        if not sections and not (key.same_as and lines[-1].startswith("  # ")):
            lines.append("")
            lines += [_OTHERS] if key.same_as else []
        lines += _entry(key, last, "  " * (len(sections) + 1))
    return _HEAD + "\n".join(lines) + "\n"


def _place(key: Key) -> tuple[int, tuple[int, ...]]:
    """Where a key stands: single keys first, then sections, lists last."""
    root, order = key.name.partition(".")[0], [each.name for each in KEYS]
    names = list(_SECTIONS)
    if root in names:
        depth = key.name.count(".")
        group = [key.name.rpartition(".")[0] == each.rpartition(".")[0] for each in order]
        return 1 + names.index(root), (depth, group.index(True), order.index(key.name))
    if key.same_as:
        return 90, (order.index(key.name),)
    return (99 if key.name in _EXAMPLES else 0), (order.index(key.name),)


def _shared(above: tuple[str, ...], sections: tuple[str, ...]) -> int:
    """How many sections two keys are both in."""
    pairs = zip(above, sections, strict=False)
    differs = (number for number, (one, other) in enumerate(pairs) if one != other)
    return next(differs, min(len(above), len(sections)))


def _entry(key: Key, name: str, indent: str) -> Iterator[str]:
    if key.same_as:
        yield f"{indent}# {name}:{_written(key)}  # {key.same_as}"
        return
    says = key.says
    for line in textwrap.wrap(says[:1].upper() + says[1:], _WIDTH - len(indent)):
        yield f"{indent}# {line}"
    if key.name in _EXAMPLES:
        yield f"{indent}#   {_EXAMPLES[key.name]}"
    if key.also:
        yield f"{indent}# Also {key.also} in the environment."
    yield f"{indent}{name}:{_written(key)}"


def _written(key: Key) -> str:
    """The default as YAML, with the space before it; nothing where there is none."""
    if key.name in _EXAMPLES:
        return " []" if key.name in _LISTS else " {}"
    default = key.default
    if not default:
        return " ''" if key.is_setting else ""
    is_plain = default[0] in "[{" or all(each.isalnum() or each in "._/%-+" for each in default)
    return f" {default}" if is_plain else f" '{default}'"

"""The rules that look at one row at a time, by name: to add one, write it and name it here."""

from __future__ import annotations

from collections.abc import Mapping

from datawatch_lab.core.quality import Rule
from datawatch_lab.quality import ages, completeness, formats, ranges, sets
from datawatch_lab.quality.comparison import temporal
from datawatch_lab.quality.images import Images
from datawatch_lab.quality.verdict import Check, Condition, Verdict, good, nothing

CHECKS: Mapping[str, Check] = {
    "not_null": completeness.not_null,
    "not_empty": completeness.not_empty,
    "positive": ranges.positive,
    "non_negative": ranges.non_negative,
    "in_range": ranges.in_range,
    "in_set": sets.in_set,
    "not_in_set": sets.not_in_set,
    "regex": formats.regex,
    "email_format": formats.email_format,
    "uuid_format": formats.uuid_format,
    "url_format": formats.url_format,
    "length": formats.length,
    "type": formats.type_,
    "event_freshness": ages.event_freshness,
}
"""Kinds of the family ``row`` that need nothing but the row."""


def check_rows(rule: Rule, images: Images, condition: Condition) -> Verdict:
    """What a rule of the family ``row`` says of images.

    Args:
        rule: of that family.
        images: of its table.
        condition: works conditions of users out.
    """
    if rule.field and not images.has(rule.field):
        return nothing(images)
    check = CHECKS.get(rule.rule)
    if check is not None:
        return check(rule, images)
    times = temporal(rule.expression, images)
    if times is not None:
        return times
    known, true = condition(rule.expression, images)
    return good(known, true)

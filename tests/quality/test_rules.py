"""Rules as values: their forms round-trip, and a wrong one is refused with what is possible."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml

from datawatch_lab.core.config.rules import read_quality_rules
from datawatch_lab.core.errors import InputError, NotFoundError
from datawatch_lab.core.quality import KINDS, Rule, rules_document

SPEC = """
data_quality_rules:
  orders:
    completeness:
      - {field: customer_id, rule: not_null, threshold: 99.9%}
      - {field: email, rule: not_empty, threshold: 95%}
    validity:
      - {field: amount, rule: positive, alert_on: any_violation}
      - {field: status, rule: in_set, values: [pending, paid, shipped, cancelled]}
    freshness:
      - {rule: max_age, threshold: 5m}
    consistency:
      - {rule: referential_integrity, field: customer_id, references: customers.id}
"""

EXTRA: dict[str, dict[str, Any]] = {
    "in_set": {"values": ["a", 1, True]},
    "not_in_set": {"values": ["x"]},
    "regex": {"pattern": "[a-z]+"},
    "length": {"min": 1, "max": 5},
    "in_range": {"min": 0.5},
    "type": {"type": "integer"},
    "max_age": {"threshold": "5m"},
    "event_freshness": {"threshold": "1h30m"},
    "volume": {"min": "50%", "baseline": "7d", "window": "1h"},
    "referential_integrity": {"references": "customers.id"},
    "comparison": {"expression": "shipped_at >= created_at"},
    "mean": {"min": 1, "max": 2},
    "quantile": {"max": 2, "quantile": 0.9},
    "stddev": {"max": 2},
    "sql": {"sql": "SELECT * FROM orders WHERE amount < 0"},
    "expression": {"expression": "amount > 0"},
}


def rule_of(kind: str) -> Rule:
    """A rule of a kind with all that it needs."""
    return Rule.of({"table": "orders", "rule": kind, "field": "a"} | EXTRA.get(kind, {}))


def _spec_rules() -> list[Rule]:
    section = yaml.safe_load(SPEC)["data_quality_rules"]
    return [Rule.of_config(each) for each in read_quality_rules(section)]


def test_the_yaml_of_the_specification_is_read_as_it_stands() -> None:
    """Each of its rules means what it says."""
    rules = _spec_rules()
    assert [each.rule for each in rules] == [
        "not_null",
        "not_empty",
        "positive",
        "in_set",
        "max_age",
        "referential_integrity",
    ]
    assert [each.share for each in rules[:3]] == [0.999, 0.95, 1.0]
    assert rules[4].age.total_seconds() == 300
    assert rules[2].alert_on == "any_violation"


def test_rules_become_the_yaml_that_they_were_read_from() -> None:
    """The document of the rules reads as the same rules."""
    rules = _spec_rules()
    document = yaml.safe_load(yaml.safe_dump(rules_document(rules), sort_keys=False))
    assert [Rule.of_config(each) for each in read_quality_rules(document)] == rules


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_round_trips_in_all_its_forms(kind: str) -> None:
    """Python code, mapping, JSON and YAML of a rule give the same rule, with the same id."""
    rule = rule_of(kind)
    for other in (
        eval(repr(rule), {"Rule": Rule}),  # noqa: S307 — that the repr is code is what is tested
        Rule.of(rule.as_dict()),
        msgspec.json.decode(msgspec.json.encode(rule), type=Rule),
        *(Rule.of_config(e) for e in read_quality_rules(rules_document([rule]))),
    ):
        assert other == rule
        assert other.id == rule.id


def test_what_only_says_how_a_rule_is_shown_leaves_its_id_alone() -> None:
    """Threshold, weight and words may change; field and values may not."""
    rule = rule_of("in_set")
    for change in ({"threshold": "90%"}, {"weight": 3.0}, {"description": "x"}, {"enabled": False}):
        assert msgspec.structs.replace(rule, **change).id == rule.id
    assert msgspec.structs.replace(rule, values=("a",)).id != rule.id
    assert msgspec.structs.replace(rule, field="b").id != rule.id


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"rule": "posit"}, "did you mean 'positive'"),
        ({"rule": "positive", "feild": "a"}, "did you mean 'field'"),
        ({"rule": "in_set", "field": "a"}, "needs values"),
        ({"rule": "regex", "field": "a", "pattern": "("}, "cannot be read"),
        ({"rule": "not_null", "field": "a", "threshold": "lots"}, "must be a share"),
        ({"rule": "max_age", "threshold": "soon"}, "not a duration"),
        ({"rule": "unique"}, "needs field"),
        ({"rule": "in_range", "field": "a"}, "needs min"),
        ({"rule": "mean", "field": "a", "max": "abc"}, "max is 'abc'; it must be a number"),
        ({"rule": "distribution_drift", "field": "a", "max": "abc"}, "must be a number"),
        ({"rule": "not_null", "field": "a", "severity": "dire"}, "info, warning, critical"),
        ({"rule": "referential_integrity", "field": "a", "references": "b"}, "table.column"),
        ({"rule": "not_null", "field": "a", "weight": 0}, "above 0"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_is_possible(given: dict[str, Any], says: str) -> None:
    """The message names the fault and the options."""
    with pytest.raises((InputError, NotFoundError), match=says):
        Rule.of({"table": "orders"} | given)

"""The form of an alert rule keeps what it does not ask, and what it asks as it was."""

from __future__ import annotations

import html
import re

from datawatch_lab.service.handle import Workspace
from tests.views.pages.test_pages import act, look_at


def form_of(workspace: Workspace, id_: str) -> dict[str, str]:
    """What the form of a rule sends when nothing is changed in it."""
    shown = look_at(workspace, "alerts", "editor", tab="rules", edit=id_)
    form = shown[shown.index('id="dw-rule"') :]
    form = form[: form.index("</form>")]
    values = dict(re.findall(r'<input[^>]* name="(\w+)" value="([^"]*)"', form))
    values |= {
        name: value
        for name, inner in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', form)
        for value in re.findall(r'<option value="([^"]*)" selected', inner)
    }
    return {name: html.unescape(value) for name, value in values.items()}


def test_a_rule_that_is_kept_unchanged_stays_the_same(shop: Workspace) -> None:
    """What the form does not ask is kept, and a comma in a filter is no second filter."""
    made = shop.add_alert_rule(
        name="slow",
        condition="> 100",
        metric="orders_amount_sum",
        aggregation="max",
        keep_firing_for="10m",
        filters={"status": r"Paris, \ Texas"},
        severity="critical",
        description="of ours",
        no_data="ok",
    )
    sent = form_of(shop, made.id)
    assert act(shop, "alerts", "rule.try", **sent).slots["tried"]
    assert act(shop, "alerts", "rule.save", **sent).changed
    assert shop.alert_rule(made.id).rule == made.rule
    shop.drop_alert_rule(made.id)


def test_a_rule_of_another_type_stays_of_it(shop: Workspace) -> None:
    """A rule on the quality of a table is not made one on a metric by its form."""
    made = shop.add_alert_rule(name="late", type="quality", table="orders")
    sent = form_of(shop, made.id) | {"description": "new"}
    assert act(shop, "alerts", "rule.save", **sent).changed
    assert shop.alert_rule(made.id).rule == {**made.rule, "description": "new"}
    shop.drop_alert_rule(made.id)

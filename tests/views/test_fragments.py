"""The HTML of the page's parts."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest

from datawatch_lab.service.answers import LedgerAnswer
from datawatch_lab.service.handle import Workspace
from datawatch_lab.views import fragments
from datawatch_lab.views.choose import choose
from datawatch_lab.views.ranges import window
from datawatch_lab.views.snapshot import Snapshot, read_data
from tests.views.fakes import NOW, FakeWorkspace, status, table

NASTY = "<img src=x onerror=alert(1)>"


def snapshot(name: str = "orders", state: str = "live", message: str = "live") -> Snapshot:
    """A picture of the fake workspace."""
    fake = FakeWorkspace(name)
    where = window("1h", state, None, NOW, NOW)
    spec = choose(fake.tables(), fake.metrics())
    data = read_data(cast("Workspace", fake), spec, where, None)
    return Snapshot(
        1,
        "1h",
        NOW,
        state,
        message,
        name,
        status(),
        where,
        data,
        (table(name),),
        fake.ledger(),
    )


def test_names_from_data_cannot_become_markup() -> None:
    """A table, status, workspace or message with markup in it is shown as text everywhere."""
    picture = snapshot(NASTY, "silent", NASTY)
    for slot, html in fragments.page(picture).items():
        assert "<img" not in html, slot
    assert "&lt;img" in fragments.page(picture)["tables"]


def test_empty_states_escape_too() -> None:
    """The message of a fault may hold a path or a name; it is text."""
    picture = Snapshot(1, "1h", NOW, "missing", NASTY, NASTY)
    assert "<img" not in "".join(fragments.page(picture).values())


@pytest.mark.parametrize("state", ["live", "silent", "history", "empty", "missing", "lost"])
def test_a_state_is_an_icon_and_a_word(state: str) -> None:
    """No state is told by colour alone."""
    html = fragments.badge(Snapshot(1, "1h", NOW, state, "no data since noon"))
    text = html.partition("</span>")[2].partition("<")[0].strip()
    assert 'aria-hidden="true">' in html
    assert len(text) >= 4


def test_the_empty_page_says_how_to_connect_data() -> None:
    """Demo, file and HTTP are each one command."""
    html = fragments.empty(Snapshot(1, "1h", NOW, "empty", "no data yet", "x", status()))
    for command in ("datawatch demo", "datawatch ingest", "curl -X POST"):
        assert command in html


def test_the_ledger_is_a_sum_with_a_verdict() -> None:
    """The four counts add up to what was received, or by how much they do not."""
    good = fragments.trust(LedgerAnswer(1_000, 900, 50, 20, 30, {}, {}))
    assert "balanced" in good
    assert "1,000" in good
    assert "off by 5" in fragments.trust(LedgerAnswer(1_005, 900, 50, 20, 30, {}, {}))


def test_cards_have_values_units_and_trends() -> None:
    """Each card says what, how much, in what, and how that compares."""
    picture = snapshot()
    html = fragments.page(picture)["cards"]
    assert 'data-card="created"' in html
    assert "/min" in html
    assert "to compare with" in html
    assert "<svg" in html


def test_long_lists_are_bounded() -> None:
    """Five hundred tables do not make a page of five hundred rows; the rest is counted."""
    html = fragments.tables([table(f"t{place}") for place in range(500)], NOW)
    assert html.count("<tr>") == 51
    assert "450 more tables" in html


def test_a_table_says_its_key_or_that_it_has_none() -> None:
    """Key columns and who named them; a table without one says that its rows only add up."""
    keyed = msgspec.structs.replace(table("orders"), key=["id", "<b>"], key_from="source")
    keyless = msgspec.structs.replace(table("visits"), key=[], rows=None)
    html = fragments.tables([keyed, keyless], NOW)
    assert '<span title="known from: source">id, &lt;b&gt;</span>' in html
    assert "append-only" in html
    assert "none: every row is kept" in html

"""Every page over a real workspace: for each role, with and without data, with hostile names."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from datawatch_lab.core.config.reports import read_reports
from datawatch_lab.core.errors import AccessError, DataWatchError, InputError
from datawatch_lab.core.reports import ReportRun
from datawatch_lab.core.who import UserRole, Who, acting
from datawatch_lab.engine.reporting import Reporting
from datawatch_lab.service.callers import LocalCaller
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.views.pages import PAGES
from datawatch_lab.views.pages.nothing import no_anomaly
from datawatch_lab.views.pages.page import Done, Look
from datawatch_lab.views.pages.place import Place
from datawatch_lab.views.pages.portal import pages_by_key
from tests.views.conftest import event, orders, post
from tests.waiting import PATIENCE

EVIL = "<img src=x onerror=alert(1)>"
TABS = {
    "home": ("",),
    "explorer": ("", "sql"),
    "dashboards": ("",),
    "anomalies": ("",),
    "quality": ("board", "rules", "violations", "suggestions"),
    "schema": ("changes", "tables", "diff", "snapshots"),
    "alerts": ("open", "rules", "history", "silences", "channels"),
    "data": ("ledger", "quarantine", "sources", "late"),
    "settings": ("configuration", "reports", "you", "users", "audit", "server"),
}
PLACES = [(page, tab) for page, tabs in TABS.items() for tab in tabs]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Orders, a hostile table, a rule of each kind, an event in quarantine."""
    path = tmp_path_factory.mktemp("pages") / "shop.duckdb"
    with open_workspace(path, what="tests") as workspace:
        now = datetime.now(UTC) - timedelta(seconds=2)
        post(workspace, orders(60, now))
        post(workspace, [event(EVIL, now, number, status=EVIL, amount=1) for number in range(3)])
        workspace.post(json.dumps({"table": EVIL, "operation": EVIL, "after": {"id": 1}}).encode())
        workspace.add_quality_rule(table="orders", rule="positive", field="amount")
        workspace.add_quality_rule(
            table="orders",
            rule="in_set",
            field="status",
            values=["paid", "shipped"],
            description=EVIL,
        )
        workspace.add_alert_rule(name=EVIL, condition="> 5", metric="orders_created_rate")
        workspace.make_schema_snapshot(EVIL, note=EVIL)
        yield workspace


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace without any data."""
    path = tmp_path_factory.mktemp("pages") / "new.duckdb"
    with open_workspace(path, what="tests") as workspace:
        yield workspace


def look_at(workspace: Workspace, page: str, role: UserRole = "admin", /, **given: str) -> str:
    """What a page shows to somebody of a role."""
    who = Who("ann", role, "session")
    with acting(who):
        shown = pages_by_key()[page].view(Look(workspace, Place.of(page, given), who))
    return "".join(shown.values())


def act(
    workspace: Workspace, page: str, action: str, role: UserRole = "editor", /, **fields: object
) -> Done:
    """An action of a page by somebody of a role."""
    who = Who("ann", role, "session")
    with acting(who):
        return pages_by_key()[page].act(Look(workspace, Place(page), who), action, fields)


def test_every_page_is_listed() -> None:
    """These tests miss no page, and no two pages share a key or a letter."""
    assert [each.key for each in PAGES] == list(TABS)
    assert len({each.letter for each in PAGES}) == len(PAGES)


@pytest.mark.parametrize(("page", "tab"), PLACES)
@pytest.mark.parametrize("role", ["viewer", "editor", "admin"])
def test_names_from_data_are_text(shop: Workspace, page: str, tab: str, role: UserRole) -> None:
    """A table, a value, a rule, a note that are markup stay text on every page."""
    if role != "admin" and tab in ("users", "audit"):
        with pytest.raises(AccessError):
            look_at(shop, page, role, tab=tab)
        return
    shown = look_at(shop, page, role, tab=tab)
    assert "<img" not in shown
    assert "<script" not in shown


@pytest.mark.parametrize(("page", "tab"), PLACES)
def test_a_viewer_sees_no_button_that_changes(shop: Workspace, page: str, tab: str) -> None:
    """What a viewer may not do is not offered."""
    if tab in ("users", "audit"):
        return  # refused, see above
    shown = look_at(shop, page, "viewer", tab=tab)
    offered = {part.split('"')[0] for part in shown.split('data-act="')[1:]}
    assert offered <= {"check", "sql.run", "password", "token.make"}


@pytest.mark.parametrize(("page", "tab"), PLACES)
def test_an_empty_workspace_says_what_to_do(new: Workspace, page: str, tab: str) -> None:
    """Without any data no page fails, and none is blank."""
    assert look_at(new, page, tab=tab).strip()


def test_the_server_refuses_a_viewer_who_asks_anyway(shop: Workspace) -> None:
    """An action that is not offered is refused when it is asked for by hand."""
    for page, name, fields in (
        ("quality", "rule.add", {"table": "orders", "rule": "unique", "field": "id"}),
        ("alerts", "rule.save", {"name": "x", "condition": "> 1", "metric": "orders_created_rate"}),
        ("data", "replay", {}),
        ("schema", "snapshot", {"name": "mine"}),
        ("alerts", "silence.add", {"rule": "x"}),
    ):
        try:
            done = act(shop, page, name, "viewer", **fields)
        except AccessError:
            continue
        assert done.fault, (page, name)
        assert not done.changed


def test_the_ledger_balances_on_the_page(shop: Workspace) -> None:
    """The five numbers of the page are those of the ledger, and add up."""
    found = shop.ledger()
    shown = look_at(shop, "data", tab="ledger")
    assert "balanced" in shown
    for number in (found.received, found.applied, found.quarantined):
        assert f"<b>{number:,}</b>" in shown


def test_what_is_explored_equals_the_query(shop: Workspace) -> None:
    """The value of each slice is that of the query."""
    shown = look_at(shop, "explorer", "admin", metric="orders_total", **{"from": "-1h"})
    value = shop.query("orders_total", start="-1h", end="now").series[0].points[0][1]
    assert f'class="big">{value:,.0f}</span>' in shown


def test_a_condition_is_read_back_and_tried(shop: Workspace) -> None:
    """What is typed comes back in words with what it would have done, a mistake as what it is."""
    done = act(shop, "alerts", "rule.try", condition="> 5", metric="orders_created_rate")
    assert "is above 5" in done.slots["reading"]
    assert "episodes" in done.slots["tried"]
    wrong = act(shop, "alerts", "rule.try", condition="> > 5", metric="orders_created_rate")
    assert 'role="alert"' in wrong.slots["reading"]
    assert not wrong.changed


def test_a_rule_goes_the_whole_way(shop: Workspace) -> None:
    """A rule that is kept in the form is listed, can be changed, and goes."""
    fields = {"name": "rush", "condition": "> 500", "metric": "orders_created_rate", "for": "5m"}
    assert act(shop, "alerts", "rule.save", is_enabled="1", **fields).changed
    stored = next(each for each in shop.alert_rules() if each.name == "rush")
    assert stored.rule["for"] == "5m"
    assert "above 500" in look_at(shop, "alerts", tab="rules")
    changed = {**fields, "condition": "> 600", "id": stored.id}
    assert act(shop, "alerts", "rule.save", is_enabled="1", **changed).changed
    assert "above 600" in look_at(shop, "alerts", tab="rules")
    assert act(shop, "alerts", "rule.drop", id=stored.id).changed
    assert "above 600" not in look_at(shop, "alerts", tab="rules")


def test_a_suggestion_is_accepted_by_a_click(shop: Workspace) -> None:
    """The definition on the button is a rule that is kept."""
    first = shop.quality_suggestions("orders")[0]
    done = act(shop, "quality", "accept", rule=json.dumps(first.definition))
    assert done.changed
    assert first.title in {each.title for each in shop.quality_rules("orders")}


def test_everything_is_checked(shop: Workspace) -> None:
    """The check of every row says how many fail, with the rows' number."""
    done = act(shop, "quality", "check", "viewer")
    failing = [each for each in shop.quality_check() if each.failed]
    assert failing
    assert f"{len(failing)} fail" in done.said
    assert failing[0].title in done.slots["checked"]


def test_sql_answers_and_refuses(shop: Workspace) -> None:
    """Rows come as a grid, a statement that is none as a sentence; sensitive values are masked."""
    query = "SELECT status, customer_email FROM live.orders ORDER BY id LIMIT 3"
    done = act(shop, "explorer", "sql.run", "viewer", query=query)
    assert "pending" in done.slots["sql-rows"]
    assert "ann0@example.org" not in done.slots["sql-rows"]
    wrong = act(shop, "explorer", "sql.run", "viewer", query="DROP TABLE orders")
    assert 'role="alert"' in wrong.slots["sql-rows"]


def test_a_corrected_event_is_replayed(shop: Workspace) -> None:
    """What was set aside is corrected in place and taken in."""
    waiting = shop.quarantine().items[0]
    raw = json.dumps(event("orders", datetime.now(UTC), 9_001, amount="1.00", status="paid"))
    done = act(shop, "data", "replay", id=str(waiting.id), raw=raw)
    assert done.changed
    assert "1 of 1 applied" in done.said


def test_scheduled_reports_stand_in_settings(shop: Workspace) -> None:
    """Next time, last outcome, all runs of one; run now; a viewer is told no address."""
    assert isinstance(shop.caller, LocalCaller)
    reporting = shop.caller.engine.beside(Reporting)
    week = {"notebook": "week.ipynb", "name": "week", "every": "monday 08:00"}
    reporting.configure(read_reports([{**week, "mail": ["ada@example.org"]}]))
    due = datetime(2026, 3, 2, 8, tzinfo=UTC)
    run = ReportRun(report="week", due=due, state="done", started=due, out="reports/w.html")
    ended, detail = due + timedelta(seconds=20), f"not mailed: {EVIL}"
    shop.caller.engine.store.reports.put(msgspec.structs.replace(run, ended=ended, detail=detail))
    shown = look_at(shop, "settings", "editor", tab="reports", id="week")
    for said in (
        "monday 08:00",
        "no server runs them",
        "not mailed",
        "reports/w.html",
        "ada@",
        "20",
    ):
        assert said in shown, said
    assert "<img" not in shown
    assert "ada@" not in look_at(shop, "settings", "viewer", tab="reports", id="week")
    with pytest.raises(InputError, match="none is running"):
        act(shop, "settings", "report.run", name="week")
    done = threading.Event()
    reporting.run = lambda *_: done.set()
    reporting.start()
    assert "no server runs them" not in look_at(shop, "settings", "editor", tab="reports")
    assert act(shop, "settings", "report.run", name="week").changed
    assert done.wait(PATIENCE)
    reporting.close()


def test_an_unknown_action_names_those_that_there_are(shop: Workspace) -> None:
    """An action that does not exist is refused with the others' names."""
    with pytest.raises(DataWatchError, match="no action 'bake'"):
        act(shop, "quality", "bake")


# ---------------------------------------------------------------------- where nothing is


def test_nothing_is_called_right_before_anything_came(new: Workspace) -> None:
    """Without data no page says that nothing is wrong: it says what is missing, and the way."""
    for page in ("alerts", "anomalies"):
        shown = look_at(new, page)
        assert "No data yet" in shown
        assert "Connect a database" in shown
        assert "tab=sources" in shown
        assert "Nothing is wrong" not in shown
        assert "Nothing strange" not in shown
    assert "No rule yet" in look_at(new, "alerts")
    assert "edit=new" in look_at(new, "alerts", "editor")
    assert "edit=new" not in look_at(new, "alerts", "viewer")


def test_nothing_open_says_how_much_is_watched(tmp_path: Path) -> None:
    """Rules that are switched off watch nothing; others are counted."""
    with open_workspace(tmp_path / "shop.duckdb", what="tests") as shop:
        post(shop, orders(3, datetime.now(UTC)))
        assert "No rule yet" in look_at(shop, "alerts")
        assert "Nothing is judged yet" in look_at(shop, "anomalies")
        made = shop.add_alert_rule(name="Rush", condition="> 500", metric="orders_created_rate")
        shown = look_at(shop, "alerts")
        assert "Nothing is wrong" in shown
        assert "One rule is watched" in shown
        metric = "orders_created_rate"
        shop.change_alert_rule("Rush", made.id, condition="> 500", metric=metric, is_enabled=False)
        shown = look_at(shop, "alerts")
        assert "No rule is switched on" in shown
        assert "Nothing is wrong" not in shown


def test_why_no_anomaly_is_listed() -> None:
    """Detection is off, nothing is judged yet, none fits the filters, or nothing is strange."""

    def said(given: dict[str, str], **standing: object) -> str:
        detectors = SimpleNamespace(**{"enabled": True, "watched": 12, **standing})
        status = SimpleNamespace(status="live")
        workspace = SimpleNamespace(status=lambda: status, detectors=lambda: detectors)
        place = Place.of("anomalies", given)
        return no_anomaly(
            Look(cast("Workspace", workspace), place, Who("ann", "viewer", "session"))
        )

    assert "Detection is switched off" in said({}, enabled=False)
    assert "Nothing is judged yet" in said({}, watched=0)
    filtered = said({"severity": "critical", "since": "-1d"})
    assert "None fits these filters" in filtered
    assert 'href="?since=-1d"' in filtered
    assert "12 series are judged" in said({"since": "-1d"})


def test_where_no_key_is_set_the_settings_say_so(
    new: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was looked for by its name, so nothing is said of names."""
    for name in [each for each in os.environ if each.startswith("DATAWATCH_")]:
        monkeypatch.delenv(name)
    for name in ("PORT", "LOG_LEVEL"):
        monkeypatch.delenv(name, raising=False)
    shown = look_at(new, "settings", tab="configuration", set="changed")
    assert "Nothing is set" in shown
    assert "Every key is at its default" in shown
    assert "in its name" in look_at(new, "settings", tab="configuration", q="no such key")

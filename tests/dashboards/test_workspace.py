"""Dashboards of a workspace: versions, sharing, schema changes that name them, the edges."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import datawatch_lab as dw
from datawatch_lab.api.auth import gate_for
from datawatch_lab.api.routes import patterns
from datawatch_lab.api.server import Server
from datawatch_lab.cli.program import main
from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.dashboards import Dashboard, Tile, TileQuery, widget_id
from datawatch_lab.core.dashboards.writing import to_plain
from datawatch_lab.core.errors import ConflictError, InputError, NotFoundError, PlanError
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.who import Who, acting
from datawatch_lab.engine.dashboards import Dashboards
from datawatch_lab.notebook.objects import Lab
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.operations.dashboards import dashboard_of
from datawatch_lab.store.duck import DuckStore
from tests.service.access_helpers import PASSWORD, cheap
from tests.services.ports import free_port
from tests.waiting import PATIENCE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOST, API = "127.0.0.1", "/api/v1/datawatch"
LINE: dict[str, Any] = {"kind": "line", "title": "Amount", "query": {"metric": "orders_amount_sum"}}


def orders() -> bytes:
    """Twenty orders of two states."""
    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    return json.dumps(
        [
            {
                "id": f"o-{n}",
                "source": "shop",
                "table": "orders",
                "operation": "INSERT",
                "timestamp": (start + timedelta(seconds=20 * n)).isoformat(),
                "after": {"id": n, "amount": n + 0.5, "status": ("paid", "open")[n % 2]},
            }
            for n in range(20)
        ]
    ).encode()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A shop with orders."""
    with open_workspace(tmp_path_factory.mktemp("boards") / "w.duckdb") as found:
        found.post(orders())
        yield found


@pytest.fixture(autouse=True)
def _empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """No test sees the dashboards of another."""
    yield
    if "workspace" in request.fixturenames:
        handle = request.getfixturevalue("workspace")
        for each in handle.list_dashboards():
            handle.drop_dashboard(each.id)


def beside(store: DuckStore, clock: ManualClock, plan: str = "none") -> Dashboards:
    """Dashboards over a store, without an engine around."""
    engine: Any = SimpleNamespace(
        store=store,
        clock=clock,
        settings=Settings(plan=plan),
        last_seq=7,
        metrics=dict,
        tables=list,
    )
    return Dashboards(engine)


class Versions(RuleBasedStateMachine):
    """Whatever is done, what is read back after a restart is what was done."""

    store: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.clock = ManualClock(NOW)
        self.model: dict[str, dict[int, Any]] = {}
        self.now: dict[str, Any] = {}

    @initialize()
    def begin(self) -> None:
        """Every run has a store of its own boards; the file is shared."""
        self.boards = beside(Versions.store, self.clock)
        for each in self.boards.all():
            self.boards.drop(each.id)

    @rule(name=st.sampled_from("abc"))
    def add(self, name: str) -> None:
        """A name is taken once."""
        if any(each["name"] == name for each in self.now.values()):
            with pytest.raises(ConflictError):
                self.boards.add(Dashboard(name=name))
            return
        made = self.boards.add(Dashboard(name=name))
        self._note(made)

    @rule(number=st.integers(0, 9), title=st.sampled_from("xyz"))
    def change(self, number: int, title: str) -> None:
        """A change makes a version; the same again makes none."""
        board = self._pick(number)
        if board is None:
            return
        new = board.with_tiles([Tile(kind="text", title=title)])
        made = self.boards.change(new, expected=board.version)
        is_same = to_plain(new) == to_plain(board)
        assert made.version == board.version + (not is_same)
        with pytest.raises(ConflictError):
            self.boards.change(new, expected=board.version - 1)
        self._note(made)

    @rule(number=st.integers(0, 9))
    def drop(self, number: int) -> None:
        """It is gone, its versions are not."""
        board = self._pick(number)
        if board is not None:
            self.boards.drop(board.id)
            del self.now[board.id]

    @rule(which=st.integers(0, 9), version=st.integers(0, 9))
    def rollback(self, which: int, version: int) -> None:
        """Any version that was, of a dropped board too, can be the newest again."""
        if not self.model:
            return
        id_ = sorted(self.model)[which % len(self.model)]
        kept = sorted(self.model[id_])
        number = kept[version % len(kept)]
        name = self.model[id_][number]["name"]
        taken = any(other["name"] == name for key, other in self.now.items() if key != id_)
        if taken:
            with pytest.raises(ConflictError):
                self.boards.rollback(id_, number)
            return
        made = self.boards.rollback(id_, number)
        assert to_plain(made) == self.model[id_][number]
        self._note(made)

    @rule()
    def reopen(self) -> None:
        """Begin again from what is stored."""
        self.boards = beside(Versions.store, self.clock)

    @invariant()
    def agrees(self) -> None:
        """Boards are those of the model; each version is as it was."""
        if not hasattr(self, "boards"):
            return
        assert {each.id: to_plain(each) for each in self.boards.all()} == self.now

    def teardown(self) -> None:
        """Each version that was noted is still what it was."""
        for id_, versions in self.model.items():
            for number, document in versions.items():
                assert to_plain(self.boards.at(id_, number)) == document

    def _pick(self, number: int) -> Dashboard | None:
        there = self.boards.all()
        return there[number % len(there)] if there else None

    def _note(self, board: Dashboard) -> None:
        self.model.setdefault(board.id, {})[board.version] = to_plain(board)
        self.now[board.id] = to_plain(board)


def test_versions_are_what_was_done(tmp_path: Path) -> None:
    """A state machine against a model, over a real store."""
    Versions.store = DuckStore.open(tmp_path / "w.duckdb")
    how = settings(
        max_examples=5,
        stateful_step_count=12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(Versions, settings=how)
    finally:
        Versions.store.close()


def test_autosaves_of_one_user_are_one_version(tmp_path: Path) -> None:
    """Within ten minutes; what somebody saved by hand stays, and so do those of others."""
    store = DuckStore.open(tmp_path / "w.duckdb")
    clock = ManualClock(NOW)
    boards = beside(store, clock)
    board = boards.add(Dashboard(name="a"))

    def save(title: str, who: str) -> None:
        with acting(Who(who)):
            old = boards.get(board.id)
            boards.change(old.with_tiles([Tile(kind="text", title=title)]), autosave=True)

    for title in "bcd":
        save(title, "ada")
        clock.advance(timedelta(minutes=1))
    assert [each.what for each in boards.versions(board.id)] == ["autosaved", "made"]
    save("e", "bob")
    clock.advance(timedelta(minutes=11))
    save("f", "bob")
    found = [(each.what, each.who) for each in boards.versions(board.id)]
    assert found[:3] == [("autosaved", "bob"), ("autosaved", "bob"), ("autosaved", "ada")]
    assert all(each.after_seq == 7 for each in boards.versions(board.id))
    store.close()


def test_hours_of_automatic_saves_leave_a_version_for_each_ten_minutes(tmp_path: Path) -> None:
    """The ten minutes count from the first save of a version, however often it is saved."""
    store = DuckStore.open(tmp_path / "w.duckdb")
    clock = ManualClock(NOW)
    boards = beside(store, clock)
    board = boards.add(Dashboard(name="a"))
    with acting(Who("ada")):
        for minute in range(60):
            tiles = [Tile(kind="text", title=str(minute))]
            boards.change(boards.get(board.id).with_tiles(tiles), autosave=True)
            clock.advance(timedelta(minutes=1))
    found = [each.at for each in boards.versions(board.id) if each.what == "autosaved"]
    assert len(found) == 6
    gaps = [later - earlier for later, earlier in pairwise(found)]
    assert gaps == [timedelta(minutes=5), *[timedelta(minutes=11)] * 4]
    store.close()


def test_the_plan_limits_dashboards(tmp_path: Path) -> None:
    """One more than the plan allows is refused, also as a rollback of a dropped one."""
    store = DuckStore.open(tmp_path / "w.duckdb")
    boards = beside(store, ManualClock(NOW), plan="community")
    first = boards.add(Dashboard(name="a", tiles=(Tile(kind="line", query=TileQuery(metric="m")),)))
    assert boards.shown_metrics() == {"m"}
    with pytest.raises(PlanError, match="at most 1 dashboards"):
        boards.add(Dashboard(name="b"))
    boards.drop(first.id)
    boards.add(Dashboard(name="b"))
    with pytest.raises(PlanError):
        boards.rollback(first.id, 1)
    store.close()


def test_a_dashboard_survives_a_restart(tmp_path: Path) -> None:
    """With its version, its ids and who made it."""
    path = tmp_path / "w.duckdb"
    with open_workspace(path) as handle:
        made = handle.add_dashboard(name="Shop", tiles=[LINE])
    with open_workspace(path) as handle:
        assert handle.get_dashboard("Shop") == made


def test_operations_make_change_and_drop(workspace: Workspace) -> None:
    """Widgets have ids of their own; what is not said stays; what is missing is a warning."""
    made = workspace.add_dashboard(
        name="Shop", widgets=[{"type": "chart", "metric": "ordrs_total"}]
    )
    assert "did you mean 'orders_total'" in made.warnings[0].message
    (first,) = made.widgets
    assert first.id == widget_id(made.id, "line")
    moved = {"x": 6, "y": 0, "width": 6, "height": 2}
    changed = workspace.change_widget(first.id, metric="orders_total", position=moved)
    assert changed.position.width == 6
    assert changed.tile["query"] == {"metric": "orders_total"}
    again = workspace.change_dashboard(made.id, older_refresh=1000)
    assert (again.refresh, len(again.tiles), again.warnings) == ("1s", 1, [])
    added = workspace.add_widget(made.id, kind="alerts", older_refresh=60_000)
    assert added.position.y >= 0
    workspace.drop_widget(added.id)
    with pytest.raises(ConflictError, match="version 5 by now"):
        workspace.change_dashboard(made.id, name="Other", version=1)
    with pytest.raises(InputError, match="no tile kind 'lien'; did you mean 'line'"):
        workspace.change_dashboard(made.id, tiles=[{"kind": "lien"}])
    workspace.drop_dashboard("Shop")
    with pytest.raises(NotFoundError):
        workspace.get_dashboard("Shop")
    assert workspace.rollback_dashboard(made.id).name == "Shop"


def test_nothing_that_is_done_at_once_is_lost(workspace: Workspace) -> None:
    """Tiles that are added, changed and taken off by many at a time, and a PUT of other fields."""
    tiles = [{**LINE, "id": "kept"}, {**LINE, "id": "gone"}]
    made = workspace.add_dashboard(name="Shop", tiles=tiles)
    ids = {each.tile["id"]: each.id for each in made.widgets}
    acts: list[Callable[[], object]] = [
        *(lambda: workspace.add_widget(made.id, kind="alerts") for _ in range(6)),
        lambda: workspace.change_widget(ids["kept"], title="Changed"),
        lambda: workspace.drop_widget(ids["gone"]),
        lambda: workspace.change_dashboard(made.id, description="said"),
        lambda: workspace.change_dashboard(made.id, refresh="30s"),
    ]
    together = Barrier(len(acts))

    def act(what: Callable[[], object]) -> None:
        together.wait(PATIENCE)
        what()

    with ThreadPoolExecutor(len(acts)) as threads:
        list(threads.map(act, acts))
    found = workspace.get_dashboard(made.id)
    kinds = sorted(each["kind"] for each in found.tiles)
    assert kinds == [*["alerts"] * 6, "line"]
    assert next(each for each in found.tiles if each["id"] == "kept")["title"] == "Changed"
    assert (found.description, found.refresh) == ("said", "30s")
    assert found.version == made.version + len(acts)


def test_a_widget_keeps_its_id_when_the_board_is_put(workspace: Workspace) -> None:
    """An older client that sends its widgets back with their ids moves nothing."""
    made = workspace.add_dashboard(name="Shop", tiles=[LINE, {"kind": "alerts"}])
    sent = [{**each.tile, "id": each.id} for each in made.widgets]
    assert workspace.change_dashboard(made.id, widgets=sent).version == made.version


def test_documents_go_out_and_come_in(workspace: Workspace) -> None:
    """Every template goes out as YAML and comes in the same; copies get names of their own."""
    for template in workspace.dashboard_templates():
        made = workspace.add_dashboard(template=template.name)
        assert made.warnings == []
        text = workspace.export_dashboard(made.id).text
        with pytest.raises(ConflictError):
            workspace.import_dashboard(text)
        assert workspace.import_dashboard(text, replace=True).version == made.version
        copy = workspace.import_dashboard(text, copy=True)
        assert copy.name == f"{made.name} (2)"
        assert copy.tiles == made.tiles
        checked = workspace.validate_dashboard(text)
        assert (checked.valid, checked.faults, checked.tiles) == (True, [], len(made.tiles))
        space: dict[str, Any] = {}
        exec(workspace.export_dashboard(made.id, format="python").text, space)  # noqa: S102
        assert to_plain(space["dashboard"]) == to_plain(dashboard_of(made))


def test_sql_for_metabase_runs_here(workspace: Workspace) -> None:
    """The views that cards name are there, with the columns that they read."""
    made = workspace.add_dashboard(template="ecommerce")
    cards = json.loads(workspace.export_dashboard(made.id, format="metabase").text)["cards"]
    assert len(cards) >= 6
    for card in cards:
        text = card["dataset_query"]["native"]["query"]
        while "[[" in text:
            start, _, rest = text.partition("[[")
            text = start + rest.partition("]]")[2]
        workspace.sql(text)


def test_a_change_of_a_column_names_the_tiles(workspace: Workspace) -> None:
    """Tiles by metric, by rows and by SQL are in the blast radius; others are not."""
    tiles: list[dict[str, Any]] = [
        LINE,
        {"kind": "table", "title": "Rows", "table": "orders"},
        {"kind": "table", "title": "Own", "sql": "SELECT Amount FROM live.orders"},
        {"kind": "counter", "title": "Count", "metric": "orders_total"},
    ]
    workspace.add_dashboard(name="Shop", tiles=tiles)
    ddl = "ALTER TABLE orders DROP COLUMN amount"
    (change,) = workspace.post_ddl(sql=ddl, table="orders", dry_run=True).changes
    found = {each.name: each.how for each in change.references if each.kind == "tile"}
    assert found == {
        "Shop: Amount": "it shows orders_amount_sum",
        "Shop: Rows": "it shows rows of orders",
        "Shop: Own": "its SQL names amount",
    }


def test_each_change_is_in_the_audit_log(workspace: Workspace) -> None:
    """With what was before and after."""
    made = workspace.add_dashboard(name="Shop")
    workspace.change_dashboard(made.id, name="Store")
    (entry,) = workspace.audit(operation="change_dashboard", target=made.id)
    assert (entry.before["name"], entry.after["name"], entry.outcome) == ("Shop", "Store", "done")


def test_roles_on_one_dashboard_and_links(tmp_path: Path) -> None:
    """A viewer with a role on one board changes that one alone; a link opens one to read alone.

    An editor with the role of a viewer on one board changes all but that one.
    """
    path = tmp_path / "w.duckdb"
    access = Access(path, hasher=cheap())
    access.users.add("vic", "viewer", PASSWORD)
    vic = {"Authorization": f"Bearer {access.tokens.make('vic', 'test')[1]}"}
    access.users.add("ed", "editor", PASSWORD)
    ed = {"Authorization": f"Bearer {access.tokens.make('ed', 'test')[1]}"}
    with open_workspace(path) as handle:
        one = handle.add_dashboard(name="One", tiles=[{"kind": "alerts"}])
        two = handle.add_dashboard(name="Two")
        handle.grant_dashboard(id=one.id, user="vic", role="editor")
        handle.grant_dashboard(id=one.id, user="ed", role="viewer")
        token = handle.share_dashboard(one.id).path.partition("share=")[2]
        port = free_port()
        gate = replace(gate_for("t" * 40, host=HOST, port=port), access=access)
        server = Server(patterns(handle, gate), host=HOST, port=port)
        server.start()
        try:
            with httpx.Client(base_url=server.address, trust_env=False, timeout=PATIENCE) as client:

                def status(method: str, path: str, body: Any = None, **how: Any) -> int:
                    return client.request(method, API + path, json=body, **how).status_code

                mine, other = f"/dashboards/{one.id}", f"/dashboards/{two.id}"
                assert status("PUT", mine, {"refresh": "1s"}, headers=vic) == 200
                assert status("PUT", other, {"refresh": "1s"}, headers=vic) == 403
                assert status("POST", "/dashboards", {"name": "x"}, headers=vic) == 403
                widget = f"/widgets/{one.widgets[0].id}"
                assert status("PUT", widget, {"title": "T"}, headers=vic) == 200
                assert status("PUT", f"{mine}/access/vic", {"role": "admin"}, headers=vic) == 403
                assert status("POST", f"{mine}/share", {}, headers=vic) == 201
                assert status("GET", f"{other}/access", headers=vic) == 403
                for method, place, body in (
                    ("PUT", mine, {"refresh": "30s"}),
                    ("PUT", widget, {"title": "U"}),
                    ("POST", f"{mine}/share", {}),
                    ("DELETE", mine, None),
                ):
                    assert status(method, place, body, headers=ed) == 403
                assert status("PUT", other, {"refresh": "30s"}, headers=ed) == 200
                for who, roles in ((vic, ["editor", "viewer"]), (ed, ["viewer", "editor"])):
                    listed = client.get(f"{API}/dashboards", headers=who).json()
                    assert [each["role"] for each in listed] == roles
                    asked = client.get(API + mine, headers=who).json()
                    assert asked["role"] == roles[0]
                link = {"params": {"share": token}}
                assert status("GET", mine, **link) == 200
                assert status("GET", other, **link) == 403
                assert status("GET", "/dashboards", **link) == 403
                assert status("PUT", mine, {"refresh": "5s"}, **link) == 403
                assert status("GET", mine) == 401
                handle.withdraw_dashboard(id=one.id, user="vic")
                assert status("PUT", mine, {"refresh": "30s"}, headers=vic) == 403
        finally:
            server.stop()
    access.close()


def test_the_command_line(workspace: Workspace, tmp_path: Path) -> None:
    """Export, validate, import and roll back; a bad file is pointed at and exits 1."""
    del workspace
    path = tmp_path / "c.duckdb"
    with open_workspace(path) as handle:
        handle.post(orders())
    runner = CliRunner()

    def run(*words: str, status: int = 0) -> str:
        found = runner.invoke(main, ["dashboards", *words, "--workspace", str(path)])
        assert found.exit_code == status, found.output
        return found.output

    assert "There are no dashboards yet" in run()
    run("new", "ecommerce", "--name", "Shop")
    file = tmp_path / "shop.yaml"
    run("export", "Shop", "--output", str(file))
    assert "warning" not in run("validate", str(file))
    file.write_text(file.read_text("utf-8").replace("kind: counter", "kind: conter", 1), "utf-8")
    assert "did you mean 'counter'" in run("validate", str(file), status=1)
    file.write_text(file.read_text("utf-8").replace("kind: conter", "kind: gauge", 1), "utf-8")
    assert "version 2" in run("import", "--replace", str(file))
    assert "counter → gauge" in run("diff", "Shop")
    run("rollback", "Shop", "1")
    (listed,) = json.loads(run("--json"))
    assert (listed["name"], listed["version"]) == ("Shop", 3)
    run("export", "--format", "grafana", "--output", str(tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "shop.grafana.json").read_text("utf-8"))["panels"]


def test_the_notebook_door(workspace: Workspace) -> None:
    """Made of a template, changed, saved, compared, rolled back; what it shows is escaped."""
    lab = Lab(workspace)
    board = lab.dashboard("ecommerce")
    assert not board.is_saved
    hostile = "<img src=x onerror=alert(1)>"
    board.add("line", title=hostile, metric="orders_amount_sum", format="currency").option("format")
    board.save(hostile)
    assert board.is_saved
    assert hostile not in board._repr_html_()
    assert "&lt;img" in board._repr_html_()
    assert hostile not in lab.dashboards()._repr_html_()
    board.change("revenue", title="Money").save()
    assert [each.version for each in board.versions().items] == [2, 1]
    assert "Revenue → Money" in repr(board.diff())
    assert board.rollback().tile("revenue").title == "Revenue"
    made = lab.dashboard(dw.Dashboard(name="Mine", tiles=(dw.Tile(kind="alerts"),))).save()
    assert list(lab.dashboards()) == sorted(["Mine", hostile], key=str.lower)
    assert lab.dashboards()["Mine"].value == made.value
    other = lab.dashboard("Mine").change(name="Mine", refresh="1s").save()
    with pytest.raises(ConflictError):
        made.change(refresh="30s").save()
    assert made.reload().value == other.value
    space: dict[str, Any] = {}
    exec(board.as_code(), space)  # noqa: S102 — the point of it
    assert to_plain(space["dashboard"]) == to_plain(board.value)


def test_a_misspelt_value_in_sql_is_told_before_a_tile_asks(workspace: Workspace) -> None:
    """As the gate reads the query: what stands in a text or a remark names nothing."""
    sql = "SELECT '$nothing' FROM live.orders WHERE updated > $form -- $neither"
    board = {"name": "a", "tiles": [{"kind": "table", "query": {"sql": sql}}]}
    checked = workspace.validate_dashboard(dashboard=board)
    assert checked.valid
    assert [each.message for each in checked.faults] == [
        "no variable 'form'; did you mean 'from'? Variables: from, to."
    ]
    board["tiles"] = [{"kind": "table", "query": {"sql": "SELECT FROM WHERE $form"}}]
    assert workspace.validate_dashboard(dashboard=board).faults == []

"""Schemas over the service, the command line and in a notebook."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from datawatch_lab.cli import main
from datawatch_lab.core.errors import InputError, NotFoundError, PlanError
from datawatch_lab.core.settings import Settings
from datawatch_lab.notebook.schema import Schema
from datawatch_lab.service.handle import Workspace, open_workspace

CREATE = (
    "CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(10,2) NOT NULL, note text, "
    "status varchar(10))"
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A table that was made, changed and half undone, with a snapshot between."""
    with open_workspace(tmp_path_factory.mktemp("schema") / "w.duckdb") as opened:
        opened.post_ddl(sql=CREATE, at="-3h", dialect="postgres")
        opened.post_ddl(sql="ALTER TABLE orders ADD COLUMN coupon text NOT NULL", at="-2h")
        opened.make_schema_snapshot(name="v1", at="-90m", note="before the clean-up")
        opened.post_ddl(
            sql="ALTER TABLE orders RENAME note TO remark, DROP coupon, "
            "ALTER amount TYPE numeric(8,2)",
            at="-1h",
        )
        yield opened


def test_changes_are_listed_newest_first(workspace: Workspace) -> None:
    """Each has kind, class and reason; filters narrow the list down."""
    answer = workspace.schema_changes()
    assert [each.kind for each in answer.changes] == [
        *("change_precision", "drop_column", "rename_column", "add_column", "add_table")
    ]
    assert [each.impact for each in answer.changes] == [
        *("risky", "breaking", "breaking", "risky", "safe")
    ]
    assert all(each.reason and each.title.startswith("orders: ") for each in answer.changes)
    assert all(each.ddl and each.by for each in answer.changes)
    breaking = workspace.schema_changes(impact="breaking", start="-90m", limit=1)
    assert (len(breaking.changes), breaking.total) == (1, 2)
    assert workspace.schema_changes(column="remark").total == 1
    assert workspace.schema_changes(end="v1").total == 2


def test_one_change_is_found_by_its_id(workspace: Workspace) -> None:
    """The list gives ids, an id gives the change; another one is not found."""
    (dropped,) = workspace.schema_changes(kind="drop_column").changes
    assert workspace.schema_change(id=dropped.id) == dropped
    with pytest.raises(NotFoundError, match="no schema change"):
        workspace.schema_change(id="nothing")


def test_a_table_is_known_as_of_any_time(workspace: Workspace) -> None:
    """Now, at a snapshot, and before it was made."""
    now = workspace.schema_table(table="orders")
    assert now.table is not None
    assert [each.name for each in now.table.columns] == ["id", "amount", "remark", "status"]
    assert (now.table.key, now.table.changes) == (("id",), 5)
    then = workspace.schema_table(table="orders", at="v1")
    assert then.table is not None
    assert {each.name: each.type for each in then.table.columns} == {
        "id": "bigint",
        "amount": "decimal(10, 2)",
        "note": "text",
        "status": "varchar(10)",
        "coupon": "text",
    }
    assert len(then.history) == 2
    assert workspace.schema_table(table="orders", at="-4h").table is None
    assert workspace.schema_tables(at="-4h") == []
    assert [each.table for each in workspace.schema_tables()] == ["orders"]


def test_moments_are_compared(workspace: Workspace) -> None:
    """Between a snapshot and now: what differs, classed; between a moment and itself: nothing."""
    answer = workspace.schema_diff(start="v1")
    found = {(each.kind, each.name, each.impact) for each in answer.steps}
    assert found == {
        ("drop_column", "note", "breaking"),
        ("drop_column", "coupon", "breaking"),
        ("add_column", "remark", "safe"),
        ("change_precision", "amount", "risky"),
    }
    assert workspace.schema_diff(start="v1", end="-95m").steps == []
    back = workspace.schema_diff(start="now", end="v1")
    assert ("change_precision", "safe") in {(each.kind, each.impact) for each in back.steps}


def test_a_dry_run_records_nothing(workspace: Workspace) -> None:
    """It says what would change and what that touches."""
    before = workspace.schema_changes().total
    answer = workspace.post_ddl(sql="ALTER TABLE orders DROP COLUMN id; TRUNCATE x", dry_run=True)
    assert [(each.kind, each.impact) for each in answer.changes] == [
        ("drop_column", "breaking"),
        ("drop_primary_key", "breaking"),
    ]
    assert not answer.recorded
    assert workspace.schema_changes().total == before


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"sql": "  "}, "no statement"),
        ({"sql": "SELECT 1"}, "no statement of DDL"),
        ({"sql": "CREATE FUNCTION f() RETURNS int"}, "names no table"),
        ({"sql": "DROP TABLE x", "dialect": "oracle"}, "no dialect 'oracle'"),
        ({"sql": "DROP TYPE x", "table": "ordres"}, "did you mean 'orders'"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    workspace: Workspace, ask: dict[str, str], words: str
) -> None:
    """The message names the fault and what is possible."""
    for dry_run in (True, False):
        with pytest.raises(InputError, match=words):
            workspace.post_ddl(**ask, dry_run=dry_run)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({"name": "v1"}, "already"),
        ({"name": " "}, "needs a name"),
        ({"name": "-1d"}, "reads as a time"),
        ({"name": "v2", "at": "v9"}, "no snapshot 'v9'. Snapshots: v1"),
    ],
)
def test_names_of_snapshots_are_checked(
    workspace: Workspace, ask: dict[str, str], words: str
) -> None:
    """One name, one moment; and no name that reads as a time."""
    with pytest.raises(InputError, match=words):
        workspace.make_schema_snapshot(**ask)


def test_snapshots_say_what_there_was(workspace: Workspace) -> None:
    """Tables and columns are counted as of the moment."""
    (made,) = workspace.schema_snapshots()
    assert (made.name, made.note, made.tables, made.columns) == ("v1", "before the clean-up", 1, 5)


def test_filters_that_do_not_exist_are_refused(workspace: Workspace) -> None:
    """A kind, class or table that is not there is named, with the nearest one."""
    with pytest.raises(InputError, match="did you mean 'drop_column'"):
        workspace.schema_changes(kind="drop_columns")
    with pytest.raises(InputError, match="no impact 'bad'"):
        workspace.schema_changes(impact="bad")
    with pytest.raises(NotFoundError, match="did you mean 'orders'"):
        workspace.schema_table(table="order")


def test_a_plan_without_schema_tracking_says_so(tmp_path: Path) -> None:
    """The community plan does not include it."""
    settings = Settings(plan="community")
    with (
        open_workspace(tmp_path / "w.duckdb", settings=settings) as workspace,
        pytest.raises(PlanError, match="schema tracking"),
    ):
        workspace.schema_changes()


def test_notebook_objects_show_themselves(workspace: Workspace) -> None:
    """Text and HTML have the changes; what comes from data is escaped."""
    workspace.post_ddl(sql='ALTER TABLE orders ADD "<b>x</b>" int', at="-30m", dialect="postgres")
    schema = Schema(workspace)
    assert "column coupon dropped" in repr(schema)
    html = schema._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>x" not in html
    frame = schema.changes().df()
    assert len(frame) == len(schema.changes())
    assert "column coupon dropped" in repr(schema.diff("v1")) or len(schema.diff("v1"))
    assert "would change" in repr(schema.ddl("DROP TABLE orders"))
    assert len(schema.history("orders")) == len(schema.changes(table="orders"))


def test_command_line(tmp_path: Path) -> None:
    """Changes, difference, history and snapshots, in words and as JSON."""
    path = tmp_path / "w.duckdb"
    with open_workspace(path) as opened:
        opened.post_ddl(sql=CREATE, at="-3h", dialect="postgres")
        opened.post_ddl(sql="ALTER TABLE orders DROP note", at="-1h")

    def run(*words: str) -> str:
        ended = CliRunner().invoke(main, ["schema", *words, "--workspace", str(path)])
        assert ended.exit_code == 0, ended.output
        return ended.output

    assert "breaking" in run()
    answer = json.loads(run("--json", "--impact", "breaking"))
    assert [each["kind"] for each in answer["changes"]] == ["drop_column"]
    assert "v1" in run("snapshot", "v1", "--at", "-2h")
    assert [each["name"] for each in json.loads(run("snapshot", "--json"))] == ["v1"]
    assert "note dropped" in run("diff", "v1")
    steps = json.loads(run("diff", "v1", "now", "--json"))["steps"]
    assert [each["kind"] for each in steps] == ["drop_column"]
    assert "amount" in run("history", "orders")
    assert "note" in run("history", "orders", "--at", "v1")

"""The history of an engine: from the log, once, whatever happens in between."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from datawatch_lab.core.schema_changes import SchemaChange
from datawatch_lab.core.values import Aggregation, CustomMetric, Formula
from datawatch_lab.engine import Engine
from datawatch_lab.engine.schema import log as module
from datawatch_lab.engine.schema.log import SchemaLog
from tests.schema.engines import Event, ddl, feed, opened, plain, row, words


def story() -> list[Event]:
    """Rows and statements: a column comes, is renamed, one vanishes, a type changes."""
    events: list[Event] = [row(i, amount=i, note="x", status="new") for i in range(80)]
    events += [ddl(80, "ALTER TABLE orders ADD COLUMN coupon text, ALTER amount TYPE bigint")]
    events += [row(i, amount=i, note="x", status="new", coupon="c") for i in range(81, 160)]
    events += [ddl(160, "ALTER TABLE orders RENAME COLUMN note TO remark")]
    events += [row(i, amount=i, remark="x", state="new", coupon="c") for i in range(161, 240)]
    events += [row(i, amount=i, remark="x", state="new") for i in range(240, 320)]
    return events


TOLD = [
    "add_column orders.coupon",
    "modify_column orders.amount",
    "rename_column orders.note",
    "rename_column orders.status",
    "drop_column orders.coupon",
]


def test_history_of_statements_and_rows(tmp_path: Path) -> None:
    """Statements are read, and what rows show besides; a renaming explains what came and went."""
    engine = opened(tmp_path / "w.duckdb")
    try:
        log = feed(engine, story())
        shown = log.between(None, None)
        columns = [each.name for each in log.shape().tables["orders"].columns]
    finally:
        engine.close()
    assert words(shown) == TOLD
    assert columns == ["id", "amount", "remark", "state"]
    renamed = shown[3]
    assert renamed.origin == "rows"
    assert 0.7 <= renamed.confidence < 1
    assert any("values" in reason for reason in renamed.why)


def test_closing_does_not_wait_for_a_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks the reader rests; closing ends the rest, and all is read all the same."""
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 3600.0)
    engine = opened(tmp_path / "w.duckdb")
    log = feed(engine, [row(i, amount=i) for i in range(80)])
    closing = threading.Thread(target=engine.close, daemon=True)
    closing.start()
    closing.join(60)
    assert not closing.is_alive()
    assert [each.name for each in log.shape().tables["orders"].columns] == ["id", "amount"]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.soak)])
def test_history_does_not_depend_on_batches_and_restarts(tmp_path: Path, seed: int) -> None:
    """The same events in other batches, with restarts between them, give the same history."""
    events, draw = story(), random.Random(seed)
    engine = opened(tmp_path / "whole.duckdb")
    whole = plain(feed(engine, events).changes)
    engine.close()
    start, path = 0, tmp_path / "cut.duckdb"
    while start < len(events):
        size = draw.randint(40, 160)
        engine = opened(path)
        feed(engine, events[start : start + size], draw.choice([1_000, 17]))
        engine.close()
        start += size
    engine = opened(path)
    cut = plain(engine.beside(SchemaLog).changes)
    engine.close()
    assert cut == whole


def test_a_replay_of_the_log_gives_the_same_history(tmp_path: Path) -> None:
    """Reading the whole log again, from nothing, gives the same changes under the same ids."""
    path = tmp_path / "w.duckdb"
    engine = opened(path)
    before = plain(feed(engine, story()).changes)
    engine.close()
    engine = opened(path, track_schema=False)  # so that nobody reads, or stores how far, meanwhile
    log = engine.beside(SchemaLog)
    assert plain(log.changes) == before
    with engine.store._file.write() as con:
        con.execute("UPDATE meta.schema_cursor SET seq = 0")
        con.execute("DELETE FROM meta.schema_states")
        con.execute("DELETE FROM meta.schema_changes")
    log._restore()
    assert (log.cursor, log.changes) == (0, ())
    engine.close()
    engine = opened(path)
    log = engine.beside(SchemaLog)
    assert log.wait(engine.last_seq, 60)
    again = plain(log.changes)
    engine.close()
    assert again == before
    engine = opened(path)
    assert plain(engine.beside(SchemaLog).changes) == before
    engine.close()


_DYING = """
    import os, sys, signal
    from pathlib import Path
    from tests.schema.engines import feed, opened
    from tests.schema.test_log import story
    from datawatch_lab.engine.schema import log as schema_log
    from datawatch_lab.store.schema_log import SchemaStore

    save = SchemaStore.save
    left = int(sys.argv[2])

    def dying(self, *what):
        global left
        left -= 1
        if left == 0 and sys.argv[3] == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        save(self, *what)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    SchemaStore.save = dying
    schema_log.WINDOW = 60
    feed(opened(Path(sys.argv[1])), story(), 40)
"""


@pytest.mark.parametrize(
    ("saves", "when"),
    [
        (2, "after"),
        pytest.param(1, "before", marks=pytest.mark.soak),
        pytest.param(3, "before", marks=pytest.mark.soak),
    ],
)
def test_a_kill_in_the_middle_doubles_and_loses_nothing(
    tmp_path: Path, saves: int, when: str
) -> None:
    """Killed just before or after a change is stored, the history goes on as if nothing was."""
    path = tmp_path / "w.duckdb"
    arguments = [sys.executable, "-c", textwrap.dedent(_DYING), str(path), str(saves), when]
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        arguments, cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, timeout=120, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    engine = opened(path)
    try:
        log = feed(engine, story())  # what was stored is known as a duplicate
        told = plain(log.changes)
    finally:
        engine.close()
    whole = opened(tmp_path / "whole.duckdb")
    expected = plain(feed(whole, story()).changes)
    whole.close()
    assert told == expected


def _reading(engine: Engine) -> SchemaLog:
    """Rows, and metrics of all kinds that read the note."""
    log = feed(engine, [row(i, amount=i * 1.5, note=f"n{i % 3}", status="new") for i in range(60)])
    custom = engine.measures.custom
    metric = CustomMetric(
        name="noted", table="orders", aggregation=Aggregation.COUNT, filter="note = 'n1'"
    )
    custom.define(engine, metric, backfill=True, replace=False)
    custom.define_formula(engine, Formula(name="half", expression="noted / 2"), replace=False)
    custom.define_formula(engine, Formula(name="quarter", expression="half / 2"), replace=False)
    return log


def test_blast_radius_names_what_reads_the_column(tmp_path: Path) -> None:
    """Metrics of the column, custom ones that name it, formulas over those; and nothing else."""
    engine = opened(tmp_path / "w.duckdb")
    try:
        log = _reading(engine)
        feed(engine, [ddl(60, "ALTER TABLE orders DROP COLUMN note")])
        (dropped,) = log.between(None, None)
        expected = {name for name, each in engine.metrics().items() if each.field == "note"} | {
            "noted",
            "half",
            "quarter",
        }
        found = {each.name for each in dropped.references if each.kind == "metric"}
        assert expected <= found
        others = {n for n, each in engine.metrics().items() if each.field in ("amount", "id")}
        assert not found & others
        assert all(each.how for each in dropped.references)
        feed(engine, [ddl(61, "DROP TABLE orders")])
        everything = {each.name for each in log.between(None, None)[-1].references}
        assert {n for n, m in engine.metrics().items() if m.table == "orders"} <= everything
    finally:
        engine.close()


def test_breaking_changes_of_now_alert_and_are_told_to_listeners(tmp_path: Path) -> None:
    """Listeners hear of each change once; a breaking one says so, unless it is switched off."""
    for on in (True, False):
        engine = opened(tmp_path / f"{on}.duckdb", alert_on_breaking=on)
        heard: list[SchemaChange] = []
        engine.beside(SchemaLog).on_change(heard.extend)
        feed(engine, [ddl(1, "CREATE TABLE orders (id int, note text)")])
        feed(engine, [ddl(2, "ALTER TABLE orders DROP note")])
        engine.close()
        assert words(heard) == ["add_table orders", "drop_column orders.note"]
        assert [each.alerting for each in heard] == [False, on]


def test_switched_off_nothing_is_recorded(tmp_path: Path) -> None:
    """Without tracking there is no thread, no change, and no waiting for one."""
    engine = opened(tmp_path / "w.duckdb", track_schema=False)
    log = engine.beside(SchemaLog)
    assert not log.is_on
    assert not log.wait(1, 0.01)
    assert log.changes == ()
    engine.close()


def test_switched_on_later_the_whole_log_is_read(tmp_path: Path) -> None:
    """The history begins where the log begins, not where tracking was switched on."""
    path = tmp_path / "w.duckdb"
    engine = opened(path, track_schema=False)
    with pytest.raises(AssertionError):
        feed(engine, story())
    engine.close()
    engine = opened(path)
    log = engine.beside(SchemaLog)
    assert log.wait(engine.last_seq, 60)
    assert words(log.between(None, None)) == TOLD
    engine.close()


@pytest.mark.soak
def test_windows_of_the_log_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small window gives the same history as a large one."""
    monkeypatch.setattr(module, "WINDOW", 31)
    engine = opened(tmp_path / "w.duckdb")
    told = words(feed(engine, story()).between(None, None))
    engine.close()
    assert told == TOLD

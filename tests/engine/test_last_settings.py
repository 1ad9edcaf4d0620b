"""A workspace goes on with the settings that it was last given, whoever opens it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.config import changed_settings, load_config
from datawatch_lab.core.errors import ConfigError, WorkspaceError
from datawatch_lab.core.settings import Settings, TableSettings
from datawatch_lab.core.values import Role
from datawatch_lab.engine import Engine
from datawatch_lab.engine.alerting import Alerting
from datawatch_lab.engine.objectives import Objectives
from datawatch_lab.store import DuckStore
from datawatch_lab.store.settings import SettingsStore
from tests.engine.test_engine import order, take
from tests.waiting import eventually

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG = Settings(
    timezone="Europe/Berlin",
    raw_kept=timedelta(days=400),
    alerts_kept=timedelta(days=365),
    tables={
        "orders": TableSettings(key=("id",), roles={"status": Role.TEXT}, sensitive=("notes",))
    },
)


def _drop_what_is_old(engine: Engine) -> None:
    """All that is due by now, in the writer's thread, when nothing else has yet to read it."""
    eventually(lambda: engine.store.retention.derived_to() >= engine.last_seq)
    retention = engine._upkeep.retention
    engine._writer.run(lambda: retention.look(engine.clock.now(), force=True))
    while engine._writer.run(retention.step):
        pass


def test_nothing_is_dropped_or_shown_by_defaults_that_were_changed(tmp_path: Path) -> None:
    """A month later, opened as notebooks and other verbs do: the log is there, the mask is on."""
    path, clock = tmp_path / "w.duckdb", ManualClock(NOW)
    engine = Engine.open(path, settings=LONG, clock=clock)
    take(engine, order(1, notes="secret"))
    engine.close()
    clock.advance(timedelta(days=30))
    engine = Engine.open(path, clock=clock)
    try:
        assert engine.settings == LONG
        _drop_what_is_old(engine)
        assert engine.store.retention.log_span() == (1, 1)
        (notes,) = (each for each in engine.table("orders").columns if each.name == "notes")
        assert notes.sensitive
        assert "secret" not in str(engine.sql("SELECT notes FROM live.orders").table)
        assert engine.beside(Alerting).settings.history == LONG.alerts_kept
    finally:
        engine.close()


def test_settings_that_are_given_are_all_of_them(tmp_path: Path) -> None:
    """Given again, they stand in place of those before, defaults included: so they are reset."""
    path = tmp_path / "w.duckdb"
    Engine.open(path, settings=LONG).close()
    Engine.open(path, settings=Settings(timezone="Asia/Tokyo")).close()
    engine = Engine.open(path)
    assert engine.settings == Settings(timezone="Asia/Tokyo")
    engine.close()


def test_a_new_workspace_has_the_defaults_and_remembers_none(tmp_path: Path) -> None:
    """So defaults of a later release hold for who never chose."""
    engine = Engine.open(tmp_path / "w.duckdb")
    assert engine.settings == Settings()
    assert engine.store.settings.last() is None
    engine.close()


def test_single_settings_change_what_is_remembered(tmp_path: Path) -> None:
    """A variable of the environment changes its setting and leaves the others as they were."""
    path = tmp_path / "w.duckdb"
    Engine.open(path, settings=LONG).close()
    environment = {"DATAWATCH_TIMEZONE": "Asia/Tokyo", "DATAWATCH_SCHEMA_ENABLED": "false"}
    changed = changed_settings(environment | {"DATAWATCH_SERVER_PORT": "0"})
    assert changed == {"timezone": "Asia/Tokyo", "track_schema": False}
    Engine.open(path, changed=changed).close()
    engine = Engine.open(path)
    assert engine.settings == msgspec.structs.replace(LONG, **changed)
    engine.close()


def test_a_switch_of_the_environment_goes_both_ways(tmp_path: Path) -> None:
    """What a variable once switched off the same variable switches on again."""
    path = tmp_path / "w.duckdb"
    names = ("SCHEMA", "CACHE", "METRICS")
    for word in ("false", "true"):
        environment = {f"DATAWATCH_{name}_ENABLED": word for name in names}
        Engine.open(path, changed=changed_settings(environment)).close()
        engine = Engine.open(path)
        held = engine.settings
        engine.close()
        assert (held.track_schema, held.auto_discover) == (word == "true", word == "true")
        assert (held.cache_live > timedelta()) == (word == "true")


@pytest.mark.parametrize(
    "wrong",
    [
        Settings(plan="profesional"),
        Settings(timezone="Europe/Berln"),
        Settings(raw_kept="7d"),  # type: ignore[arg-type]  # as a caller from a notebook may
    ],
)
def test_wrong_settings_are_refused_and_not_remembered(tmp_path: Path, wrong: Settings) -> None:
    """Or nobody could open the workspace without naming any."""
    path = tmp_path / "w.duckdb"
    Engine.open(path, settings=LONG).close()
    with pytest.raises(ConfigError):
        Engine.open(path, settings=wrong)
    engine = Engine.open(path)
    assert engine.settings == LONG
    engine.close()


def test_objectives_are_remembered(tmp_path: Path) -> None:
    """So a report of a server without a file is about what was agreed on."""
    file = tmp_path / "datawatch.yaml"
    file.write_text("objectives: ['up: events_inserts_total except type=error, 90%']\n", "utf-8")
    path = tmp_path / "w.duckdb"
    Engine.open(path, settings=load_config(file, {}).settings).close()
    engine = Engine.open(path)
    assert [each.name for each in engine.beside(Objectives).configured] == ["up"]
    engine.close()


def test_a_plan_limits_what_holds_not_what_is_remembered(tmp_path: Path) -> None:
    """When it is switched off again, what was chosen holds again."""
    path = tmp_path / "w.duckdb"
    Engine.open(path, settings=msgspec.structs.replace(LONG, plan="community")).close()
    engine = Engine.open(path)
    assert engine.settings.raw_kept == timedelta(hours=24)
    engine.close()
    engine = Engine.open(path, changed={"plan": "none"})
    assert engine.settings.raw_kept == LONG.raw_kept
    engine.close()


def test_an_archive_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder named without its place is the one that was meant, from wherever it is opened."""
    path = tmp_path / "w.duckdb"
    monkeypatch.chdir(tmp_path)
    Engine.open(path, settings=Settings(archive="old")).close()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    engine = Engine.open(path)
    assert engine.settings.archive == str(tmp_path / "old")
    engine.close()


def test_settings_that_cannot_be_read_are_no_reason_to_drop(tmp_path: Path) -> None:
    """It is refused, with what to do; settings that are given stand in their place."""
    path = tmp_path / "w.duckdb"
    with DuckStore.open(path) as store, store._file.write() as con:
        con.execute('INSERT INTO meta.settings VALUES (\'{"raw_kept": "for ever"}\')')
    with pytest.raises(WorkspaceError, match="--config"):
        Engine.open(path)
    Engine.open(path, settings=LONG).close()
    engine = Engine.open(path)
    assert engine.settings == LONG
    engine.close()


def test_a_full_disk_is_no_reason_not_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """To keep less may be what it is started for; the settings are remembered as it ends."""
    path = tmp_path / "w.duckdb"
    with monkeypatch.context() as full:
        fault = WorkspaceError("no space")
        full.setattr(SettingsStore, "keep", lambda *_: (_ for _ in ()).throw(fault))
        engine = Engine.open(path, settings=LONG)
    assert "no space" in caplog.text
    assert engine.settings == LONG
    engine.close()
    engine = Engine.open(path)
    assert engine.settings == LONG
    engine.close()


_SPANS = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=365_000))


@given(
    raw=_SPANS, alerts=_SPANS, names=st.lists(st.text(), max_size=4), key=st.none() | st.just(())
)
def test_settings_are_read_back_as_they_were(
    raw: timedelta, alerts: timedelta, names: list[str], key: tuple[str, ...] | None
) -> None:
    """Every span, every name of a column, and no key apart from an empty one."""
    tables = {name: TableSettings(key=key, sensitive=tuple(names)) for name in names}
    settings = Settings(raw_kept=raw, alerts_kept=alerts, tables=tables)
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings


def test_the_age_of_alerts_is_a_setting(tmp_path: Path) -> None:
    """``alerts.history`` of the configuration is remembered with the others."""
    file = tmp_path / "datawatch.yaml"
    file.write_text("alerts: {history: 400d}\n", "utf-8")
    assert load_config(file, {}).settings.alerts_kept == timedelta(days=400)

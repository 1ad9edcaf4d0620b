"""The configuration: file, environment, what is refused."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.config import KEYS, Config, load_config
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.core.settings import Settings, TableSettings
from datawatch_lab.core.values import Role


def written(tmp_path: Path, text: str) -> Path:
    """A configuration file with this text."""
    path = tmp_path / "datawatch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_given_gives_the_defaults() -> None:
    """Without file and environment, and with an empty file, all is as the product sets it."""
    assert load_config(None, {}) == Config()


@pytest.mark.parametrize("outer", ["", "datawatch:\n"])
def test_a_file_sets_what_it_names(tmp_path: Path, outer: str) -> None:
    """With or without the outer key; sections nest; durations are read."""
    inner = (
        "server:\n  port: 4000\nstorage:\n  embedded:\n    path: a.duckdb\nallowed_lateness: 2h\n"
    )
    text = outer + "".join(f"  {line}\n" if outer else f"{line}\n" for line in inner.splitlines())
    found = load_config(written(tmp_path, text), {})
    assert (found.port, found.workspace) == (4000, "a.duckdb")
    assert found.settings == Settings(allowed_lateness=timedelta(hours=2))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """PORT and DATAWATCH_… are later than the file; the longer name is later than PORT."""
    path = written(tmp_path, "server: {port: 4000}\ntimezone: UTC\n")
    found = load_config(path, {"PORT": "5000", "DATAWATCH_TIMEZONE": "Europe/Berlin"})
    assert (found.port, found.settings.timezone) == (5000, "Europe/Berlin")
    both = {"PORT": "5000", "DATAWATCH_SERVER_PORT": "6000"}
    assert load_config(path, both).port == 6000


def test_variables_expand_in_values(tmp_path: Path) -> None:
    """${NAME} is the environment's value, ${NAME:-default} has one of its own."""
    path = written(tmp_path, "storage: {embedded: {path: '${HERE:-x}/${NAME}.duckdb'}}\n")
    assert load_config(path, {"NAME": "shop"}).workspace == "x/shop.duckdb"
    with pytest.raises(ConfigError, match=r"environment variable NAME, which is not set"):
        load_config(path, {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("server: {prot: 1}", r"no key 'server.prot'; did you mean 'server.port'"),
        ("colour: red", r"no key 'colour'\. Keys: enabled, server, storage, metrics, timezone"),
        ("server: {zzz: red}", r"no key 'server.zzz'[\s\S]* Keys of server: enabled, host"),
        ("server: 3002", "server is a section"),
        ("server: {port: 70000}", "ports go from 0 to 65535"),
        ("server: {port: yes}", "whole number"),
        ("server: {auth: maybe}", "true or false"),
        ("allowed_lateness: soon", "is not a duration"),
        ("allowed_lateness: [1]", "it must be a duration"),
        ("timezone: Mars/Olympus", "IANA"),
        ("timezone: ../etc", "IANA"),
        ("batch_events: 0", "at least 1"),
        ("- a", "must hold keys and values"),
        ("a: [", "is not YAML"),
    ],
)
def test_a_fault_names_the_key_and_the_options(tmp_path: Path, text: str, words: str) -> None:
    """Unknown keys and unreadable values are refused with file, key and what is possible."""
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(path, {})
    assert str(path) in str(caught.value)


def test_a_fault_of_the_environment_names_the_variable() -> None:
    """The message says which variable is wrong."""
    with pytest.raises(ConfigError, match="environment variable PORT is 'http'"):
        load_config(None, {"PORT": "http"})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A file that was asked for must be there."""
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load_config(tmp_path / "none.yaml", {})


def test_every_setting_has_a_key() -> None:
    """Each field of the settings and of the configuration can be set, and says its default."""
    fields = {each.name for each in msgspec.structs.fields(Settings)}
    assert {each.field for each in KEYS if each.is_setting} == fields
    parts = {each.part for each in KEYS} - {""}
    top = {each.name for each in msgspec.structs.fields(Config)} - parts
    assert {each.field for each in KEYS if not each.part} == top
    for part in parts:
        owner = type(getattr(Config(), part))
        real = {each.name for each in msgspec.structs.fields(owner)}
        assert {each.field for each in KEYS if each.part == part} == real
    assert {each.name: each.default for each in KEYS}["allowed_lateness"] == "1d"


def test_tables_are_stated(tmp_path: Path) -> None:
    """Keys, roles and masks by table; a key may be one name, [] says that there is none."""
    text = (
        "tables:\n  orders: {key: id, roles: {state: text}, sensitive: [email]}\n  log: {key: []}\n"
    )
    wanted = {
        "orders": TableSettings(key=("id",), roles={"state": Role.TEXT}, sensitive=("email",)),
        "log": TableSettings(key=()),
    }
    assert load_config(written(tmp_path, text), {}).settings.tables == wanted
    told = {"DATAWATCH_TABLES": '{"orders": {"key": ["id", "line"]}}'}
    assert load_config(None, told).settings.tables == {"orders": TableSettings(key=("id", "line"))}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tables: [orders]", "a section per table"),
        ("tables: {orders: id}", "orders must hold some of key, roles, sensitive"),
        ("tables: {orders: {keys: id}}", "orders has no 'keys'; it may hold key, roles, sensitive"),
        ("tables: {orders: {key: [1]}}", "orders.key must be a list of columns"),
        ("tables: {orders: {key: [id, id]}}", "orders.key names a column twice"),
        ("tables: {orders: {roles: [state]}}", "orders.roles must give a role per column"),
        (
            "tables: {orders: {roles: {state: txt}}}",
            "orders.roles.state: no role 'txt'; did you mean 'text'",
        ),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, words: str) -> None:
    """The table, the fault and the options are named."""
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, text), {})
    assert words in str(caught.value)

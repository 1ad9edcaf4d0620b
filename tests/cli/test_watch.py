"""watch and doctor as processes and in this one: link, copy, resume, through a server, removal."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from datawatch_lab.cli.watching import sentence
from datawatch_lab.core.watching import Copying, WatchState
from tests.cli.conftest import Process, Run, Start
from tests.services.postgres import PASSWORD, URL_PASSWORD, Server
from tests.services.shop import Shop, shop
from tests.waiting import eventually


@pytest.fixture
def database(postgres_server: Server) -> Iterator[Shop]:
    """A shop of this test alone."""
    with shop(postgres_server) as made:
        yield made


def no_secret(*said: str) -> None:
    """Fail when a password was printed."""
    for each in said:
        assert PASSWORD not in each
        assert URL_PASSWORD not in each


def rows(run: Run) -> int:
    """Rows of the live table orders, as the command line tells."""
    return int(
        json.loads(run("sql", "SELECT count(*) AS n FROM live.orders", "--json").stdout)[0]["n"]
    )


def test_watch_from_start_to_end(run: Run, start: Start, database: Shop, workspace: Path) -> None:
    """The link, the copy, changes, status; Ctrl-C; again it goes on; removed, the slot is gone."""
    process = start("watch", database.url, "--port", "0")
    process.until("token=")
    process.until("Following every change")
    assert rows(run) == 1_000
    status = run("status").stdout
    assert "streaming" in status
    assert "datawatch_" in status
    (watched,) = json.loads(run("status", "--json").stdout)["watched"]
    assert (watched["name"], watched["state"]) == (database.source, "streaming")
    assert process.end(signal.SIGINT) == 130
    assert "goes on from there" in process.said()
    assert "Traceback" not in process.said()
    assert "not running" in run("status").stdout
    database.query("DELETE FROM orders WHERE id <= 10")
    again = start("watch", database.url, "--port", "0")
    again.until("Following every change")
    eventually(lambda: rows(run) == 990)
    assert "Copied" not in again.said()
    assert again.end(signal.SIGTERM) == 0
    no_secret(process.said(), again.said(), status)
    for file in workspace.parent.glob("w.duckdb*"):
        assert PASSWORD.encode() not in file.read_bytes()
    assert database.slots() == [watched["slot"]]
    removed = run("watch", database.url, "--remove")
    assert "are gone" in removed.stderr
    assert database.slots() == database.publications() == []
    assert rows(run) == 990
    run("watch", database.url, "--remove", code=1)


def test_a_server_of_the_workspace_watches(run: Run, start: Start, database: Shop) -> None:
    """The command asks the server to watch, shows how it goes, and leaves it watching."""
    server = start("serve", "--port", "0")
    server.until("token=")
    watcher = start("watch", database.url, "--exclude", "audit", "--name", "shop")
    said = watcher.until("Following every change")
    assert "watches shop" in said
    assert watcher.end(signal.SIGINT) == 130
    assert "The server goes on watching" in watcher.said()
    database.query("DELETE FROM orders WHERE id <= 10")
    eventually(lambda: rows(run) == 990)
    removed = run("watch", database.url, "--remove", "--name", "shop")
    assert "shop is watched no more" in removed.stderr
    assert database.slots() == []
    assert server.end(signal.SIGTERM) == 0
    no_secret(server.said(), watcher.said())


def test_sources_of_the_configuration_are_watched(
    run: Run, start: Start, database: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`serve --config` watches what the file names, with the password of the environment."""
    monkeypatch.setenv("SHOP_PASSWORD", PASSWORD)
    url = database.url.replace(URL_PASSWORD, "${SHOP_PASSWORD}")
    file = tmp_path / "datawatch.yaml"
    file.write_text(f"sources:\n  - url: {url}\n    name: shop\n    include: [orders]\n")

    def begin() -> Process:
        process = start("serve", "--config", file, "--port", "0")
        process.until("token=")
        return process

    process = begin()
    eventually(_streams(run))
    assert rows(run) == 1_000
    assert process.end(signal.SIGTERM) == 0
    database.query("DELETE FROM orders WHERE id <= 10")
    process = begin()
    eventually(lambda: rows(run) == 990)
    assert len(database.slots()) == 1
    assert process.end(signal.SIGTERM) == 0
    no_secret(process.said())


def _streams(run: Run) -> Callable[[], bool]:
    def found() -> bool:
        watched = json.loads(run("status", "--json").stdout)["watched"]
        return [each["state"] for each in watched] == ["streaming"]

    return found


def test_watch_that_cannot_sign_in_fails(run: Run, database: Shop) -> None:
    """Exit 1 with what to do, no password in it, and no source that stays behind."""
    url = database.server.url(database=database.name, password="wrong-secret")  # noqa: S106
    result = run("watch", url, "--port", "0", code=1)
    assert "password authentication failed" in result.stderr
    assert "wrong-secret" not in result.output
    assert json.loads(run("status", "--json").stdout)["watched"] == []


def test_the_doctor_says_how_to_fix(run: Run, database: Shop) -> None:
    """Signs and statements for people, JSON for programs; 0 with advice, 1 for a fault."""
    said = run("doctor", database.url).stdout
    assert "✓ wal_level" in said
    assert "! replica identity" in said
    assert "→ ALTER TABLE public.audit" in said
    found = json.loads(run("doctor", database.url, "--exclude", "audit", "--json").stdout)
    assert all(each["ok"] for each in found)
    nothing = run("doctor", database.url, "--include", "none.*", code=1).stdout
    assert "✗ tables" in nothing
    away = run("doctor", "postgresql://ada:secret@127.0.0.1:1/shop", code=1).stdout
    assert "✗ connection" in away
    assert "secret" not in away
    run("doctor", "oracle://ada:secret@db/shop", code=1)
    no_secret(said)


def test_a_state_is_one_line() -> None:
    """Share, rows and time left while copying; rate and lag while streaming."""
    state = WatchState(
        name="shop", url="", slot="s", state="snapshot", since="2026-01-01T00:00:00Z", message="",
        copying=Copying(table="a\x1b[31m", rows=430, expected=1000, tables_done=0, tables=1,
                        share=0.43, seconds_left=12.0),
    )  # fmt: skip
    said = sentence(state)
    assert "43% · 430 of about 1,000 rows" in said
    assert "12 s to go" in said
    assert "\x1b" not in said
    follows = WatchState(
        name="shop", url="", slot="s", state="streaming", since="2026-01-01T00:00:00Z", message="",
        rows=5_000, rows_per_second=120.0, lag_bytes=2_000,
    )  # fmt: skip
    assert sentence(follows) == "streaming · 120 rows/s · 5,000 rows so far · lag 2.0 kB"

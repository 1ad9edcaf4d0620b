"""serve and demo as processes: the link, going through the engine, ending in good order."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from datawatch_lab.cli.serve import _configured
from datawatch_lab.core.config import Config, load_config
from datawatch_lab.core.errors import DataWatchError
from datawatch_lab.core.settings import Settings
from datawatch_lab.service.handle import open_workspace
from tests.cli.conftest import GOOD, Process, Run, Start
from tests.waiting import PATIENCE

LINK = re.compile(r"(http://127\.0\.0\.1:\d+)/\?token=(\S+)")


def link_of(process: Process) -> tuple[str, str]:
    """Address and token of the link that it printed."""
    found = LINK.search(process.until("token="))
    assert found is not None
    return found[1], found[2]


def test_serve_from_start_to_end(run: Run, start: Start, file: Path, workspace: Path) -> None:
    """It makes a workspace, answers by its link, serves other commands, and lets go at the end."""
    process = start("serve", "--port", "0")
    address, token = link_of(process)
    tables = f"{address}/api/v1/datawatch/tables"
    assert httpx.get(tables, trust_env=False).status_code == 401
    signed = {"Authorization": f"Bearer {token}"}
    assert httpx.get(tables, headers=signed, trust_env=False).json() == []
    run("ingest", file)
    run("ingest", file)
    ledger = json.loads(run("ledger", "--json").stdout)
    assert (ledger["applied"], ledger["duplicate"]) == (GOOD, GOOD + 4)
    assert json.loads(run("status", "--json").stdout)["address"] == address
    refused = run("serve", "--port", "0", code=1)
    assert f"served already, at {address}" in refused.stderr
    assert process.end(signal.SIGTERM) == 0
    assert "everything taken in is stored" in process.said()
    assert "Traceback" not in process.said()
    assert token not in process.err.read_text()
    token_file = workspace.with_name(workspace.name + ".token")
    assert token_file.stat().st_mode & 0o777 == 0o600
    assert not workspace.with_name(workspace.name + ".lock").exists()
    assert json.loads(run("ledger", "--json").stdout) == ledger


def test_a_page_opened_by_the_link_is_let_in(start: Start) -> None:
    """The link signs in: it gives a cookie, and the API answers the same browser then."""
    process = start("serve", "--port", "0")
    address, token = link_of(process)
    with httpx.Client(trust_env=False) as browser:
        page = browser.get(f"{address}/", params={"token": token}, headers={"Accept": "text/html"})
        assert page.status_code == 302
        assert browser.get(f"{address}/api/v1/datawatch/tables").status_code == 200
    assert process.end(signal.SIGINT) == 130


def test_no_auth_asks_for_nothing(start: Start) -> None:
    """--no-auth prints an address without a token, and answers without one."""
    process = start("serve", "--port", "0", "--no-auth")
    found = re.search(r"(http://\S+)/\n", process.until("http://"))
    assert found is not None
    answer = httpx.get(f"{found[1]}/api/v1/datawatch/tables", trust_env=False)
    assert answer.status_code == 200


def test_a_taken_port_is_named(run: Run) -> None:
    """Another program's port is named, with how to choose another; status 1."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), code=1)
    assert f"port {port} of 127.0.0.1 is taken" in result.stderr
    assert "--port 0" in result.stderr


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], ["--host", "10.0.0.1", "--no-auth"]])  # noqa: S104 — must be refused
def test_strangers_are_kept_out(run: Run, workspace: Path, arguments: list[str]) -> None:
    """An address that others can reach is refused before anything is opened."""
    result = run("serve", *arguments, code=2)
    assert "can be reached by other" in result.stderr
    assert not workspace.exists()


def test_a_configuration_is_read(start: Start, tmp_path: Path, workspace: Path) -> None:
    """Port, workspace and time zone come from the file; the environment's workspace wins."""
    config = tmp_path / "datawatch.yaml"
    config.write_text("datawatch:\n  server: {port: 0, auth: false}\n  timezone: Europe/Berlin\n")
    process = start("serve", "--config", config)
    process.until("http://127.0.0.1:")
    assert workspace.exists()


def test_a_wrong_configuration_is_refused(run: Run, tmp_path: Path) -> None:
    """An unknown key ends with 2 and the nearest that exists."""
    config = tmp_path / "datawatch.yaml"
    config.write_text("server: {prot: 3002}\n")
    assert "did you mean 'server.port'" in run("serve", "--config", config, code=2).stderr


def test_the_demo_goes_on_where_it_was(run: Run, start: Start) -> None:
    """The demo fills its history, is live, ends with Ctrl-C, and goes on with the same shop."""
    size = ("--days", "0.05", "--rate", "20")
    shop = ("demo", "--no-lab", "--port", "0", *size, "--workspace", "shop.duckdb")
    process = start(*shop)
    address, token = link_of(process)
    process.until("The shop is live")
    began = time.monotonic()
    headers = {"Authorization": f"Bearer {token}"}
    first = httpx.get(f"{address}/api/v1/datawatch/ledger", headers=headers, trust_env=False).json()
    assert first["applied"] > 100
    second = start("demo", "--no-lab", "--workspace", "shop.duckdb", "--no-browser")
    assert second.popen.wait(PATIENCE) == 0
    assert "is served already" in second.said()
    assert process.end(signal.SIGINT) == 130
    again = start("demo", "--no-lab", "--port", "0", "--workspace", "shop.duckdb")
    again.until("The shop is live")
    assert again.end(signal.SIGTERM) == 0
    shop_file = process.out.with_name("shop.duckdb")
    after = json.loads(run("ledger", "--json", "--workspace", shop_file).stdout)
    # It has lived on for as long as all this took: 20 orders a minute, about ten events each.
    lived = 500 + 10 * (time.monotonic() - began)
    assert first["applied"] <= after["applied"] < first["applied"] + lived


def test_without_a_file_the_workspace_decides(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on with what it was last given; variables change their settings; a file says all."""
    given: list[dict[str, object]] = []

    def opened(*_: object, **how: object) -> None:
        given.append(how)
        raise DataWatchError("no further")

    monkeypatch.setattr("datawatch_lab.cli.serve.opened", opened)
    run("serve", code=1)
    monkeypatch.setenv("DATAWATCH_TIMEZONE", "Asia/Tokyo")
    run("serve", code=1)
    file = tmp_path / "datawatch.yaml"
    file.write_text("alerts: {history: 400d}\n", "utf-8")
    run("serve", "--config", file, code=1)
    assert [(each["settings"], each["changed"]) for each in given] == [
        (None, {}),
        (None, {"timezone": "Asia/Tokyo"}),
        (Settings(timezone="Asia/Tokyo", alerts_kept=timedelta(days=400)), {}),
    ]


def test_pages_show_the_settings_that_hold(workspace: Path) -> None:
    """Those that the workspace remembers, where no file says which."""
    kept = Settings(timezone="Asia/Tokyo", raw_kept=timedelta(days=400))
    open_workspace(workspace, settings=kept).close()
    with open_workspace(workspace) as handle:
        assert _configured(handle, Config(), told=False).settings == kept


def test_rules_of_a_file_stay_where_none_is_given(workspace: Path, tmp_path: Path) -> None:
    """With what they counted and found; a file that has none any more takes them away."""
    file = tmp_path / "datawatch.yaml"
    file.write_text(
        "data_quality_rules: {orders: {completeness: [{field: email, rule: not_null}]}}\n"
        "alert_rules: [{name: Spike, metric: orders_inserts_total, condition: '> 9'}]\n",
        "utf-8",
    )
    given = load_config(file, {})

    def rules(config: Config, *, told: bool) -> tuple[list[str], list[str]]:
        with open_workspace(workspace) as handle:
            _configured(handle, config, told=told)
            quality = [each.id for each in handle.quality_rules() if each.origin == "config"]
            return quality, sorted(each.name for each in handle.alert_rules())

    first = rules(given, told=True)
    assert len(first[0]) == 1
    assert first[1] == ["Breaking schema change", "Spike"]
    assert rules(Config(), told=False) == first
    assert rules(Config(), told=True) == ([], ["Breaking schema change"])

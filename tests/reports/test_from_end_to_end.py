"""Scheduled reports of a real server: run by themselves, mailed once, whatever ends the server."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

import datawatch_lab as dw
from tests.alerts.receivers import mail_receiver
from tests.e2e.served import Served
from tests.waiting import eventually

CELLS = (
    "import datawatch_lab as dw\nlab = dw.open()",
    'lab.metric("orders_inserts_total").value(start="-1d")',
    "lab.ledger()",
)
CONFIG = """
alerts:
  channels:
    email: {{recipients: [ops@example.org], smtp_host: 127.0.0.1, smtp_port: {port}, from: dw@b.c}}
reports:
  - {{name: page, notebook: {notebook}, every: "{every}", out: {out}, mail: [ada@example.org]}}
  - {{name: paper, notebook: {notebook}, every: "{every}", out: {out}, form: pdf,
      mail: [bob@example.org]}}
"""
PATIENCE = 300.0
_PAUSE = 0.3


def _notebook(folder: Path) -> Path:
    cells: list[Any] = [nbformat.v4.new_markdown_cell("# The day")]  # type: ignore[no-untyped-call]
    cells += [nbformat.v4.new_code_cell(each) for each in CELLS]  # type: ignore[no-untyped-call]
    path = folder / "day.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)  # type: ignore[no-untyped-call]
    return path


def _runs(server: Served, name: str) -> list[dict[str, Any]]:
    """Runs of a report, newest first; it is asked for now and then."""
    time.sleep(_PAUSE)
    found = {each["name"]: each["runs"] for each in server.get("/reports")}
    return list(found[name])


def _last(server: Served, name: str) -> str:
    runs = _runs(server, name)
    return str(runs[0]["state"]) if runs else ""


def _is_done(server: Served, name: str) -> None:
    """Wait until a report is."""
    eventually(lambda: _last(server, name) in ("done", "failed"), f"{name} is not done", PATIENCE)


def _is_over(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_reports_are_mailed_once_over_kills(
    tmp_path: Path, chromium: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page and a PDF come due; the server is killed in the middle, and again when it mailed both.

    The report that ran goes with the server, is made once more, and each is mailed once.
    """
    monkeypatch.setenv("DATAWATCH_CHROMIUM", chromium)
    workspace, config = tmp_path / "shop.duckdb", tmp_path / "datawatch.yaml"
    with dw.open(workspace) as lab:
        lab.ingest_demo(days=1, rate=0.12, progress=False)
    with mail_receiver() as box:
        # A time that has passed when a report is first heard of is none that it missed.
        due = datetime.now(UTC) + timedelta(minutes=3)
        every = f"{due.minute} {due.hour} {due.day} {due.month} *"
        text = CONFIG.format(
            port=box.port, notebook=_notebook(tmp_path), every=every, out=tmp_path / "reports"
        )
        config.write_text(text, "utf-8")
        with Served(workspace, config=config) as server:
            eventually(lambda: _last(server, "page") == "running", "it is not due", PATIENCE)
            (report,) = psutil.Process(server.process.pid).children()
            server.kill()
        killed = datetime.now(UTC).isoformat()
        eventually(lambda: _is_over(report), "the report outlived its server", PATIENCE)

        with Served(workspace, config=config) as server:
            _is_done(server, "page")
            _is_done(server, "paper")
            (page,), (paper,) = _runs(server, "page"), _runs(server, "paper")
            server.kill()
        assert [each["state"] for each in (page, paper)] == ["done", "done"], (page, paper)
        assert page["started"] > killed  # it is the second attempt, for the same time
        assert page["due"] == paper["due"] < killed
        assert len(box.mails) == 2

        with Served(workspace, config=config) as server:
            asked = server.client.post("/reports/page/run")
            assert asked.status_code == 202
            eventually(lambda: _runs(server, "page")[0]["asked"] != "", "it is not run", PATIENCE)
            eventually(lambda: _last(server, "page") == "done", "it is not done", PATIENCE)
            assert len(_runs(server, "paper")) == 1
    mails = [message_from_bytes(each, policy=policy.default) for each in box.mails]
    told = sorted((str(each["To"]), str(each["Subject"])) for each in mails)
    assert told == [
        ("ada@example.org", "Report page"),
        ("ada@example.org", "Report page"),  # the one that was asked for
        ("bob@example.org", "Report paper"),
    ]
    assert len(set(box.keys)) == 3
    names = set()
    for part in (part for each in mails for part in each.iter_attachments()):
        name, content = str(part.get_filename()), part.get_content()
        names.add(Path(name).suffix)
        if name.endswith(".pdf"):
            assert content.startswith(b"%PDF-")
        else:
            assert "The day" in content
            assert "default-src 'none'" in content
    assert names == {".html", ".pdf"}

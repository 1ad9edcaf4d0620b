"""The examples of docs/client.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from datawatch_lab.client import Client, default
from tests.client.conftest import TOKEN, Live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "client.md").read_text("utf-8")


def test_the_examples_run(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of Python, in order, against a real server; nothing is rejected."""
    monkeypatch.setenv("DATAWATCH_URL", live.address)
    monkeypatch.setenv("DATAWATCH_TOKEN", TOKEN)
    monkeypatch.setattr(default, "_default", [])
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        text = block.replace("http://127.0.0.1:3002", live.address)
        names: dict[str, object] = {"token": TOKEN, "__name__": "an_example"}
        exec(compile(text, "docs/client.md", "exec"), names)  # noqa: S102 — our own page
        for each in names.values():
            if isinstance(each, Client):
                each.close()
    assert default.default_client().flush(30)
    default.default_client()._sender.close()
    ledger = live.workspace.ledger()
    assert ledger.quarantined == ledger.late == 0
    assert {"events", "measurements", "heartbeats", "task_runs", "orders"} <= set(ledger.tables)


def test_every_call_is_documented() -> None:
    """The page names every public method of what sends."""
    from datawatch_lab.client.sending import Sending

    missing = [
        name for name in vars(Sending) if not name.startswith("_") and f"`{name}" not in PAGE
        and f"client.{name}" not in PAGE
    ]  # fmt: skip
    assert not missing

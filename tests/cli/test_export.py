"""Files that verbs write: a place that cannot be written to is said before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "verb",
    [
        ("export-board", "any", "none/any.png"),
        ("export-board", "any", "none/any.csv"),
        ("dashboards", "export", "any", "--output", "none/any.yaml"),
    ],
)
def test_a_folder_that_is_not_there_is_said_first(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    """Before the workspace is opened, which is not there either, and in one sentence."""
    monkeypatch.chdir(tmp_path)
    said = run(*verb, code=1).stderr
    assert f"there is no folder {tmp_path / 'none'}. Make it." in said
    assert "workspace" not in said

"""The program as a whole: its help, its lightness, its exit statuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from datawatch_lab.cli import main
from tests.cli.conftest import Run

HEAVY = {
    *("duckdb", "polars", "pyarrow", "pandas", "numpy", "tornado", "panel", "bokeh", "holoviews"),
    *("msgspec", "httpx", "rich", "yaml", "IPython"),
}
VERBS = {
    *("demo", "watch", "doctor", "serve", "ingest", "status", "tables", "metrics", "metric"),
    *("detectors", "export-board", "backends"),
    *("query", "sql", "ledger", "quarantine", "services", "forecast", "quality", "schema"),
    *("alerts", "anomalies", "dashboards", "report", "users", "audit", "config", "evaluate", "lab"),
}


def test_help_lists_the_verbs(run: Run) -> None:
    """`datawatch --help` names every verb, and each has a help of its own."""
    assert set(main.commands) == VERBS
    said = run("--help").stdout
    for verb in VERBS:
        assert f"  {verb} " in said
        assert f"datawatch {verb}" in run(verb, "--help", prog_name="datawatch").stdout


@pytest.mark.parametrize("arguments", [["--help"], ["query", "--help"], ["--version"]])
def test_help_is_light(arguments: list[str]) -> None:
    """Help and version load none of the heavy libraries."""
    code = (
        "import sys; from datawatch_lab.cli import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["statsu"], "No such command 'statsu'"),
        (["status", "--jsno"], "No such option"),
        (["ingest"], "Missing argument"),
        (["query"], "Missing argument"),
        (["quarantine", "--limit", "-1"], "-1"),
        (["ingest", "a", "b", "--follow"], "--follow takes one FILE"),
    ],
)
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str], words: str) -> None:
    """What cannot be meant is refused with status 2 and a word about it, and nothing is done."""
    result = run(*arguments, code=2)
    assert words in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("verb", ["status", "tables", "metrics", "ledger", "quarantine"])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_looking_makes_no_workspace(run: Run, workspace: Path, verb: str, form: list[str]) -> None:
    """A missing workspace is an error with status 1, on standard error alone, and none is made."""
    result = run(verb, *form, code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("Error: there is no workspace at")
    assert not workspace.exists()


def test_a_file_that_is_no_workspace_is_named(run: Run, workspace: Path) -> None:
    """Another file in the place of the workspace is refused and left as it is."""
    workspace.write_bytes(b"not a database" * 100)
    result = run("status", code=1)
    assert str(workspace) in result.stderr
    assert "Traceback" not in result.stderr
    assert workspace.read_bytes() == b"not a database" * 100


def test_debug_shows_the_trace(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """--debug and DATAWATCH_DEBUG raise the error itself instead of its message."""
    from datawatch_lab.core.errors import WorkspaceError

    assert isinstance(run("status", "--debug", code=1).exception, WorkspaceError)
    monkeypatch.setenv("DATAWATCH_DEBUG", "1")
    assert isinstance(run("status", code=1).exception, WorkspaceError)


def test_a_bug_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that nobody foresaw is one message, and says how to see more."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr("datawatch_lab.service.handle.open_workspace", broken)
    result = run("status", code=1)
    assert "internal error: ZeroDivisionError: by nought" in result.stderr
    assert "--debug" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interruption_ends_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in a verb that only looks ends it with status 130 and no trace."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("datawatch_lab.service.handle.open_workspace", interrupted)
    assert run("status", code=130).stderr == "Interrupted.\n"

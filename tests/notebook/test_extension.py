"""The extension in a real IPython: loading, the magic, completion, unloading."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from datawatch_lab.notebook.objects import Lab
from datawatch_lab.notebook.objects import open as open_lab
from datawatch_lab.notebook.quality import Quality
from datawatch_lab.notebook.tables import Table, Tables
from datawatch_lab.notebook.trust import Ledger, Quarantine, Status
from tests.notebook.conftest import order


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell of its own, with a workspace that has one table as the default one."""
    path = tmp_path / "w.duckdb"
    with open_lab(path) as lab:
        lab.post([order(number) for number in range(5)])
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(path))
    monkeypatch.chdir(tmp_path)
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    found = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path / "ipython"))
    yield found
    for each in [*found.user_ns.values()]:
        if isinstance(each, Lab):
            each.close()
    atexit.unregister(found.atexit_operations)
    found.atexit_operations()  # type: ignore[no-untyped-call]
    InteractiveShell.clear_instance()


@pytest.fixture
def loaded(shell: InteractiveShell) -> Iterator[InteractiveShell]:
    """The same with the extension loaded."""
    shell.run_line_magic("load_ext", "datawatch_lab")
    yield shell
    shell.run_line_magic("unload_ext", "datawatch_lab")


def _run(shell: InteractiveShell, line: str) -> Any:
    done: Any = shell.run_cell(line, store_history=False)  # type: ignore[no-untyped-call]
    done.raise_error()
    return done.result


def _complete(shell: InteractiveShell, text: str) -> list[str]:
    with provisionalcompleter():
        return [each.text for each in shell.Completer.completions(text, len(text))]


def test_subcommands_give_objects(loaded: InteractiveShell) -> None:
    """Each subcommand gives the object that shows itself; without one it is the status."""
    assert isinstance(_run(loaded, "%datawatch"), Status)
    assert isinstance(_run(loaded, "%datawatch status"), Status)
    assert isinstance(_run(loaded, "%datawatch tables"), Tables)
    assert isinstance(_run(loaded, "%datawatch tables orders"), Table)
    assert "orders_amount_sum" in _run(loaded, "%datawatch metrics orders")
    assert _run(loaded, "%datawatch metrics orders_amount_sum").name == "orders_amount_sum"
    assert isinstance(_run(loaded, "%datawatch ledger"), Ledger)
    assert isinstance(_run(loaded, "%datawatch quarantine"), Quarantine)


def test_help_lists_every_subcommand(
    loaded: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """The help names all that there is."""
    _run(loaded, "%datawatch help")
    said = capsys.readouterr().out
    for word in ("open", "status", "tables", "metrics", "ledger", "quarantine", "help"):
        assert f"%datawatch {word}" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%datawatch tabels", "did you mean 'tables'"),
        ("%datawatch tables ordres", "did you mean 'orders'"),
        ("%datawatch status now", "takes no argument"),
        ("%datawatch tables a b", "one argument at most"),
        ("%datawatch tables 'a", "cannot be read"),
    ],
)
def test_mistakes_are_named(
    loaded: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    """A wrong subcommand, name or argument gives one line with the nearest, and no traceback."""
    loaded.run_cell(line)  # type: ignore[no-untyped-call]
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert said in text
    assert "Traceback" not in text


def test_loading_opens_the_workspace_as_lab(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loading opens the default workspace, calls it ``lab``, and says so; unloading frees it."""
    shell.run_line_magic("load_ext", "datawatch_lab")
    assert isinstance(shell.user_ns["lab"], Lab)
    assert "as `lab`" in capsys.readouterr().out
    shell.run_line_magic("unload_ext", "datawatch_lab")
    assert "lab" not in shell.user_ns


def test_loading_beside_a_workspace_that_is_taken(
    shell: InteractiveShell,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A workspace that cannot be opened is told in a sentence, and the magic is there."""
    bad = tmp_path / "bad.duckdb"
    bad.write_text("this is no workspace, and long enough to be seen as none" * 100)
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(bad))
    shell.run_line_magic("load_ext", "datawatch_lab")
    assert "bad.duckdb" in capsys.readouterr().out
    assert "lab" not in shell.user_ns
    assert "datawatch" in shell.magics_manager.magics["line"]
    shell.run_line_magic("unload_ext", "datawatch_lab")


def test_a_name_of_the_user_stays(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    """A variable ``lab`` that is something else is left alone."""
    shell.user_ns["lab"] = "mine"
    shell.run_line_magic("load_ext", "datawatch_lab")
    assert isinstance(_run(shell, "%datawatch tables"), Tables)
    assert shell.user_ns["lab"] == "mine"
    assert "stays so" in capsys.readouterr().out
    shell.run_line_magic("unload_ext", "datawatch_lab")


def test_the_users_lab_is_used(loaded: InteractiveShell) -> None:
    """A workspace that the user opened is the one that the magic shows, whatever its name."""
    _run(loaded, "import datawatch_lab as dw; shop = dw.open('other.duckdb')")
    assert len(_run(loaded, "%datawatch tables")) == 0


def test_a_cell_that_opens_may_run_again(loaded: InteractiveShell) -> None:
    """Opening the same file again gives the same lab, not an error about its lock."""
    _run(loaded, "import datawatch_lab as dw; a = dw.open()")
    _run(loaded, "b = dw.open()")
    assert loaded.user_ns["a"] is loaded.user_ns["b"]


def test_looking_at_nothing_makes_no_file(
    shell: InteractiveShell,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a workspace the magic says so and leaves the folder as it was."""
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(tmp_path / "none.duckdb"))
    shell.run_line_magic("load_ext", "datawatch_lab")
    shell.run_cell("%datawatch tables")  # type: ignore[no-untyped-call]
    assert "none.duckdb" in capsys.readouterr().err
    shell.run_line_magic("unload_ext", "datawatch_lab")
    assert not list(tmp_path.glob("none*"))


def test_completion_of_the_magic(loaded: InteractiveShell) -> None:
    """Subcommands and tables complete, and nothing else is offered on that line."""
    _run(loaded, "%datawatch status")
    assert _complete(loaded, "%datawatch ta") == ["tables"]
    assert set(_complete(loaded, "%datawatch ")) == {
        *("open", "status", "tables", "metrics", "quality", "alerts", "schema", "forecast"),
        *("anomalies", "dashboards", "ledger", "quarantine", "help"),
    }
    assert _complete(loaded, "%datawatch tables ") == ["orders"]
    assert "orders" in _complete(loaded, "%datawatch metrics or")
    assert "orders_amount_sum" in _complete(loaded, "%datawatch metrics or")
    assert _complete(loaded, "datawatch quar") == ["quarantine"]


def test_completion_without_a_workspace(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Completing a table's name where there is no workspace makes none."""
    monkeypatch.setenv("DATAWATCH_WORKSPACE", str(tmp_path / "none.duckdb"))
    shell.run_line_magic("load_ext", "datawatch_lab")
    assert "orders" not in _complete(shell, "%datawatch tables o")
    assert "lab" not in shell.user_ns
    shell.run_line_magic("unload_ext", "datawatch_lab")


def test_completion_of_objects(loaded: InteractiveShell) -> None:
    """Tables, metrics and columns complete by key and as attributes."""
    _run(loaded, "%datawatch status")
    assert "orders_amount_sum" in _complete(loaded, "lab.metrics['orders_amount_s")
    assert _complete(loaded, "lab.metrics.orders_amount_su") == ["orders_amount_sum"]
    assert "orders" in _complete(loaded, "lab.tables['")
    assert _complete(loaded, "lab.tables.ord") == ["orders"]
    assert "amount" in _complete(loaded, "lab.tables.orders.columns['am")


def test_unloading_restores(shell: InteractiveShell) -> None:
    """After unloading, the magic, its completion and the name are gone, and the file is free."""
    lines, matchers = set(shell.magics_manager.magics["line"]), shell.Completer.custom_matchers
    shell.run_line_magic("load_ext", "datawatch_lab")
    _run(shell, "%datawatch status")
    shell.run_line_magic("unload_ext", "datawatch_lab")
    assert set(shell.magics_manager.magics["line"]) == lines
    assert list(shell.Completer.custom_matchers) == list(matchers)
    assert "lab" not in shell.user_ns
    with open_lab() as lab:  # the file is free
        assert "orders" in lab.tables


def test_a_magic_of_the_same_name_comes_back(shell: InteractiveShell) -> None:
    """A magic that the user had under the name is there again after unloading."""

    def mine(line: str) -> str:
        return f"mine: {line}"

    function: Any = mine  # IPython's types want a method

    shell.register_magic_function(function, "line", "datawatch")
    shell.run_line_magic("load_ext", "datawatch_lab")
    shell.run_line_magic("load_ext", "datawatch_lab")
    shell.run_line_magic("unload_ext", "datawatch_lab")
    assert _run(shell, "%datawatch x") == "mine: x"


def test_loading_in_a_terminal_loads_no_plotting(shell: InteractiveShell) -> None:
    """Without a kernel the extension changes nothing of Panel or HoloViews."""
    formatters = shell.display_formatter
    assert formatters is not None
    before = {kind: dict(each.type_printers) for kind, each in formatters.formatters.items()}
    shell.run_line_magic("load_ext", "datawatch_lab")
    after = {kind: dict(each.type_printers) for kind, each in formatters.formatters.items()}
    assert after == before
    shell.run_line_magic("unload_ext", "datawatch_lab")


def test_quality_alerts_and_schema(loaded: InteractiveShell) -> None:
    """The subcommands of what watches the data give their objects, whole or of one name."""
    _run(loaded, "lab.quality.add({'table': 'orders', 'rule': 'positive', 'field': 'amount'})")
    _run(loaded, "lab.alerts().add('Many orders', '> 5', metric='orders_inserts_total')")
    assert isinstance(_run(loaded, "%datawatch quality"), Quality)
    assert [each.table for each in _run(loaded, "%datawatch quality orders").raw.score.tables] == [
        "orders"
    ]
    assert len(_run(loaded, "%datawatch alerts").rules) == 1
    assert _run(loaded, "%datawatch alerts Many orders").name == "Many orders"
    assert "Schema" in repr(_run(loaded, "%datawatch schema"))
    assert len(_run(loaded, "%datawatch anomalies orders_inserts_total")) == 0
    _run(loaded, "lab.dashboard('Mine', template='overview').save()")
    assert list(_run(loaded, "%datawatch dashboards")) == ["Mine"]
    assert _run(loaded, "%datawatch dashboards Mine").name == "Mine"
    assert _complete(loaded, 'lab.dashboard("M') == ["Mine"]


def test_strings_of_our_calls_complete(loaded: InteractiveShell) -> None:
    """Names of the workspace are offered in our calls, and not in others."""
    assert _complete(loaded, 'lab.table("ord') == ["orders"]
    assert _complete(loaded, "x = lab.metric(\n    'orders_amount_su") == ["orders_amount_sum"]
    assert "orders" not in _complete(loaded, 'open("ord')


def test_formatters_are_ours_while_loaded(shell: InteractiveShell) -> None:
    """Answers of operations show as tables; unloading leaves every formatter as it was."""
    display = shell.display_formatter
    assert display is not None
    html: Any = display.formatters["text/html"]
    before = {**html.type_printers}, {**html.deferred_printers}

    def mine(answer: object) -> str:
        return f"mine: {type(answer).__name__}"

    html.for_type_by_name("datawatch_lab.service.answers", "TableAnswer", mine)
    shell.run_line_magic("load_ext", "datawatch_lab")
    answer = _run(shell, "lab.workspace.metric('orders_amount_sum')")
    assert "orders_amount_sum" in html(answer)
    assert html(_run(shell, "lab.workspace.table('orders')"))[:4] != "mine"
    shell.run_line_magic("unload_ext", "datawatch_lab")
    assert html(answer) is None
    assert html.pop("datawatch_lab.service.answers.TableAnswer") is mine
    assert ({**html.type_printers}, {**html.deferred_printers}) == before

"""The import rule of the house: who may import whom, and which libraries live where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "datawatch_lab"

STAGES = frozenset(
    {"ingest", "store", "metrics", "anomaly", "forecast"}
    | {"quality", "schema", "alerts", "dashboards"}
)

ALLOWED: dict[str, frozenset[str]] = {
    "core": frozenset(),
    **{stage: frozenset({"core"}) for stage in STAGES},
    "engine": STAGES | {"core"},
    "service": frozenset({"core", "engine"}),
    **{
        edge: frozenset({"core", "service"})
        for edge in ("api", "client", "views", "jupyter", "reports")
    },
    # The command line puts one server together from the HTTP edge and the pages.
    "cli": frozenset({"core", "service", "api", "views", "reports"}),
    # A plot in a cell is drawn as a tile is.
    "notebook": frozenset({"core", "service", "views"}),
    "__main__": frozenset({"cli"}),
    # The public names load from their homes.
    "__init__": frozenset({"service", "notebook", "anomaly"}),
}
"""Room → the rooms of ours that it may import, beside itself. `testing` may import anything."""

FENCES: dict[str, frozenset[str]] = {
    "duckdb": frozenset({"store"}),
    "river": frozenset({"anomaly", "forecast"}),
    "statsmodels": frozenset({"anomaly", "forecast"}),
    "sklearn": frozenset({"anomaly", "forecast"}),
    "tornado": frozenset({"api", "jupyter"}),
    "panel": frozenset({"views", "notebook"}),
    "holoviews": frozenset({"views", "notebook"}),
    "bokeh": frozenset({"views", "notebook"}),
    "IPython": frozenset({"notebook"}),
}
"""Library → the only rooms that may import it."""

HEAVY = (
    *("duckdb", "polars", "pyarrow", "pandas", "numpy", "tornado", "panel", "bokeh", "holoviews"),
    *("river", "sklearn", "statsmodels", "IPython", "msgspec", "httpx"),
)

NOT_FOR_THE_REPO = re.compile(
    r"registry\.npmjs|registry\.yarnpkg|files\.pythonhosted|pypi\.org|deb\.debian\.org"
    r"|conda\.anaconda\.org|(?:^|[^\w.:/])/(?:work|home|root|Users|tmp|var/folders)/"
)
"""Hosts of package registries and absolute paths of somebody's machine."""
NOT_OURS = {"__pycache__", "node_modules"}
"""Folders that are in no commit and no wheel."""


@dataclass(frozen=True)
class Import:
    """One import statement: where it stands and the dotted name it asks for."""

    file: str
    line: int
    room: str
    target: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.room} imports {self.target}"


def room_of(parts: tuple[str, ...]) -> str:
    """The top-level folder or module of ours that a path inside the package belongs to."""
    return Path(parts[0]).stem


def imports_of(source: str, file: str, package: tuple[str, ...]) -> Iterator[Import]:
    """Every import of a module, also those in functions and under TYPE_CHECKING.

    Args:
        source: its text.
        file: its path for messages.
        package: the dotted package that relative imports start from, as parts.
    """
    room = room_of((*package[1:], Path(file).name))
    for node in ast.walk(ast.parse(source, file)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, room, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *filter(None, [node.module])))
            # With the imported name, since `from datawatch_lab import store` names a room by it.
            for alias in node.names:
                yield Import(file, node.lineno, room, f"{module}.{alias.name}")
        elif isinstance(node, ast.Call) and _dynamic(node):
            yield Import(file, node.lineno, room, _dynamic(node))


def _dynamic(call: ast.Call) -> str:
    """The module that ``import_module("…")`` names; '' for any other call."""
    if not ast.unparse(call.func).endswith("import_module") or not call.args:
        return ""
    name = call.args[0]
    return str(name.value) if isinstance(name, ast.Constant) else ""


def fault(found: Import) -> str | None:
    """What is wrong with an import, in a sentence that says what is allowed; None for nothing."""
    library, _, rest = found.target.partition(".")
    if found.room == "testing":
        return None
    if library == "datawatch_lab":
        return _fault_among_ours(found, rest.partition(".")[0])
    if found.room in FENCES.get(library, {found.room}):
        return None
    return f"{found}; {library} is for {_listing(FENCES[library])} only."


def _fault_among_ours(found: Import, other: str) -> str | None:
    if other == found.room or not _is_room(other):
        return None  # a name of the package itself, such as __version__
    if found.room not in ALLOWED:
        return f"{found}; {found.room} is a new room: say in ALLOWED what it may import."
    if other in ALLOWED[found.room]:
        return None
    return f"{found}; {found.room} may import {_listing(ALLOWED[found.room])} of ours."


def _is_room(name: str) -> bool:
    return name in ALLOWED or (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()


def _listing(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def modules() -> list[Path]:
    """Every Python file of the package."""
    return sorted(each for each in PACKAGE.rglob("*.py") if not NOT_OURS & set(each.parts))


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_the_import_rule_holds() -> None:
    """Rooms import only the rooms below them, and libraries stay behind their fences."""
    faults = [
        sentence
        for path in modules()
        for found in imports_of(
            path.read_text("utf-8"), _relative(path), path.relative_to(ROOT).parts[:-1]
        )
        if (sentence := fault(found))
    ]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/values.py", "from datawatch_lab.ingest import decode"),
        ("core/values.py", "from datawatch_lab import store"),
        ("core/values.py", "from ..store import duck"),
        ("core/values.py", "import duckdb"),
        ("metrics/stage.py", "def f():\n    from datawatch_lab.store.duck import DuckStore"),
        ("metrics/stage.py", "if TYPE_CHECKING:\n    from datawatch_lab.engine import Engine"),
        ("metrics/query.py", "importlib.import_module('datawatch_lab.store.duck')"),
        ("ingest/sources/http.py", "from tornado.web import RequestHandler"),
        ("engine/engine.py", "import duckdb as d"),
        ("engine/engine.py", "from datawatch_lab.service import operations"),
        ("service/handle.py", "import datawatch_lab.metrics.query"),
        ("api/app.py", "from datawatch_lab.engine import Engine"),
        ("views/board.py", "from datawatch_lab.store.duck import DuckStore"),
        ("cli.py", "import panel as pn"),
        ("elsewhere/x.py", "from datawatch_lab.store import duck"),
    ],
)
def test_the_rule_catches(file: str, source: str) -> None:
    """Each kind of forbidden import is seen wherever it stands, with its place in the message."""
    path = Path("datawatch_lab") / file
    (found,) = imports_of(source, path.as_posix(), path.parts[:-1])
    sentence = fault(found)
    assert sentence is not None
    assert f"{path.as_posix()}:{source.count(chr(10)) + 1}: " in sentence


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("core/values.py", "import msgspec"),
        ("core/storage.py", "from datawatch_lab.core.batches import Offset"),
        ("store/duck.py", "import duckdb"),
        ("store/duck.py", "from datawatch_lab.core.storage import Store"),
        ("store/duck.py", "from . import lock"),
        ("engine/engine.py", "from datawatch_lab.store.duck import DuckStore"),
        ("api/app.py", "from datawatch_lab import __version__"),
        ("cli.py", "from datawatch_lab.api import server"),
        ("testing/plant.py", "from datawatch_lab.store import duck"),
    ],
)
def test_the_rule_lets_pass(file: str, source: str) -> None:
    """Imports of the own room and of allowed rooms and libraries are no fault."""
    path = Path("datawatch_lab") / file
    (found,) = imports_of(source, path.as_posix(), path.parts[:-1])
    assert fault(found) is None


def test_importing_the_package_is_light() -> None:
    """`import datawatch_lab`, its version and its directory load none of the heavy libraries."""
    code = (
        "import sys, datawatch_lab as dw; dw.__version__; dir(dw); "
        "print(' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, cwd=ROOT, text=True
    )
    loaded = set(done.stdout.split())
    assert "datawatch_lab" in loaded
    assert not loaded & set(HEAVY)


def test_an_unknown_public_name_is_refused() -> None:
    """The error for a name that the package does not have lists the names it has."""
    import datawatch_lab as dw

    with pytest.raises(AttributeError, match=r"no name 'opne'.*connect.*open"):
        _ = dw.opne


def test_every_module_says_what_it_is() -> None:
    """Every module and package has a docstring."""
    silent = [
        _relative(path)
        for path in modules()
        if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent, f"without a docstring: {', '.join(silent)}"


def test_every_folder_is_a_package() -> None:
    """Every folder with Python files has an __init__.py, so that the wheel and mypy see it."""
    bare = {
        _relative(path.parent)
        for path in modules()
        if not (path.parent / "__init__.py").is_file() and "static" not in path.parts
    }
    assert not bare, f"without an __init__.py: {', '.join(sorted(bare))}"


def _texts() -> Iterator[tuple[Path, str]]:
    for path in sorted(PACKAGE.rglob("*")):
        if path.is_file() and not NOT_OURS & set(path.parts):
            yield path, path.read_bytes().decode("utf-8", errors="replace")


def test_no_file_names_a_registry_or_a_machine() -> None:
    """No file of the package names a package registry's host or an absolute path of a machine."""
    hits = [
        f"{_relative(path)}: {match.group()!r}"
        for path, text in _texts()
        for match in NOT_FOR_THE_REPO.finditer(text)
    ]
    assert not hits, "\n".join(hits)

"""The documentation names what exists (settings, commands, routes …), and its links lead on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from datawatch_lab.core import errors
from datawatch_lab.core.durations import parse_duration
from datawatch_lab.core.settings import Settings
from datawatch_lab.core.values import Aggregation, Role

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


def _doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def _read(cell: str, like: Any) -> Any:
    """A cell of the table of settings as a value of the same type as the default."""
    if isinstance(like, timedelta):
        return parse_duration(cell)
    if isinstance(like, dict | bool):
        return json.loads(cell.strip("`"))
    if isinstance(like, tuple):
        return tuple(json.loads(cell.strip("`")))
    return int(cell.replace(",", "")) if isinstance(like, int) else cell.strip("`")


def test_every_setting_is_documented() -> None:
    """docs/configuration.md has a row for each setting with its true default, and no other row."""
    cells = dict(re.findall(r"^\| `([a-z_]+)` \| (.+?) \|", _doc("configuration.md"), re.MULTILINE))
    real = msgspec.structs.asdict(Settings())
    assert set(cells) == set(real)
    assert {name: _read(cell, real[name]) for name, cell in cells.items()} == real


def _commands(group: click.Group, above: str = "datawatch") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        path = f"{above} {name}"
        yield path, command
        if isinstance(command, click.Group):
            yield from _commands(command, path)


def test_every_command_is_documented() -> None:
    """docs/cli.md names every verb and each of its options."""
    from datawatch_lab.cli import main

    text = _doc("cli.md")
    missing = set()
    for path, command in _commands(main):
        if f"`{path}" not in text:
            missing.add(path)
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                name = max(option.opts, key=len)
                if f"`{name}" not in text:
                    missing.add(f"{path} {name}")
    assert not missing, f"not in docs/cli.md: {', '.join(sorted(missing))}"


def test_every_route_is_documented() -> None:
    """docs/http.md names every route of every operation, and no other below /api/."""
    from datawatch_lab.service.operations import OPERATIONS

    real = {f"{each.method} {path}" for each in OPERATIONS for path in each.paths}
    named = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", _doc("http.md")))
    assert real <= named
    assert {each for each in named if " /api/" in each} <= real


def _error_kinds(kind: type[errors.DataWatchError]) -> Iterator[type[errors.DataWatchError]]:
    for each in kind.__subclasses__():
        yield each
        yield from _error_kinds(each)


def test_every_error_code_is_documented() -> None:
    """docs/http.md lists the code of every error that an edge can answer with, by its status."""
    table = dict(re.findall(r"^\| ([\d, ]+) \| (`.+`) \|$", _doc("http.md"), re.MULTILINE))
    for kind in _error_kinds(errors.DataWatchError):
        if kind.status == errors.DataWatchError.status:
            continue  # it never leaves the process that lacks something
        row = next((codes for status, codes in table.items() if str(kind.status) in status), "")
        assert f"`{kind.code}`" in row, f"{kind.__name__}: {kind.status} {kind.code}"


@pytest.mark.parametrize("word", [*Role, *Aggregation])
def test_every_role_and_aggregation_is_documented(word: str) -> None:
    """docs/metrics.md names every field role and every aggregation."""
    assert re.search(rf"\b{re.escape(word)}\b", _doc("metrics.md"))


def test_every_module_has_a_place_on_the_map() -> None:
    """docs/architecture.md and the package's docstring name every folder and module of it."""
    import datawatch_lab

    package = ROOT / "datawatch_lab"
    rooms = {path.name for path in package.iterdir() if (path / "__init__.py").is_file()}
    rooms |= {path.stem for path in package.glob("*.py") if not path.stem.startswith("__")}
    mapped = set(re.findall(r"^\| `(\w+)/?` \|", _doc("architecture.md"), re.MULTILINE))
    in_docstring = set(
        re.findall(r"^    (\w+)/? {2,}\S", datawatch_lab.__doc__ or "", re.MULTILINE)
    )
    assert rooms <= mapped
    assert rooms <= in_docstring


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page leads to a file that is there, and to a heading in it."""
    broken = []
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        target, _, anchor = link.partition("#")
        if "://" in link:
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in _anchors(there)):
            broken.append(link)
    assert not broken, f"{page.name}: {', '.join(broken)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_that_pages_name_exist(page: Path) -> None:
    """Every `make target` that a page tells the reader to run is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= targets

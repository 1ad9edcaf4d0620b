"""The frame of the repository: environments, pins, containers, and the browser of the tests."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
CONDA_NAMES = {
    "confluent-kafka": "python-confluent-kafka",
    "duckdb": "python-duckdb",
    "prometheus-client": "prometheus_client",
    "psycopg2-binary": "psycopg2",
    "redis": "redis-py",
    "tzdata": "python-tzdata",
}
"""Package → its name on conda-forge, where the two differ."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The [project] table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def requirements(project: dict[str, Any]) -> dict[str, SpecifierSet]:
    """Package → its range, with those of every extra."""
    extras = project["optional-dependencies"].values()
    lines = map(Requirement, chain(project["dependencies"], *extras))
    return {each.name: each.specifier for each in lines if each.name != project["name"]}


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return dict(
        line.partition(";")[0].strip().split("==")
        for line in lines
        if line and not line.startswith("#")
    )


def test_environment_yml_has_the_same_ranges(
    project: dict[str, Any], requirements: dict[str, SpecifierSet]
) -> None:
    """environment.yml names each package of pyproject.toml with its range, and no other."""
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    from_pip = next(each["pip"] for each in listed if isinstance(each, dict))
    lines = [each for each in [*listed, *from_pip] if isinstance(each, str)]
    conda = {each.name: each.specifier for each in map(Requirement, set(lines) - {"pip", "-e ."})}
    wanted = {CONDA_NAMES.get(name, name): span for name, span in requirements.items()}
    assert conda == wanted | {"python": SpecifierSet(project["requires-python"])}


def test_every_range_admits_its_pin(requirements: dict[str, SpecifierSet]) -> None:
    """constraints.txt pins every package of pyproject.toml to a version inside its range."""
    pins = _pins()
    outside = {
        name: pins.get(name)
        for name, span in requirements.items()
        if pins.get(name, "") not in span
    }
    assert not outside, f"run `make constraints`; not pinned within range: {outside}"


def test_constraints_are_plain() -> None:
    """Constraints name no extras, which pip refuses, and no addresses."""
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[\w.+]+( ; .+)?", line), line


def test_compose_file_has_optional_parts() -> None:
    """docker-compose.yml starts the server alone; databases come by profile."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    assert "profiles" not in services["datawatch"]
    parts = {name: each["profiles"] for name, each in services.items() if name != "datawatch"}
    assert parts == {name: [name] for name in parts}
    assert set(parts) == {
        *("postgres", "mariadb", "kafka", "redis"),
        *("prometheus", "influxdb", "timescale", "clickhouse"),
    }


def test_make_help_lists_every_target() -> None:
    """`make` alone lists each target with a sentence, and lists no target that is not there."""
    text = (ROOT / "Makefile").read_text("utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    shown = subprocess.run(
        ["make", "-C", str(ROOT)], capture_output=True, check=True, text=True
    ).stdout
    assert re.findall(r"^  make (\S+) +\S", shown, re.MULTILINE) == phony.split()


def _set_up(folder: Path, python: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of the set-up script in an empty folder with this interpreter."""
    (folder / "tools").mkdir()
    script = folder / "tools" / "setup.sh"
    script.write_bytes((ROOT / "tools" / "setup.sh").read_bytes())
    return subprocess.run(
        ["sh", str(script), "run"],
        capture_output=True,
        check=False,
        env=os.environ | {"PYTHON": str(python)},
        text=True,
    )


def test_setup_refuses_what_is_no_python(tmp_path: Path) -> None:
    """An interpreter that cannot be used ends the set-up with its name and the remedy."""
    python = tmp_path / "python2"
    done = _set_up(tmp_path, python)
    assert done.returncode == 1
    assert f"PYTHON={python} is not Python 3.11, 3.12 or 3.13." in done.stderr
    assert "Set PYTHON to one of these" in done.stderr


def test_setup_without_venv_names_the_package(tmp_path: Path) -> None:
    """A Python without its venv module, as Debian ships it, ends with the package to install."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; esac\nexec {sys.executable} "$@"\n'
    )
    python.chmod(0o755)
    done = _set_up(tmp_path, python)
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def _ask_for_a_page(folder: Path, **environment: str) -> str:
    """Run a test that asks for a page where no Chromium can be found; gives pytest's output."""
    (folder / "test_page.py").write_text("def test_it(page):\n    page.reload()\n")
    nothing = {"PATH": "", "DATAWATCH_CHROMIUM": "", "PLAYWRIGHT_BROWSERS_PATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-rsE", "-p", "tests.conftest", "test_page.py"],
        capture_output=True,
        check=False,
        cwd=folder,
        env={**os.environ, **nothing, "PYTHONPATH": str(ROOT), **environment},
        text=True,
    )
    return done.stdout


def test_a_missing_browser_is_a_skip_with_its_reason(tmp_path: Path) -> None:
    """Without Chromium a test that needs it is skipped, and the summary says how to get one."""
    output = _ask_for_a_page(tmp_path, DATAWATCH_REQUIRE_SERVICES="")
    assert "no Chromium here; install it" in output
    assert "1 skipped" in output


def test_a_missing_browser_can_be_made_a_failure(tmp_path: Path) -> None:
    """DATAWATCH_REQUIRE_SERVICES=1 makes the same test fail with the same sentence."""
    output = _ask_for_a_page(tmp_path, DATAWATCH_REQUIRE_SERVICES="1")
    assert "no Chromium here; install it" in output
    assert "1 error" in output


def test_the_browser_draws(page: Page) -> None:
    """The Chromium that the tests found runs scripts and lays out a page."""
    page.set_content("<p id=it>wait</p><script>it.textContent = innerWidth</script>")
    assert page.locator("#it").inner_text() == "1280"

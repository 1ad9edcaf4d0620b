"""Dockerfile and compose file, checked where no engine runs: what they say is true."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from datawatch_lab.cli import main
from datawatch_lab.core.config.keys import Config

ROOT = Path(__file__).parents[1]


def _instructions() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile in order: word and rest, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    found = [line.partition(" ") for line in joined.splitlines() if line.strip()]
    return [(word, rest.strip()) for word, _, rest in found]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """The compose file."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    return read


def test_the_image_has_what_the_wheel_is_made_of() -> None:
    """Each path that the build reads is copied, and not ignored: a missing one fails the build."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], "constraints.txt"}
    needed |= {str(path).partition("/")[0] for path in wheel["packages"]}
    needed |= {path.partition("/")[0] for key in ("force-include", "shared-data")
               for path in wheel.get(key, {})}  # fmt: skip
    copies = [rest.split() for word, rest in _instructions() if word == "COPY"]
    copied = {path for each in copies if "--from" not in each[0] for path in each[:-1]}
    assert needed <= copied
    kept = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {f"!{path}" for path in copied} <= set(kept)
    for path in copied:
        assert (ROOT / path).exists(), path


def test_the_image_can_follow_every_source() -> None:
    """Drivers of sources and back ends are extras; the image has all, at pinned versions."""
    (install,) = [rest for word, rest in _instructions() if "pip install" in rest]
    assert "'.[all]'" in install
    assert "-c constraints.txt" in install
    images = [rest.split()[0] for word, rest in _instructions() if word == "FROM"]
    assert all(re.fullmatch(r"[\w/.-]+:[\w.-]+", each) for each in images)
    assert all(":latest" not in each for each in images)


def test_the_image_runs_our_commands_as_nobody_special() -> None:
    """It is no root that serves; the commands are verbs of ours, on the port that is exposed."""
    instructions = dict(_instructions())
    assert instructions["USER"] not in ("root", "0")
    serve = json.loads(instructions["CMD"])
    health = json.loads(instructions["HEALTHCHECK"].partition("CMD ")[2])
    for program, verb, *options in (serve, health):
        assert program == "datawatch"
        known = {name for each in main.commands[verb].params for name in each.opts}
        assert {each for each in options if each.startswith("--")} <= known
    assert serve[serve.index("--port") + 1] == instructions["EXPOSE"] == str(Config().port)
    assert instructions["VOLUME"] == instructions["WORKDIR"]


def test_parts_are_pinned_and_stay_on_this_machine(compose: dict[str, Any]) -> None:
    """Images have a version, ports are of the loopback and differ, volumes are declared."""
    ports: list[str] = []
    for name, each in compose["services"].items():
        if name == "datawatch":
            continue
        assert re.fullmatch(r"[\w/.-]+:[\w.-]*\d[\w.-]*", each["image"]), name
        ports += each["ports"]
        for volume in each.get("volumes", ()):
            assert volume.partition(":")[0] in compose["volumes"], name
        for config in each.get("configs", ()):
            assert config["source"] in compose["configs"], name
    assert all(each.startswith("127.0.0.1:") for each in ports)
    assert len({each.split(":")[1] for each in ports}) == len(ports)


def test_parts_have_what_sources_and_back_ends_need(compose: dict[str, Any]) -> None:
    """The settings of docs/mysql.md, docs/postgresql.md and docs/backends.md are in force."""
    services = compose["services"]
    assert "wal_level=logical" in services["postgres"]["command"]
    wanted = (ROOT / "docs" / "mysql.md").read_text("utf-8").partition("```ini")[2]
    for name, value in re.findall(r"^(\w+) += (\w+)", wanted.partition("```")[0], re.MULTILINE):
        option = f"--{name.replace('_', '-')}={value}"
        assert option in services["mariadb"]["command"]
    assert "--web.enable-remote-write-receiver" in services["prometheus"]["command"]
    settings = yaml.safe_load(compose["configs"]["prometheus"]["content"])
    assert settings["storage"]["tsdb"]["out_of_order_time_window"] == "30d"
    assert "timescaledb" in services["timescale"]["image"]

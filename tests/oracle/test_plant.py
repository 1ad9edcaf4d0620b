from __future__ import annotations

import ast
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import plant
from tests.oracle.plant_faults import FAULTS
from tests.oracle.reading import Reading, read

START = datetime(2024, 5, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 1, tzinfo=UTC)
EVERYTHING = plant.Options(
    events=8_000,
    start=START,
    span=timedelta(days=3),
    late=0.02,
    too_late=0.005,
    future=0.002,
    delayed=0.02,
    partial=0.3,
    bare=0.5,
    batches=0.02,
    without_id=0.01,
)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], Reading]:
    """A file with everything in it, its answers, and what a plain reader finds."""
    path = tmp_path_factory.mktemp("plant") / "mixed.ndjson"
    answers = plant.write(path, EVERYTHING)
    return path, answers, read(path, now=NOW)


def _imports(path: Path) -> set[str]:
    """First parts of the names of all modules that a file imports absolutely."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    parts = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom) and not n.level}
    return {name.split(".")[0] for name in plain | parts}


def test_oracle_is_independent() -> None:
    """What judges the package imports neither it nor the engines it is built on."""
    files = [p for p in Path(__file__).parent.glob("*.py") if not p.name.startswith("test_")]
    assert len(files) >= 6
    for path in files:
        found = _imports(path)
        assert not found & {"datawatch_lab", "duckdb", "polars", "pyarrow"}, path.name
        assert "tests" not in found or path.name == "__init__.py", path.name


def test_counts_are_as_asked(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """Each outcome has exactly the share that was asked for, and they add up."""
    _, answers, _ = planted
    assert answers["received"] == 8_000
    assert answers["duplicate"] == 160
    assert answers["late"] == 40
    assert answers["quarantined"] == 80 + 16
    assert answers["received"] == sum(answers[o] for o in plant.OUTCOMES)


def test_tables_add_up_to_the_whole(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """The counts by table, marks included, add up to the counts of the file."""
    _, answers, _ = planted
    for key in ("received", *plant.OUTCOMES):
        assert sum(counts[key] for counts in answers["tables"].values()) == answers[key]


def test_a_plain_reader_finds_what_was_planted(
    planted: tuple[Path, dict[str, Any], Reading],
) -> None:
    """A reader that knows nothing of the planting counts the same and names the same lines."""
    _, answers, reading = planted
    assert dict(reading.counts) == {k: answers[k] for k in ("received", *plant.OUTCOMES)}
    assert reading.bad == [entry["line"] for entry in answers["bad"]]
    aside = [(e["line"], e["outcome"]) for e in answers["not_applied"]]
    assert reading.late == [line for line, outcome in aside if outcome == "late"]
    assert reading.future == [line for line, outcome in aside if outcome == "quarantined"]


def test_every_kind_of_fault_is_planted(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """Malformed lines are of all kinds, and there are more than twelve."""
    _, answers, _ = planted
    assert {entry["kind"] for entry in answers["bad"]} == set(FAULTS)
    assert len(FAULTS) >= 12


def test_offsets_and_lines_point_at_the_text(
    planted: tuple[Path, dict[str, Any], Reading],
) -> None:
    """Line number and byte offset of a malformed event lead to the same bytes."""
    path, answers, _ = planted
    data = path.read_bytes()
    lines = data.split(b"\n")
    for entry in answers["bad"]:
        assert data[entry["offset"] :].startswith(lines[entry["line"] - 1] + b"\n")


def test_fixed_lines_are_new_events(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """With its fixed text every malformed line is one event more that is applied."""
    path, answers, reading = planted
    fixed = read(path, now=NOW, fixed={e["line"]: e["fixed"] for e in answers["bad"]})
    assert not fixed.bad
    assert fixed.counts["applied"] == reading.counts["applied"] + len(answers["bad"])
    assert fixed.counts["duplicate"] == reading.counts["duplicate"]


def test_duplicates_come_in_both_envelopes(tmp_path: Path) -> None:
    """Some duplicates are exact copies, others say the same in the other envelope."""
    path = tmp_path / "file"
    plant.write(path, plant.Options(events=3_000, start=START, bad=0.0, without_id=0.0))
    texts = [line for line in path.read_text().splitlines() if line.strip()]
    exact = len(texts) - len(set(texts))
    identities = Counter(
        (e.get("table"), str(e["id"]), "operation" in e) for e in map(json.loads, texts)
    )
    dressed = len({key[:2] for key in identities}) - len(identities)
    assert exact > 10
    assert dressed < -10


def test_events_without_id_stand_each_for_itself(tmp_path: Path) -> None:
    """Equal lines without an id at different places are different events."""
    path = tmp_path / "file"
    options = plant.Options(events=2_000, start=START, bad=0.0, duplicates=0.0, without_id=0.1)
    answers = plant.write(path, options)
    bare = [x for x in path.read_text().splitlines() if x.strip() and "id" not in json.loads(x)]
    assert len(bare) - len(set(bare)) > 10
    assert read(path).counts["applied"] == answers["applied"] == 2_000


def test_same_options_same_bytes(tmp_path: Path) -> None:
    """A plant is a function of its options; another seed gives another file."""
    options = plant.Options(events=1_000, start=START)
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    assert plant.write(one, options) == plant.write(two, options)
    plant.write(other, plant.Options(events=1_000, start=START, seed=2))
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_hard_values_are_there(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """The file has what breaks naive readers: wide integers, long decimals, offsets, unicode."""
    path, _, reading = planted
    text = path.read_bytes()
    for needle in (b"18446744073", b"90071992", b"+02:00", b"-05:30", "李雷".encode(), rb"\ud83e"):
        assert needle in text, needle
    first_price = text.split(b'"price":')[1].split(b",")[0]
    assert len(first_price) > 24
    assert b'"discount":null' in text
    orders = [e for e in reading.applied if e.table == "orders" and e.op == "INSERT"]
    gifts = [e.at for e in orders if "gift_note" in (e.after or {})]
    (ddl,) = [e.at for e in reading.applied if e.op == "DDL"]
    assert gifts
    assert min(gifts) > ddl - 3_000_000


def test_updates_come_whole_and_thin(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """With all fields or what changed, with a whole old image, its key or none; some much later."""
    _, _, reading = planted
    events = [e for e in reading.applied if e.table == "orders"]
    updates = [e for e in events if e.op == "UPDATE"]
    assert {2, 3, 8} <= {len(e.after or {}) for e in updates}
    assert {0, 1, 2, 8} <= {len(e.before or {}) for e in updates}
    assert {1, 8} <= {len(e.before or {}) for e in events if e.op == "DELETE"}
    newest, behind = 0, 0
    for event in updates:
        behind += event.at < newest - 600_000_000
        newest = max(newest, event.at)
    assert behind > 5


def test_the_answers_stand_beside_the_file(planted: tuple[Path, dict[str, Any], Reading]) -> None:
    """The answers are also written as JSON next to the file."""
    path, answers, _ = planted
    stored = json.loads(plant.answers_path(path).read_text())
    assert stored == json.loads(json.dumps(answers))


def test_too_few_events_are_refused(tmp_path: Path) -> None:
    """A file too small for its shares is an error that says so."""
    with pytest.raises(ValueError, match="at least 100 needed"):
        plant.write(tmp_path / "file", plant.Options(events=50, start=START))

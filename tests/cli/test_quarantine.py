"""quarantine: what was set aside, corrected and replayed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from datawatch_lab.cli.quarantine import read_corrected
from datawatch_lab.core.errors import InputError
from tests.cli.conftest import GOOD, Run, order


def rows(run: Run, *arguments: str) -> list[dict[str, Any]]:
    """The list as JSON."""
    found: list[dict[str, Any]] = json.loads(run("quarantine", *arguments, "--json").stdout)
    return found


def test_each_row_has_its_line_and_reason(filled: Run) -> None:
    """Lines are those of the file, the text is what stood there, the reason is a sentence."""
    first, second = rows(filled)
    assert (first["line"], second["line"]) == (11, 21)
    assert first["raw"] == '{"broken'
    assert "JSON" in first["reason"]
    assert "table" in second["reason"]
    assert {"id", "line", "offset", "reason", "raw", "source", "table", "kind"} <= set(first)


def test_people_see_rows_and_what_to_do(filled: Run) -> None:
    """The list says how many wait and how to correct them."""
    said = filled("quarantine", "--limit", "1").stdout
    assert "1 of 2 shown; --limit 0 shows all" in said
    assert "datawatch quarantine replay --from" in said


def test_the_limit_is_kept(filled: Run) -> None:
    """--limit N lists N rows, 0 all."""
    assert len(rows(filled, "--limit", "1")) == 1
    assert len(rows(filled, "--limit", "0")) == 2


def test_corrected_rows_leave_the_quarantine(filled: Run, tmp_path: Path) -> None:
    """The list, edited, replays: as text and as JSON; the ledger moves with it."""
    first, second = rows(filled)
    first["raw"] = json.dumps(order(500))
    edited = tmp_path / "rows.json"
    edited.write_text(json.dumps([first, {"id": second["id"], "event": order(501)}]))
    said = filled("quarantine", "replay", "--from", edited).stdout
    assert "2 events tried: 2 applied, 0 duplicate, 0 failed again; 0 still wait" in said
    ledger = json.loads(filled("ledger", "--json").stdout)
    assert (ledger["applied"], ledger["quarantined"]) == (GOOD + 2, 0)
    assert ledger["received"] == GOOD + 3
    assert "Nothing waits" in filled("quarantine").stdout
    assert [each["state"] for each in rows(filled, "--state", "replayed")] == ["replayed"] * 2


def test_corrections_come_from_standard_input(filled: Run) -> None:
    """NDJSON from `-` works like a file; --json gives what became of the rows."""
    first, _ = rows(filled)
    line = json.dumps({"id": first["id"], "event": order(0)})
    result = filled("quarantine", "replay", "--from", "-", "--json", input=line)
    found = json.loads(result.stdout)
    assert (found["tried"], found["applied"], found["duplicate"]) == (1, 0, 1)


def test_what_fails_again_stays(filled: Run) -> None:
    """Rows that are tried as they are stay, with their reason."""
    first, _ = rows(filled)
    said = filled("quarantine", "replay", first["id"]).stdout
    assert "1 event tried: 0 applied, 0 duplicate, 1 failed again; 2 still wait" in said
    assert "JSON" in said


def test_an_unknown_row_is_named(filled: Run) -> None:
    """A row that is not in quarantine ends with 1."""
    assert "999" in filled("quarantine", "replay", "999", code=1).stderr


def test_control_characters_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    """Escape sequences in bad input are shown as text, not sent to the terminal."""
    bad = tmp_path / "bad.ndjson"
    bad.write_bytes(b'{"table": "x\x1b[2J\n')
    run("ingest", bad)
    said = run("quarantine").stdout
    assert "\x1b" not in said
    assert "\\x1b" in said


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "neither NDJSON nor a JSON array"),
        (b'[{"raw": "x"}]', "row 1: .*id"),
        (b'{"id": 1}\n{"id": "x"}', "row 2: .*int"),
        (b'["x"]', "row 1"),
    ],
)
def test_a_wrong_correction_names_its_row(content: bytes, words: str) -> None:
    """A file of corrections that is wrong is refused with the row and the form it should have."""
    with pytest.raises(InputError, match=words):
        read_corrected(content, "rows.json")


def test_corrections_may_hold_more_than_is_needed() -> None:
    """Blank lines and other keys of the list are passed over."""
    (found,) = read_corrected(b'\n{"id": 3, "raw": "x", "reason": "y", "line": 4}\n\n', "rows.json")
    assert (found.id, found.raw, found.event) == (3, "x", None)

"""ingest: exactly once, resumed, followed, interrupted."""

from __future__ import annotations

import gzip
import json
import signal
from pathlib import Path

import pytest

from datawatch_lab.service.handle import open_workspace
from datawatch_lab.service.intake import file_source, ingest_source
from tests.cli.conftest import GOOD, Run, Start, order
from tests.waiting import eventually


def counts(run: Run) -> tuple[int, ...]:
    """Received, applied, duplicate, late, quarantined of the ledger."""
    found = json.loads(run("ledger", "--json").stdout)
    return tuple(
        found[name] for name in ("received", "applied", "duplicate", "late", "quarantined")
    )


def test_a_file_is_taken_with_its_faults(run: Run, file: Path) -> None:
    """Status 0 although rows were set aside; the four counts are said, and how to see the rows."""
    result = run("ingest", file)
    assert result.stdout == ""
    assert (
        f"{GOOD + 3} received = {GOOD} applied + 1 duplicate + 0 late + 2 quarantined"
        in result.stderr
    )
    assert "2 events set aside; `datawatch quarantine`" in result.stderr
    assert counts(run) == (GOOD + 3, GOOD, 1, 0, 2)


def test_the_same_file_again_brings_duplicates_only(run: Run, file: Path) -> None:
    """A finished file that is read again changes nothing but the count of duplicates."""
    run("ingest", file)
    result = run("ingest", file)
    assert f"0 applied + {GOOD + 3} duplicate" in result.stderr
    assert counts(run) == (2 * (GOOD + 3), GOOD, GOOD + 4, 0, 2)


def test_json_is_alone_on_standard_output(run: Run, file: Path, tmp_path: Path) -> None:
    """--json sums up and lists the files; all else goes to standard error."""
    other = tmp_path / "more.ndjson.gz"
    other.write_bytes(gzip.compress(json.dumps(order(1_000)).encode()))
    found = json.loads(run("ingest", file, other, "--json").stdout)
    assert (found["received"], found["applied"]) == (GOOD + 4, GOOD + 1)
    assert [each["file"] for each in found["files"]] == [str(file), str(other)]


def test_standard_input_is_a_file(run: Run, start: Start, workspace: Path, file: Path) -> None:
    """`-` reads what is piped in."""
    del start, workspace
    import os
    import subprocess
    import sys

    with file.open("rb") as piped:
        subprocess.run(
            [sys.executable, "-m", "datawatch_lab.cli", "ingest", "-"],
            stdin=piped,
            check=True,
            env=os.environ,
            capture_output=True,
        )
    assert counts(run) == (GOOD + 3, GOOD, 1, 0, 2)


def test_an_interrupted_file_goes_on_where_it_was(run: Run, workspace: Path, file: Path) -> None:
    """A file that was stopped half-way is resumed, the line is said, and nothing comes twice."""
    with open_workspace(workspace) as handle:
        source = file_source(str(file), batch_bytes=2_000)
        ingest_source(handle, source, lambda _: source.stop())
        taken = handle.ledger().received
    assert 0 < taken < GOOD + 3
    result = run("ingest", file)
    assert f"resumed at line {taken + 1}; {GOOD + 3 - taken} received" in result.stderr
    assert counts(run) == (GOOD + 3, GOOD, 1, 0, 2)


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_missing_file_is_named(run: Run, tmp_path: Path, form: list[str]) -> None:
    """A file that is not there ends with 1 and a message that names it."""
    result = run("ingest", tmp_path / "none.ndjson", *form, code=1)
    assert "none.ndjson" in result.stderr
    assert result.stdout == ""


def test_following_ends_with_ctrl_c(run: Run, start: Start, file: Path) -> None:
    """A followed file brings new lines; Ctrl-C ends with 130 and says what is stored."""
    process = start("ingest", file, "--follow", "--json")
    wait_for_size(process, file)
    with file.open("a", encoding="utf-8") as more:
        more.write(json.dumps(order(2_000)) + "\n")
    eventually(lambda: b"e-2000" in file.with_name("w.duckdb.wal").read_bytes())
    assert process.end(signal.SIGINT) == 130
    assert "Interrupted. What is counted above is stored" in process.err.read_text()
    found = json.loads(process.out.read_text())
    assert (found["received"], found["applied"]) == (GOOD + 4, GOOD + 1)
    assert counts(run) == (GOOD + 4, GOOD + 1, 1, 0, 2)


def wait_for_size(process: object, file: Path) -> None:
    """Until the workspace beside a file has taken something in."""
    del process
    wal = file.with_name("w.duckdb.wal")
    eventually(lambda: wal.exists() and wal.stat().st_size > 20_000, "nothing was stored")

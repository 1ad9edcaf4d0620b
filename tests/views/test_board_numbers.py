"""Numbers read the same in Python and in the browser."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from datawatch_lab.core.dashboards import NUMBER_FORMATS
from datawatch_lab.views import format as words
from datawatch_lab.views.board.numbers import Fmt, shown

LOGIC = Path(__file__).parent / "built" / "logic.mjs"
_UNITS = ("", "1", "1/min", "1/s", "ratio", "percent", "s", "ms", "us", "bytes", "EUR", "CHF", "°C")
_VALUES: tuple[float | None, ...] = (
    *(None, 0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, 0.125, 0.375, 12.345, 0.01234, 0.00099949),
    *(9.995, 59.95, 99.95, 999.5, 999.94, 999.95, 999.96, 1000.0, 1234.5, -98765.4321, 1e6),
    *(999_950.0, 1_234_567.0, 4.57e9, 1e12, 1.5e15, 2**53 + 0.0, 1e21, 1e-9, -3600.5, 86_400.0),
)
_DECIMALS = (None, 0, 2)

_RUN = """
import { readFileSync, writeFileSync } from "node:fs";
const { shown } = await import(process.argv[2]);
const cases = JSON.parse(readFileSync(process.argv[3], "utf8"));
const found = cases.map(([value, fmt, short]) => shown(value, fmt, short));
writeFileSync(process.argv[4], JSON.stringify(found));
"""


@pytest.fixture
def node() -> str:
    """Node.js, for what the browser would do."""
    return shutil.which("node") or pytest.skip("node is not installed")


def test_both_sides_write_the_same(node: str, tmp_path: Path) -> None:
    """Every format, unit and number of digits gives the same text on both sides."""
    cases = [
        (value, Fmt(f, u, d), short)
        for value, f, u, d, short in itertools.product(
            _VALUES, NUMBER_FORMATS, _UNITS, _DECIMALS, (False, True)
        )
    ]
    script, bundle = tmp_path / "run.mjs", tmp_path / "format.mjs"
    given, found = tmp_path / "cases.json", tmp_path / "found.json"
    script.write_text(_RUN)
    bundle.write_bytes(LOGIC.read_bytes())
    given.write_bytes(msgspec.json.encode(cases))
    subprocess.run([node, script, bundle, given, found], check=True, timeout=60)
    theirs = json.loads(found.read_text())
    ours = [shown(value, fmt, short=short) for value, fmt, short in cases]
    wrong = [
        (case, own, other)
        for case, own, other in zip(cases, ours, theirs, strict=True)
        if own != other
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)}, such as {wrong[:5]}"


@pytest.mark.parametrize(
    ("fmt", "value", "text"),
    [
        (Fmt(u="EUR"), 48_291.4, "€48,291"),
        (Fmt("percent"), 0.124, "12.4 %"),
        (Fmt("percent", "percent"), 12.4, "12.4 %"),
        (Fmt("per hour", "1/min"), 2.0, "120 /h"),
        (Fmt("duration"), 75.0, "1 min 15 s"),
        (Fmt("duration", "ms"), 75.0, "75 ms"),
        (Fmt("bytes"), 95_064_201.0, "95.1 MB"),
        (Fmt("integer"), 1234.5, "1,234"),
        (Fmt(d=2), 3.14159, "3.14"),
        (Fmt("currency", "CHF"), 12.5, "CHF 12.50"),
    ],
)
def test_formats_of_a_tile(fmt: Fmt, value: float, text: str) -> None:
    """Each format of the document is written as people expect it."""
    assert words.plain(shown(value, fmt)) == text

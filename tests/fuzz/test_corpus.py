"""What a fuzzer once found stays found: every kept input is run again."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.nasty import whole_items
from tests.fuzz.targets import CORPUS, TARGETS

KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}/{path.name[:20]}")
def test_kept_inputs_hold(path: Path) -> None:
    """The laws of its target hold for it now."""
    TARGETS[path.parent.name](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_targets_run(target: str) -> None:
    """Each target takes a handful of nasty items: what `python -m tests.fuzz` runs works."""
    items = [item for _, item in whole_items() if len(item) < 4_000]
    for item in random.Random(target).sample(items, 8):
        TARGETS[target](item)

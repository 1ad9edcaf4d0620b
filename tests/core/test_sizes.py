"""Sizes in words, and the keys of the configuration that say what is kept."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.config import load_config
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.core.sizes import format_size, parse_size


@given(st.integers(0, 10**15))
def test_a_size_survives_its_words(size: int) -> None:
    """Formatting is exact."""
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("text", ["", "GB", "5 apples", "-1", "1,5GB", "1e9", "1 G B"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ConfigError, match="is not a size"):
        parse_size(text)


def test_retention_is_read_from_a_file_and_the_environment(tmp_path: Path) -> None:
    """The narrower key wins within the file, the environment over the file."""
    file = tmp_path / "datawatch.yaml"
    file.write_text(
        "datawatch:\n  metrics:\n    retention_levels: {raw: 2d, raw_size: 5GB, 1s: 1h, 1m: 20d}\n"
        "    retention: 720h\n    archive: /data/archive\n"
    )
    settings = load_config(file, {"DATAWATCH_METRICS_RETENTION_LEVELS_1S": "2h"}).settings
    assert settings.raw_kept == timedelta(days=2)
    assert settings.raw_bytes == 5_000_000_000
    assert settings.seconds_kept == timedelta(hours=2)
    assert settings.minutes_kept == timedelta(days=20)
    assert settings.archive == "/data/archive"
    over = load_config(file, {"DATAWATCH_METRICS_RETENTION": "10d"}).settings
    assert over.minutes_kept == timedelta(days=10)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATAWATCH_METRICS_RETENTION", "0s", "more than nothing"),
        ("DATAWATCH_METRICS_RETENTION", "a month", "is not a duration"),
        ("DATAWATCH_METRICS_RETENTION_LEVELS_RAW_SIZE", "5 apples", "is not a size"),
        ("DATAWATCH_METRICS_RETENTION_LEVELS_RAW_SIZE", "0", "more than nothing"),
    ],
)
def test_what_cannot_be_kept_is_refused(variable: str, value: str, words: str) -> None:
    """Naming the variable and the fault."""
    with pytest.raises(ConfigError, match=f"{variable}.*{words}"):
        load_config(None, {variable: value})

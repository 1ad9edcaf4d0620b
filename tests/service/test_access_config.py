"""The keys of the configuration that say who may ask."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from datawatch_lab.core.config import load_config
from datawatch_lab.core.errors import ConfigError

SECRET = "s3cret-of-both-sides"  # noqa: S105 — of a test


def test_all_keys_are_read(tmp_path: Path) -> None:
    """From a file, with the secret from the environment."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "server:\n  names: [Watch.Example.org, shop]\n  rate_limit: 10/second\n"
        "  login_limit: ''\n  webhook_secret: ${SAVEGRESS}\n  webhook_window: 90s\n",
        encoding="utf-8",
    )
    found = load_config(path, {"SAVEGRESS": SECRET})
    assert found.names == ("watch.example.org", "shop")
    assert (found.rate_limit, found.login_limit) == ("10/second", "")
    assert (found.webhook_secret, found.webhook_window) == (SECRET, timedelta(seconds=90))
    by_environment = load_config(None, {"DATAWATCH_SERVER_NAMES": "a, b"})
    assert by_environment.names == ("a", "b")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rate_limit: often", "600/minute"),
        ("login_limit: 0/minute", "600/minute"),
        ("names: '*.example.org'", "wildcard"),
        ("names: {a: b}", "list of names"),
        ("webhook_window: -5m", "is not a duration"),
    ],
)
def test_what_is_wrong_is_refused(tmp_path: Path, line: str, words: str) -> None:
    """With the key and what is wanted."""
    path = tmp_path / "c.yaml"
    path.write_text(f"server: {{{line}}}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=words):
        load_config(path, {})


def test_a_secret_is_not_quoted(tmp_path: Path) -> None:
    """A secret of the wrong form is refused without being shown."""
    path = tmp_path / "c.yaml"
    path.write_text("server: {webhook_secret: 31415926535}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="webhook_secret") as caught:
        load_config(path, {})
    assert "31415926535" not in str(caught.value)

"""Seals: only what the owner of a workspace wrote is opened."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.seal import Seal, key_path, seal_of


@given(st.binary(), st.binary(), st.binary(min_size=32), st.integers(0), st.integers(1, 255))
def test_what_was_changed_does_not_open(
    data: bytes, about: bytes, key: bytes, place: int, change: int
) -> None:
    """It opens as it is; with a byte changed, for something else or by another key it does not."""
    seal = Seal(key)
    sealed = seal.sealed(data, about)
    assert seal.opened(sealed, about) == data
    place %= len(sealed)
    wrong = bytes([*sealed[:place], sealed[place] ^ change, *sealed[place + 1 :]])
    assert seal.opened(wrong, about) is None
    assert seal.opened(sealed, about + b"x") is None
    assert Seal(key + b"x").opened(sealed, about) is None
    assert seal.opened(sealed[:31], about) is None


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """Made at the first need with mode 0600, the same from then on; each workspace has its own."""
    sealed = seal_of(tmp_path / "a.duckdb").sealed(b"state")
    path = key_path(tmp_path / "a.duckdb")
    assert path.stat().st_mode & 0o777 == 0o600
    assert seal_of(tmp_path / "a.duckdb").opened(sealed) == b"state"
    assert seal_of(tmp_path / "b.duckdb").opened(sealed) is None


@pytest.mark.parametrize("how", ["readable", "short", "link"])
def test_a_key_that_cannot_be_trusted_is_made_anew(tmp_path: Path, how: str) -> None:
    """One that others may read, of another length, or that is a link opens nothing any more."""
    workspace = tmp_path / "a.duckdb"
    sealed = seal_of(workspace).sealed(b"state")
    path = key_path(workspace)
    if how == "readable":
        path.chmod(0o644)
    elif how == "short":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        os.rename(path, tmp_path / "elsewhere")  # noqa: PTH104 — as somebody would
        path.symlink_to(tmp_path / "elsewhere")
    assert seal_of(workspace).opened(sealed) is None
    assert not path.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600

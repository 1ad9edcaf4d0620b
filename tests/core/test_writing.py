"""Files that a user names: checked before the work, written whole or not at all."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from datawatch_lab.core.errors import InputError
from datawatch_lab.core.writing import check_target, write_whole
from tests.waiting import PATIENCE


def test_a_file_is_put_in_its_place(tmp_path: Path) -> None:
    """In place of one before, and nothing is left beside it."""
    out = tmp_path / "w.csv"
    for body in (b"one", b"two"):
        check_target(out)
        write_whole(out, body)
        assert out.read_bytes() == body
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_may_not_be_written_to_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the work; the tests may run as root, who may write everywhere."""
    monkeypatch.setattr("datawatch_lab.core.writing.os.access", lambda *_: False)
    with pytest.raises(InputError, match="you may not write"):
        check_target(tmp_path / "w.csv")


def test_what_fails_while_it_is_written_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk: the old file stays, the begun one goes, and the reason is a sentence."""
    out = tmp_path / "w.csv"
    out.write_bytes(b"old")

    def full(path: Path, body: bytes) -> int:
        with path.open("wb") as file:
            file.write(body[:1])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match="No space left"):
        write_whole(out, b"new")
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """The file that it leads to is replaced, in its own folder."""
    (tmp_path / "kept").mkdir()
    real, link = tmp_path / "kept" / "board.yaml", tmp_path / "board.yaml"
    real.write_bytes(b"old")
    link.symlink_to(real)
    check_target(link)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """As ``/dev/stdout`` is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    check_target(pipe)
    write_whole(pipe, b"body")
    reader.join(PATIENCE)
    assert read == [b"body"]
    assert pipe.is_fifo()

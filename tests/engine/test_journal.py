"""The journal: records are whole, in order, and found again after a crash."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import WorkspaceError
from datawatch_lab.engine.journal import Journal, read_journal
from tests.waiting import PATIENCE


def _ignored(_: int) -> None:
    pass


def test_records_are_found_again_in_order(tmp_path: Path) -> None:
    """Numbers go on over openings; those that the store has are passed over."""
    path = tmp_path / "j"
    for first in (1, 3):
        journal = Journal(path, first)
        for payload in (b"a", b"b"):
            journal.append(payload, _ignored).result(PATIENCE)
        journal.close()
    assert [(r.number, r.payload) for r in read_journal(path)] == [
        (1, b"a"),
        (2, b"b"),
        (3, b"a"),
        (4, b"b"),
    ]
    assert [r.number for r in read_journal(path, after=3)] == [4]
    assert list(read_journal(tmp_path / "none")) == []


def test_threads_append_in_the_order_of_numbers(tmp_path: Path) -> None:
    """What `written` is told is ascending, and is what the file holds."""
    journal = Journal(tmp_path / "j", 1)
    told: list[int] = []
    threads = [
        threading.Thread(
            target=lambda n=n: [
                journal.append(b"%d" % n, told.append).result(PATIENCE) for _ in range(20)
            ]
        )
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    assert told == list(range(1, 161))
    assert [r.number for r in read_journal(tmp_path / "j")] == told


@given(st.integers(0, 200), st.binary(max_size=20))
def test_a_record_that_was_cut_short_ends_the_journal(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes
) -> None:
    """However a crash leaves the end of the file, whole records before it are read, no others."""
    path = tmp_path_factory.mktemp("j") / "j"
    journal = Journal(path, 1)
    payloads = [b"x" * 10, b"y" * 20, b"z" * 30]
    for payload in payloads:
        journal.append(payload, _ignored).result(PATIENCE)
    journal.close()
    whole = path.read_bytes()
    cut = min(cut, len(whole))
    path.write_bytes(whole[: len(whole) - cut] + tail)
    read = [r.payload for r in read_journal(path)]
    kept = len(whole) - cut
    ends = [26, 62, 108]
    sure = sum(end <= kept for end in ends)
    assert read[:sure] == payloads[:sure]
    assert read == payloads[: len(read)]
    assert (
        len(read) == sure or (whole[: len(whole) - cut] + tail)[: ends[sure]] == whole[: ends[sure]]
    )


def test_it_is_emptied_only_when_the_store_has_it_all(tmp_path: Path) -> None:
    """A record that is not stored keeps the file."""
    journal = Journal(tmp_path / "j", 1)
    journal.append(b"a", _ignored).result(PATIENCE)
    journal.append(b"b", _ignored).result(PATIENCE)
    assert not journal.forget(1)
    assert journal.forget(2)
    assert journal.size == 0
    journal.append(b"c", _ignored).result(PATIENCE)
    journal.close()
    assert [(r.number, r.payload) for r in read_journal(tmp_path / "j")] == [(3, b"c")]
    with pytest.raises(WorkspaceError, match="closed"):
        journal.append(b"d", _ignored)


def test_a_full_disk_refuses_the_record_and_keeps_the_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender is told; what was there before stays readable, and appending works again later."""
    journal = Journal(tmp_path / "j", 1)
    journal.append(b"a", _ignored).result(PATIENCE)
    real = os.write

    def full(file: int, data: bytes) -> int:
        real(file, data[:5])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("datawatch_lab.engine.journal.os.write", full)
    with pytest.raises(WorkspaceError, match="No space left"):
        journal.append(b"b", _ignored).result(PATIENCE)
    monkeypatch.undo()
    journal.append(b"c", _ignored).result(PATIENCE)
    journal.close()
    assert [(r.number, r.payload) for r in read_journal(tmp_path / "j")] == [(1, b"a"), (2, b"c")]


def test_a_large_file_is_emptied_between_posts(tmp_path: Path) -> None:
    """Below the bound it stays; from there on it goes as soon as the store has all of it."""
    journal = Journal(tmp_path / "j", 1)
    for _ in range(2):
        journal.append(b"x" * 100, _ignored).result(PATIENCE)
    assert not journal.forget(2, least=10_000)
    assert not journal.forget(1, least=100)
    assert journal.forget(2, least=100)
    assert journal.size == 0
    journal.close()
    assert not journal.forget(2)


def test_any_fault_is_told_to_who_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only one of the disk; and the next is taken."""

    def short(_: int, __: bytes) -> int:
        raise MemoryError

    journal = Journal(tmp_path / "j", 1)
    with monkeypatch.context() as patched:
        patched.setattr("datawatch_lab.engine.journal.os.write", short)
        with pytest.raises(WorkspaceError, match="MemoryError"):
            journal.append(b"a", _ignored).result(PATIENCE)
    assert journal.append(b"b", _ignored).result(PATIENCE) == 1
    journal.close()

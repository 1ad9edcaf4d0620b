"""The access file: private, durable, append-only where it must be."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from datawatch_lab.core.errors import AccessError, MigrationError, WorkspaceError
from datawatch_lab.core.who import Who
from datawatch_lab.service.access.access import Access, access_path
from datawatch_lab.service.access.audit import Wanted
from tests.service.access_helpers import PASSWORD, access_in


def test_looking_makes_no_file(tmp_path: Path) -> None:
    """Without users and changes there is no access file, and asking for them makes none."""
    with access_in(tmp_path) as access:
        assert not access.users.any()
        assert not access.users.all()
        assert not access.tokens.all()
        assert not access.audit.entries(Wanted())
        assert access.sessions(3002).user("a.cookie") is None
        with pytest.raises(AccessError, match="not valid"):
            access.shares.open_share("a.link")
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    """It is made with mode 0600, its write-ahead log too; a wider mode is taken back."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "admin")
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
        assert set(modes.values()) == {0o600}, modes
    path = access_path(tmp_path / "w.duckdb")
    path.chmod(0o644)
    with access_in(tmp_path) as access:
        access.users.all()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_secret_is_in_it(tmp_path: Path) -> None:
    """Neither a password nor a token can be found in the bytes of the file."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "admin", PASSWORD)
        _, secret = access.tokens.make("ada", "ci")
        asked = {"password": PASSWORD, "note": f"use {secret}"}
        access.audit.begin(Who("ada"), "add_user", "ada", asked, None)
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"argon2id" in kept
    assert PASSWORD.encode() not in kept
    assert secret.encode() not in kept


def test_the_audit_log_cannot_be_changed(tmp_path: Path) -> None:
    """An entry that has ended can neither be deleted nor changed, by SQL either."""
    with access_in(tmp_path) as access, access.audit.noted(Who("ada"), "add_user", "bob", {}):
        pass
    con = sqlite3.connect(access_path(tmp_path / "w.duckdb"))
    for statement in (
        "DELETE FROM audit",
        "UPDATE audit SET who = 'eve'",
        "UPDATE audit SET outcome = 'failed'",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            con.execute(statement)
    con.close()


def test_two_processes_may_make_it_at_once(tmp_path: Path) -> None:
    """Several that open a new file together find one schema and lose no write."""
    start = threading.Barrier(4)
    faults: list[BaseException] = []

    def add(name: str) -> None:
        try:
            with access_in(tmp_path) as access:
                start.wait()
                access.users.add(name, "viewer")
        except BaseException as error:  # noqa: BLE001 — shown below
            faults.append(error)

    threads = [threading.Thread(target=add, args=(f"user{n}",)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not faults
    with access_in(tmp_path) as access:
        assert [each.name for each in access.users.all()] == [f"user{n}" for n in range(4)]


def test_a_change_elsewhere_is_seen_at_once(tmp_path: Path) -> None:
    """What another process writes holds for one that has the file open."""
    with access_in(tmp_path) as server, access_in(tmp_path) as tool:
        server.users.add("ada", "admin")
        assert tool.users.set_role("ada", "admin").role == "admin"
        tool.users.add("bob", "viewer")
        assert [each.name for each in server.users.all()] == ["ada", "bob"]


def test_a_file_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """A file that a newer release wrote is refused with a sentence, and left as it is."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "admin")
    con = sqlite3.connect(access_path(tmp_path / "w.duckdb"))
    con.execute("PRAGMA user_version = 99")
    con.close()
    with access_in(tmp_path) as access, pytest.raises(MigrationError, match="newer DataWatch Lab"):
        access.users.all()


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    """A file that is no such file is an error that names it, not an empty list of users."""
    access_path(tmp_path / "w.duckdb").write_bytes(b"no database at all" * 100)
    with access_in(tmp_path) as access, pytest.raises(WorkspaceError, match=r"w\.duckdb\.access"):
        access.users.any()


def test_it_lies_beside_the_workspace(tmp_path: Path) -> None:
    """Secrets do not travel with a copy of the workspace."""
    with Access(tmp_path / "shop.duckdb") as access:
        access.users.add("ada", "admin")
    assert [each.name for each in tmp_path.iterdir()] == ["shop.duckdb.access"]

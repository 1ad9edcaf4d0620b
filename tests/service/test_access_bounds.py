"""What nobody comes around: the roles of tokens and of dashboards, and what the audit log keeps."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.cli.logs import redact
from datawatch_lab.core.errors import AccessError, DataWatchError
from datawatch_lab.core.who import Who, acting
from datawatch_lab.service.access import users as users_module
from datawatch_lab.service.access.access import Access, access_path
from datawatch_lab.service.access.audit import Wanted
from datawatch_lab.service.access.redaction import as_text, redacted
from datawatch_lab.service.access.users import Users
from datawatch_lab.service.handle import Workspace, open_workspace
from tests.service.access_helpers import PASSWORD, START, access_in, cheap
from tests.waiting import PATIENCE

OTHER = "another long password"
SHOP = "3f2a0c55-0000-4000-8000-000000000001"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace with ada (admin), eda (editor), vic (viewer) and a dashboard."""
    path = tmp_path_factory.mktemp("bounds") / "w.duckdb"
    with open_workspace(path) as workspace:
        with Access(path, hasher=cheap()) as access:
            access.users.add("ada", "admin", PASSWORD)
            access.users.add("eda", "editor", PASSWORD)
            access.users.add("vic", "viewer", PASSWORD)
        workspace.add_dashboard(name="Shop", id=SHOP)
        yield workspace


def entries(workspace: Workspace, operation: str) -> str:
    """All that the audit log holds of an operation."""
    with Access(Path(workspace.place)) as access:
        return str(access.audit.entries(Wanted(operation=operation, limit=1_000)))


def text_of(workspace: Workspace, board: str) -> str:
    """A dashboard as YAML."""
    return str(workspace.export_dashboard(id=board).text)


# ------------------------------------------------------------------ the audit log and the log


def test_neither_password_reaches_the_log(shop: Workspace) -> None:
    """Changing the own one notes who did, not the old and not the new one, failed or done."""
    with acting(Who("eda", "editor", "session")):
        with pytest.raises(AccessError, match="not right"):
            shop.change_password(old="an old guess of it", new=OTHER)
        assert shop.change_password(old=PASSWORD, new=OTHER).name == "eda"
    kept = entries(shop, "change_password")
    assert kept.count("'eda'") >= 2
    for secret in (PASSWORD, OTHER, "an old guess of it"):
        assert secret not in kept


def test_no_link_reaches_the_log(shop: Workspace) -> None:
    """Sharing notes the link's id; neither path nor frame hold what opens it."""
    link = shop.share_dashboard(id=SHOP)
    kept = entries(shop, "share_dashboard")
    assert link.id in kept
    assert link.path.partition("share=")[2] not in kept


@given(
    st.text("abcXYZ019-_.", min_size=1, max_size=60),
    st.sampled_from(["/d/x?share={}", '<a href="/d/x?a=b&share={}&embed=1">', "/?token={}#top"]),
)
def test_what_a_link_carries_is_taken_out(secret: str, around: str) -> None:
    """Of texts and of JSON texts, and nothing beside it."""
    text = around.format(secret)
    assert redacted(text) == around.format("…")
    kept = json.loads(as_text({"path": [text]}) or "")
    assert kept == {"path": [around.format("…")]}
    assert redact(f"GET /d/x?share={secret} 200") == "GET /d/x?share=… 200"


def test_a_log_of_the_first_version_is_cleaned(tmp_path: Path) -> None:
    """Passwords and links that it kept are gone from its bytes, and everything else stays."""
    with access_in(tmp_path) as access:
        with access.audit.noted(Who("ada"), "watch", "shop", {"name": "shop"}) as after:
            after.append({"list": list(range(60))})
        before = access.audit.entries(Wanted())
    path = access_path(tmp_path / "w.duckdb")
    _age(path)
    with access_in(tmp_path) as access:
        share, changed, *rest = access.audit.entries(Wanted())
        assert rest == before
        assert (changed.asked, changed.outcome) == ({}, "done")
        assert share.after == {"path": "/d/x?share=…", "embed": "/d/x?share=…&embed=1", "id": "i"}
        access.users.add("ada", "admin")
        _, secret = access.tokens.make("ada")
        found = access.tokens.open(secret)
        assert found is not None
        assert not found[1].bounded
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            access._file.write("UPDATE audit SET who = 'eve'")
    kept = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"hunter2" not in kept
    assert b"WyJh" not in kept


def _age(path: Path) -> None:
    """Bring a file back to its first version, with what that one kept."""
    con = sqlite3.connect(path)
    con.execute("ALTER TABLE tokens DROP COLUMN bounded")
    for operation, asked, after in (
        ("change_password", {"old": "hunter2-old", "new": "hunter2-new"}, {"name": "ada"}),
        (
            "share_dashboard",
            {"id": "x"},
            {"path": "/d/x?share=WyJh.b-c", "embed": "/d/x?share=WyJh.b-c&embed=1", "id": "i"},
        ),
    ):
        con.execute(
            "INSERT INTO audit (at, who, role, via, address, request, operation, target, asked, "
            "after, outcome) VALUES ('2026', 'ada', 'admin', '', '', '', ?, '', ?, ?, 'done')",
            (operation, json.dumps(asked), json.dumps(after)),
        )
    con.execute("PRAGMA user_version = 1")
    con.commit()
    con.close()


# ------------------------------------------------------------------ tokens


@pytest.mark.parametrize("role", [None, "viewer", "editor", "admin"])
def test_a_token_makes_none_that_may_more(shop: Workspace, role: str | None) -> None:
    """Whatever role is named, one that is made with a viewer's token is a viewer's."""
    until = START + timedelta(days=30_000)
    with acting(Who("ada", "viewer", "token:look", cap="viewer", until=until)):
        made = shop.make_token(role=role)
        longer = shop.make_token(role=role, expires="40000d")
    assert made.role == longer.role == "viewer"
    assert made.expires == longer.expires == "2108-02-25T12:00:00Z"


def test_a_session_makes_any_token_of_its_user(shop: Workspace) -> None:
    """Who signed in is not bound by a token."""
    with acting(Who("ada", "admin", "session")):
        assert shop.make_token().role == "admin"
        assert shop.make_token(role="editor").expires is None


# ------------------------------------------------------------------ dashboards


def granted(workspace: Workspace, user: str, role: str) -> Callable[[], object]:
    """Give a role on the dashboard; gives what takes it back."""
    workspace.grant_dashboard(id=SHOP, user=user, role=role)
    return lambda: workspace.withdraw_dashboard(id=SHOP, user=user)


def test_a_token_gets_no_grant_beyond_its_role(shop: Workspace) -> None:
    """A viewer's token of somebody who may edit a dashboard looks at it; others of theirs edit."""
    withdraw = granted(shop, "vic", "editor")
    bound = Who("vic", "viewer", "token:look", cap="viewer")
    with acting(bound), pytest.raises(AccessError, match="role editor"):
        shop.change_dashboard(id=SHOP, name="Shop", description="by token")
    with acting(bound):
        assert shop.get_dashboard(id=SHOP).role == "viewer"
    for who in (Who("vic", "viewer", "session"), Who("vic", "viewer", "token:all")):
        with acting(who):
            changed = shop.change_dashboard(id=SHOP, name="Shop", description=who.via)
        assert (changed.role, changed.description) == ("editor", who.via)
    withdraw()


def test_whose_role_there_is_less_comes_in_by_no_other_door(shop: Workspace) -> None:
    """An editor who only looks at a dashboard neither imports over it, nor makes or ends links."""
    document, link = text_of(shop, SHOP), shop.make_share(resource=f"dashboard:{SHOP}")
    withdraw = granted(shop, "eda", "viewer")
    with acting(Who("eda", "editor", "session")):
        for attempt in (
            lambda: shop.import_dashboard(text=document, replace=True),
            lambda: shop.make_share(resource=f"dashboard:{SHOP}"),
            lambda: shop.revoke_share(id=link.id),
        ):
            with pytest.raises(AccessError, match="viewer here"):
                attempt()
        assert shop.import_dashboard(text=document, copy=True).name != "Shop"
    withdraw()
    with acting(Who("eda", "editor", "session")):
        assert shop.import_dashboard(text=document, replace=True).id == SHOP
        assert shop.revoke_share(id=link.id).revoked


# ------------------------------------------------------------------ users


def test_a_name_that_is_added_anew_opens_nothing_of_the_old_one(tmp_path: Path) -> None:
    """The cookie of a user who was removed says nothing of the next one of that name."""
    with access_in(tmp_path) as access:
        cookie = access.sessions(1).cookie(access.users.add("ada", "admin", PASSWORD))
        assert access.sessions(1).user(cookie)
        access.users.remove("ada")
        access.users.add("ada", "viewer", PASSWORD)
        assert access.sessions(1).user(cookie) is None


def test_a_change_of_a_user_is_made_whole_or_not(shop: Workspace) -> None:
    """With a password that is refused, the role stays too."""
    with pytest.raises(DataWatchError, match="characters"):
        shop.change_user(name="vic", role="admin", password="short")  # noqa: S106
    with pytest.raises(DataWatchError, match="no role"):
        shop.change_user(name="vic", role="boss", password=OTHER)
    with Access(Path(shop.place), hasher=cheap()) as access:
        found = access.users.verify("vic", PASSWORD)
    assert found is not None
    assert found.role == "viewer"


def test_few_passwords_are_checked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many ask, each over an access file of its own, two are checked at a time."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "viewer", PASSWORD)
    inside, most, guard = [0], [0], threading.Lock()
    hasher = cheap()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(hasher, name)

        def verify(self, kept: str, given_: str) -> bool:
            with guard:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            try:
                entered.wait(PATIENCE)
                return bool(hasher.verify(kept, given_))
            finally:
                with guard:
                    inside[0] -= 1

    entered = threading.Event()
    monkeypatch.setattr(Users, "_hashing", lambda _: Slow())

    def check() -> None:
        with access_in(tmp_path) as mine:
            assert mine.users.verify("ada", PASSWORD)

    threads = [threading.Thread(target=check) for _ in range(8)]
    for each in threads:
        each.start()
    while inside[0] < 2:
        assert any(each.is_alive() for each in threads)
    entered.set()
    for each in threads:
        each.join()
    assert most[0] == 2
    assert users_module._ROOM.acquire(blocking=False)
    users_module._ROOM.release()

"""Users, passwords, tokens, sessions, shares."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.errors import AccessError, InputError, NotFoundError
from datawatch_lab.core.who import USER_ROLES, UserRole, Who, has_role, lesser
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.sessions import Sessions
from tests.service.access_helpers import PASSWORD, START, access_in, cheap


class CountingHasher(PasswordHasher):
    """Counts how often a password is checked."""

    checks = 0

    def verify(self, *args: str | bytes) -> bool:  # type: ignore[override]  # the same arguments
        """Count, and check."""
        self.checks += 1
        return bool(super().verify(*args))


def test_the_right_password_lets_in(tmp_path: Path) -> None:
    """Name in any case and the right password give the user; a wrong one gives nobody."""
    with access_in(tmp_path) as access:
        access.users.add("Ada", "editor", PASSWORD)
        found = access.users.verify("ada", PASSWORD)
        assert found is not None
        assert (found.name, found.role) == ("Ada", "editor")
        assert found.last_seen == START
        assert access.users.verify("ada", PASSWORD + "!") is None
        assert access.users.verify("ada", "") is None


@pytest.mark.parametrize("name", ["ada", "bob", "nobody", "", "' OR 1=1 --", "\ud800"])
def test_an_unknown_name_costs_a_check_too(tmp_path: Path, name: str) -> None:
    """Each attempt checks exactly one password of the same cost, whether the name exists or not."""
    hasher = CountingHasher(time_cost=1, memory_cost=8, parallelism=1)
    with Access(tmp_path / "w.duckdb", ManualClock(START), hasher) as access:
        access.users.add("ada", "viewer", PASSWORD)
        access.users.add("bob", "viewer")  # without a password
        assert access.users.verify(name.encode("utf-8", "replace").decode(), "a guess") is None
    assert hasher.checks == 1


def test_a_password_is_hashed_anew_when_the_costs_change(tmp_path: Path) -> None:
    """Whoever signs in after the parameters were raised has the stronger hash from then on."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "viewer", PASSWORD)
    stronger = CountingHasher(time_cost=2, memory_cost=16, parallelism=1)
    with Access(tmp_path / "w.duckdb", ManualClock(START), stronger) as access:
        assert access.users.verify("ada", PASSWORD) is not None
        assert access.users.verify("ada", PASSWORD) is not None
    raw = (tmp_path / "w.duckdb.access").read_bytes()
    assert b"m=16,t=2,p=1" in raw


@pytest.mark.parametrize(
    "name", ["", " ", "<script>", "a b", "a/b", "../x", "a" * 65, "-x", "a\nb", "owner", "WEBHOOK"]
)
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """Names are letters, digits and a few marks; those with a meaning of their own are taken."""
    with access_in(tmp_path) as access, pytest.raises(InputError):
        access.users.add(name, "viewer")


def test_a_name_is_taken_in_any_case(tmp_path: Path) -> None:
    """Ada and ADA are one user, full-width letters too, so that nobody passes for another."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "viewer")
        for name in ("ADA", "ada", "ａｄａ"):
            with pytest.raises(InputError, match="already"):
                access.users.add(name, "admin")


@pytest.mark.parametrize("password", ["", "short", "a" * 2_000, "long-enough-name"])
def test_a_weak_password_is_refused(tmp_path: Path, password: str) -> None:
    """Too short, too long for a hash, or the name itself."""
    with access_in(tmp_path) as access, pytest.raises(InputError, match="password"):
        access.users.add("long-enough-name", "viewer", password)


def test_the_last_admin_stays(tmp_path: Path) -> None:
    """While there are other users, the only admin can neither go nor become less."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "admin")
        access.users.add("bob", "viewer")
        with pytest.raises(InputError, match="only admin"):
            access.users.remove("ada")
        with pytest.raises(InputError, match="only admin"):
            access.users.set_role("ada", "viewer")
        access.users.set_role("bob", "admin")
        assert access.users.remove("ada").name == "ada"


def test_a_missing_user_is_named(tmp_path: Path) -> None:
    """The error names the nearest user."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "admin")
        with pytest.raises(NotFoundError, match="did you mean 'ada'"):
            access.users.set_role("adaa", "viewer")


# ------------------------------------------------------------------ tokens


def test_a_token_opens_until_it_expires(tmp_path: Path) -> None:
    """It gives its user up to its end, and nobody from then on."""
    clock = ManualClock(START)
    with access_in(tmp_path, clock) as access:
        access.users.add("ada", "editor")
        made, secret = access.tokens.make("ada", "ci", expires_in=timedelta(hours=1))
        assert secret.startswith("dw_")
        clock.advance(timedelta(minutes=59))
        found = access.tokens.open(secret)
        assert found is not None
        assert (found[0].name, found[1].id) == ("ada", made.id)
        assert access.tokens.get(made.id).last_used == clock.now()
        clock.advance(timedelta(minutes=1))
        assert access.tokens.open(secret) is None


@pytest.mark.parametrize("change", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.swapcase()])
def test_an_altered_token_opens_nothing(tmp_path: Path, change: object) -> None:
    """A token that differs in one character is nobody's."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "editor")
        _, secret = access.tokens.make("ada")
        assert access.tokens.open(change(secret)) is None  # type: ignore[operator]


def test_a_revoked_token_opens_nothing(tmp_path: Path) -> None:
    """Revoked, or its user removed: the next request with it is a stranger's."""
    with access_in(tmp_path) as access:
        access.users.add("root1", "admin")
        access.users.add("ada", "editor")
        one, first = access.tokens.make("ada", "one")
        _, second = access.tokens.make("ada", "two")
        access.tokens.revoke(one.id)
        assert access.tokens.open(first) is None
        assert access.tokens.open(second) is not None
        access.users.remove("ada")
        assert access.tokens.open(second) is None
        access.users.add("ada", "admin")  # another of the same name has none of the old tokens
        assert access.tokens.open(second) is None


def test_a_token_gives_no_more_than_its_user_has(tmp_path: Path) -> None:
    """A role beyond the user's is refused."""
    with access_in(tmp_path) as access:
        access.users.add("ada", "editor")
        with pytest.raises(InputError, match="cannot be admin"):
            access.tokens.make("ada", role="admin")
        assert access.tokens.make("ada", role="viewer")[0].role == "viewer"


@given(one=st.sampled_from(USER_ROLES), other=st.sampled_from(USER_ROLES))
def test_the_lesser_role_is_had_by_both(one: UserRole, other: UserRole) -> None:
    """The lesser of two roles is one of them, and both include it."""
    least = lesser(one, other)
    assert least in (one, other)
    assert has_role(one, least)
    assert has_role(other, least)


# ------------------------------------------------------------------ sessions


def test_a_cookie_says_who_signed_in(tmp_path: Path) -> None:
    """A cookie gives its user with the role of now, until 30 days have passed."""
    clock = ManualClock(START)
    with access_in(tmp_path, clock) as access:
        access.users.add("root1", "admin")
        user = access.users.add("ada", "viewer", PASSWORD)
        cookie = access.sessions(3002).cookie(user)
        access.users.set_role("ada", "editor")
        clock.advance(timedelta(days=29))
        found = access.sessions(3002).user(cookie)
        assert found is not None
        assert found.role == "editor"
        clock.advance(timedelta(days=2))
        assert access.sessions(3002).user(cookie) is None


def test_a_cookie_is_of_one_server(tmp_path: Path) -> None:
    """A cookie of another port, or of another workspace, says nothing here."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with access_in(tmp_path / "a") as one, access_in(tmp_path / "b") as other:
        user = one.users.add("ada", "admin", PASSWORD)
        other.users.add("ada", "admin", PASSWORD)
        cookie = one.sessions(3002).cookie(user)
        assert one.sessions(3002).user(cookie) is not None
        assert one.sessions(3003).user(cookie) is None
        assert other.sessions(3002).user(cookie) is None


def test_a_new_password_ends_sessions(tmp_path: Path) -> None:
    """A cookie from before the change of password is over; a removed user's too."""
    with access_in(tmp_path) as access:
        access.users.add("root1", "admin")
        user = access.users.add("ada", "viewer", PASSWORD)
        cookie = access.sessions(3002).cookie(user)
        changed = access.users.set_password("ada", PASSWORD + "2")
        assert access.sessions(3002).user(cookie) is None
        cookie = access.sessions(3002).cookie(changed)
        access.users.remove("ada")
        assert access.sessions(3002).user(cookie) is None


@settings(max_examples=60)
@given(data=st.data())
def test_an_edited_cookie_says_nothing(data: st.DataObject) -> None:
    """Whatever character of a cookie is changed, it is refused, and never read as another's."""
    sessions = Sessions(b"k" * 32, "session of port 3002", ManualClock(START))
    cookie = sessions.sign("ada", 0)
    place = data.draw(st.integers(0, len(cookie) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    edited = cookie[:place] + letter + cookie[place + 1 :]
    assert sessions.read(edited) in ([["ada", 0]] if edited == cookie else [None, ["ada", 0]])
    assert sessions.read(cookie + letter) in (None, ["ada", 0])


@given(st.text(max_size=80))
def test_any_text_as_a_cookie_is_harmless(text: str) -> None:
    """A cookie that was never signed raises nothing and says nothing."""
    assert Sessions(b"k" * 32, "session of port 1", ManualClock(START)).read(text) is None


# ------------------------------------------------------------------ shares


def test_a_link_opens_its_resource_until_it_expires(tmp_path: Path) -> None:
    """It opens what it was made for, to read; then it says that it has expired."""
    clock = ManualClock(START)
    with access_in(tmp_path, clock) as access:
        share, token = access.shares.sign_share("dashboard:d1", START + timedelta(days=7), by="ada")
        assert access.shares.open_share(token) == share
        assert (share.resource, share.role, share.created_by) == ("dashboard:d1", "viewer", "ada")
        clock.advance(timedelta(days=7))
        with pytest.raises(AccessError, match="expired"):
            access.shares.open_share(token)


def test_a_revoked_link_opens_nothing(tmp_path: Path) -> None:
    """Once revoked it stays so, with the time when it was."""
    with access_in(tmp_path) as access:
        share, token = access.shares.sign_share("dashboard:d1", START + timedelta(days=7))
        assert access.shares.revoke(share.id).revoked == START
        with pytest.raises(AccessError, match="revoked"):
            access.shares.open_share(token)


def test_an_altered_link_opens_nothing(tmp_path: Path) -> None:
    """Neither one with another signature, nor one of another workspace, nor a cookie."""
    (tmp_path / "b").mkdir()
    with access_in(tmp_path) as access, access_in(tmp_path / "b") as other:
        _, token = access.shares.sign_share("dashboard:d1", START + timedelta(days=7))
        _, foreign = other.shares.sign_share("dashboard:d1", START + timedelta(days=7))
        user = access.users.add("ada", "admin")
        payload, _, signature = token.partition(".")
        for bad in (
            payload + "." + signature[::-1],
            "W10." + signature,
            payload,
            "",
            foreign,
            access.sessions(3002).cookie(user),
        ):
            with pytest.raises(AccessError, match="not valid"):
                access.shares.open_share(bad)


@pytest.mark.parametrize(
    ("resource", "days", "role"),
    [
        ("dashboard", 1, "viewer"),
        (":d1", 1, "viewer"),
        ("dashboard:d1", 0, "viewer"),
        ("dashboard:d1", 1, "editor"),
        ("dashboard:d1", 1, "x"),
    ],
)
def test_what_no_link_can_be(tmp_path: Path, resource: str, days: int, role: str) -> None:
    """A link names a resource, ends in the future, and never gives more than reading."""
    with access_in(tmp_path) as access, pytest.raises(InputError):
        access.shares.sign_share(resource, START + timedelta(days=days), role)


def test_a_grant_is_the_role_on_one_resource(tmp_path: Path) -> None:
    """It raises a role there or lowers it, but for admins, and ends when it is withdrawn."""
    with access_in(tmp_path) as access:
        for name in ("ada", "ed", "boss"):
            access.users.add(name, "viewer")
        access.shares.grant("dashboard:d1", "ada", "editor")
        access.shares.grant("dashboard:d1", "ed", "viewer")
        access.shares.grant("dashboard:d1", "boss", "viewer")
        assert access.shares.granted_to("ED") == {"dashboard:d1": "viewer"}
        assert access.shares.role_on(Who("ed", "editor"), "dashboard:d1") == "viewer"
        assert access.shares.role_on(Who("ed", "editor"), "dashboard:d2") == "editor"
        ada, boss = Who("ada", "viewer"), Who("boss", "admin")
        assert access.shares.role_on(ada, "dashboard:d1") == "editor"
        assert access.shares.role_on(ada, "dashboard:d2") == "viewer"
        assert access.shares.role_on(boss, "dashboard:d1") == "admin"
        linked = Who("share:1", "viewer", resource="dashboard:d2")
        assert access.shares.role_on(linked, "dashboard:d1") is None
        assert access.shares.withdraw("dashboard:d1", "ADA")
        assert set(access.shares.grants("dashboard:d1")) == {"boss", "ed"}


def test_cheap_is_for_tests_only(tmp_path: Path) -> None:
    """Without a hasher of a test, passwords cost what RFC 9106 asks for machines with memory."""
    with Access(tmp_path / "w.duckdb") as access:
        access.users.add("ada", "viewer", PASSWORD)
    kept = (tmp_path / "w.duckdb.access").read_bytes()
    assert b"$argon2id$v=19$m=65536,t=3,p=4$" in kept
    assert cheap().time_cost == 1

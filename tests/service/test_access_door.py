"""What every operation passes: roles, masks, the audit log; over a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import AccessError, DataWatchError, InputError, WorkspaceError
from datawatch_lab.core.values import Role
from datawatch_lab.core.who import USER_ROLES, UserRole, Who, acting, current_who, has_role
from datawatch_lab.service.access.access import Access
from datawatch_lab.service.access.audit import AuditEntry, Wanted
from datawatch_lab.service.access.masking import MASK, masked_reason
from datawatch_lab.service.access.redaction import as_text, redacted
from datawatch_lab.service.handle import Workspace, open_workspace
from datawatch_lab.service.operations import OPERATIONS, audit, shares, users

VIEWER = Who("vic", "viewer", "session", "10.0.0.7", "r-1")
EDITOR = Who("eda", "editor", "token:ci", "10.0.0.8", "r-2")
NOWHERE = msgspec.defstruct("Nowhere", [("id", str, "none")], frozen=True)()
EMAILS = [f"person{number}@example.com" for number in range(4)]


def order(number: int) -> dict[str, Any]:
    """An order of a person with an e-mail address."""
    return {
        "id": f"e{number}",
        "table": "orders",
        "operation": "INSERT",
        "timestamp": f"2026-01-05T12:00:{number:02d}Z",
        "after": {
            "id": number,
            "amount": 1.5 * number,
            "status": "paid" if number % 2 else "open",
            "email": EMAILS[number % 4],
        },
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """40 orders, and one that is malformed and holds an e-mail address."""
    path = tmp_path_factory.mktemp("door") / "w.duckdb"
    with open_workspace(path) as workspace:
        bad = order(41) | {"timestamp": "person0@example.com"}
        workspace.post(json.dumps([*(order(n) for n in range(40)), bad]).encode())
        workspace.correct("orders", "email", role=Role.STATUS, sensitive=True)
        yield workspace


def noted(workspace: Workspace, **wanted: Any) -> list[AuditEntry]:
    """Entries of the audit log, newest first."""
    with Access(Path(workspace.place)) as access:
        return access.audit.entries(Wanted(**wanted))


def test_whoever_runs_the_process_may_do_everything() -> None:
    """Where nobody was said to act, it is the user of this process, as admin."""
    assert current_who().role == "admin"
    assert current_who().via == "local"
    with acting(VIEWER):
        assert current_who() is VIEWER
        with acting(EDITOR):
            assert current_who() is EDITOR
        assert current_who() is VIEWER
    assert current_who().via == "local"


@pytest.mark.parametrize("role", USER_ROLES)
def test_every_operation_asks_for_its_role(filled: Workspace, role: UserRole) -> None:
    """Called in this process as somebody with too small a role, an operation does not run."""
    for each in OPERATIONS:
        if has_role(role, each.role):
            continue
        with acting(Who("x", role)), pytest.raises(AccessError, match=f"role {each.role}"):
            filled.caller.call(each, NOWHERE)  # nothing but what it is about is looked at before


def test_a_change_is_noted_with_before_and_after(filled: Workspace) -> None:
    """Who, what, to which column, what it was and what it is, from where and in which request."""
    with acting(EDITOR):
        filled.correct("orders", "status", role=Role.TEXT)
        filled.correct("orders", "status", reset=True)
    back, entry = noted(filled, operation="correct_column", who="eda")
    assert (entry.role, entry.via, entry.address) == ("editor", "token:ci", "10.0.0.8")
    assert (entry.request, entry.target, entry.outcome) == ("r-2", "orders/status", "done")
    assert entry.before["role"] == "status"
    assert entry.after["role"] == "text"
    assert (back.before["role"], back.after["role"]) == ("text", "status")
    assert entry.asked["role"] == "text"


def test_a_definition_that_goes_is_kept_in_the_log(filled: Workspace) -> None:
    """PUT and DELETE of a metric note what GET of it said before."""
    filled.define_metric("paid", table="orders", filter="status = 'paid'")
    filled.change_metric("paid", table="orders", filter="status = 'open'")
    filled.drop_metric("paid")
    dropped, changed, defined = noted(filled, target="paid")[:2] + noted(
        filled, operation="define_metric"
    )
    assert defined.before is None
    assert defined.after["definition"]["filter"] == "status = 'paid'"
    assert changed.before["definition"]["filter"] == "status = 'paid'"
    assert changed.after["definition"]["filter"] == "status = 'open'"
    assert dropped.before["definition"]["filter"] == "status = 'open'"
    assert dropped.after is None


def test_a_change_that_fails_is_noted_with_its_reason(filled: Workspace) -> None:
    """The entry says why; nothing stands as after."""
    with acting(EDITOR), pytest.raises(InputError):
        filled.drop_metric("no_such_metric")
    (entry,) = noted(filled, target="no_such_metric")
    assert (entry.outcome, entry.before, entry.after) == ("failed", None, None)
    assert "no_such_metric" in entry.reason


def test_looking_and_taking_in_are_not_noted(filled: Workspace) -> None:
    """Questions and events leave no entry: the ledger counts events."""
    before = len(noted(filled, limit=1_000))
    filled.tables()
    filled.sql("SELECT 1")
    filled.post(json.dumps(order(3)).encode())
    assert len(noted(filled, limit=1_000)) == before


def test_a_change_that_cannot_be_noted_is_not_made(tmp_path: Path) -> None:
    """With a damaged audit log, a change is refused before anything is changed."""
    with open_workspace(tmp_path / "w.duckdb") as workspace:
        workspace.post(json.dumps(order(1)).encode())
        (tmp_path / "w.duckdb.access").write_bytes(b"no database at all" * 100)
        with pytest.raises(WorkspaceError, match="nothing was changed"):
            workspace.define_metric("paid", table="orders")
        assert "paid" not in {each.name for each in workspace.metrics()}


def test_what_breaks_off_stays_visible(tmp_path: Path) -> None:
    """A process that ends in the middle of a change leaves an entry that began and did not end."""
    with Access(tmp_path / "w.duckdb") as access:
        access.audit.begin(EDITOR, "drop_metric", "paid", {"name": "paid"}, {"name": "paid"})
    with Access(tmp_path / "w.duckdb") as access:
        (entry,) = access.audit.entries(Wanted())
    assert (entry.outcome, entry.before) == ("started", {"name": "paid"})


# ------------------------------------------------------------------ masks


def test_a_viewer_reads_masked_rows(filled: Workspace) -> None:
    """SQL over tables and changes shows the mask, in expressions too."""
    with acting(VIEWER):
        for query in (
            "SELECT email FROM live.orders",
            "SELECT upper(email) FROM changes.orders",
            "SELECT _before FROM changes.orders",
        ):
            assert "person" not in str(filled.sql(query).rows).lower()


def test_a_viewer_cannot_unmask(filled: Workspace) -> None:
    """masked=false is refused to a viewer; an editor may, and the look is noted."""
    query = "SELECT email FROM live.orders LIMIT 1"
    with acting(VIEWER), pytest.raises(AccessError, match="editor"):
        filled.sql(query, masked=False)
    with acting(EDITOR):
        ((email,),) = filled.sql(query, masked=False).rows
    assert email in EMAILS
    (entry,) = noted(filled, operation="sql")
    assert (entry.who, entry.asked["query"], entry.after) == ("eda", query, None)


def test_a_viewer_sees_no_bytes_of_the_quarantine(filled: Workspace) -> None:
    """A malformed event may hold any field; its bytes and quoted values are for editors."""
    with acting(VIEWER):
        (item,) = filled.quarantine().items
    assert item.raw == MASK
    assert "person0" not in item.reason
    with acting(EDITOR):
        (item,) = filled.quarantine().items
    assert "person0" in item.raw


def test_labels_of_a_sensitive_column_are_masked(filled: Workspace) -> None:
    """A metric that is split by such a column shows as many series, and none of its values."""
    table = filled.table("orders")
    assert next(each for each in table.columns if each.name == "email").sensitive
    split = [each for each in filled.metrics() if "email" in each.labels]
    seen: set[str] = set()
    for each in split[:4]:
        asked: dict[str, Any] = {"group_by": "email", "start": "2026-01-05", "end": "2026-01-06"}
        with acting(EDITOR):
            open_to_editors = filled.query(each.name, **asked).series
        with acting(VIEWER):
            shown = filled.query(each.name, **asked).series
            stepped = filled.range(each.name, **asked, step="1h").series
            found = filled.corrections(each.name, start="2026-01-05", end="2026-01-06")
            with pytest.raises(AccessError, match="filtering"):
                filled.query(each.name, filters=f"email={EMAILS[0]}")
        seen |= {one.labels["email"] for one in open_to_editors}
        assert len(shown) == len(open_to_editors)
        assert {one.labels["email"] for one in [*shown, *stepped]} <= {MASK}
        assert "person" not in str(found)
    assert seen >= set(EMAILS)


@given(st.text(max_size=60))
def test_no_quoted_value_stays_in_a_reason(value: str) -> None:
    """Whatever a reason quotes as Python does is masked."""
    shown = masked_reason(f"timestamp {value!r} is not ISO 8601 text")
    assert shown == f"timestamp '{MASK}' is not ISO 8601 text"


# ------------------------------------------------------------------ secrets in the log


SECRET = "s3cret-v4lue-of-somebody"  # noqa: S105 — looked for in what is kept


@given(
    st.sampled_from(
        ("password", "new_password", "token", "api_key", "secret", "webhook_url", "Authorization")
    ),
    st.recursive(
        st.none(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=4,
    ),
)
def test_secrets_are_taken_out_at_any_depth(key: str, around: Any) -> None:
    """Under a key that says so, whatever stands around it."""
    text = as_text({"a": [around, {"b": {key: SECRET}}], "c": around})
    assert text is not None
    assert SECRET not in text


@pytest.mark.parametrize(
    "value",
    [
        {"url": f"postgresql://ada:{SECRET}@db/shop"},
        {"note": "dw_" + "x" * 43},
        {"items": ["dw_" + "x" * 43] * 80},
        {"text": "y" * 50_000},
    ],
)
def test_secrets_in_values_and_long_values_are_cut(value: Any) -> None:
    """Passwords of addresses and tokens in texts go; an entry stays below 20 kB."""
    text = as_text(value)
    assert text is not None
    assert SECRET not in text
    assert "x" * 43 not in text
    assert len(text) < 20_000
    json.loads(text)


def test_flags_are_no_secrets() -> None:
    """Whether a user has a password may be kept."""
    assert redacted({"has_password": True, "password": None}) == {
        "has_password": True,
        "password": None,
    }


def test_passwords_and_tokens_do_not_reach_the_log(filled: Workspace) -> None:
    """Adding a user and making a token note both, without password and token."""
    filled.caller.call(users.add_user, users.UserBody(name="cy", password=SECRET))
    made = filled.caller.call(users.make_token, users.TokenBody(user="cy", name="ci"))
    entries = noted(filled, limit=1_000)
    text = str(entries)
    assert made.token.startswith("dw_")
    assert made.token not in text
    assert SECRET not in text
    assert {"add_user", "make_token"} <= {each.operation for each in entries}


def test_only_own_tokens_are_managed_by_users(filled: Workspace) -> None:
    """A viewer makes, sees and revokes own tokens; those of others are for admins."""
    call = filled.caller.call
    for name in ("vic", "eve"):
        call(users.add_user, users.UserBody(name=name))
    theirs = call(users.make_token, users.TokenBody(user="eve"))
    with acting(VIEWER):
        mine = call(users.make_token, users.TokenBody(name="mine"))
        assert [each.id for each in call(users.list_tokens, users.TokensAsk())] == [mine.id]
        for refused in (
            (users.make_token, users.TokenBody(user="eve")),
            (users.list_tokens, users.TokensAsk(user="*")),
            (users.list_tokens, users.TokensAsk(user="eve")),
            (users.revoke_token, users.TokenAsk(id=theirs.id)),
        ):
            with pytest.raises(AccessError, match="admins"):
                call(*refused)
        with pytest.raises(DataWatchError, match="cannot be editor"):
            call(users.make_token, users.TokenBody(role="editor"))
        assert call(users.revoke_token, users.TokenAsk(id=mine.id)).id == mine.id
    everybody = call(users.list_tokens, users.TokensAsk(user="*"))
    assert theirs.id in {each.id for each in everybody}
    assert not any(each.token for each in everybody)


def test_reprs_hold_no_password() -> None:
    """What an operation is asked with may end up in a trace; passwords do not."""
    for ask in (
        users.UserBody(name="a", password=SECRET),
        users.UserChange(name="a", password=SECRET),
        users.PasswordAsk(old=SECRET, new=SECRET),
    ):
        assert SECRET not in repr(ask)


@pytest.mark.parametrize("expires", ["0s", "-1d", "999999999d", "soon"])
def test_an_end_that_is_none_is_refused(filled: Workspace, expires: str) -> None:
    """Of tokens and links: in the past, beyond all years, no duration."""
    call = filled.caller.call
    with pytest.raises(InputError):
        call(users.make_token, users.TokenBody(user="vic", expires=expires))
    with pytest.raises(InputError):
        call(shares.make_share, shares.ShareBody(resource="dashboard:d1", expires=expires))


def test_pages_of_the_log_follow_each_other(filled: Workspace) -> None:
    """`before` goes on where a page ended; what is no page is refused."""
    call = filled.caller.call
    everything = call(audit.audit, audit.AuditAsk(limit=1_000))
    first = call(audit.audit, audit.AuditAsk(limit=2))
    second = call(audit.audit, audit.AuditAsk(limit=2, before=first[-1].id))
    assert [*first, *second] == everything[:4]
    late = call(audit.audit, audit.AuditAsk(start="now", limit=5))
    assert late == []
    for bad in (
        audit.AuditAsk(limit=0),
        audit.AuditAsk(before=-1),
        audit.AuditAsk(before=2**70),
        audit.AuditAsk(start="then"),
    ):
        with pytest.raises(InputError):
            call(audit.audit, bad)

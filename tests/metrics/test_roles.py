from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.values import Correction, Role
from datawatch_lab.metrics.evidence import Evidence, observe
from datawatch_lab.metrics.roles import infer, infer_key
from tests.metrics.changes import START, Change, batch_of, table_of
from tests.metrics.schemas import SCHEMAS, fields_of, rows_of

LIMIT = 1_000


def evidence_of(table: str, rows: Sequence[dict[str, Any]], size: int = 1_000) -> Evidence:
    """Evidence of inserted rows that come in batches of ``size``."""
    info = table_of({}, name=table)
    evidence: Evidence | None = None
    for at in range(0, len(rows), size):
        part = rows[at : at + size]
        changes = [Change(at + n + 1, "c", START + at + n, row) for n, row in enumerate(part)]
        evidence = observe(evidence, batch_of(info, changes), LIMIT)
    assert evidence is not None
    return evidence


def wrong_roles(table: str, count: int) -> list[str]:
    """Fields of a schema whose role is not the golden one, as sentences."""
    fields = fields_of(SCHEMAS[table])
    columns = infer(evidence_of(table, rows_of(SCHEMAS[table], count)))
    by_name = {column.name: column for column in columns}
    return [
        f"{table}.{name}: {by_name[name].role} ({by_name[name].reason}), not {sorted(roles)}"
        for name, roles, _, _ in fields
        if by_name[name].role not in roles
    ]


@pytest.mark.parametrize(("count", "goal"), [(400, 0.99), (30, 0.95), (3, 0.9)])
def test_roles_of_real_schemas(count: int, goal: float) -> None:
    """Roles are those that an analyst gives, nearly all from many rows and most from three."""
    wrong = [sentence for table in SCHEMAS for sentence in wrong_roles(table, count)]
    total = sum(len(fields_of(schema)) for schema in SCHEMAS.values())
    assert 1 - len(wrong) / total >= goal, "\n".join(wrong)


def test_personal_and_secret_fields_are_marked() -> None:
    """Every sensitive field is marked, and nothing else is."""
    wrong = []
    for table, schema in SCHEMAS.items():
        columns = {c.name: c for c in infer(evidence_of(table, rows_of(schema, 300)))}
        wrong += [
            f"{table}.{name}: {columns[name]}"
            for name, _, sensitive, _ in fields_of(schema)
            if columns[name].sensitive != sensitive
        ]
    assert not wrong, "\n".join(wrong)


def test_every_answer_has_a_confidence_and_a_reason() -> None:
    """Confidence lies in [0, 1] and the reason is one sentence."""
    for table, schema in SCHEMAS.items():
        for column in infer(evidence_of(table, rows_of(schema, 40))):
            assert 0 <= column.confidence <= 1
            assert column.reason.endswith(".")
            assert column.reason[0].isupper()


values = st.one_of(
    st.none(),
    st.integers(-5, 50),
    st.floats(-5, 5).map(lambda value: round(value, 2)),
    st.booleans(),
    st.sampled_from(["a", "b", "2026-01-01", "1.5", "7"]),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), values), min_size=1, max_size=30),
    st.integers(1, 7),
    st.integers(1, 12),
)
def test_roles_do_not_depend_on_batching(rows: list[dict[str, Any]], size: int, limit: int) -> None:
    """The same rows in any batches give the same columns, though a batch may blur JSON types."""
    info = table_of({}, name="t")
    changes = [Change(n + 1, "c", START + n, {"k": n, **row}) for n, row in enumerate(rows)]
    whole = observe(None, batch_of(info, changes), limit)
    parts: Evidence | None = None
    for at in range(0, len(changes), size):
        parts = observe(parts, batch_of(info, changes[at : at + size]), limit)
    assert parts is not None
    left, right = ({column.name: column for column in infer(each)} for each in (whole, parts))
    assert left == right


def test_the_sample_is_the_first_rows_and_updates_do_not_count() -> None:
    """Rows beyond the limit and updates change nothing; then the very same object comes back."""
    info = table_of({}, name="t")
    first = [Change(n, "c", START + n, {"a": n}) for n in range(1, 11)]
    evidence = observe(None, batch_of(info, first), 10)
    later = [Change(n, "cu"[n % 2], START + n, {"a": n * 1_000}) for n in range(11, 20)]
    assert observe(evidence, batch_of(info, later), 10) is evidence
    assert (evidence.rows, evidence.fields[0].high) == (10, 10)


def test_a_late_field_gets_a_sample_of_its_own() -> None:
    """A field that appears when the sample is full is judged by its own first rows."""
    info = table_of({}, name="t")
    first = [Change(n, "c", START + n, {"a": n}) for n in range(1, 6)]
    evidence = observe(None, batch_of(info, first), 5)
    later = [Change(n, "c", START + n, {"a": n, "shipped_at": "2026-01-01"}) for n in range(6, 30)]
    evidence = observe(evidence, batch_of(info, later), 5)
    assert {field.name: field.rows for field in evidence.fields} == {"a": 5, "shipped_at": 5}
    assert infer(evidence)[1].role is Role.TIMESTAMP


def test_types_widen_beyond_the_sample() -> None:
    """A price that was whole for the whole sample and is not later is a number, not an integer."""
    info = table_of({}, name="t")
    evidence = observe(None, batch_of(info, [Change(1, "c", START, {"price": 5})]), 1)
    assert infer(evidence)[0].type == "integer"
    evidence = observe(evidence, batch_of(info, [Change(2, "c", START, {"price": 5.5})]), 1)
    assert infer(evidence)[0].type == "number"


def test_evidence_survives_storage() -> None:
    """Evidence read back from bytes is the same and goes on the same way."""
    rows = rows_of(SCHEMAS["orders"], 60)
    evidence = evidence_of("orders", rows)
    assert Evidence.from_bytes(evidence.to_bytes()) == evidence


def test_a_correction_holds() -> None:
    """A role that a user set stays, with its sensitivity, whatever the values say."""
    evidence = evidence_of("orders", rows_of(SCHEMAS["orders"], 60))
    fixed = Correction(role=Role.TEXT, sensitive=True)
    column = next(c for c in infer(evidence, {"total_amount": fixed}) if c.name == "total_amount")
    assert (column.role, column.sensitive, column.corrected_by) == (Role.TEXT, True, "user")
    assert column.confidence == 1


def test_a_mask_leaves_the_role_inferred() -> None:
    """Who sets only the sensitivity gets the role that the values give, and its reason."""
    evidence = evidence_of("orders", rows_of(SCHEMAS["orders"], 60))
    plain, masked = (
        next(c for c in infer(evidence, said) if c.name == "total_amount")
        for said in ({}, {"total_amount": Correction(sensitive=True, by="config")})
    )
    assert (masked.role, masked.reason) == (plain.role, plain.reason)
    assert (masked.sensitive, masked.corrected_by) == (True, "config")


def test_declared_types_win() -> None:
    """A declared type is the column's; 0 and 1 of a declared boolean are no amounts."""
    evidence = evidence_of("t", [{"amount": n % 2, "weight": n} for n in range(40)])
    declared = infer(evidence, types={"amount": "boolean", "weight": "number"})
    assert [(each.type, each.role) for each in declared] == [
        ("boolean", Role.BOOLEAN),
        ("number", Role.NUMERIC),
    ]


def test_a_field_without_values_is_judged_by_its_name() -> None:
    """Before any value the name speaks, with low confidence."""
    columns = infer(evidence_of("t", [{"paid_at": None, "xyz": None}]))
    assert [column.role for column in columns] == [Role.TIMESTAMP, Role.TEXT]
    assert all(column.confidence <= 0.5 for column in columns)


EPOCH = 1_700_000_000_000


@pytest.mark.parametrize(
    ("name", "values", "role"),
    [
        ("deleted_at", [0, EPOCH, 0, EPOCH + 5], Role.TIMESTAMP),
        ("deleted_at", [0, 0, 0], Role.TIMESTAMP),
        ("end_time", [0, 0, 0], Role.TIMESTAMP),
        ("idle_time", [0, 0, 0], Role.NUMERIC),
        ("last_login", [0, EPOCH, EPOCH + 7], Role.TIMESTAMP),
        ("paid", [0, 700_000_000, 12], Role.NUMERIC),
        ("reports_to", [2, 2, 1, 5], Role.ID),
        ("valid_to", ["2026-01-01", "2026-02-01"], Role.TIMESTAMP),
        ("sort_order", [0, 10, 20, 30], Role.NUMERIC),
        ("content_hash", [-(2**62), 2**61, 77], Role.ID),
        ("snowflake", [10**18 + n * 4_194_304 for n in range(30)], Role.ID),
        ("auth_service", ["ldap", "saml"] * 20, Role.STATUS),
        ("seat_constrained", [0, 1, 0], Role.BOOLEAN),
        ("seed", [0, 1, 0], Role.NUMERIC),
        ("account_number", [f"10-4020-0001{n:02}" for n in range(30)], Role.ID),
        ("display_name", ["Alerts", "Projects"] * 40, Role.TEXT),
        ("value", ["true", "999", "on", ""] * 20, Role.TEXT),
        ("size", ["44", "M", "52", "L"] * 20, Role.STATUS),
    ],
)
def test_names_and_values_are_read_together(name: str, values: list[Any], role: Role) -> None:
    """Zeros for never, references, ranks, digests, names of a secret's kind: each as people do."""
    assert infer(evidence_of("things", [{name: value} for value in values]))[0].role is role


@pytest.mark.parametrize(
    ("table", "name", "sensitive"),
    [
        ("channels", "display_name", False),
        ("users", "display_name", True),
        ("posts", "owner_display_name", True),
        ("reviews", "reviewer_name", True),
        ("reviews", "product_name", False),
        ("users", "auth_service", False),
    ],
)
def test_whose_name_it_is_decides(table: str, name: str, sensitive: bool) -> None:
    """A display name is personal where rows or the other words of the name are persons."""
    rows = [{name: f"Kim {chr(97 + n)}"} for n in range(20)]
    assert infer(evidence_of(table, rows))[0].sensitive is sensitive


@pytest.mark.parametrize(
    ("table", "rows", "key"),
    [
        ("orders", [{"customer_id": n, "id": n} for n in range(3)], ("id",)),
        ("film", [{"film_id": n, "title": f"t {n}"} for n in range(3)], ("film_id",)),
        ("order_items", [{"order_id": n, "product_id": n} for n in range(3)], ()),
        ("logins", [{"session_id": n} for n in range(250)], ("session_id",)),
        ("orders", [{"id": 1}, {"id": 1}], ()),
        ("orders", [{"id": 1}], ()),
        ("readings", [{"value": n} for n in range(300)], ()),
    ],
)
def test_a_key_is_inferred_from_a_unique_id(
    table: str, rows: list[dict[str, Any]], key: tuple[str, ...]
) -> None:
    """The table's own id needs two rows, another id many; a repeated one is no key."""
    assert infer_key(evidence_of(table, rows)) == key


@given(st.lists(st.integers(1, 40), max_size=6), st.integers(3, 60))
def test_an_id_may_come_again_after_its_row_went(cuts: list[int], limit: int) -> None:
    """Re-inserted and re-read rows keep the key, however the changes are cut into batches."""
    changes = [Change(n, "c", START + n, {"id": n % 20, "ref": n % 20}) for n in range(1, 20)]
    changes += [Change(n + 20, "d", START + n, None, {"id": n}) for n in range(1, 6)]
    changes += [Change(n + 30, "c", START + n, {"id": n, "ref": n}) for n in range(1, 6)]
    changes += [Change(n + 40, "r", START + n, {"id": n, "ref": n}) for n in range(1, 20)]
    table = table_of({"id": Role.ID, "ref": Role.ID})
    seen = None
    edges = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    for start, end in pairwise(edges):
        seen = observe(seen, batch_of(table, changes[start:end]), limit)
    assert seen is not None
    assert infer_key(seen) == ("id",)
    assert seen == observe(None, batch_of(table, changes), limit)


def test_an_id_that_two_rows_have_at_once_is_no_key() -> None:
    """One row that went makes room for one that comes, not for two."""
    changes = [Change(n, "c", START + n, {"id": n}) for n in range(1, 5)]
    changes += [Change(5, "d", START + 5, None, {"id": 1})]
    changes += [Change(n, "c", START + n, {"id": n - 5}) for n in range(6, 8)]
    table = table_of({"id": Role.ID})
    assert infer_key(observe(None, batch_of(table, changes), 100)) == ()

"""Which source table is which workspace table."""

from __future__ import annotations

from datawatch_lab.engine.registry import TableRegistry


def test_default_schemas_keep_the_bare_name_and_others_are_qualified_on_collision() -> None:
    """`sales.orders` beside `public.orders` becomes `sales_orders`; alone it stays `orders`."""
    tables = TableRegistry()
    assert tables.resolve("public", "orders")[0].name == "orders"
    assert tables.resolve("sales", "orders")[0].name == "sales_orders"
    assert tables.resolve("sales", "refunds")[0].name == "refunds"


def test_an_envelope_without_schema_means_the_table_with_the_bare_name() -> None:
    """Mixed envelopes of one stream speak of one table."""
    tables = TableRegistry()
    made, is_new = tables.resolve("public", "orders")
    assert is_new
    assert tables.resolve("", "orders") == (made, False)
    assert tables.resolve("billing", "invoices")[0].id == tables.resolve("", "invoices")[0].id


def test_names_that_differ_by_case_stay_apart() -> None:
    """Orders and orders are two tables."""
    tables = TableRegistry()
    assert tables.resolve("", "Orders")[0].id != tables.resolve("", "orders")[0].id


def test_a_qualified_name_that_is_taken_gets_a_number() -> None:
    """No two tables share a workspace name."""
    tables = TableRegistry()
    names = [
        tables.resolve(schema, table)[0].name
        for schema, table in (
            ("public", "orders"),
            ("public", "sales_orders"),
            ("sales", "orders"),
            ("archive", "orders"),
        )
    ]
    assert names == ["orders", "sales_orders", "sales_orders_2", "archive_orders"]


def test_a_copy_can_change_without_the_original() -> None:
    """A commit that fails leaves the tables as they were."""
    tables = TableRegistry()
    tables.copy().resolve("", "orders")
    assert tables.names == ()

from __future__ import annotations

from collections.abc import Iterator

import pytest

from datawatch_lab.core.errors import SourceError
from datawatch_lab.ingest.sources.postgres import (
    Finding,
    PostgresOptions,
    PostgresSource,
    Selection,
    doctor,
)
from tests.conftest import missing
from tests.ingest.postgres.conftest import Shop
from tests.services import postgres
from tests.services.postgres import PASSWORD, Server

pytestmark = pytest.mark.services


def _faults(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings if not finding.ok}


@pytest.fixture(scope="module")
def poor_server() -> Iterator[Server]:
    """A server that is not set up for logical replication."""
    if postgres.find() is None:
        missing("PostgreSQL server", postgres.HOW_TO_GET_ONE)
    server = Server({"wal_level": "replica", "max_replication_slots": "1", "max_wal_senders": "1"})
    yield server
    server.close()


def test_a_server_that_is_ready_has_no_fault(shop: Shop) -> None:
    """A superuser and a table with a key: every check is well, and each says what it found."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    findings = doctor(shop.url)
    assert _faults(findings) == {}
    assert all(finding.detail.endswith(".") for finding in findings)
    assert {finding.check for finding in findings} >= {"wal_level", "role", "publication", "slot"}
    assert not shop.query("SELECT 1 FROM pg_publication"), "it changed something"


def test_settings_that_are_missing_are_named_with_their_fix(poor_server: Server) -> None:
    """wal_level, slots and senders: each with the statement that sets it."""
    faults = _faults(doctor(poor_server.url()))
    assert set(faults) >= {"wal_level", "max_replication_slots", "max_wal_senders"}
    for name in ("wal_level", "max_replication_slots", "max_wal_senders"):
        assert f"ALTER SYSTEM SET {name}" in faults[name].fix
        assert "restart" in faults[name].fix


def test_a_source_of_such_a_server_says_it_too(poor_server: Server) -> None:
    """Watching without wal_level = logical fails before anything is made."""
    source = PostgresSource(poor_server.url(), PostgresOptions(follow=False))
    with pytest.raises(SourceError, match="wal_level is 'replica'") as raised:
        list(source.batches(None))
    assert "ALTER SYSTEM SET wal_level = 'logical'" in raised.value.hint
    assert not poor_server.query("SELECT 1 FROM pg_publication")


def test_what_the_fixes_say_makes_it_well(poor_server: Server) -> None:
    """Doing what the doctor says and restarting leaves no fault of settings."""
    for finding in _faults(doctor(poor_server.url())).values():
        if finding.fix.startswith("ALTER SYSTEM"):
            poor_server.query(finding.fix.partition(";")[0])
    poor_server.restart()
    assert _faults(doctor(poor_server.url())).keys() <= {"tables"}


def test_a_role_without_rights_is_told_each_of_them(shop: Shop) -> None:
    """No REPLICATION, no ownership, no SELECT: each is a finding with its GRANT."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE log (what text)")
    shop.query(f"DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD '{PASSWORD}'")
    try:
        faults = _faults(doctor(shop.server.url("poor", shop.name)))
        assert "ALTER ROLE poor REPLICATION" in faults["role"].fix
        assert "CREATE PUBLICATION datawatch FOR TABLE public.a" in faults["publication"].fix
        assert "GRANT SELECT ON public." in faults["select"].fix
        assert "public.log has no primary key" in faults["replica identity"].detail
        assert "replication connection" in faults
    finally:
        shop.query("DROP ROLE poor")


def test_a_role_that_may_not_replicate_is_told_so(shop: Shop) -> None:
    """All but the right to replicate: the error of the source has the statement that gives it."""
    shop.query(f"DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN PASSWORD '{PASSWORD}'")
    shop.query(f"GRANT CREATE ON DATABASE {shop.name} TO poor")
    shop.query("CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a OWNER TO poor")
    try:
        source = PostgresSource(shop.server.url("poor", shop.name), PostgresOptions(follow=False))
        with pytest.raises(SourceError) as raised:
            list(source.batches(None))
        assert "ALTER ROLE poor REPLICATION" in raised.value.hint
    finally:
        shop.query("DROP OWNED BY poor; DROP ROLE poor")


def test_a_table_that_may_not_be_read_stops_before_the_snapshot(shop: Shop) -> None:
    """A published table without SELECT is named, with the grant, and nothing is copied."""
    shop.query(
        f"DROP ROLE IF EXISTS poor; CREATE ROLE poor LOGIN REPLICATION PASSWORD '{PASSWORD}'"
    )
    shop.query("CREATE TABLE a (id int PRIMARY KEY); CREATE PUBLICATION datawatch FOR TABLE a")
    try:
        source = PostgresSource(shop.server.url("poor", shop.name), PostgresOptions(follow=False))
        with pytest.raises(SourceError, match=r"may not read public\.a") as raised:
            list(source.batches(None))
        assert "GRANT SELECT ON public.a TO poor" in raised.value.hint
    finally:
        shop.query("DROP ROLE poor")


def test_no_free_slot_is_said(poor_server: Server) -> None:
    """All slots taken: the error says how to see and drop those that nobody needs."""
    if poor_server.query("SHOW wal_level")[0][0] != "logical":
        poor_server.query("ALTER SYSTEM SET wal_level = 'logical'")
    poor_server.query("ALTER SYSTEM SET max_replication_slots = 1")
    poor_server.restart()
    poor_server.query("SELECT pg_create_physical_replication_slot('taken')")
    try:
        source = PostgresSource(poor_server.url(), PostgresOptions(follow=False))
        with pytest.raises(SourceError, match="all replication slots are in use") as raised:
            list(source.batches(None))
        assert "max_replication_slots" in raised.value.hint
    finally:
        poor_server.query("SELECT pg_drop_replication_slot('taken')")


def test_an_unreachable_server_is_a_finding(poor_server: Server) -> None:
    """A port where nobody listens, and a wrong password: one finding with what to check."""
    nobody = doctor("postgresql://u:hush@127.0.0.1:1/db")
    wrong = doctor(poor_server.url(password="hush"))  # noqa: S106 — a wrong one
    for findings in (nobody, wrong):
        (finding,) = findings
        assert (finding.check, finding.ok) == ("connection", False)
        assert finding.fix
        assert "hush" not in repr(finding)


def test_an_empty_selection_is_a_fault(shop: Shop) -> None:
    """Lists that choose no table are a finding."""
    shop.query("CREATE TABLE a (id int PRIMARY KEY)")
    assert "tables" in _faults(doctor(shop.url, selection=Selection(("nothing",))))

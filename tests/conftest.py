"""Fixtures and switches that every folder of tests shares."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG
from hypothesis import settings

from tests.exchanged import exchanged, pytest_terminal_summary
from tests.waiting import PATIENCE, PATIENCE_MS
from tools import chromium as chromium_tool

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.services import kafka, mariadb, redis
    from tests.services.postgres import Server

__all__ = ["exchanged", "pytest_terminal_summary"]

# No test says anything about the clock. Each run draws anew: many short ones see as much as a long.
settings.register_profile("datawatch", deadline=None, max_examples=50)
settings.load_profile("datawatch")

# httpx gives up after five seconds where a test names no time of its own.
for _part in ("connect", "read", "write", "pool"):
    setattr(DEFAULT_TIMEOUT_CONFIG, _part, PATIENCE)


_SOAKED = 4
"""Times as many examples as in an ordinary run are drawn with ``--soak``."""

_LONG = (
    *("e2e/test_planted_file", "e2e/test_kill", "e2e/test_live_tables", "e2e/test_postgres"),
    *("cli/test_serve", "notebook/test_notebooks", "engine/test_retention", "e2e/test_disk"),
    *("cli/test_watch", "jupyter/test_in_a_notebook", "backends/test_on_servers", "cli/test_ready"),
    *("e2e/test_flood", "engine/test_any_order", "ingest/postgres/test_contract"),
    *("alerts/test_demo", "e2e/test_soak", "e2e/test_kafka", "e2e/test_redis", "e2e/test_mysql"),
    "store/test_states_model",
    *("engine/test_update_heavy", "jupyter/test_kernels", "api/test_contract", "fuzz/test_engine"),
    *("store/test_live_crash", "store/test_crash", "client/test_kills", "store/test_live_model"),
    *("views/pages/test_browser", "engine/test_cache", "engine/test_drift", "store/test_measures"),
)
"""Files of more than about ten seconds, the longest first: what begins last should be short, or
one worker is busy while the others have nothing left (`--dist loadfile --no-loadscope-reorder`)."""

_SERVERS = {
    *("postgres_server", "mariadb_server", "redis_server", "kafka_server"),
    *("prometheus_server", "lone_prometheus", "influx_server"),
}
"""Fixtures that start a private server."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--soak``, without which tests marked so are skipped."""
    parser.addoption("--soak", action="store_true", help="run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with long files; mark what needs Chromium; skip soak tests unless asked for."""
    places = {f"tests/{name}.py": place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: places.get(item.nodeid.partition("::")[0], len(places)))
    skip = pytest.mark.skip(reason="takes minutes; run with --soak")
    soak = bool(config.getoption("--soak"))
    for item in items:
        if soak:
            _look_longer(item)
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.services)
        if item.get_closest_marker("soak") and not soak:
            item.add_marker(skip)


def _look_longer(item: pytest.Item) -> None:
    """Let Hypothesis draw many more examples than in an ordinary run."""
    test = getattr(item, "obj", None)
    given: settings | None = getattr(test, "_hypothesis_internal_use_settings", None)
    if given is not None and not getattr(test, "looks_longer", False):
        longer = settings(given, max_examples=_SOAKED * given.max_examples)
        test._hypothesis_internal_use_settings = longer  # type: ignore[union-attr]
        test.looks_longer = True  # type: ignore[union-attr]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """A command that sets up logging in this process does not change what later tests see."""
    loggers = [logging.getLogger(), logging.getLogger("datawatch_lab")]
    before = [(each.level, list(each.handlers)) for each in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers


def missing(part: str, remedy: str) -> NoReturn:
    """Skip the test for want of a part; fail it when DATAWATCH_REQUIRE_SERVICES=1."""
    sentence = f"no {part} here; {remedy}"
    if os.environ.get("DATAWATCH_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{sentence} (DATAWATCH_REQUIRE_SERVICES=1 makes this a failure)")
    pytest.skip(sentence)


@pytest.fixture(scope="session")
def _found_chromium() -> str | None:
    """Path of a Chromium that starts, looked for once a session; what it shows is waited for."""
    found = chromium_tool.find()
    if found:
        from playwright.sync_api import expect

        expect.set_options(timeout=PATIENCE_MS)
    return found


@pytest.fixture
def chromium(_found_chromium: str | None) -> str:
    """Path of a Chromium that starts; the test is skipped, or fails, where there is none."""
    return _found_chromium or missing("Chromium", chromium_tool.HOW_TO_GET_ONE)


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    """An empty page of 1280 by 800 in a private Chromium that ends with the test."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, and containers have a small /dev/shm.
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        opened = browser.new_page(viewport={"width": 1280, "height": 800})
        opened.set_default_timeout(PATIENCE_MS)
        yield opened
        browser.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A private PostgreSQL for the session; the test is skipped, or fails, where there is none."""
    from tests.services import postgres

    if postgres.find() is None:
        missing("PostgreSQL server", postgres.HOW_TO_GET_ONE)
    server = postgres.Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[mariadb.Server]:
    """A private MariaDB for the session; the test is skipped, or fails, where there is none."""
    from tests.services import mariadb

    if mariadb.find() is None:
        missing("MariaDB server", mariadb.HOW_TO_GET_ONE)
    server = mariadb.Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Server]:
    """A private Redis for the session; the test is skipped, or fails, where there is none."""
    from tests.services import redis

    if redis.find() is None:
        missing("Redis server", redis.HOW_TO_GET_ONE)
    server = redis.Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def kafka_server() -> Iterator[kafka.Server]:
    """A private Kafka broker for the session; the test is skipped, or fails, without one."""
    from tests.services import kafka

    if kafka.find() is None:
        missing("Kafka broker", kafka.HOW_TO_GET_ONE)
    server = kafka.Server()
    yield server
    server.close()

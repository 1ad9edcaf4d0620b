"""Fixtures and switches that every folder of tests shares."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn

import pytest
from hypothesis import settings

from tools import chromium as chromium_tool

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.services import kafka, mariadb, redis
    from tests.services.postgres import Server

settings.register_profile("datawatch", deadline=None)  # no test says anything about the clock
settings.load_profile("datawatch")


_SERVERS = {
    *("postgres_server", "mariadb_server", "redis_server", "kafka_server"),
    *("prometheus_server", "lone_prometheus", "influx_server"),
}
"""Fixtures that start a private server."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--soak``, without which tests marked so are skipped."""
    parser.addoption("--soak", action="store_true", help="run the tests that take minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that ask for Chromium; skip soak tests unless they are asked for."""
    skip = pytest.mark.skip(reason="takes minutes; run with --soak")
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        if _SERVERS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.services)
        if item.get_closest_marker("soak") and not config.getoption("--soak"):
            item.add_marker(skip)


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
    """Path of a Chromium that starts, looked for once a session."""
    return chromium_tool.find()


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
        yield browser.new_page(viewport={"width": 1280, "height": 800})
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

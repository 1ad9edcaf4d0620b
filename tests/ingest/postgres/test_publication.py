"""What is made in the database, by several who come at the same moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from datawatch_lab.ingest.sources.postgres.catalogue import Catalogue
from datawatch_lab.ingest.sources.postgres.driver import psycopg2
from datawatch_lab.ingest.sources.postgres.publication import Publications, ensure
from datawatch_lab.ingest.sources.postgres.selection import Selection
from tests.ingest.postgres.conftest import Shop

READERS = 6


def test_several_install_at_the_same_moment(shop: Shop) -> None:
    """Each gets publications and triggers of its own; none fails on what another makes."""
    shop.query("CREATE TABLE orders (id int PRIMARY KEY)")
    together = threading.Barrier(READERS)

    def install(number: int) -> Publications:
        connection = psycopg2().connect(shop.url)
        connection.autocommit = True
        try:
            together.wait(60)
            return ensure(Catalogue(connection), f"reader_{number}", Selection())
        finally:
            connection.close()

    for _ in range(5):
        with ThreadPoolExecutor(READERS) as threads:
            made = list(threads.map(install, range(READERS)))
        assert [each.triggered for each in made] == [True] * READERS
        (count,) = shop.query("SELECT count(*) FROM pg_event_trigger")
        assert count == (len(made) * 3,)
        for number in range(READERS):
            shop.query(f"DROP PUBLICATION reader_{number}, reader_{number}_inserts")
        shop.query("DROP SCHEMA datawatch CASCADE")

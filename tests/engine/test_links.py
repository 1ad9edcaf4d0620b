"""A workspace that is opened through a symbolic link is the same workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from datawatch_lab.core.clock import ManualClock
from datawatch_lab.core.seal import key_path, seal_of
from datawatch_lab.engine import Engine
from datawatch_lab.engine.acceptance import packed
from datawatch_lab.ingest.decode import decode
from datawatch_lab.service.access import make_token, read_token, token_path
from datawatch_lab.service.access.access import Access, access_path
from tests.engine.test_engine import NOW, order, take
from tests.waiting import PATIENCE


@pytest.fixture
def link(tmp_path: Path) -> Path:
    """A link to ``real/w.duckdb`` in another folder."""
    (tmp_path / "real").mkdir()
    link = tmp_path / "w.duckdb"
    link.symlink_to(tmp_path / "real" / "w.duckdb")
    return link


def test_what_stands_beside_a_workspace_stands_beside_the_file(link: Path) -> None:
    """Token, users and key are those of the file, by whichever name it is opened."""
    real = link.resolve()
    assert make_token(link) == read_token(real)
    assert seal_of(real).opened(seal_of(link).sealed(b"x")) == b"x"
    with Access(link) as access:
        access.users.add("ada", "admin", "correct horse battery staple")
    with Access(real) as access:
        assert access.users.any()
    for path in (token_path(link), access_path(link), key_path(link)):
        assert path.parent == real.parent
        assert path.is_file()
    assert list(link.parent.glob("w.duckdb.*")) == []


def test_events_answered_by_one_name_are_found_by_the_other(link: Path) -> None:
    """A crash leaves them in the journal; the next start, by the file's own path, stores them."""
    clock = ManualClock(NOW)
    engine = Engine.open(link, clock=clock)
    assert engine.path == link.resolve()
    take(engine, order(1))
    answered = packed(decode([order(2)], [1], [-1], source="http"), clock.now())
    engine._journal.append(answered, lambda _: None).result(PATIENCE)  # and not queued any more
    engine.close()
    engine = Engine.open(link.resolve(), clock=clock)
    assert engine.last_seq == 2
    engine.close()
    engine = Engine.open(link, clock=clock)
    assert engine.last_seq == 2
    engine.close()

"""The built files of the board, as they are and packed."""

from __future__ import annotations

import asyncio
import gzip
import threading

import pytest

from datawatch_lab.api.boards import Pictures, StaticFiles
from datawatch_lab.api.envelope import HttpError
from datawatch_lab.core.errors import BusyError
from datawatch_lab.views.watch import assets
from tests.waiting import PATIENCE

FILES = {"a.js": b"x" * 2_000, "a.js.br": b"packed", "b.txt": b"small"}


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, deflate", "gzip"),
        ("identity", ""),
        ("", ""),
        ("brotli", ""),
    ],
)
def test_a_file_comes_as_small_as_the_browser_takes_it(accepted: str, encoding: str) -> None:
    """Brotli before gzip before nothing."""
    body, found = StaticFiles(FILES).get("a.js", accepted)
    assert found == encoding
    assert body == {"br": b"packed", "gzip": gzip.compress(FILES["a.js"], 6, mtime=0)}.get(
        encoding, FILES["a.js"]
    )


def test_what_was_not_packed_comes_as_it_is() -> None:
    """A small file is not worth it."""
    assert StaticFiles(FILES).get("b.txt", "br, gzip") == (b"small", "")


def test_pictures_wait_for_each_other_and_are_not_many() -> None:
    """One is drawn and one waits; the third is refused at once, and taken when there is room."""

    async def ask() -> tuple[list[str], str]:
        pictures, go = Pictures(threads=1, waiting=1), threading.Event()

        def draw() -> str:
            go.wait(PATIENCE)
            return "drawn"

        asked = [asyncio.ensure_future(pictures.draw(draw)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await pictures.draw(draw)
        go.set()
        drawn = list(await asyncio.gather(*asked))
        return drawn, await pictures.draw(draw)

    assert asyncio.run(ask()) == (["drawn", "drawn"], "drawn")


@pytest.mark.parametrize("name", ["a.js.br", "c.js", "../a.js"])
def test_other_names_are_not_there(name: str) -> None:
    """A packed file has no address of its own."""
    with pytest.raises(HttpError):
        StaticFiles(FILES).get(name, "br")


def test_every_larger_file_was_packed_when_it_was_built() -> None:
    """Nobody forgets the build: each file of more than 1 kB has a smaller one beside it."""
    built = assets()
    for name, body in built.items():
        if not name.endswith(".br") and len(body) > 1_000:
            assert len(built[f"{name}.br"]) < len(body), name

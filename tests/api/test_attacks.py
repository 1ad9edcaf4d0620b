"""Attempts that must fail, over HTTP: SQL that reads files, bombs, names that are markup."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import httpx
import pytest

from datawatch_lab.api.documentation import PATH, SCRIPT_PATH
from tests.api.conftest import API, StubCaller
from tests.api.test_requests import error_of

CANARY = "canary-7c1f"
MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file whose content must not come out."""
    path = tmp_path / "secret.csv"
    path.write_text(f"a\n{CANARY}\n", "utf-8")
    return path


ATTEMPTS = (
    "SELECT * FROM '{file}'",
    "SELECT * FROM read_csv('{file}')",
    "SELECT * FROM read_text('{file}')",
    "SELECT content FROM glob('{folder}/*'), read_blob('{file}')",
    "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY live.orders FROM '{file}'",
    "ATTACH '{folder}/other.duckdb' AS other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "EXPORT DATABASE '{folder}/all'",
    "SELECT 1; COPY (SELECT 1) TO '{folder}/out.csv'",
    "ROLLBACK; INSERT INTO meta.users VALUES (1)",
    "SET enable_external_access = true",
    "PRAGMA database_list",
    "SELECT getenv('HOME')",
    "WITH x AS (SELECT * FROM '{file}') SELECT * FROM x",
    "SELECT * FROM meta.tables",
)


def test_sql_reaches_no_file(live: httpx.Client, canary: Path) -> None:
    """400 with the envelope; nothing of the file is in it, and no file is made."""
    before = sorted(canary.parent.glob("*"))
    for text in ATTEMPTS:
        query = text.format(file=canary, folder=canary.parent)
        answer = live.post(f"{API}/sql", json={"query": query})
        assert answer.status_code == 400, (text, answer.text)
        assert error_of(answer)["message"]
        assert CANARY not in answer.text
        assert sorted(canary.parent.glob("*")) == before


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_is_not_unpacked(client: httpx.Client, stub: StubCaller, layers: int) -> None:
    """A small body of many zeros ends with 413 or 400, before it takes memory."""
    bomb = b'{"ids": [' + b"0," * 5_000_000 + b"0]}"
    for _ in range(layers):
        bomb = gzip.compress(bomb)
    assert len(bomb) < 20_000
    headers = {"Content-Encoding": "gzip"}
    answer = client.post(f"{API}/quarantine/replay", content=bomb, headers=headers)
    assert answer.status_code in (400, 413)
    assert not stub.asked


@pytest.mark.parametrize("name", ["a\r\nSet-Cookie: x=1", "a\nb", "a b", "é", "x" * 65, ""])
def test_a_request_id_puts_nothing_into_the_answer(client: httpx.Client, name: str) -> None:
    """A header that is no plain name is replaced; none is made of it."""
    try:
        answer = client.get("/health", headers={b"X-Request-ID": name.encode("latin-1")})
    except httpx.LocalProtocolError:
        return  # the client does not send it
    assert answer.status_code in (200, 400)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers.get("X-Request-ID") != name


def test_a_name_that_is_markup_is_text(live: httpx.Client) -> None:
    """A table of such a name is answered as JSON that no browser takes for a page."""
    event = {"id": "e", "table": MARKUP, "operation": "INSERT", "after": {"id": 1, MARKUP: 2}}
    assert live.post(f"{API}/events?wait=true", content=json.dumps(event)).status_code == 202
    answers = [
        live.get(f"{API}/tables"),
        live.get(f"{API}/metrics/{MARKUP}"),
        live.get(f"/{MARKUP}"),
        live.get(f"{API}/tables", params={MARKUP: MARKUP}),
    ]
    for answer in answers:
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_of_the_api_runs_no_script_but_its_own(
    client: httpx.Client, stranger: httpx.Client
) -> None:
    """Its policy allows no inline script and nothing of elsewhere; strangers are sent away."""
    page = client.get(PATH)
    policy = page.headers["Content-Security-Policy"]
    assert page.status_code == 200
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "<script>" not in page.text
    assert "://" not in page.text
    assert client.get(SCRIPT_PATH).headers["Content-Type"].startswith("text/javascript")
    sent = stranger.get(PATH)
    assert (sent.status_code, sent.headers["Location"]) == (302, "/datawatch")


def test_a_head_that_does_not_end_is_bounded(client: httpx.Client) -> None:
    """A header of more than 64 kB closes the connection."""
    with pytest.raises(httpx.HTTPError):
        client.get("/health", headers={"X-Long": "x" * 200_000}).raise_for_status()

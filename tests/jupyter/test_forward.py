"""What changes on the way between browser and engine, for any headers and addresses."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.jupyter.forward import (
    below,
    is_own,
    moved,
    rebased,
    target,
    to_browser,
    to_engine,
)

NAMES = st.sampled_from(
    [
        *("Cookie", "Authorization", "Origin", "Accept", "X-Request-ID", "Sec-Fetch-Site"),
        *("Set-Cookie", "Location", "Content-Type", "Connection", "If-None-Match", "HOST"),
    ]
)
HEADERS = st.lists(st.tuples(NAMES, st.text("abc/:;=", max_size=12)), max_size=8)
WORDS = st.text("abcdé /?&=%+\"'<", max_size=20)


@given(HEADERS)
def test_the_engine_is_told_by_the_token_alone_who_asks(headers: list[tuple[str, str]]) -> None:
    """Nothing by which Jupyter knows the browser is passed on, and there is one Authorization."""
    passed = to_engine(headers, "secret")
    names = [name.lower() for name, _ in passed]
    assert not {"cookie", "origin", "host", "connection"} & set(names)
    assert [value for name, value in passed if name.lower() == "authorization"] == ["Bearer secret"]
    kept = [each for each in headers if each[0] in ("Accept", "X-Request-ID", "If-None-Match")]
    assert [each for each in passed if each in kept] == kept


@given(HEADERS)
def test_the_browser_gets_no_cookie_of_the_engine(headers: list[tuple[str, str]]) -> None:
    """Cookies and headers of the connection stay; the rest arrives in order."""
    passed = to_browser(headers, "http://127.0.0.1:1", "/p", "lab:2")
    assert not {name for name, _ in passed} & {"Set-Cookie", "Connection"}
    kept = [each for each in headers if each[0] == "Content-Type"]
    assert [each for each in passed if each[0] == "Content-Type"] == kept


@given(st.lists(st.tuples(st.sampled_from(["range", "q", "token"]), WORDS), max_size=5))
def test_only_the_token_leaves_a_query(pairs: list[tuple[str, str]]) -> None:
    """Parameters pass in order, whatever is in them; Jupyter's token does not."""
    from urllib.parse import parse_qsl, urlencode, urlsplit

    found = target("http://127.0.0.1:1", "d/1", urlencode(pairs))
    assert urlsplit(found).netloc == "127.0.0.1:1"
    kept = parse_qsl(urlsplit(found).query, keep_blank_values=True)
    assert kept == [each for each in pairs if each[0] != "token"]


@given(st.text("/@:.abc", max_size=20))
def test_a_path_reaches_no_other_server(path: str) -> None:
    """Whatever the path is, the request goes to the engine."""
    from urllib.parse import urlsplit

    assert urlsplit(target("http://127.0.0.1:1", path, "")).netloc == "127.0.0.1:1"


@given(st.text(max_size=20), st.sampled_from(["", "/datawatch", "/user/a%40b/datawatch"]))
def test_a_path_below_a_prefix_says_the_same(path: str, prefix: str) -> None:
    """What is passed on decodes to the path that was checked, and no part of it is a query."""
    from urllib.parse import quote, unquote, urlsplit

    text = path.encode("utf-8", "replace").decode()
    for raw in (f"{prefix}/{quote(text, safe='')}", "/elsewhere"):
        found = below(raw, prefix, text)
        assert unquote(found) == text
        parts = urlsplit(target("http://127.0.0.1:1", found, ""))
        assert (parts.query, parts.fragment) == ("", "")
        assert unquote(parts.path).lstrip("/") == text.lstrip("/")


def test_redirects_stay_below_the_prefix() -> None:
    """Paths of the engine get the prefix; relative ones and other servers are left alone."""
    at = ("http://127.0.0.1:1", "/user/ada/datawatch")
    assert moved("/", *at) == "/user/ada/datawatch/"
    assert moved("?tab=late", *at) == "?tab=late"
    assert moved("//elsewhere.example/", *at) == "//elsewhere.example/"
    assert moved("http://127.0.0.1:10/x", *at) == "http://127.0.0.1:10/x"


def test_only_pages_and_scripts_are_rewritten() -> None:
    """JSON and bytes pass untouched, also where they look like a page."""
    body = b'{"text": "<a href=\\"/d/1\\">"} \x00'
    assert rebased(body, "application/json", "/p") == body
    assert rebased(b' href="/d/1"', "image/svg+xml", "/p") == b' href="/d/1"'
    assert (
        rebased(b' src="/a" data-world="/b"', "text/html", "/p") == b' src="/p/a" data-world="/p/b"'
    )


@given(st.text("abc.:/", max_size=15), st.text("abc.:", max_size=10))
def test_an_origin_is_own_only_with_the_very_host(origin: str, host: str) -> None:
    """An origin of another name or port is not own, and no wildcard makes it so."""
    from urllib.parse import urlsplit

    try:
        name = urlsplit(f"http://{origin}").netloc
    except ValueError:
        return
    assert is_own(f"http://{origin}", host, "*") == (name == host != "")

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.errors import InputError
from datawatch_lab.ingest.sources.endpoints import Endpoint, Scheme

_KIND = Scheme(("box", "boxes"), 1234, "a box", "box://user:password@host/path")


def test_an_address_is_taken_apart() -> None:
    """Hosts, ports, user, password, path and options; secrets stand apart."""
    found = Endpoint.parse(
        "boxes://ada:a%2Fb%40c@one,two:99,[::1]:7/p/q?group=g&ssl.key.password=hush", _KIND
    )
    assert list(found.hosts) == [("one", 1234), ("two", 99), ("::1", 7)]
    assert (found.user, found.password, found.path) == ("ada", "a/b@c", "p/q")
    assert found.options == {"group": "g"}
    assert found.hidden == {"ssl.key.password": "hush"}
    assert found.name == "box:one,two:99,::1:7/p/q"
    assert str(found) == "boxes://ada@one,two:99,::1:7/p/q"
    assert found.clean("a/b@c did\n not get hush") == "*** did not get ***"


@pytest.mark.parametrize(
    "url", ["", "box", "other://host/x", "box://host:port/", "box://a:b:c/x", "://x"]
)
def test_what_is_no_address_is_refused_with_an_example(url: str) -> None:
    """The error says how an address looks."""
    with pytest.raises(InputError, match="is no address of a box") as raised:
        Endpoint.parse(url, _KIND)
    assert _KIND.example in raised.value.hint


_secrets = st.text(string.ascii_letters + string.digits + "!$&*+;=_-", min_size=6)


@given(_secrets)
def test_no_text_of_an_address_has_its_password(secret: str) -> None:
    """Not the name, the repr, the string, nor the error of one that cannot be read."""
    found = Endpoint.parse(f"box://ada:{secret}@host/path", _KIND)
    for text in (repr(found), str(found), found.name, found.clean(f"bad {secret}")):
        assert secret not in text.replace("password", "").replace("host", "")
    with pytest.raises(InputError) as raised:
        Endpoint.parse(f"box://ada:{secret}@host:port", _KIND)
    assert f":{secret}@" not in str(raised.value)


@given(
    _secrets, st.sampled_from(["sasl.password", "ssl.key.password", "token", "ssl.key", "Secret"])
)
def test_no_error_repeats_a_secret_of_the_query(secret: str, name: str) -> None:
    """Not that of an address that cannot be read, nor the message of a driver."""
    hidden = secret.replace("&", "").replace("=", "")
    text = f"box://host:port/path?a=1&{name}={hidden}&b=2"
    with pytest.raises(InputError) as raised:
        Endpoint.parse(text, _KIND)
    assert f"?a=1&{name}=***&b=2" in str(raised.value)
    assert Endpoint.parse("box://host", _KIND).clean(f"bad {text}").endswith("=***&b=2")

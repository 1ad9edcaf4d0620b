"""Addresses: references to the environment filled in, passwords left out."""

from __future__ import annotations

import string
from urllib.parse import quote

import psycopg2.extensions  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.core.addresses import expand, without_password
from datawatch_lab.core.config.sources import read_sources
from datawatch_lab.core.errors import ConfigError
from datawatch_lab.engine.sources import holds_password

SECRETS = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)


@given(secret=SECRETS, user=NAMES, base=NAMES)
def test_no_password_of_a_url_is_kept(secret: str, user: str, base: str) -> None:
    """Whatever it is, in either place of a URL: libpq finds none in what is left, and all else."""
    written = quote(secret, safe="")
    for url in (
        f"postgresql://{user}:{written}@db.example:5433/{base}?sslmode=require",
        f"postgresql://{user}@db.example:5433/{base}?password={written}&sslmode=require",
        f"postgresql://{user}@db.example:5433/{base}?sslmode=require&password={written}",
    ):
        kept = without_password(url)
        found = psycopg2.extensions.parse_dsn(kept)
        whole = psycopg2.extensions.parse_dsn(url)
        assert whole.pop("password") == secret
        assert found == whole
        assert not holds_password(kept)
        assert holds_password(url)


_PARAMETERS = {
    "sslmode=require": True, "password=x": False, "sslpassword=y": False, "tls=true": True,
    "sasl.password=z": False, "sasl.password=${PW}": True, "ssl.key.password=k": False,
    "group=g": True, "access_token=t": False, "ssl.key=pem": False,
}  # fmt: skip


@given(st.permutations(list(_PARAMETERS)), st.integers(0, len(_PARAMETERS)))
def test_secrets_of_a_query_go_wherever_they_stand(order: list[str], count: int) -> None:
    """One after another, first or last: what is left is the rest in its order."""
    given = order[:count]
    kept = [each for each in given if _PARAMETERS[each]]
    base = "kafka://ada@broker/topic"
    url, wanted = (f"{base}{'?' if each else ''}{'&'.join(each)}" for each in (given, kept))
    assert without_password(url) == wanted
    assert without_password(f"see {url} there") == f"see {wanted} there"


@given(secret=SECRETS, encoded=st.booleans(), after=st.sampled_from(["", "&every=5s"]))
def test_no_password_of_an_address_within_an_address_is_kept(
    secret: str, encoded: bool, after: str
) -> None:
    """Percent-encoded as it should be, or as people write it: the Redis that is measured."""
    inner = f"redis://:{quote(secret, safe='')}@cache:7/0"
    url = f"system://?redis={quote(inner, safe='') if encoded else inner}{after}"
    kept = without_password(url)
    assert kept == f"system://?redis=redis://@cache:7/0{after}"
    assert holds_password(url)
    assert not holds_password(kept)


@pytest.mark.parametrize(
    ("redis", "kept"),
    [
        ("redis%3A//%3Ase%40cret%40db", "redis://@db"),
        ("redis%3a//:se@cret%40db", "redis://@db"),
        ("redis://:se%20cret%40db:6379/0", "redis://@db:6379/0"),
        ("redis%3A//:se%2Fcret@db:6379/0", "redis://@db:6379/0"),
        ("redis://:se@cret%40db", "redis://@db"),
        ("redis://:%40%2Fsecret@db", "redis://@db"),
        ("redis%3A//ada%40corp%3Asecret%40db", "redis://ada@db"),
        ("redis%253A%252F%252F%253Asecret%2540db", "redis://@db"),
        ("redis://db/0%3Fpassword=secret", "redis://db/0"),
        ("redis://db/0%3Fx=1%26password=secret%26y=2", "redis://db/0?x=1%26y=2"),
    ],
)
def test_no_password_of_an_address_that_is_encoded_in_part_is_kept(redis: str, kept: str) -> None:
    """What is read of it after decoding is what counts, not how it is written."""
    url = f"system://?redis={redis}&every=5s"
    assert without_password(url) == f"system://?redis={kept}&every=5s"
    assert holds_password(url)
    assert not holds_password(f"system://?redis={kept}&every=5s")


@given(secret=SECRETS, data=st.data())
def test_no_password_is_kept_whatever_part_is_encoded(secret: str, data: st.DataObject) -> None:
    """Any characters of the inner address may be percent-encoded; those that part it are."""
    inner = f"redis://:{quote(secret, safe='')}@cache:7/0"
    keep = "" if "/" in secret else "%"  # its slash, decoded, would part the address elsewhere
    bare = data.draw(st.lists(st.booleans(), min_size=len(inner), max_size=len(inner)))
    plain = string.ascii_letters + string.digits + "/:@-._~" + keep
    url = "system://?redis=" + "".join(
        each if left and each in plain else f"%{ord(each):02x}"
        for each, left in zip(inner, bare, strict=True)
    )
    assert without_password(url) == "system://?redis=redis://@cache:7/0"


@pytest.mark.parametrize(
    "url",
    [
        "system://?disk=/mnt/a%20b%40c&redis=redis://db:6379/0",
        "system://?redis=redis%3A%2F%2Fdb%3A6379%2F0%3Fclient_name%3Da%40b",
        "system://?redis=redis://db:6379/0%3Fclient_name=a%2540b",
        "system://?redis=redis%3A//%3A${PW}%40db",
        "system://?redis=redis://:${PW}%40db",
        "system://?redis=redis%3A//db%zz",
        "postgresql://ada@db/shop?options=-c%20search_path%3Da",
        "mysql://ada@db/shop?ssl_ca=/etc/my%20ca.pem",
        "see https://x/y?next=https%3A%2F%2Fz%2Fq%3Fa%3D1%2526b, and ada@db",
    ],
)
def test_what_is_encoded_and_no_password_stays_as_it_is(url: str) -> None:
    """Decoding is for looking only."""
    assert without_password(url) == url


def test_endless_nesting_ends() -> None:
    """A text made to be decoded again and again is looked at a few times, not until it fails."""
    deep = "x://h" + "?a=" * 3_000 + "%25" * 3_000
    assert without_password(deep).startswith("x://h?a=")


@given(secret=SECRETS.filter(lambda text: "\\" not in text and "'" not in text))
def test_no_password_of_a_list_of_words_is_kept(secret: str) -> None:
    """The same for libpq's ``host=… dbname=…``."""
    kept = without_password(f"host=db user=ada password='{secret}' dbname=shop")
    assert psycopg2.extensions.parse_dsn(kept) == {"host": "db", "user": "ada", "dbname": "shop"}


@given(secret=SECRETS)
def test_a_variable_may_hold_any_password(secret: str) -> None:
    """In the place of the password its value is encoded, so it arrives as it is."""
    url = expand("postgresql://ada:${PW}@db/shop", {"PW": secret})
    assert psycopg2.extensions.parse_dsn(url)["password"] == secret


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:${PW}@db/shop",
        "postgresql://ada@db/shop?password=${PW}",
        "${DATABASE_URL}",
        "host=db password=${PW} user=ada",
    ],
)
def test_references_are_kept(url: str) -> None:
    """An address that names the environment is kept as it is, and holds no password."""
    assert without_password(url) == url
    assert not holds_password(url)


@pytest.mark.parametrize(
    "url",
    ["postgresql://ada:${PW:-secret}@db/shop", "${DATABASE_URL:-postgresql://ada:secret@db/shop}"],
)
def test_a_default_that_is_a_password_is_left_out(url: str) -> None:
    """A default stands in the text, so it is no safer than a password."""
    assert "secret" not in without_password(url)


def test_a_missing_variable_is_named() -> None:
    """The error says which, and how to set it; a default is used."""
    assert expand("${A:-postgresql://db/shop}", {}) == "postgresql://db/shop"
    with pytest.raises(ConfigError, match=r"variable PW, which is not set.*export PW"):
        expand("postgresql://ada:${PW}@db/shop", {})


def test_the_section_sources_is_read() -> None:
    """A list, or its JSON text; patterns may be one; references stay for later."""
    (found,) = read_sources('[{"url": "postgresql://a:${PW}@db/x", "include": "public.*"}]')
    assert (found.url, found.include) == ("postgresql://a:${PW}@db/x", ("public.*",))
    assert (found.snapshot, found.name) == (True, "")
    assert "${PW}" not in repr(found)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"url": "x"}, "a list of databases"),
        ("[", "must be JSON"),
        ([{}], "entry 1 needs a url"),
        (["postgresql://a:secret@db/x"], "entry 1 must hold a url"),
        ([{"url": "postgresql://a:secret@db/x", "tables": []}], "entry 1 has no 'tables'"),
        ([{"url": "postgresql://a:secret@db/x", "include": 3}], "entry 1.include must be a list"),
        ([{"url": "x", "snapshot": "no"}], "snapshot is true or false"),
        ([{"url": "x", "name": "a"}, {"url": "y", "name": "a"}], "two entries have the name 'a'"),
    ],
)
def test_a_faulty_section_is_refused(given_: object, words: str) -> None:
    """With the entry, the fault and the options, and without the address."""
    with pytest.raises(ValueError, match=words) as caught:
        read_sources(given_)
    assert "secret" not in str(caught.value)

"""Where a cursor stands in unfinished Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.notebook.calls import spot_of

_NAME = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True)
_TEXT = st.text(alphabet="abcXYZ_ .%=-", max_size=12)


@pytest.mark.parametrize(
    ("text", "method", "fragment", "keyword", "first"),
    [
        ('lab.metric("ord', "metric", "ord", "", ""),
        ("lab.query(metric='o", "query", "o", "metric", ""),
        ('m.df(by=["a", "b', "df", "b", "by", ""),
        ('lab.range("a", step="1h", by="', "range", "", "by", "a"),
        ('lab.metrics["x"].plot(last="1d", aggregation="', "plot", "", "aggregation", ""),
        ('f(lab.table(f"x{1}"), g("a', "g", "a", "", ""),
        ('lab.sql("""SELECT\n  \'a\' FROM live.', "sql", "SELECT\n  'a' FROM live.", "", ""),
        ('x = "never closed\nlab.table("o', "table", "o", "", ""),
        ("# lab.table('\nlab.metric('o", "metric", "o", "", ""),
        (r'lab.table("a\"b', "table", r"a\"b", "", ""),
    ],
)
def test_a_string_of_a_call(
    text: str, method: str, fragment: str, keyword: str, first: str
) -> None:
    """The innermost call, its argument and the fragment are found."""
    spot = spot_of(text)
    assert spot is not None
    assert (spot.method, spot.fragment, spot.keyword, spot.first) == (
        method,
        fragment,
        keyword,
        first,
    )


@pytest.mark.parametrize("text", ["", "lab.metric(", 'x = "a', 'lab.metric("a")', "(('a", "# f('"])
def test_no_string_of_a_call(text: str) -> None:
    """Outside a string, or in one that no call has, there is no spot."""
    assert spot_of(text) is None


def test_keys_and_values_of_a_filter() -> None:
    """A dictionary's key is told from its value."""
    key = spot_of('lab.range("a", where={"country": "DE", "st')
    value = spot_of('lab.range("a", where={"country": "DE", "status": "pa')
    assert key is not None
    assert value is not None
    assert (key.keyword, key.is_key, key.key) == ("where", True, None)
    assert (value.keyword, value.is_key, value.key) == ("where", False, "status")


def test_a_key_in_brackets() -> None:
    """``lab.metrics["`` is found without a call."""
    spot = spot_of('lab.metrics["ord')
    assert spot is not None
    assert (spot.subscript, spot.root, spot.fragment) == ("lab.metrics", "lab", "ord")


@given(st.text(max_size=200))
def test_it_never_fails(text: str) -> None:
    """Any text has a spot or none."""
    spot = spot_of(text)
    assert spot is None or text.endswith(spot.fragment)


@given(_NAME, _NAME, _NAME, _TEXT, st.sampled_from("'\""))
def test_what_is_written_is_found(
    name: str, method: str, keyword: str, fragment: str, quote: str
) -> None:
    """Names and fragment come back from a call that is written with them."""
    spot = spot_of(f"{name}.{method}(1, {keyword}={quote}{fragment}")
    assert spot is not None
    assert (spot.root, spot.method, spot.keyword, spot.fragment, spot.place) == (
        name,
        method,
        keyword,
        fragment,
        1,
    )

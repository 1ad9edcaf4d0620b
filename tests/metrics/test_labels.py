"""Labels of several batches as codes of one list of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.values import Role
from datawatch_lab.metrics.book import NULL
from datawatch_lab.metrics.images import NOWHERE, Codes, encode_labels, lay_out
from tests.metrics.changes import START, Change, Row, batch_of, table_of

TABLE = table_of({"id": Role.ID, "state": Role.STATUS})
TEXTS = st.fixed_dictionaries({}, optional={"state": st.sampled_from(["true", "new", None])})
TRUTHS = st.fixed_dictionaries({}, optional={"state": st.sampled_from([True, False, None])})
IMAGES = st.sampled_from([TEXTS, TRUTHS]).flatmap(
    lambda rows: st.lists(st.tuples(st.none() | rows, st.none() | rows), min_size=1, max_size=5)
)


def expected(rows: Sequence[Row | None]) -> list[str | None]:
    """The label of each image; None for no image or no field."""
    return [None if row is None or "state" not in row else _text(row["state"]) for row in rows]


def _text(value: Any) -> str:
    if value is None:
        return NULL
    return str(value).lower() if isinstance(value, bool) else str(value)


def told(values: Sequence[str], codes: Codes) -> list[str | None]:
    """What codes stand for."""
    return [None if code == NOWHERE else values[code] for code in codes.tolist()]


@settings(deadline=None, max_examples=60)
@given(st.lists(IMAGES, min_size=1, max_size=3))
def test_codes_stand_for_what_images_say(batches: list[list[tuple[Any, Any]]]) -> None:
    """Whatever the types of a field; no value stands twice in the list, so none has two series."""
    events = [
        lay_out(
            batch_of(
                TABLE,
                [Change(n, "u", START + n, *images) for n, images in enumerate(batch)],
            )
        )
        for batch in batches
    ]
    values, codes = encode_labels([(each, "state") for each in events])
    assert len(set(values)) == len(values)
    for batch, (after, before) in zip(batches, codes, strict=True):
        assert told(values, after) == expected([image for image, _ in batch])
        assert told(values, before) == expected([image for _, image in batch])

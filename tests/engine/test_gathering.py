"""Several batches as one frame: what is known of each event does not depend on its company."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from datawatch_lab.core.values import LedgerCounts
from datawatch_lab.engine.gathering import TRANSACTIONS, bad_of, events_of
from datawatch_lab.engine.receipts import Receipt, ledger_of, outcomes_of, receipts_of
from datawatch_lab.engine.registry import TableRegistry
from datawatch_lab.engine.submission import Submission
from tests.ingest.samples import decoded, event

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OUTCOMES = ("applied", "duplicate", "late", "future")

submissions = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["orders", "users", "BEGIN"]), max_size=4),
        st.integers(0, 2),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def submitted(
    at: int, tables: Sequence[str], bad: int, source: str, *, backfill: bool
) -> Submission:
    """One batch; events whose number is even have no time of their own."""
    items: list[bytes | dict[str, object]] = []
    for n, table in enumerate(tables):
        if table == "BEGIN":
            items.append({"operation": "BEGIN", "id": f"{at}-{n}", "transaction_id": "7"})
        else:
            own = {} if n % 2 else {"timestamp": None}
            items.append(event(10 * at + n, table=table, **own))
    batch = replace(decoded([*items, *([b"{"] * bad)], source=source), backfill=backfill)
    return Submission(batch, NOW + timedelta(seconds=at))


def judged(events: pl.DataFrame, outcomes: Sequence[str]) -> pl.DataFrame:
    """The events with an outcome each, in turns."""
    words = [outcomes[at % len(outcomes)] for at in range(events.height)]
    return events.with_columns(pl.Series("outcome", words, dtype=pl.String))


@given(submissions, st.lists(st.sampled_from(OUTCOMES), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_many_batches_are_gathered_as_each_alone(
    given_: list[tuple[list[str], int, str, bool]], words: list[str]
) -> None:
    """Frames, receipts and ledger of several submissions are those of each, one after another."""
    made = [submitted(at, t, bad, s, backfill=b) for at, (t, bad, s, b) in enumerate(given_)]
    together = TableRegistry(())
    apart = TableRegistry(())
    events, bad = events_of(made, together), bad_of(made, together)
    single = [(events_of([each], apart), bad_of([each], apart)) for each in made]
    numbered = [
        [frame.with_columns(pl.lit(at, dtype=pl.Int32).alias("batch")) for frame in pair]
        for at, pair in enumerate(single)
    ]
    assert events.equals(pl.concat([pair[0] for pair in numbered]))
    assert bad.drop("name").equals(pl.concat([pair[1] for pair in numbered]).drop("name"))
    assert events["received"].to_list() == [
        each.received for each in made for _ in range(each.batch.events.num_rows)
    ]
    assert not events["ts"].null_count()
    assert set(events.filter(pl.col("op") == "begin")["name"]) <= {TRANSACTIONS}

    bad = bad.with_columns(pl.lit(value=False).alias("seen"))
    outcomes = outcomes_of(judged(events, words), bad)
    receipts = receipts_of(outcomes, len(made), 5)
    assert len(receipts) == len(made)
    for each, (tables, count, _, _), receipt in zip(made, given_, receipts, strict=True):
        assert receipt.outcomes.height == len(tables) + count == receipt.counts.received
        assert receipt.counts == counted(receipt)
        assert receipt.outcomes["line"].is_sorted(), each
    ledger = ledger_of(outcomes, [each.batch.source for each in made])
    total = sum((receipt.counts for receipt in receipts), LedgerCounts())
    assert sum(ledger["received"].to_pylist()) == total.received
    assert sum(ledger["quarantined"].to_pylist()) == total.quarantined
    keys = list(zip(ledger["source"].to_pylist(), ledger["table"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)


def counted(receipt: Receipt) -> LedgerCounts:
    """The counts of the outcomes, one after another."""
    words = receipt.outcomes["outcome"].to_list()
    names = ("applied", "duplicate", "late", "quarantined")
    return LedgerCounts(len(words), *(words.count(name) for name in names))

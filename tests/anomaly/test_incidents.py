"""Episodes that belong together, however they are found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from datawatch_lab.anomaly.incidents import (
    TOGETHER,
    Member,
    Subject,
    incident_id,
    incidents_of,
)

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RELATED = {frozenset(("orders", "payments"))}


def related(one: Subject, other: Subject) -> bool:
    """Orders and payments have to do with each other, and what is of one service."""
    return frozenset((one[0], other[0])) in RELATED or (bool(one[1]) and one[1] == other[1])


def member(
    id_: str, begins: float, lasts: float | None, table: str = "orders", *, step: timedelta = MINUTE
) -> Member:
    """An episode, in minutes from the start."""
    opened = START + begins * MINUTE
    return Member(
        id=id_,
        subject=(table, ""),
        step=step,
        opened=opened,
        ended=None if lasts is None else opened + lasts * MINUTE,
    )


def groups(*members: Member) -> set[frozenset[str]]:
    """Which belong together."""
    found: dict[str, set[str]] = {}
    for each, incident in incidents_of(members, related).items():
        found.setdefault(incident, set()).add(each)
    return {frozenset(each) for each in found.values()}


def test_what_overlaps_and_is_related_belongs_together() -> None:
    """Tables that have nothing to do with each other, and times that do not meet, stay apart."""
    assert groups(
        member("a", 0, 20),
        member("b", 5, 20, "payments"),
        member("c", 5, 20, "weather"),
        member("d", 60, 5),
    ) == {frozenset("ab"), frozenset("c"), frozenset("d")}


def test_what_began_long_ago_is_another_event() -> None:
    """A shift for a day does not swallow what happens in its course."""
    far = TOGETHER / MINUTE + 1
    assert groups(member("a", 0, None), member("b", far, 5)) == {frozenset("a"), frozenset("b")}
    assert groups(member("a", 0, None), member("b", far - 2, 5)) == {frozenset("ab")}


def test_what_is_linked_through_another_is_one() -> None:
    """Two that do not meet are one incident with a third that meets both."""
    apart = member("a", 0, 5), member("c", 40, 5)
    assert len(groups(*apart)) == 2
    assert groups(*apart, member("b", 12, 30)) == {frozenset("abc")}


def test_a_service_is_one_subject_in_all_tables() -> None:
    """Episodes of one service belong together, whatever table they are of."""
    one = Member(id="a", subject=("heartbeats", "api"), step=MINUTE, opened=START, ended=None)
    two = Member(id="b", subject=("events", "api"), step=MINUTE, opened=START, ended=None)
    three = Member(id="c", subject=("events", "web"), step=MINUTE, opened=START, ended=None)
    assert groups(one, two) == {frozenset("ab")}
    assert groups(one, three) == {frozenset("a"), frozenset("c")}


def test_an_hour_joins_one_incident_and_ties_no_two() -> None:
    """Of two incidents in its hour, an episode by the hour joins the older."""
    hour = member("h", 0, 60, step=HOUR)
    assert groups(member("a", 5, 5), member("b", 45, 5), hour) == {
        frozenset("ah"),
        frozenset("b"),
    }
    assert groups(hour, member("i", 0, 120, "payments", step=HOUR)) == {frozenset("hi")}


def test_two_that_are_joined_keep_the_older_name() -> None:
    """An incident is named by its oldest episode, also when another is joined to it."""
    old, young = member("a", 0, 5), member("c", 40, 5)
    before = incidents_of([old, young], related)
    after = incidents_of([old, young, member("b", 12, 30)], related)
    assert before["a"] == after["a"] == after["c"] == incident_id("a")
    assert before["c"] == incident_id("c")


episodes = st.lists(
    st.tuples(
        st.integers(0, 240),
        st.one_of(st.none(), st.integers(1, 90)),
        st.sampled_from(("orders", "payments", "weather")),
        st.sampled_from((MINUTE, MINUTE, HOUR)),
    ),
    max_size=14,
)


def _made(given_: list[tuple[int, int | None, str, timedelta]]) -> list[Member]:
    return [
        member(f"{place:02}", begins, lasts, table, step=step)
        for place, (begins, lasts, table, step) in enumerate(given_)
    ]


@given(episodes, st.randoms())
def test_the_order_of_finding_does_not_matter(
    given_: list[tuple[int, int | None, str, timedelta]], random: object
) -> None:
    """Shuffled episodes make the same incidents by the same names."""
    members = _made(given_)
    mixed = list(members)
    random.shuffle(mixed)  # type: ignore[attr-defined]  # a random.Random
    assert incidents_of(mixed, related) == incidents_of(members, related)


@given(episodes)
def test_it_is_what_linking_all_pairs_says(
    given_: list[tuple[int, int | None, str, timedelta]],
) -> None:
    """By the minute: components of the graph of all pairs that fit, each named by its oldest."""
    members = [each for each in _made(given_) if each.step == MINUTE]
    ordered = sorted(members, key=lambda each: each.rank)
    linked: dict[str, set[str]] = {each.id: {each.id} for each in members}
    for place, newer in enumerate(ordered):
        for older in ordered[:place]:
            tables = older.subject == newer.subject or related(older.subject, newer.subject)
            near = newer.opened - older.opened <= TOGETHER
            if tables and near and older.reaches(newer.opened, 11 * MINUTE):
                joined = linked[older.id] | linked[newer.id]
                for each in joined:
                    linked[each] = joined
    ranks = {each.id: each.rank for each in members}
    assert incidents_of(members, related) == {
        id_: incident_id(min(joined, key=lambda each: ranks[each]))
        for id_, joined in linked.items()
    }


def test_a_storm_is_cheap() -> None:
    """Ten thousand episodes of one minute are one incident, without looking at all pairs."""
    looked = []

    def counted(one: Subject, other: Subject) -> bool:
        looked.append((one, other))
        return related(one, other)

    members = [member(f"{each:05}", each / 1_000, 30) for each in range(10_000)]
    found = incidents_of(members, counted)
    assert len(set(found.values())) == 1
    assert len(looked) < 10
    assert all(one.opened <= other.opened for one, other in pairwise(members))

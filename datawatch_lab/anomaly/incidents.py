"""One event makes many episodes: which of them belong together.

Episodes are linked when they are about related things, overlap in time and began within `TOGETHER`
of each other; what is linked, also through others, is one incident. Episodes by the hour are too
coarse to tie two incidents to one, so each joins the oldest incident that it fits, and only those
that fit none are linked among themselves.

An incident is named by its oldest episode. So the same episodes make the same incidents in
whichever order they are found, and two that are joined keep the older name.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

import msgspec

TOGETHER = timedelta(minutes=30)
"""Episodes by the minute that begin further apart are not linked directly."""

_GAP = 11
"""Minutes that may lie between the end of one and the start of another; an episode bridges ten."""

_HOUR = timedelta(hours=1)

Subject = tuple[str, str]
"""What an episode is about: its table, and the service that it is of, or ''."""

Related = Callable[[Subject, Subject], bool]


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """What of an episode says where it belongs.

    Attributes:
        id: of its anomaly.
        step: width of its buckets.
        opened: start of its first bucket, as it was found first, UTC.
        ended: end of the last one; None while it goes on.
    """

    id: str
    subject: Subject
    step: timedelta
    opened: datetime
    ended: datetime | None

    @property
    def rank(self) -> tuple[datetime, str]:
        """Oldest first; ties by id."""
        return self.opened, self.id

    def reaches(self, moment: datetime, gap: timedelta) -> bool:
        """Whether it went on, or was hardly over, at a moment after its start."""
        return self.ended is None or moment <= self.ended + gap

    def outlasts(self, other: Member) -> bool:
        """Whether it ends no sooner."""
        return self.ended is None or (other.ended is not None and other.ended <= self.ended)


def incident_id(oldest: str) -> str:
    """Of the incident whose oldest episode has that id."""
    return str(uuid5(NAMESPACE_OID, f"incident\x1f{oldest}"))


def incidents_of(members: Iterable[Member], related: Related) -> dict[str, str]:
    """Id of each episode → id of its incident.

    Args:
        members: episodes, each once.
        related: whether two subjects have to do with each other; symmetric. A subject is related to
            itself whatever it says.
    """
    ordered = sorted(members, key=lambda each: each.rank)
    fine = [each for each in ordered if each.step < _HOUR]
    coarse = [each for each in ordered if each.step >= _HOUR]
    near = _neighbours({each.subject for each in ordered}, related)
    oldest = _linked(fine, near, TOGETHER, timedelta(minutes=_GAP))
    joined = _joined(coarse, fine, near)
    lone = [each for each in coarse if each.id not in joined]
    found = oldest | {each: oldest[first] for each, first in joined.items()}
    found |= _linked(lone, near, _HOUR, _HOUR)
    return {each: incident_id(first) for each, first in found.items()}


def _neighbours(subjects: set[Subject], related: Related) -> dict[Subject, frozenset[Subject]]:
    return {
        each: frozenset(o for o in subjects if o == each or related(each, o)) for each in subjects
    }


def _linked(
    ordered: Sequence[Member],
    near: Mapping[Subject, frozenset[Subject]],
    together: timedelta,
    gap: timedelta,
) -> dict[str, str]:
    """Id of each → id of the oldest that it is linked to, directly or through others.

    Of each subject only episodes that end later than all that began after them are kept at hand:
    the others are linked to one of those, or were over before it began. So a storm costs no square.
    """
    parent = list(range(len(ordered)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    at_hand: dict[Subject, list[int]] = {}
    for here, each in enumerate(ordered):
        for subject in near[each.subject] & at_hand.keys():
            recent = [p for p in at_hand[subject] if each.opened - ordered[p].opened <= together]
            at_hand[subject] = recent
            for place in recent:
                if ordered[place].reaches(each.opened, gap):
                    older, newer = sorted((root(place), root(here)))
                    parent[newer] = older
        mine = at_hand.setdefault(each.subject, [])
        while mine and each.outlasts(ordered[mine[-1]]):
            mine.pop()
        mine.append(here)
    return {each.id: ordered[root(place)].id for place, each in enumerate(ordered)}


def _joined(
    coarse: Sequence[Member], fine: Sequence[Member], near: Mapping[Subject, frozenset[Subject]]
) -> dict[str, str]:
    """Id of each episode by the hour → id of the oldest by the minute that it fits, if any does.

    It fits what began in its first bucket, or not long before and reaches into it.
    """
    starts = [each.opened for each in fine]
    found = {}
    for each in coarse:
        first = bisect_left(starts, each.opened - TOGETHER)
        for other in fine[first : bisect_left(starts, each.opened + each.step)]:
            if other.subject in near[each.subject] and (
                other.ended is None or other.ended > each.opened
            ):
                found[each.id] = other.id
                break
    return found

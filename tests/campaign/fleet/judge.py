"""What contradicts the guarantee, from the logs of those who do not take part in it. Pure.

The phases are the driver's own journal, the receipts the receiver's log, and the evidence what
triggers saw in the database. Each finding is a line that begins with its kind.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.campaign.fleet.receiver import Seen
from tests.campaign.fleet.thing import Phase
from tests.campaign.fleet.witness import Claimed, Evidence, Held, Written

TYPES = {"ILL": "problem", "WELL": "recovery"}
"""What is told of a phase."""


@dataclass(frozen=True, slots=True)
class Case:
    """All that is judged. `left` names what still waits somewhere at the end, and how much."""

    phases: Sequence[Phase]
    seen: Sequence[Seen]
    evidence: Evidence
    left: Sequence[tuple[str, int]] = ()


def judge(case: Case) -> list[str]:
    """The findings; none, and the guarantee held."""
    return [
        *_untold(case.phases, case.seen),
        *_unfounded(case.phases, case.seen),
        *_ids(case.seen),
        *_bodies(case.seen, case.evidence.held),
        *_order(case.seen),
        *_owners(case.evidence.held),
        *_stale(case.evidence.written),
        *_claims(case.evidence.claimed),
        *(f"left over: {count} {what}" for what, count in case.left if count),
    ]


def _untold(phases: Sequence[Phase], seen: Sequence[Seen]) -> Iterator[str]:
    """Every phase is told, and the word of it is taken."""
    told = {(one.phase, one.type) for one in seen if one.is_accepted}
    for phase in phases:
        if (phase.number, TYPES[phase.state]) not in told:
            yield f"lost: the {TYPES[phase.state]} of phase {phase.number}"


def _unfounded(phases: Sequence[Phase], seen: Sequence[Seen]) -> Iterator[str]:
    """Nothing is told that was not so."""
    were = {(phase.number, TYPES[phase.state]) for phase in phases}
    for event in sorted({(one.phase or 0, one.type) for one in seen} - were):
        yield f"unfounded: a {event[1]} of phase {event[0]}"


def _ids(seen: Sequence[Seen]) -> Iterator[str]:
    """An event has one id and one incident, and its problem and recovery the same incident."""
    ids, incidents = (
        defaultdict[tuple[int | None, str], set[str]](set),
        defaultdict[int | None, set[str]](set),
    )
    for one in seen:
        ids[one.phase, one.type].add(one.id)
        incidents[one.phase].add(one.incident or "none")
    for (phase, type_), found in ids.items():
        if len(found) > 1:
            yield f"second id: the {type_} of phase {phase} came as {', '.join(sorted(found))}"
    for phase, found in incidents.items():
        if len(found) > 1:
            yield f"second incident: phase {phase} is told of {', '.join(sorted(found))}"


def _bodies(seen: Sequence[Seen], held: Sequence[Held]) -> Iterator[str]:
    """One id tells one thing; and of one owner in one form, which a receiver may compare byte by byte.

    Two agents that were cut off from each other tell it in two, and so does one that owns the desk anew
    and could not hear that it had been told: each names itself and its instant.
    """
    things, forms = defaultdict[str, set[str]](set), defaultdict[tuple[str, str, int], set[str]](set)
    for one in seen:
        things[one.id].add(f"{one.type} {one.code} of phase {one.phase} in {one.incident}")
        forms[one.id, one.agent, sum(taken.at <= one.at for taken in held)].add(one.digest)
    for id_, found in things.items():
        if len(found) > 1:
            yield f"second meaning: {id_} came as {'; '.join(sorted(found))}"
    for (id_, agent, _), digests in forms.items():
        if len(digests) > 1:
            yield f"second body: {id_} came in {len(digests)} forms of {agent}"


def told_by_two(seen: Sequence[Seen]) -> int:
    """Of how many ids two agents told, each in its own words."""
    digests = defaultdict[str, set[str]](set)
    for one in seen:
        digests[one.id].add(one.digest)
    return sum(len(found) > 1 for found in digests.values())


def _order(seen: Sequence[Seen]) -> Iterator[str]:
    """A recovery is not sent before the receiver has taken the problem."""
    taken: set[str | None] = set()
    reported: set[str | None] = set()
    for one in seen:
        if one.type == "problem" and one.is_accepted:
            taken.add(one.incident)
        if one.type == "recovery" and one.incident not in taken | reported:
            reported.add(one.incident)
            yield f"out of order: the recovery of {one.incident} came before its problem"


def _owners(held: Iterable[Held]) -> Iterator[str]:
    """An epoch has one owner, and the next one's is higher."""
    owners = defaultdict[tuple[str, int], set[tuple[str, str]]](set)
    latest: dict[str, int] = {}
    for one in held:
        owners[one.resource, one.epoch].add((one.agent, one.run))
        if one.epoch < latest.get(one.resource, one.epoch):
            yield f"epoch back: {one.resource} from {latest[one.resource]} to {one.epoch}, by {one.agent}"
        latest[one.resource] = one.epoch
    for (resource, epoch), found in owners.items():
        if len(found) > 1:
            names = ", ".join(f"{agent} ({run})" for agent, run in sorted(found))
            yield f"two owners: {resource} in epoch {epoch}: {names}"


def _stale(written: Iterable[Written]) -> Iterator[str]:
    """What was decided before the present owner's time changes nothing.

    An incident of which the database did not know, and which is over, may still be added.
    """
    for one in written:
        is_fact = one.what == "incident" and one.former is None and one.is_over
        is_owners = one.lease is not None and (one.held_from or one.lease) <= one.epoch <= one.lease
        if not is_owners and not is_fact:
            yield f"stale write: {one.what} {one.key} of epoch {one.epoch} while {one.lease} was the desk's"
        if one.former is not None and one.epoch < one.former:
            yield f"stale write: {one.what} {one.key} went from epoch {one.former} to {one.epoch}"


def _claims(claimed: Iterable[Claimed]) -> Iterator[str]:
    """A letter is claimed once in an epoch, and by the desk's owner."""
    known: set[tuple[str, int]] = set()
    for one in claimed:
        if one.epoch != one.lease:
            yield f"stale claim: {one.letter} in epoch {one.epoch} while {one.lease} was the desk's"
        if (one.letter, one.epoch) in known:
            yield f"second claim: {one.letter} in epoch {one.epoch}"
        known.add((one.letter, one.epoch))

"""The judge of the fleet's campaign: silent on a sound run, and each mistake is found by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campaign.fleet.judge import Case, judge, told_by_two
from tests.campaign.fleet.receiver import Seen
from tests.campaign.fleet.thing import Phase
from tests.campaign.fleet.witness import Claimed, Evidence, Held, Written

PROBLEM = Seen(1.0, "n1", "problem", "THING_ILL", "i1", 1, "a", "b1", True)
RECOVERY = Seen(9.0, "n2", "recovery", "THING_WELL", "i1", 1, "b", "b2", True)
UNHEARD = replace(RECOVERY, at=10.0, is_accepted=False)

TAKEN = Held(0.0, "desk/pair", "a", "r1", 1)
TAKEN_OVER = Held(5.0, "desk/pair", "b", "r2", 2)
OPENED = Written(1.0, "incident", "i1", None, 1, 1, 1, False)
CLOSED = Written(9.0, "incident", "i1", 1, 2, 2, 2, True)
LATE = Written(9.5, "incident", "i0", None, 1, 2, 2, True)
OWN = Written(9.6, "value", "told", None, 2, 2, 3, False)
"""Of the owner's former life: it has held the desk since then."""
SNAPSHOT = Written(9.0, "value", "snapshot", 1, 2, 2, 2, False)
CLAIMS = (Claimed(1.0, "n1.hook", 1, 1), Claimed(6.0, "n1.hook", 2, 2), Claimed(9.0, "n2.hook", 2, 2))

SOUND = Case(
    phases=(Phase(1, "ILL", 0.5), Phase(1, "WELL", 8.5)),
    seen=(replace(PROBLEM, is_accepted=False), PROBLEM, UNHEARD, RECOVERY),
    evidence=Evidence((TAKEN, TAKEN_OVER), (OPENED, CLOSED, LATE, OWN, SNAPSHOT), CLAIMS),
    left=(("letters", 0), ("shipments of a", 0)),
)


def seeing(*more: Seen) -> Case:
    return replace(SOUND, seen=(*SOUND.seen, *more))


def witnessing(**more: tuple[object, ...]) -> Case:
    known = SOUND.evidence
    added = {kind: getattr(known, kind) + rows for kind, rows in more.items()}
    return replace(SOUND, evidence=replace(known, **added))


def test_a_sound_run_has_no_finding() -> None:
    assert judge(SOUND) == []


def test_two_agents_may_tell_one_thing_in_their_own_words() -> None:
    case = seeing(replace(PROBLEM, agent="b", digest="b9"))
    assert judge(case) == []
    assert told_by_two(case.seen) == 1


def test_one_that_owns_the_desk_anew_may_tell_it_in_other_words() -> None:
    again = replace(PROBLEM, at=6.0, digest="b9")
    assert judge(seeing(again)) == []
    assert judge(seeing(replace(again, at=2.0))) == ["second body: n1 came in 2 forms of a"]


@pytest.mark.parametrize(
    ("case", "finding"),
    [
        pytest.param(replace(SOUND, seen=(PROBLEM,)), "lost: the recovery of phase 1", id="never told"),
        pytest.param(replace(SOUND, seen=(PROBLEM, UNHEARD)), "lost", id="told, and never taken"),
        pytest.param(seeing(replace(PROBLEM, id="n9", digest="b9")), "second id", id="a second id"),
        pytest.param(seeing(replace(RECOVERY, incident="i9")), "second incident", id="a second incident"),
        pytest.param(seeing(replace(PROBLEM, digest="b9")), "second body", id="a second body"),
        pytest.param(seeing(replace(PROBLEM, code="OTHER")), "second meaning", id="one id for two things"),
        pytest.param(seeing(replace(PROBLEM, phase=2, id="n3")), "unfounded", id="a phase that never was"),
        pytest.param(seeing(replace(PROBLEM, phase=None, id="n3")), "unfounded", id="of no phase"),
        pytest.param(replace(SOUND, seen=(RECOVERY, PROBLEM)), "out of order", id="the order turned"),
        pytest.param(
            replace(SOUND, seen=(replace(PROBLEM, is_accepted=False), RECOVERY, PROBLEM)),
            "out of order",
            id="the recovery before the problem was taken",
        ),
        pytest.param(
            witnessing(held=(replace(TAKEN_OVER, agent="c", run="r3"),)), "two owners", id="two owners"
        ),
        pytest.param(
            witnessing(held=(replace(TAKEN_OVER, run="r9"),)), "two owners", id="two runs in one epoch"
        ),
        pytest.param(witnessing(held=(replace(TAKEN, at=6.0),)), "epoch back", id="an epoch that goes back"),
        pytest.param(
            witnessing(written=(replace(CLOSED, former=2, epoch=1),)), "stale write", id="a known incident"
        ),
        pytest.param(
            witnessing(written=(replace(OPENED, key="i2", lease=2, held_from=2),)),
            "stale write",
            id="an open incident",
        ),
        pytest.param(
            witnessing(written=(replace(SNAPSHOT, former=None, epoch=1),)), "stale write", id="a value"
        ),
        pytest.param(
            witnessing(written=(replace(SNAPSHOT, former=2, epoch=1, held_from=1, lease=1),)),
            "stale write: value snapshot went from epoch 2 to 1",
            id="a value whose epoch goes back",
        ),
        pytest.param(witnessing(claimed=(CLAIMS[0],)), "second claim", id="a letter claimed twice"),
        pytest.param(
            witnessing(claimed=(replace(CLAIMS[2], epoch=1),)), "stale claim", id="claimed without owning"
        ),
        pytest.param(replace(SOUND, left=(("letters", 2),)), "left over: 2 letters", id="something waits"),
    ],
)
def test_a_mistake_is_found(case: Case, finding: str) -> None:
    found = judge(case)
    assert found
    assert any(line.startswith(finding) for line in found), found

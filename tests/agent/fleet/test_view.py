"""Many desks in one view: who is in trouble, who is not heard of, and who watches what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.fleet.entries import content
from agent.fleet.rows import Presence, Role
from agent.fleet.view import narrowed
from agent.fleet.word import Backlog, IncidentWord
from agent.model import UNKNOWN, Severity

from .conftest import NOON, PaperFleet, machine, said

STALE = said("FEED_STALE", Severity.CRITICAL, machines=(machine("feed", "kite-1", Severity.CRITICAL),))
DEGRADED = said("AGENT_DEGRADED", Severity.WARNING)


# -- an agent --------------------------------------------------------------------------------


def test_an_agent_that_is_heard_of_is_shown_with_its_own_word(fleet: PaperFleet) -> None:
    fleet.enter("pune-1", word=STALE)
    entry = fleet.agent("pune-1")
    assert (entry.state, entry.code, entry.severity, entry.message) == (
        "here", "FEED_STALE", "critical", "it is FEED_STALE",
    )  # fmt: skip
    assert (entry.silent_for_s, entry.clock_offset_ms, entry.said) == (0.4, 2.0, None)


def test_a_silent_agent_is_unknown_whatever_it_said_last(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-2", word=said("LIVE", machines=(machine("feed", "kite-1"),)))
    fleet.seen("mumbai-2", 14.6)
    entry = fleet.agent("mumbai-2")
    assert (entry.state, entry.code, entry.severity, entry.status) == (
        "silent", "AGENT_LOST", "unknown", "fail",
    )  # fmt: skip
    assert entry.message == "mumbai-2 has not been heard of for 14 s (it said LIVE last)"
    assert (entry.color, entry.ready, entry.tradable, entry.said) == ("grey", False, False, "LIVE")
    assert [(one.name, one.state, one.group) for one in entry.machines] == [("feed", UNKNOWN, "kite-1")]


@pytest.mark.parametrize(("seconds", "state"), [(10.0, "here"), (10.001, "silent")])
def test_ten_seconds_are_the_boundary(fleet: PaperFleet, seconds: float, state: str) -> None:
    fleet.enter("mumbai-2", word=said())
    fleet.seen("mumbai-2", seconds)
    assert fleet.agent("mumbai-2").state == state


def test_one_that_was_stopped_is_grey_and_leaves_after_a_day(fleet: PaperFleet) -> None:
    fleet.enter("pune-1", word=STALE, ended_at=NOON - timedelta(hours=24))
    entry = fleet.agent("pune-1")
    assert (entry.state, entry.code, entry.severity, entry.color) == ("ended", "ENDED", "ok", "grey")
    assert fleet.view().severity is Severity.OK
    fleet.now += timedelta(seconds=1)
    assert fleet.view().agents == ()
    assert fleet.view().desks == ()


def test_one_that_has_not_spoken_yet_is_starting_and_one_that_cannot_be_read_says_so(
    fleet: PaperFleet,
) -> None:
    fleet.enter("pune-1", word=None)
    fleet.enter("pune-2", word='{"code": 5')
    assert (fleet.agent("pune-1").code, fleet.agent("pune-1").severity) == ("STARTING", "unknown")
    assert (fleet.agent("pune-2").code, fleet.agent("pune-2").severity) == ("UNREADABLE", "unknown")


def test_the_worst_come_first_then_the_names(fleet: PaperFleet) -> None:
    fleet.enter("e-well", word=said())
    fleet.enter("a-well", word=said())
    fleet.enter("b-degraded", word=DEGRADED)
    fleet.enter("c-stale", word=STALE)
    fleet.enter("d-lost", word=said())
    fleet.seen("d-lost", 60)
    fleet.enter("0-ended", word=STALE, ended_at=NOON)
    names = [one.name for one in fleet.view().agents]
    assert names == ["c-stale", "d-lost", "b-degraded", "a-well", "e-well", "0-ended"]
    assert [one.desk for one in fleet.view().desks] == names


def test_what_merely_ages_is_no_news_and_what_changes_is(fleet: PaperFleet) -> None:
    fleet.enter("pune-1", word=said())
    fleet.enter("pune-2", word=said())
    fleet.seen("pune-2", 60)
    before = [content(one) for one in fleet.view().agents]
    fleet.now += timedelta(seconds=2)
    fleet.seen("pune-1", 0.1)
    assert [content(one) for one in fleet.view().agents] == before
    fleet.enter("pune-1", word=STALE)
    assert [content(one) for one in fleet.view().agents] != before


# -- who cannot see the others ----------------------------------------------------------------


def test_without_the_store_every_agent_is_unknown_but_the_one_that_tells(fleet: PaperFleet) -> None:
    for name in ("pune-1", "pune-2"):
        fleet.enter(name, word=said())
    fleet.enter("pune-3", word=said(), ended_at=NOON)
    fleet.now += timedelta(seconds=30)
    document = fleet.view(me="pune-1", stale_since=NOON)
    states = {one.name: (one.state, one.severity) for one in document.agents}
    assert states == {
        "pune-1": (Presence.HERE, Severity.OK),
        "pune-2": (Presence.UNSEEN, Severity.UNKNOWN),
        "pune-3": (Presence.ENDED, Severity.OK),
    }
    assert document.stale_since == NOON
    assert fleet.agent("pune-2", me="pune-1", stale_since=NOON).message == (
        "pune-2 cannot be seen from here (it said LIVE last)"
    )


# -- desks -----------------------------------------------------------------------------------


def pair(fleet: PaperFleet, **more: object) -> None:
    fleet.enter("mumbai-1", "mumbai", STALE)
    fleet.enter("mumbai-2", "mumbai", said(), role=Role.STANDBY, **more)
    fleet.lease("mumbai", "mumbai-1")


def test_a_standby_is_shown_with_its_desk_and_is_no_desk_of_its_own(fleet: PaperFleet) -> None:
    pair(fleet)
    [desk] = fleet.view().desks
    assert (desk.desk, desk.owner, desk.epoch, desk.code) == ("mumbai", "mumbai-1", 3, "FEED_STALE")
    assert [(one.agent, one.state) for one in desk.standbys] == [("mumbai-2", "here")]
    assert (fleet.agent("mumbai-2").code, fleet.agent("mumbai-2").severity) == ("STANDBY", "ok")


def test_the_lease_says_who_owns_a_desk_whatever_an_agent_calls_itself(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-1", "mumbai", STALE)
    fleet.seen("mumbai-1", 30)
    fleet.enter("mumbai-2", "mumbai", said())
    fleet.lease("mumbai", "mumbai-2", epoch=4)
    desk = fleet.desk("mumbai")
    assert (desk.owner, desk.epoch) == ("mumbai-2", 4)


def test_a_desk_that_has_lost_who_stood_by_is_in_some_danger(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-1", "mumbai", said())
    fleet.enter("mumbai-2", "mumbai", None, role=Role.STANDBY)
    fleet.lease("mumbai", "mumbai-1")
    assert (fleet.desk("mumbai").severity, fleet.desk("mumbai").code) == ("ok", "LIVE")
    fleet.seen("mumbai-2", 11)
    assert (fleet.desk("mumbai").severity, fleet.desk("mumbai").code) == ("warning", "AGENT_LOST")
    fleet.enter("mumbai-3", "mumbai", None, role=Role.STANDBY)
    assert fleet.desk("mumbai").code == "LIVE"


def test_a_desk_whose_owner_is_lost_is_unknown_until_another_has_its_lease(fleet: PaperFleet) -> None:
    pair(fleet)
    fleet.seen("mumbai-1", 12)
    fleet.leases.clear()
    fleet.lease("mumbai", "mumbai-1", ends_in=-9)
    assert (fleet.desk("mumbai").owner, fleet.desk("mumbai").severity) == ("mumbai-1", "unknown")


def test_a_desk_that_nobody_watches_says_so(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-1", "mumbai", STALE, ended_at=NOON)
    fleet.enter("mumbai-2", "mumbai", None, role=Role.STANDBY)
    desk = fleet.desk("mumbai")
    assert (desk.owner, desk.code, desk.severity, desk.ended) == (None, "DESK_UNWATCHED", "unknown", False)


def test_one_that_has_only_just_come_and_sees_no_store_does_not_say_that_nobody_watches(
    fleet: PaperFleet,
) -> None:
    fleet.enter("mumbai-2", "mumbai", None, role=Role.STANDBY)
    [desk] = fleet.view(me="mumbai-2", stale_since=NOON).desks
    assert (desk.owner, desk.code, desk.severity) == (None, "UNSEEN", "unknown")


def test_a_desk_all_of_whose_agents_were_stopped_is_ended(fleet: PaperFleet) -> None:
    fleet.enter("mumbai-1", "mumbai", STALE, ended_at=NOON)
    assert (fleet.desk("mumbai").ended, fleet.desk("mumbai").severity) == (True, "ok")
    assert fleet.view().counts.desks["ended"] == 1


def test_differing_configurations_of_one_desk_are_flagged(fleet: PaperFleet) -> None:
    pair(fleet)
    assert not fleet.desk("mumbai").configurations_differ
    fleet.enter("mumbai-2", "mumbai", None, role=Role.STANDBY, config_hash="other")
    assert fleet.desk("mumbai").configurations_differ
    fleet.enter("mumbai-2", "mumbai", None, role=Role.STANDBY, config_hash="other", ended_at=NOON)
    assert not fleet.desk("mumbai").configurations_differ


# -- sums ------------------------------------------------------------------------------------


def test_a_group_has_its_worst_over_all_desks(fleet: PaperFleet) -> None:
    fleet.enter("pune-1", word=said(machines=(machine("feed", "kite-1"), machine("auth", "kite-2"))))
    fleet.enter("pune-2", word=STALE)
    first, second = fleet.view().groups
    assert (first.group, first.severity, first.desks, first.troubled) == ("kite-1", "critical", 2, 1)
    assert first.worst is not None
    assert (first.worst.agent, first.worst.machine) == ("pune-2", "feed")
    assert (second.group, second.severity, second.troubled, second.worst) == ("kite-2", "ok", 0, None)


def test_counts_backlog_and_the_worst_of_all(fleet: PaperFleet) -> None:
    late = NOON - timedelta(minutes=30)
    fleet.enter("pune-1", word=said(backlog=Backlog(waiting=2, oldest_at=late)))
    fleet.enter("pune-2", word=said(backlog=Backlog(waiting=1, oldest_at=NOON)))
    fleet.enter("pune-3", word=DEGRADED)
    fleet.enter("pune-4", word=said())
    fleet.seen("pune-4", 11)
    document = fleet.view()
    assert (document.severity, document.status) == ("unknown", "fail")
    assert (document.backlog.waiting, document.backlog.oldest_at) == (3, late)
    assert document.counts.desks == {
        "ok": 2, "info": 0, "warning": 1, "unknown": 1, "critical": 0, "ended": 0,
    }  # fmt: skip
    assert document.counts.agents == {"here": 3, "silent": 1, "ended": 0, "unseen": 0}


def test_an_incident_that_the_next_owner_took_over_is_told_once_by_it(fleet: PaperFleet) -> None:
    open_one = IncidentWord(id="i1", opened_at=NOON, code="FEED_STALE")
    taken = IncidentWord(id="i1", opened_at=NOON, code="FEED_STALE", acknowledged_by="asha")
    fleet.enter("mumbai-1", "mumbai", said(incident=open_one))
    fleet.seen("mumbai-1", 60)
    fleet.enter("mumbai-2", "mumbai", said(incident=taken))
    fleet.lease("mumbai", "mumbai-2")
    [told] = fleet.view().incidents
    assert (told.agent, told.acknowledged_by, told.url) == ("mumbai-2", "asha", "https://mumbai-2.example")


def test_leases_say_how_long_they_last(fleet: PaperFleet) -> None:
    pair(fleet)
    fleet.lease("other", "x", ends_in=-3.5)
    ends = {one.resource: one.ends_in_s for one in fleet.view().leases}
    assert ends == {"desk/mumbai": 2.0, "desk/other": -3.5}


@pytest.mark.parametrize(
    ("filters", "desks"),
    [
        pytest.param({}, {"mumbai", "pune-1", "pune-2"}, id="all"),
        pytest.param({"groups": ["kite-1"]}, {"mumbai", "pune-2"}, id="a group"),
        pytest.param({"groups": ["kite-1", "kite-2"]}, {"mumbai", "pune-1", "pune-2"}, id="groups"),
        pytest.param({"desks": ["pune-1"]}, {"pune-1"}, id="a desk"),
        pytest.param({"desks": ["pune-1"], "groups": ["kite-1"]}, set(), id="both"),
        pytest.param({"desks": ["nowhere"]}, set(), id="one that there is not"),
    ],
)
def test_it_is_narrowed_to_groups_and_desks_with_all_that_is_summed(
    fleet: PaperFleet, filters: dict[str, list[str]], desks: set[str]
) -> None:
    pair(fleet)
    fleet.enter("pune-1", word=said(machines=(machine("feed", "kite-2"),)))
    fleet.enter("pune-2", word=said(machines=(machine("feed", "kite-1"),)))
    fleet.seen("pune-2", 60)
    found = narrowed(fleet.view(), **filters)
    assert {one.desk for one in found.desks} == desks
    assert {one.desk for one in found.agents} == desks
    assert sum(found.counts.desks.values()) == len(desks)
    if filters.get("groups"):
        assert {one.group for one in found.groups} <= set(filters["groups"])


def test_an_empty_fleet_is_well(fleet: PaperFleet) -> None:
    document = fleet.view()
    assert (document.severity, document.agents, document.desks) == ("ok", (), ())

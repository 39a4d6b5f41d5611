"""What the journal is told between two evaluations."""

from __future__ import annotations

from agent.health.diff import diff
from agent.model import Subject


def edges(desk, before):
    return [(e.subject, e.name, e.before, e.after) for e in diff(before, desk.evaluation, desk.now)]


def test_the_first_answer_is_an_edge_of_each_machine_and_of_the_lead(desk) -> None:
    before = desk.evaluation
    desk.say_all()
    assert edges(desk, before) == [
        (Subject.MACHINE, "market", "UNKNOWN", "LIVE"),
        (Subject.MACHINE, "auth", "UNKNOWN", "VALID"),
        (Subject.MACHINE, "feed", "UNKNOWN", "CONNECTED"),
        (Subject.LEAD, "LIVE", None, "LIVE"),
    ]


def test_a_problem_that_becomes_suppressed_is_an_edge_of_its_own(desk) -> None:
    desk.say_all(feed="STALE")
    before = desk.evaluation
    desk.wait(1)
    desk.say("auth", "EXPIRED")
    assert edges(desk, before) == [
        (Subject.MACHINE, "auth", "VALID", "EXPIRED"),
        (Subject.PROBLEM, "auth-required", None, "active"),
        (Subject.PROBLEM, "feed-stale", "active", "suppressed"),
        (Subject.LEAD, "AUTH_REQUIRED", "FEED_STALE", "AUTH_REQUIRED"),
    ]


def test_nothing_new_is_no_edge(desk) -> None:
    desk.say_all()
    before = desk.evaluation
    desk.wait(1)
    desk.say("feed", "CONNECTED", message="other words")
    assert edges(desk, before) == []


def test_the_first_moments_are_no_answer(desk) -> None:
    before = desk.evaluation
    desk.say("auth", "EXPIRED")
    assert [edge[0] for edge in edges(desk, before)] == [Subject.MACHINE]


def test_an_ended_problem_is_told_with_what_it_was(desk) -> None:
    desk.say_all(auth="EXPIRED")
    before = desk.evaluation
    desk.wait(1)
    desk.say("auth", "VALID", "VERIFIED")
    problems = [e for e in diff(before, desk.evaluation, desk.now) if e.subject is Subject.PROBLEM]
    assert [(e.name, e.group, e.before, e.after) for e in problems] == [
        ("auth-required", "kite", "active", None)
    ]

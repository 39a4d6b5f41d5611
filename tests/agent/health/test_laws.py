"""Laws that hold for any sequence of reports and waits."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.health.evaluate import evaluate

STATES = {
    "market": ["PRE_OPEN", "LIVE", "CLOSED", "UNKNOWN"],
    "auth": ["VALID", "EXPIRED", "REQUIRED", "UNKNOWN"],
    "feed": ["CONNECTED", "STALE", "CONNECTING", "DISCONNECTED", "UNKNOWN"],
}

reports = st.sampled_from([(name, state) for name, states in STATES.items() for state in states])
steps = st.tuples(reports, st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0, 7.5, 45.0, 60.0]))
days = st.lists(steps, max_size=25)


def live(desk, day) -> None:
    for (name, state), pause in day:
        desk.say(name, state, "OUT_OF_CALENDAR" if state == "UNKNOWN" else "R")
        desk.wait(pause)


@settings(max_examples=150, deadline=None)
@given(day=days)
def test_a_problems_since_never_moves_later_while_it_lasts(make_desk, day) -> None:
    desk = make_desk()
    known = {}
    for (name, state), pause in day:
        desk.say(name, state)
        desk.wait(max(pause, 0.25))
        present = {(p.rule.id, p.group): p.since for p in desk.evaluation.problems}
        for key in known.keys() & present.keys():
            assert present[key] == known[key]
        known = present


@settings(max_examples=150, deadline=None)
@given(day=days)
def test_the_same_day_gives_the_same_answers(make_desk, day) -> None:
    first, second = make_desk(), make_desk()
    live(first, day)
    live(second, day)
    assert first.evaluation == second.evaluation


@settings(max_examples=150, deadline=None)
@given(day=days, early=st.floats(0, 0.999))
def test_nothing_changes_by_time_alone_before_the_named_instant(make_desk, day, early) -> None:
    desk = make_desk()
    live(desk, day)
    found = desk.evaluation
    span = (found.next_at - desk.now) if found.next_at is not None else timedelta(days=2)
    between = evaluate(desk.ruleset, desk.statuses, desk.memory, desk.now + span * early)
    assert between.lead == found.lead
    assert between.problems == found.problems


@settings(max_examples=150, deadline=None)
@given(day=days, last=st.permutations(["market", "auth", "feed"]))
def test_no_order_of_reports_at_one_instant_changes_where_it_ends(make_desk, day, last) -> None:
    sayings = {"market": "LIVE", "auth": "EXPIRED", "feed": "STALE"}
    desks = [make_desk(), make_desk()]
    for desk, order in zip(desks, (sorted(last), last), strict=True):
        live(desk, day)
        for name in order:
            desk.say(name, sayings[name])
    found = [(d.evaluation.lead.code, [p.rule.id for p in d.evaluation.problems]) for d in desks]
    assert found[0] == found[1]


@settings(max_examples=150, deadline=None)
@given(day=days)
def test_there_is_always_exactly_one_answer_and_it_is_not_a_hidden_problem(make_desk, day) -> None:
    desk = make_desk()
    live(desk, day)
    lead = desk.evaluation.lead
    hidden = {p.rule.id for p in desk.evaluation.problems if p.suppressed_by}
    assert lead.code
    assert lead.rule not in hidden

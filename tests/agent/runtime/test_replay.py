"""Laws of a replay, which hold for any sequence of reports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.blueprint import Blueprint
from agent.config.loading import load
from agent.model import NoticeReason, NoticeType, Report
from agent.runtime.replay import Moment, Replay
from agent.store.rows import Received

SHIPPED = Path(__file__).parents[3] / "agent.toml"


def notices_of(moment):
    return [dispatch.notice for dispatch in moment.dispatches]


START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
OPEN = datetime(2026, 11, 23, 3, 45, tzinfo=UTC)
END = OPEN + timedelta(hours=2)

SAYINGS = [
    ("agent", "WELL", "NOMINAL"),
    ("agent", "DEGRADED", "STORE"),
    ("market", "CLOSED", "BEFORE_HOURS"),
    ("market", "CLOSED", "HOLIDAY"),
    ("market", "PRE_OPEN", "SESSION"),
    ("market", "LIVE", "SESSION"),
    ("market", "UNKNOWN", "OUT_OF_CALENDAR"),
    ("auth", "VALID", "VERIFIED"),
    ("auth", "EXPIRED", "ROLLOVER"),
    ("auth", "REQUIRED", "MISSING"),
    ("auth", "UNKNOWN", "PROBE_TIMEOUT"),
    ("feed", "CONNECTED", "TICKING"),
    ("feed", "STALE", "NO_TICKS"),
    ("feed", "CONNECTING", "NETWORK"),
    ("feed", "DISCONNECTED", "CLOSED_BY_PEER"),
]
PAUSES = [0.0, 0.4, 1.0, 2.0, 3.0, 5.0, 45.0, 60.0, 900.0, 3600.0]

said = st.tuples(
    st.sampled_from(SAYINGS), st.sampled_from(PAUSES), st.sampled_from([None, None, 1.0, 30.0, 90000.0])
)
days = st.lists(said, min_size=1, max_size=30)


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return load(SHIPPED, {})


def recorded(day: Iterable[tuple[tuple[str, str, str], float, float | None]]) -> list[Received]:
    """The reports of a day, each some time after the one before."""
    at, received = START, []
    for (machine, state, reason), pause, valid_for in day:
        at += timedelta(seconds=pause)
        report = Report(
            state=state,
            reason=reason,
            observed_at=at,
            message=f"{machine} is {state}",
            valid_for=timedelta(seconds=valid_for) if valid_for is not None else None,
            attributes={"next_open_at": OPEN.isoformat()} if machine == "market" and at < OPEN else {},
        )
        received.append(Received(at, machine, report))
    return received


def lived(blueprint: Blueprint, received: Iterable[Received]) -> list[Moment]:
    replay = Replay(blueprint, START)
    return [*replay.feed(received), *replay.run_until(END)]


def gists(moments: Iterable[Moment]) -> list[object]:
    """All that a moment says, but for the ids that are made anew each time."""
    return [
        (
            moment.at,
            moment.document,
            [(n.created_at, n.type, n.reason, n.code, n.message, n.duration) for n in notices_of(moment)],
        )
        for moment in moments
    ]


@settings(max_examples=60, deadline=None)
@given(day=days)
def test_the_same_reports_give_the_same_moments(blueprint, day) -> None:
    received = recorded(day)
    assert gists(lived(blueprint, received)) == gists(lived(blueprint, received))


@settings(max_examples=60, deadline=None)
@given(day=days, cut=st.integers(0, 30), later=st.floats(0, 1))
def test_a_day_in_two_halves_is_the_same_day(blueprint, day, cut, later) -> None:
    received = recorded(day)
    first, second = received[:cut], received[cut:]
    begins = first[-1].at if first else START
    ends = second[0].at if second else END
    replay = Replay(blueprint, START)
    moments = [
        *replay.feed(first),
        *replay.run_until(begins + (ends - begins) * later),
        *replay.feed(second),
        *replay.run_until(END),
    ]
    assert gists(moments) == gists(lived(blueprint, received))


@settings(max_examples=60, deadline=None)
@given(day=days, at=st.lists(st.integers(0, 29), min_size=1, max_size=5))
def test_reports_of_machines_that_the_configuration_lacks_change_nothing(blueprint, day, at) -> None:
    received = recorded(day)
    with_strangers = list(received)
    for place in at:
        one = received[min(place, len(received) - 1)]
        with_strangers.insert(with_strangers.index(one), Received(one.at, "stranger", one.report))
    assert gists(lived(blueprint, with_strangers)) == gists(lived(blueprint, received))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), day=days)
def test_time_never_goes_back_whatever_the_order_of_the_reports(blueprint, data, day) -> None:
    shuffled = data.draw(st.permutations(recorded(day)))
    moments = lived(blueprint, shuffled)
    assert all(before.at <= after.at for before, after in pairwise(moments))
    assert all(notice.created_at == moment.at for moment in moments for notice in notices_of(moment))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), day=days)
def test_no_order_of_the_reports_of_one_instant_changes_where_it_ends(blueprint, data, day) -> None:
    received = recorded(day)
    last = {one.machine: one for one in recorded((*day, *((say, 0.0, None) for say, *_ in day[:4])))[-4:]}
    at = max(received[-1].at, *(one.at for one in last.values()))
    orders = [list(last.values()), data.draw(st.permutations(list(last.values())))]
    ends = []
    for order in orders:
        replay = Replay(blueprint, START)
        moments = [*replay.feed([*received, *order]), *replay.run_until(at)]
        documents = [moment.document for moment in moments if moment.document is not None]
        ends.append((documents[-1].code, documents[-1].severity, documents[-1].since))
    assert ends[0] == ends[1]


@settings(max_examples=150, deadline=None)
@given(day=days)
def test_a_problem_is_told_before_it_is_told_again_and_before_its_end(blueprint, day) -> None:
    notices = [notice for moment in lived(blueprint, recorded(day)) for notice in notices_of(moment)]
    is_told = False
    for notice in (one for one in notices if one.type is not NoticeType.REMINDER):
        assert is_told == (notice.reason is not NoticeReason.FIRST)
        assert notice.severity.is_problem == (notice.type is NoticeType.PROBLEM)
        is_told = notice.type is NoticeType.PROBLEM


@settings(max_examples=60, deadline=None)
@given(day=days)
def test_a_document_comes_with_every_change_of_the_answer_and_with_no_other(blueprint, day) -> None:
    moments = lived(blueprint, recorded(day))
    answers = [
        (moment.document.code, moment.document.severity) for moment in moments if moment.document is not None
    ]
    assert answers
    assert all(before != after for before, after in pairwise(answers))
    assert all(moment.document is not None or moment.dispatches for moment in moments)

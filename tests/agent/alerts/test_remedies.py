"""When a remedy is applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.alerts.remedies import HOUR, Remedy, Runs, Trouble, Why, begin, decide, end, shift

NOW = datetime(2026, 11, 24, 6, 30, tzinfo=UTC)
REMEDY = Remedy(
    id="restart",
    rule="feed-disconnected",
    group=None,
    after=timedelta(seconds=30),
    at_most=2,
    timeout=timedelta(seconds=5),
    command=("restart",),
)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def trouble(seconds: float, rule: str = "feed-disconnected", group: str | None = None) -> Trouble:
    return Trouble(rule, group, ago(seconds))


@pytest.mark.parametrize(
    ("troubles", "runs", "why", "in_s"),
    [
        pytest.param([], Runs(), "NO_PROBLEM", None, id="all is well"),
        pytest.param([trouble(99, "auth-required")], Runs(), "NO_PROBLEM", None, id="another problem"),
        pytest.param([trouble(29.9)], Runs(), "TOO_SOON", 0.1, id="just before its time"),
        pytest.param([trouble(30)], Runs(), "DUE", None, id="at its time"),
        pytest.param([trouble(60)], Runs((ago(20),), None, True), "RUNNING", None, id="under way"),
        pytest.param(
            [trouble(60)], Runs((ago(30),), ago(29)), "TOO_SOON", 1, id="the last one may still help"
        ),
        pytest.param([trouble(60)], Runs((ago(31),), ago(30)), "DUE", None, id="the last one did not help"),
        pytest.param(
            [trouble(9999)],
            Runs((ago(3599), ago(60)), ago(59)),
            "OFTEN_ENOUGH",
            1,
            id="twice within the hour",
        ),
        pytest.param([trouble(9999)], Runs((ago(3600), ago(60)), ago(59)), "DUE", None, id="an hour later"),
    ],
)
def test_a_remedy_waits_for_its_time(troubles, runs, why, in_s) -> None:
    decision = decide(REMEDY, troubles, runs, NOW)
    assert decision.why == why
    assert decision.at == (NOW + timedelta(seconds=in_s) if in_s is not None else None)


def test_a_remedy_for_one_group_leaves_the_others_alone() -> None:
    ours = replace(REMEDY, group="account-a")
    assert decide(ours, [trouble(99, group="account-b")], Runs(), NOW).why is Why.NO_PROBLEM
    decision = decide(ours, [trouble(99, group="account-b"), trouble(40, group="account-a")], Runs(), NOW)
    assert decision.trouble == trouble(40, group="account-a")


def test_of_several_problems_the_oldest_is_meant() -> None:
    assert decide(REMEDY, [trouble(31, group="a"), trouble(60, group="b")], Runs(), NOW).trouble == trouble(
        60, group="b"
    )


@given(st.lists(st.floats(1, 600), max_size=60), st.integers(1, 5))
def test_it_is_never_applied_more_often_than_allowed_nor_twice_at_once(pauses, at_most) -> None:
    remedy = replace(REMEDY, at_most=at_most)
    runs, now, begun = Runs(), NOW, []
    for number, pause in enumerate(pauses):
        now += timedelta(seconds=pause)
        if runs.running and number % 2:
            runs = end(runs, now)
        if decide(remedy, [trouble(9999)], runs, now).why is Why.DUE:
            assert not runs.running
            runs = begin(runs, now)
            begun.append(now)
    for at in begun:
        assert sum(at - HOUR < other <= at for other in begun) <= at_most


def test_a_step_of_the_clock_moves_what_is_remembered() -> None:
    runs = Runs((ago(60),), ago(50))
    assert shift(runs, HOUR) == Runs((ago(60) + HOUR,), ago(50) + HOUR)

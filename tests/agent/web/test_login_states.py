"""One-time states of logins."""

from __future__ import annotations

import pytest

from agent.testing import ManualClock
from agent.web.login_states import LIFE_S, LIMIT, LoginStates


def test_a_state_is_good_once() -> None:
    states = LoginStates(ManualClock())
    begun = states.begin("auth")
    assert states.take(begun.state, begun.cookie) == "auth"
    assert states.take(begun.state, begun.cookie) is None


def test_a_state_belongs_to_its_browser_and_is_not_spent_by_another() -> None:
    states = LoginStates(ManualClock())
    mine, other = states.begin("auth"), states.begin("auth")
    assert states.take(mine.state, other.cookie) is None
    assert states.take(mine.state, "") is None
    assert states.take(mine.state, mine.cookie) == "auth"


@pytest.mark.parametrize(
    ("age", "machine"),
    [pytest.param(LIFE_S - 0.001, "auth", id="in time"), pytest.param(LIFE_S, None, id="too late")],
)
async def test_a_state_lives_for_ten_minutes(age, machine) -> None:
    clock = ManualClock()
    states = LoginStates(clock)
    begun = states.begin("auth")
    await clock.advance(age)
    assert states.take(begun.state, begun.cookie) == machine


@pytest.mark.parametrize("state", ["", "x", "a" * 10_000])
def test_a_foreign_state_is_nobodys(state) -> None:
    assert LoginStates(ManualClock()).take(state, state) is None


def test_states_do_not_pile_up() -> None:
    states = LoginStates(ManualClock())
    first = states.begin("auth")
    for _ in range(LIMIT):
        states.begin("auth")
    assert states.take(first.state, first.cookie) is None


def test_neither_state_nor_cookie_is_kept() -> None:
    states = LoginStates(ManualClock())
    begun = states.begin("auth")
    assert begun.state not in repr(vars(states))
    assert begun.cookie not in repr(vars(states))

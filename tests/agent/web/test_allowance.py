"""So many in a minute, and no more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.web import allowance
from agent.web.allowance import Allowance


def test_a_burst_is_granted_and_then_one_each_time_it_has_grown_back() -> None:
    ten = Allowance(burst=10, a_minute=10)
    assert [ten.take("a", 0.0) for _ in range(10)] == [0.0] * 10
    assert ten.take("a", 0.0) == 6.0
    assert ten.wait("a", 5.5) == 0.5
    assert ten.take("a", 6.0) == 0.0
    assert ten.take("a", 6.0) == 6.0


def test_one_key_takes_nothing_from_another() -> None:
    one = Allowance(burst=1, a_minute=1)
    assert one.take("a", 0.0) == 0.0
    assert one.take("a", 0.0) > 0.0
    assert one.take("b", 0.0) == 0.0


def test_asking_how_long_takes_nothing() -> None:
    one = Allowance(burst=1, a_minute=1)
    assert [one.wait("a", 0.0) for _ in range(9)] == [0.0] * 9


def test_keys_are_forgotten_when_they_have_it_all_back_and_the_oldest_when_there_are_too_many() -> None:
    one = Allowance(burst=1, a_minute=60)
    for number in range(allowance.LIMIT + 10):
        one.take(str(number), 0.0)
    assert len(one._whole_at) == allowance.LIMIT
    assert one.wait("0", 0.0) == 0.0
    assert one.wait(str(allowance.LIMIT), 0.0) > 0.0
    one.take("late", 5.0)
    assert len(one._whole_at) == 1


@given(
    st.integers(1, 20),
    st.integers(1, 60),
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=80),
)
def test_no_window_ever_sees_more_than_the_burst_and_what_grows_back_in_it(burst, a_minute, pauses) -> None:
    granted, now = [], 0.0
    some = Allowance(burst=burst, a_minute=a_minute)
    for pause in pauses:
        now += pause
        if some.take("a", now) == 0.0:
            granted.append(now)
    for place, began in enumerate(granted):
        for count, ended in enumerate(granted[place:], start=1):
            assert count <= burst + (ended - began) * a_minute / 60 + 1e-6

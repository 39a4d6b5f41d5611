"""How many go, how fast, and when many are told in one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.delivery.pace import BURST, free_at, take
from agent.delivery.restraint import Restraint
from agent.delivery.storm import MOST, WITHIN, Course, course, room_at

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def ago(*seconds: float) -> list[datetime]:
    return [NOON - timedelta(seconds=one) for one in sorted(seconds, reverse=True)]


@pytest.mark.parametrize(
    ("sent", "due", "expected"),
    [
        pytest.param(0, MOST, Course.SEND, id="as many as fit"),
        pytest.param(0, MOST + 1, Course.GATHER, id="one more than fit"),
        pytest.param(MOST - 1, 1, Course.SEND, id="the last that fits"),
        pytest.param(MOST - 1, 2, Course.GATHER, id="room for one, and two are due"),
        pytest.param(MOST, 1, Course.HOLD, id="no room"),
        pytest.param(MOST, 500, Course.HOLD, id="no room for a digest either"),
    ],
)
def test_letters_go_one_by_one_as_long_as_they_fit_into_a_minute(
    sent: int, due: int, expected: Course
) -> None:
    assert course(ago(*range(sent)), due, NOON) is expected


def test_a_message_counts_for_a_minute_and_no_longer() -> None:
    window = WITHIN.total_seconds()
    assert course(ago(*[window - 0.001] * MOST), 1, NOON) is Course.HOLD
    assert course(ago(*[window] * MOST), 1, NOON) is Course.SEND


def test_there_is_room_again_when_the_oldest_of_the_latest_twenty_is_a_minute_old() -> None:
    sent = ago(*range(10, 10 + MOST + 5))
    assert room_at(sent, NOON) == NOON - timedelta(seconds=10 + MOST - 1) + WITHIN
    assert room_at(sent[-MOST + 1 :], NOON) == NOON
    assert room_at([], NOON) == NOON


def test_after_a_quiet_time_a_few_go_at_once_and_then_one_at_a_time() -> None:
    full_at, went = NOON, []
    for _ in range(BURST + 3):
        now = max(NOON, free_at(full_at, SECOND))
        went.append((now - NOON).total_seconds())
        full_at = take(full_at, SECOND, now)
    assert went == [0, 0, 0, 1, 2, 3]
    assert free_at(take(full_at, SECOND, NOON + timedelta(hours=1)), SECOND) < NOON + timedelta(hours=1)


def test_a_pause_and_a_flood_are_of_one_recipient_and_the_pace_is_of_all() -> None:
    restraint = Restraint(SECOND, spares=True)
    for _ in range(MOST):
        restraint.sent("a", NOON)
    assert restraint.free_at("a", NOON) == NOON + WITHIN
    assert restraint.free_at("b", NOON) == NOON
    assert restraint.open_at(NOON) == NOON + (MOST - BURST + 1) * SECOND
    restraint.pause("b", NOON + SECOND)
    restraint.pause("b", NOON - SECOND)
    assert restraint.free_at("b", NOON) == NOON + SECOND
    assert restraint.free_at("a", NOON + WITHIN) == NOON + WITHIN


def test_a_program_is_flooded_by_nothing() -> None:
    restraint = Restraint(None, spares=False)
    for _ in range(5 * MOST):
        restraint.sent(None, NOON)
    assert restraint.free_at(None, NOON) == restraint.open_at(NOON) == NOON
    assert restraint.course(None, 500, NOON) is Course.SEND


def test_a_set_clock_moves_all_that_is_remembered() -> None:
    restraint, step = Restraint(SECOND, spares=True), timedelta(days=20_000)
    restraint.pause("b", NOON + SECOND)
    for _ in range(MOST):
        restraint.sent(None, NOON)
    before = restraint.open_at(NOON), restraint.free_at(None, NOON), restraint.free_at("b", NOON)
    restraint.shift(step)
    later = NOON + step
    after = restraint.open_at(later), restraint.free_at(None, later), restraint.free_at("b", later)
    assert after == tuple(at + step for at in before)

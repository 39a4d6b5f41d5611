"""What follows from a failed attempt, at both sides of every boundary."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.letters import Address, Letter, LetterState, claim, revive
from agent.delivery.backoff import LONGEST_WISH, REFUSALS, SLOWLY, judge
from agent.errors import DeliveryError
from agent.model import NoticeType, Severity

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
RNG = random.Random(1)
REFUSED = DeliveryError("401", needs_person=True)


def letter(**changes: object) -> Letter:
    values: dict[str, object] = {
        "id": "n.desk",
        "seq": 1,
        "notice": "n",
        "address": Address(notifier="desk"),
        "stream": "one",
        "type": NoticeType.PROBLEM,
        "code": "FEED_STALE",
        "severity": Severity.CRITICAL,
        "body": "{}",
        "created_at": NOON,
        "next_at": NOON,
        "expires_at": NOON + timedelta(hours=24),
    }
    return Letter(**(values | changes))  # type: ignore[arg-type]


def attempts(errors: list[DeliveryError], one: Letter | None = None) -> tuple[Letter, datetime]:
    """The letter after failures, each at the instant that the one before led to; and the last instant."""
    one, now = one or letter(), NOON
    for error in errors:
        now = max(now, one.next_at)
        one = judge(claim(one), error, str(error), now, RNG)
    return one, now


def test_a_receiver_that_turns_us_away_is_tried_three_times_more_within_ten_minutes_and_then_given_up() -> (
    None
):
    still, at = attempts([REFUSED] * REFUSALS)
    assert (still.state, still.refusals) == (LetterState.PENDING, 3)
    assert still.next_at == NOON + timedelta(minutes=10) == at + SLOWLY
    dead, at = attempts([REFUSED] * (REFUSALS + 1))
    assert (dead.state, at) == (LetterState.DEAD, NOON + timedelta(minutes=10))
    assert dead.last_error == "turned away 4 times: 401"


def test_what_passes_in_between_begins_the_count_anew() -> None:
    one, _ = attempts([*[REFUSED] * REFUSALS, DeliveryError("503"), *[REFUSED] * REFUSALS])
    assert (one.state, one.refusals) == (LetterState.PENDING, REFUSALS)


def test_a_letter_that_is_sent_again_by_a_person_is_given_its_time_again() -> None:
    dead, at = attempts([REFUSED] * (REFUSALS + 1))
    revived = revive(dead, 2, at)
    assert (revived.refusals, revived.is_open) == (0, True)


@pytest.mark.parametrize(
    ("wish", "pause"),
    [
        pytest.param(None, SLOWLY, id="none"),
        pytest.param(timedelta(seconds=1), SLOWLY, id="a short one"),
        pytest.param(timedelta(minutes=20), timedelta(minutes=20), id="a long one"),
        pytest.param(timedelta(days=3), LONGEST_WISH, id="one beyond reason"),
    ],
)
def test_a_receivers_wish_counts_where_it_turns_us_away(wish: timedelta | None, pause: timedelta) -> None:
    error = DeliveryError("403", needs_person=True, retry_after=wish)
    assert judge(letter(), error, "403", NOON, RNG).next_at == NOON + pause


def test_what_is_refused_for_good_is_dead_at_once_and_what_passes_never_by_itself() -> None:
    assert judge(letter(), DeliveryError("410", permanent=True), "410", NOON, RNG).state is LetterState.DEAD
    many, _ = attempts([DeliveryError("503")] * 20)
    assert (many.state, many.attempts) == (LetterState.PENDING, 20)

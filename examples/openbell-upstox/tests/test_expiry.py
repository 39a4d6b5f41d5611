"""The end of all tokens, on both sides of each boundary."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from openbell_upstox import expiry


def at(text):
    """An instant of a November day in Mumbai."""
    return datetime.fromisoformat(f"2026-11-{text}+05:30").astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "last"),
    [("24T03:29:59", "23T03:30:00"), ("24T03:30:00", "24T03:30:00"), ("24T23:59:59", "24T03:30:00")],
)
def test_all_tokens_end_at_half_past_three_in_mumbai(now, last) -> None:
    assert expiry.last_end(at(now)) == at(last)
    assert (expiry.next_end(at(now)) - at(last)).days == 1


@pytest.mark.parametrize(
    ("now", "look"),
    [
        pytest.param("24T02:00:00", "24T03:30:00", id="before the end"),
        pytest.param("24T03:30:00", "24T03:30:10", id="at the end: its clock is not ours"),
        pytest.param("24T03:30:09.999", "24T03:30:10", id="just before another look"),
        pytest.param("24T03:30:55", "24T03:31:00", id="the last look"),
        pytest.param("24T03:31:00", "25T03:30:00", id="a minute later"),
    ],
)
def test_the_broker_is_asked_at_the_end_and_for_a_minute_after_it(now, look) -> None:
    assert expiry.next_look(at(now)) == at(look)


@pytest.mark.parametrize(
    ("first_seen", "proven", "over"),
    [
        pytest.param("23T20:00:00", None, True, id="of the evening"),
        pytest.param("24T02:30:00", "24T03:29:59", True, id="of the same night"),
        pytest.param("24T03:30:00", None, False, id="first seen at the end"),
        pytest.param("23T20:00:00", "24T03:30:59", True, id="taken while its clock may be slow"),
        pytest.param("23T20:00:00", "24T03:31:00", False, id="proven since"),
    ],
)
def test_a_token_older_than_the_end_is_over(first_seen, proven, over) -> None:
    proven_at = at(proven) if proven is not None else None
    assert expiry.is_over(at(first_seen), proven_at, at("24T06:00:00")) is over

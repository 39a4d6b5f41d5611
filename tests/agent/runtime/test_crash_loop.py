"""Starts that came to no proper end, and what follows from the third."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.runtime.crash_loop import FILE, Starts

NINE = datetime(2026, 11, 23, 3, 30, tzinfo=UTC)


def begun(folder, *minutes: float) -> list[bool]:
    """Whether strangers stay out at each of some starts, none of which comes to an end."""
    return [Starts(NINE + timedelta(minutes=after)).begin(folder) is not None for after in minutes]


@pytest.mark.parametrize(
    ("minutes", "refused"),
    [
        pytest.param((0, 1, 2), [False] * 3, id="the third start has but two behind it"),
        pytest.param((0, 1, 2, 3), [False, False, False, True], id="the fourth has three"),
        pytest.param((0, 1, 2, 5), [False] * 4, id="the first was five minutes ago"),
        pytest.param((0, 1, 2, 4.99), [False, False, False, True], id="just before that"),
        pytest.param((0, 1, 2, 3, 4, 20), [False, False, False, True, True, False], id="and later"),
        pytest.param((60, 61, 62, 0), [False] * 4, id="a clock that was ahead"),
    ],
)
def test_three_starts_without_an_end_within_five_minutes_keep_strangers_out(
    tmp_path, minutes, refused
) -> None:
    assert begun(tmp_path, *minutes) == refused


def test_a_proper_end_forgives_all_that_was_before(tmp_path) -> None:
    begun(tmp_path, 0, 1, 2)
    starts = Starts(NINE + timedelta(minutes=3))
    assert "3 times within 5 minutes" in (starts.begin(tmp_path) or "")
    starts.end()
    assert begun(tmp_path, 4) == [False]


def test_a_record_that_is_spoilt_or_cannot_be_written_stops_nobody(tmp_path) -> None:
    (tmp_path / FILE).write_text("[1, ")
    assert begun(tmp_path, 0) == [False]
    (tmp_path / FILE).write_text('["2026-11-23T09:00:00"]')
    assert begun(tmp_path, 0) == [False]
    file = tmp_path / "file"
    file.write_text("")
    assert begun(file / "data", 0) == [False]

"""A recovery says what is over, and how long each machine took to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from agent.alerts.recovery import Standing, unwatched, words

SIX = datetime(2026, 11, 19, 0, 30, tzinfo=UTC)
LOGIN = SIX + timedelta(hours=3, minutes=5)
AUTH = Standing("auth", "VALID", LOGIN)


@pytest.mark.parametrize(
    ("standings", "way"),
    [
        pytest.param((), "", id="nothing came back"),
        pytest.param((AUTH,), ": auth VALID", id="one machine"),
        pytest.param(
            (Standing("feed", "CONNECTED", LOGIN + timedelta(seconds=1.8)), AUTH),
            ": auth VALID, feed CONNECTED 1.8 s later",
            id="in the order of time",
        ),
        pytest.param(
            (AUTH, Standing("feed", "CONNECTED", LOGIN + timedelta(milliseconds=40))),
            ": auth VALID, feed CONNECTED 40 ms later",
            id="at once",
        ),
        pytest.param(
            (AUTH, Standing("feed", "CONNECTED", LOGIN + timedelta(seconds=185))),
            ": auth VALID, feed CONNECTED 3m5s later",
            id="not at once",
        ),
        pytest.param(
            (AUTH, Standing("feed", "CONNECTED", SIX - timedelta(seconds=1))),
            ": auth VALID",
            id="what was well all along is not mentioned",
        ),
    ],
)
def test_a_recovery_says_how_long_it_took(standings, way) -> None:
    said = words("AUTH_REQUIRED", SIX, standings, "Soon the bell rings", now=LOGIN + timedelta(seconds=2))
    assert said == f"AUTH_REQUIRED is over after 3h5m2s{way}. Soon the bell rings"


def test_what_nobody_looks_at_any_more_is_not_said_to_be_over() -> None:
    assert unwatched("THING_ILL", SIX, "no machine thing", "Live", now=LOGIN) == (
        "THING_ILL is not watched any more, after 3h5m: the configuration has no machine thing. Live"
    )

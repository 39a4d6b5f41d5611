from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.notifiers.answers import LONGEST_PAUSE, SLOWLY, pause_wished, refusal

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(status: int) -> None:
    assert refusal(status, None, NOW, who="it") is None


@pytest.mark.parametrize("status", [400, 405, 410, 413, 415, 422])
def test_what_the_same_notice_cannot_mend_is_permanent(status: int) -> None:
    error = refusal(status, None, NOW, who="it")
    assert error is not None
    assert error.permanent


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 100, 199, 600, 999])
def test_what_may_pass_is_tried_again_at_the_senders_own_pace(status: int) -> None:
    error = refusal(status, None, NOW, who="it")
    assert error is not None
    assert not error.permanent
    assert error.retry_after is None


@pytest.mark.parametrize("status", [401, 402, 403, 404, 407])
def test_what_a_person_must_set_right_is_said_to_be_so(status: int) -> None:
    error = refusal(status, "7", NOW, who="it")
    assert error is not None
    assert (error.permanent, error.needs_person) == (False, True)
    assert error.retry_after == timedelta(seconds=7)


@pytest.mark.parametrize("status", [409, 418, 451])
def test_what_hurry_does_not_help_is_tried_again_slowly(status: int) -> None:
    error = refusal(status, None, NOW, who="it")
    assert error is not None
    assert (error.permanent, error.needs_person) == (False, False)
    assert error.retry_after == SLOWLY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure(status: int) -> None:
    error = refusal(status, None, NOW, who="it")
    assert error is not None
    assert "redirects are not followed" in str(error)


def test_the_error_names_who_answered_and_what() -> None:
    assert str(refusal(503, None, NOW, who="the receiver")) == "the receiver answered 503 Service Unavailable"


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("0", timedelta(0), id="zero"),
        pytest.param("30", timedelta(seconds=30), id="seconds"),
        pytest.param(" 30 ", timedelta(seconds=30), id="spaces"),
        pytest.param("1.5", timedelta(seconds=1.5), id="a fraction"),
        pytest.param("3600", HOUR, id="just the longest"),
        pytest.param("3601", HOUR, id="just over the longest"),
        pytest.param("1e9", HOUR, id="huge"),
        pytest.param("9" * 5000, HOUR, id="huger"),
        pytest.param("inf", HOUR, id="infinite"),
        pytest.param("nan", None, id="not a number"),
        pytest.param("-1", timedelta(0), id="negative"),
        pytest.param("Mon, 23 Nov 2026 04:00:20 GMT", timedelta(seconds=20), id="a date"),
        pytest.param("Mon, 23 Nov 2026 04:00:20 -0000", timedelta(seconds=20), id="a date of no zone"),
        pytest.param("Mon, 23 Nov 2026 03:00:00 GMT", timedelta(0), id="a date gone by"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", HOUR, id="the last of dates"),
        pytest.param("Fri, 31 Dec 99999 23:59:59 GMT", None, id="no such date"),
        pytest.param("soon", None, id="a word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_retry_after_is_clamped_and_garbage_is_no_wish(text: str | None, pause: timedelta | None) -> None:
    assert pause_wished(text, NOW) == pause


@given(st.text())
def test_no_retry_after_breaks_the_notifier(text: str) -> None:
    pause = pause_wished(text, NOW)
    assert pause is None or timedelta(0) <= pause <= LONGEST_PAUSE

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import requests
from kiteconnect import exceptions as kite

from plugins.auth.answers import Answer, classify
from plugins.auth.broker import offset, seconds


@pytest.mark.parametrize(
    ("error", "status", "answer"),
    [
        (kite.TokenException("Incorrect `api_key` or `access_token`."), 403, Answer.REFUSED),
        (kite.TokenException("Token is invalid or has expired."), 403, Answer.REFUSED),
        (kite.TokenException("Invalid `checksum`."), 403, Answer.WRONG_CHECKSUM),
        (kite.InputException("Invalid `api_key` or `access_token`."), 400, Answer.REFUSED),
        (kite.InputException("Invalid `api_key`."), 400, Answer.MISCONFIGURED),
        (kite.InputException("Something else"), 400, Answer.BROKEN),
        (kite.PermissionException("Insufficient permission for that call."), 403, Answer.FORBIDDEN),
        (kite.GeneralException("Route not found"), 404, Answer.MISCONFIGURED),
        (kite.GeneralException("Something went wrong"), 500, Answer.BROKEN),
        (kite.DataException("Unknown Content-Type (text/html)"), 403, Answer.BROKEN),
        (kite.DataException("Couldn't parse the JSON response"), 200, Answer.BROKEN),
        (kite.NetworkException("Gateway timed out"), 504, Answer.BROKEN),
        (kite.NetworkException("Too many requests", code=429), 429, Answer.RATE_LIMITED),
        (kite.DataException("Unknown Content-Type (text/html)"), 429, Answer.RATE_LIMITED),
        (requests.exceptions.ConnectTimeout("..."), 0, Answer.UNREACHABLE),
        (requests.exceptions.ReadTimeout("..."), 0, Answer.UNREACHABLE),
        (requests.exceptions.SSLError("..."), 0, Answer.UNREACHABLE),
        (requests.exceptions.ConnectionError("..."), 0, Answer.UNREACHABLE),
        (requests.exceptions.TooManyRedirects("..."), 307, Answer.BROKEN),
        (requests.exceptions.InvalidURL("..."), 0, Answer.MISCONFIGURED),
        (requests.exceptions.ContentDecodingError("..."), 200, Answer.UNREACHABLE),
        (KeyError("data"), 200, Answer.BROKEN),
        (AttributeError("'list' object has no attribute 'get'"), 200, Answer.BROKEN),
        (RecursionError("..."), 200, Answer.BROKEN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_answer_is_told_by_its_kind_and_words_and_never_by_its_status(
    error: Exception, status: int, answer: Answer
) -> None:
    assert classify(error, status).answer is answer


def test_only_three_answers_say_something_about_the_token() -> None:
    assert {answer for answer in Answer if answer.is_verdict} == {
        Answer.ACCEPTED,
        Answer.REFUSED,
        Answer.OTHER_USER,
    }


def test_no_finding_repeats_what_the_broker_or_the_client_said() -> None:
    for error in (
        kite.TokenException("CANARY"),
        kite.DataException("CANARY"),
        requests.ConnectionError("https://x/?CANARY"),
        KeyError("CANARY"),
    ):
        assert "CANARY" not in repr(classify(error, 403))


NINE_THIRTY = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sent_s", "received_s", "offset_s"),
    [
        pytest.param(0.4, 0.5, 0, id="as well as can be told"),
        pytest.param(1.0, 1.1, 0, id="the date is almost a second old"),
        pytest.param(3.5, 3.6, 2.5, id="ahead"),
        pytest.param(-2.6, -2.5, -2.5, id="behind"),
        pytest.param(0.5, 6.0, 0, id="a slow answer is no wrong clock"),
        pytest.param(-5.0, 0.5, 0, id="nor is one that the broker began late"),
    ],
)
def test_the_brokers_clock_is_read_from_its_date(sent_s: float, received_s: float, offset_s: float) -> None:
    sent, received = (NINE_THIRTY + timedelta(seconds=s) for s in (sent_s, received_s))
    for zone in ("GMT", "-0000"):
        assert offset(sent, received, f"Tue, 24 Nov 2026 04:00:00 {zone}") == timedelta(seconds=offset_s)


def test_a_date_that_is_none_measures_nothing() -> None:
    for garbage in ("", "yesterday", "Tue, 99 Nov 2026 04:00:00 GMT"):
        assert offset(NINE_THIRTY, NINE_THIRTY, garbage) is None


@pytest.mark.parametrize(
    ("text", "wished"), [("5", 5.0), ("", 0.0), ("-1", 0.0), ("1e9", 0.0), ("9" * 400, 0.0), ("²", 0.0)]
)
def test_a_wish_to_wait_is_read_only_as_seconds(text: str, wished: float) -> None:
    assert seconds(text) == wished

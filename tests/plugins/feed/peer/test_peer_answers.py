"""What another agent's address answers, read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from plugins.feed.peer.asking import read
from plugins.feed.peer.hearing import Fault, Reason, Session, Word
from plugins.feed.peer.settings import PeerSettings

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
BODY = {
    "schema": "openbell.health/1",
    "code": "LIVE",
    "generated_at": "2026-11-23T10:30:00+05:30",
    "valid_until": "2026-11-23T10:30:30+05:30",
    "market": {"state": "LIVE", "reason": "SESSION", "next_open_at": None, "next_close_at": None},
    "more": {"than": "we know"},
}


def answer(status: int = 200, **other: object) -> Word | Fault:
    return read(status, json.dumps(BODY | other).encode(), NOW)


def test_a_document_is_a_word() -> None:
    assert answer() == Word(NOW, NOW, timedelta(seconds=30), "LIVE", Session("LIVE", None, None))


def test_a_document_without_a_market_is_a_word() -> None:
    found = answer(market=None)
    assert isinstance(found, Word)
    assert found.session is None


@pytest.mark.parametrize(
    ("until", "lasts"),
    [
        pytest.param("2036-11-23T10:30:00+05:30", timedelta(minutes=10), id="for years"),
        pytest.param("2026-11-23T10:29:00+05:30", timedelta(seconds=1), id="for less than no time"),
    ],
)
def test_the_span_that_a_document_claims_is_bounded(until: str, lasts: timedelta) -> None:
    found = answer(valid_until=until)
    assert isinstance(found, Word)
    assert found.lasts == lasts


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(401, Reason.REFUSED, id="no token"),
        pytest.param(403, Reason.REFUSED, id="another token"),
        pytest.param(502, Reason.NO_ANSWER, id="a proxy before nothing"),
        pytest.param(404, Reason.NOT_OPENBELL, id="another program"),
        pytest.param(301, Reason.NOT_OPENBELL, id="a redirect"),
    ],
)
def test_another_status_is_no_word_even_with_a_document(status: int, reason: Reason) -> None:
    found = answer(status)
    assert isinstance(found, Fault)
    assert found.reason is reason


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<html>It works!</html>", id="a page"),
        pytest.param(b"{}", id="JSON of another kind"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(json.dumps(BODY | {"schema": "weather/1"}).encode(), id="another schema"),
        pytest.param(json.dumps(BODY | {"generated_at": "2026-11-23T10:30:00"}).encode(), id="no zone"),
    ],
)
def test_what_is_no_document_is_no_openbell(body: bytes) -> None:
    found = read(200, body, NOW)
    assert isinstance(found, Fault)
    assert found.reason is Reason.NOT_OPENBELL


@pytest.mark.parametrize(
    "url",
    ["desk.example", "ftp://desk.example", "https://me:secret@desk.example", "http://desk.example/?a=1"],
)
def test_an_address_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        PeerSettings(url=url)

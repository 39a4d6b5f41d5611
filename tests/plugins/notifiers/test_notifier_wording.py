from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.api import Action, Notice, NoticeReason, NoticeType
from plugins.notifiers.wording import MACHINE_LIMIT, absolute, at, clean, plain_text, span, word

BASE = "http://desk.example:8000"
INDIA = ZoneInfo("Asia/Kolkata")
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)


def worded(notice: Notice, zone: str = "Asia/Kolkata"):
    return word(notice, zone=zone, base_url=BASE)


def test_a_title_says_what_how_bad_and_since_when_in_the_desks_zone(notice_of) -> None:
    assert worded(notice_of()).title == "AUTH_REQUIRED (critical): Kite login needed, since 06:00 IST"


def test_a_title_names_the_day_if_it_is_not_today(notice_of) -> None:
    before = notice_of(since=datetime(2026, 11, 20, 0, 30, tzinfo=UTC))
    assert worded(before).title.endswith("since Fri 20 Nov 06:00 IST")


def test_a_recovery_is_titled_as_one_and_says_how_long_it_lasted(recovery_of) -> None:
    said = worded(recovery_of())
    assert said.title == "RECOVERED: AUTH_REQUIRED is over after 2:45:00"
    assert ("Lasted", "2h 45m") in said.facts


def test_what_nobody_looks_at_any_more_is_not_titled_as_a_recovery(recovery_of) -> None:
    said = worded(replace(recovery_of(), reason=NoticeReason.UNWATCHED))
    assert said.title.startswith("NOT WATCHED: AUTH_REQUIRED")


@pytest.mark.parametrize("type_", [NoticeType.REMINDER, NoticeType.TEST])
def test_reminders_and_tests_are_titled_as_such(notice_of, type_: NoticeType) -> None:
    assert worded(notice_of(type=type_, reason=NoticeReason.TEST)).title.startswith(
        f"{type_.name}: AUTH_REQUIRED"
    )


@pytest.mark.parametrize("reason", [NoticeReason.GATHERED, NoticeReason.MISSED])
def test_a_notice_about_notices_is_titled_by_what_it_is(notice_of, reason: NoticeReason) -> None:
    notice = notice_of(type=NoticeType.REMINDER, reason=reason, code="NOTICES_MISSED")
    assert worded(notice).title.startswith("NOTICES_MISSED (critical): ")


def test_whose_account_it_is_comes_first(notice_of) -> None:
    assert worded(notice_of(group="alpha")).facts[0] == ("Group", "alpha")


def test_the_text_has_all_that_a_person_needs(notice_of) -> None:
    assert plain_text(worded(notice_of())) == (
        "AUTH_REQUIRED (critical): Kite login needed, since 06:00 IST\n"
        "\n"
        "Kite login needed\n"
        "\n"
        "Now: AUTH_REQUIRED (critical)\n"
        "Since: Mon 23 Nov 2026 06:00:00 IST (2026-11-23T00:30:00Z)\n"
        "What to do: Log in to Kite\n"
        "Told because: FIRST\n"
        "Agent: my-desk\n"
        "\n"
        "Log in to Kite: http://desk.example:8000/api/auth/login\n"
        "\n"
        "Machines:\n"
        "- auth: REQUIRED (ROLLOVER), yesterday's token\n"
        "- feed: DISCONNECTED (AWAITING_CREDENTIAL)\n"
        "\n"
        "Notice 90abcdef\n"
    )


def test_what_a_link_cannot_do_leads_to_the_status_page(notice_of) -> None:
    action = Action(
        kind="reconnect", label="Reconnect", href="/api/system/health/feed/reconnect", method="POST"
    )
    link = worded(notice_of(action=action)).link
    assert link is not None
    assert (link.label, link.url) == ("Open the status page", f"{BASE}/")


def test_a_crowd_of_machines_is_cut(notice_of) -> None:
    crowd = tuple({"name": f"m{index}", "state": "X"} for index in range(100))
    assert len(worded(notice_of(machines=crowd)).machines) == MACHINE_LIMIT


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("/api/auth/login", f"{BASE}/api/auth/login"),
        ("https://kite.zerodha.com/connect", "https://kite.zerodha.com/connect"),
        ("//elsewhere.example/x", "http://elsewhere.example/x"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://", None),
        ("/a b", None),
        ("/a\r\nb", None),
        ("/a|b>c", None),
        ("http://[::1", None),
    ],
)
def test_a_link_is_an_absolute_page_or_none(href: str, url: str | None) -> None:
    assert absolute(href, BASE) == url


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=-5), "0s"),
        (timedelta(seconds=59.6), "1m"),
        (timedelta(seconds=3661), "1h 1m"),
        (timedelta(days=2, seconds=7), "2d 7s"),
        (timedelta(days=2, hours=3, minutes=4), "2d 3h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_parts(duration: timedelta, text: str) -> None:
    assert span(duration) == text


def test_the_same_day_is_judged_in_the_readers_zone() -> None:
    late, early = datetime(2026, 11, 22, 19, 0, tzinfo=UTC), datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
    assert at(late, INDIA, seen_from=early) == "00:30 IST"
    assert at(late, ZoneInfo("UTC"), seen_from=early) == "Sun 22 Nov 19:00 UTC"


@pytest.mark.parametrize(
    "sign",
    ["\x00", "\x1b", "\x7f", "\x85", "\u061c", "\u200b", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800"],
)
def test_a_sign_that_cannot_be_shown_is_a_space(sign: str) -> None:
    assert clean(f"a{sign}{sign}b") == "a b"


@given(ANY_TEXT)
def test_clean_text_is_one_line_that_can_be_encoded(text: str) -> None:
    line = clean(text)
    line.encode()
    assert len(line.splitlines()) <= 1
    assert clean(line) == line


@given(message=ANY_TEXT, agent=ANY_TEXT, href=ANY_TEXT)
def test_whatever_a_notice_says_its_title_is_one_line(
    notice_of: Callable[..., Notice], message: str, agent: str, href: str
) -> None:
    said = worded(notice_of(message=message, agent=agent, action=Action(kind="x", label=agent, href=href)))
    assert len(said.title.splitlines()) == 1
    assert len(said.title) <= 200
    assert said.link is None or said.link.url.startswith(("http://", "https://"))
    assert plain_text(said).encode()

"""How long a page may act, and what is left of it on disk."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from agent.testing import ManualClock, MemoryStore
from agent.web.sessions import IDLE, KEPT, KEY, LIFE, LIMIT, Sessions

SECOND = timedelta(seconds=1)


async def go_on(clock: ManualClock, duration: timedelta) -> None:
    await clock.advance(duration.total_seconds())


@pytest.mark.parametrize(
    ("idle", "holds"),
    [pytest.param(IDLE - SECOND, True, id="just before"), pytest.param(IDLE, False, id="at its end")],
)
async def test_a_session_ends_when_nothing_is_heard_of_its_page(idle, holds) -> None:
    clock = ManualClock()
    sessions = Sessions(clock, MemoryStore())
    cookie = sessions.open()
    await go_on(clock, idle)
    assert (sessions.find(cookie) is not None) is holds


async def test_each_request_puts_the_end_off_but_not_for_ever() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, MemoryStore())
    cookie, passed = sessions.open(), timedelta(0)
    while passed + IDLE / 2 < LIFE:
        await go_on(clock, IDLE / 2)
        passed += IDLE / 2
        assert sessions.find(cookie) is not None
    await go_on(clock, IDLE / 2)
    assert sessions.find(cookie) is None


async def test_an_open_stream_keeps_its_session_and_its_end_starts_the_count() -> None:
    clock = ManualClock()
    sessions = Sessions(clock, MemoryStore())
    cookie = sessions.open()
    key = sessions.find(cookie)
    with sessions.running(key):
        await go_on(clock, 3 * IDLE)
        assert sessions.find(cookie) == key
        await go_on(clock, IDLE)
    await go_on(clock, IDLE - SECOND)
    assert sessions.find(cookie) == key
    await go_on(clock, IDLE)
    assert sessions.find(cookie) is None


def test_logging_out_ends_it_while_others_go_on() -> None:
    sessions = Sessions(ManualClock(), MemoryStore())
    one, other = sessions.open(), sessions.open()
    with sessions.running(sessions.find(one)):
        sessions.end(sessions.find(one))
    assert sessions.find(one) is None
    assert sessions.find(other) is not None


async def test_sessions_that_were_used_outlive_the_agent_as_digests() -> None:
    clock, kept = ManualClock(), MemoryStore()
    first = Sessions(clock, kept)
    used, ended, unused = first.open(), first.open(), first.open()
    assert kept.get(KEY) is None
    assert first.find(used) is not None
    first.end(first.find(ended))
    assert used not in str(kept.get(KEY))
    again = Sessions(clock, kept)
    assert again.find(used) is not None
    assert again.find(ended) is None
    assert again.find(unused) is None
    await go_on(clock, LIFE)
    assert Sessions(clock, kept).find(used) is None


@pytest.mark.parametrize(
    "text", ["{", "[]", "3", '{"x": 4}', '{"x": "soon"}', '{"x": "2026-11-23"}', '{"x": "9999-01-01T00:00Z"}']
)
def test_what_cannot_be_read_of_a_former_run_is_no_session(text) -> None:
    kept = MemoryStore()
    kept.put(KEY, text)
    sessions = Sessions(ManualClock(), kept)
    assert sessions.find("x") is None
    assert sessions.find(sessions.open()) is not None


def test_their_number_is_bounded_and_those_that_are_used_stay() -> None:
    sessions = Sessions(ManualClock(), MemoryStore())
    used = sessions.open()
    assert sessions.find(used) is not None
    cookies = [sessions.open() for _ in range(LIMIT + 5)]
    assert len(sessions._sessions) == LIMIT
    assert sessions.find(used) is not None
    assert sessions.find(cookies[0]) is None
    assert sessions.find(cookies[-1]) is not None


def test_what_is_kept_on_disk_is_bounded() -> None:
    kept = MemoryStore()
    sessions = Sessions(ManualClock(), kept)
    for _ in range(KEPT + 5):
        sessions.find(sessions.open())
    assert len(json.loads(str(kept.get(KEY)))) == KEPT
    assert len(str(kept.get(KEY))) < 64_000

"""The live view as text: what is on the screen at an instant, and what no longer is."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import Any

import pytest
import segno
from rich.console import Console

from agent.cli.qr import qr_lines
from agent.cli.screen import screen
from agent.cli.view import View

NOW = datetime.fromisoformat("2026-11-23T03:40:00+00:00")
LINK = "http://desk.example:8000/api/auth/link/" + "x" * 98


def problem(rule: str, code: str, *suppressed_by: str) -> dict[str, Any]:
    return {
        "rule": rule, "code": code, "group": None, "severity": "critical", "message": code,
        "phase": "suppressed" if suppressed_by else "active", "suppressed_by": list(suppressed_by),
    }  # fmt: skip


def machine(role: str, state: str, reason: str, message: str = "") -> dict[str, Any]:
    attributes = {"zone": "Asia/Kolkata"} if role == "market" else {}
    since = (NOW - timedelta(minutes=4)).isoformat()
    return {
        "role": role, "state": state, "reason": reason, "message": message, "since": since,
        "attributes": attributes,
    }  # fmt: skip


def document(**changed: Any) -> dict[str, Any]:
    """A desk that wants a login five minutes before the bell."""
    return {
        "code": "AUTH_REQUIRED", "severity": "critical", "color": "red",
        "message": "There is no access token",
        "since": (NOW - timedelta(minutes=4)).isoformat(), "generated_at": NOW.isoformat(),
        "valid_until": (NOW + timedelta(seconds=30)).isoformat(),
        "action": {"kind": "login", "label": "Log in to the broker", "href": "/api/auth/login?machine=auth"},
        "market": {
            "state": "PRE_OPEN", "calendar": None,
            "next_open_at": "2026-11-23T03:45:00+00:00", "next_close_at": "2026-11-23T10:00:00+00:00",
        },
        "ready": False, "tradable": False,
        "blockers": [{"machine": "auth", "state": "REQUIRED", "reason": "MISSING"}],
        "problems": [
            problem("auth-required", "AUTH_REQUIRED"),
            problem("feed-disconnected", "FEED_DISCONNECTED", "auth-required"),
        ],
        "machines": {
            "market": machine("market", "PRE_OPEN", "SESSION", "Opens at 09:15"),
            "auth": machine("auth", "REQUIRED", "MISSING", "There is no access token: " + "log in " * 20),
            "feed": machine("feed", "DISCONNECTED", "AWAITING_CREDENTIAL"),
        },
        "agent": {"name": "my-desk"},
        **changed,
    }  # fmt: skip


def drawn(view: View, passed_s: float = 0.0, *, columns: int = 80, rows: int = 24) -> list[str]:
    """The lines on a terminal of this size, so many seconds after the view was heard."""
    console = Console(file=io.StringIO(), width=columns, height=rows, color_system=None)
    with console.capture() as capture:
        console.print(screen(view, passed_s, columns=columns, rows=rows))
    return [line.rstrip() for line in capture.get().splitlines()]


def heard(link: str | None = None, **changed: Any) -> View:
    view = View("http://127.0.0.1:8000", link=link)
    return view.takes(document(**changed), 0.0)


def test_the_answer_leads_and_what_it_explains_stands_beneath_it() -> None:
    lines = drawn(heard())
    assert lines[0] == " ✘ Broker login needed"
    assert lines[1] == " AUTH_REQUIRED, critical, for 4 min 0 s"
    cause = lines.index(" ✘ AUTH_REQUIRED (critical)")
    assert lines[cause + 1] == "   └ FEED_DISCONNECTED follows from this"
    assert " PRE_OPEN, opens in 5 min 0 s, at 09:15 IST" in lines
    assert "   waits for auth: REQUIRED (MISSING)" in lines
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


def test_ages_and_the_countdown_go_on_between_words_of_the_agent() -> None:
    lines = drawn(heard(), 10.0)
    assert lines[1] == " AUTH_REQUIRED, critical, for 4 min 10 s"
    assert " PRE_OPEN, opens in 4 min 50 s, at 09:15 IST" in lines
    assert lines[-1].startswith(" my-desk, 09:10:10 IST, live")


@pytest.mark.parametrize(
    ("passed_s", "title"),
    [
        pytest.param(30.0, "✔ The market is open", id="at its end"),
        pytest.param(30.1, "? Out of contact", id="just past it"),
    ],
)
def test_past_its_end_an_answer_is_no_longer_shown(passed_s: float, title: str) -> None:
    lines = drawn(heard(code="LIVE", severity="ok", color="green", tradable=True, ready=True), passed_s)
    assert lines[0].strip() == title
    assert ("not safe to trade" in "\n".join(lines)) == (passed_s > 30)


def test_a_refresh_gives_the_answer_more_time() -> None:
    later = NOW + timedelta(seconds=25)
    stamps = {"now": later.isoformat(), "valid_until": (later + timedelta(seconds=30)).isoformat()}
    assert drawn(heard().refreshed(stamps, 25.0), 50.0)[0] == " ✘ Broker login needed"


def test_a_link_that_a_phone_can_open_is_a_code_that_reads_as_the_link() -> None:
    lines = drawn(heard(LINK), columns=90, rows=28)
    code = qr_lines(LINK, 28)
    assert [line.ljust(90)[-len(code[0]) :] for line in lines[2 : len(code) - 1]] == code[2:-1]
    modules = [[letter in blocks for letter in line] for line in code for blocks in ("▀█", "▄█")]
    wanted = segno.make(LINK, error="l", boost_error=False).matrix
    assert [row[2:-2] for row in modules[2 : 2 + len(wanted)]] == [
        [bool(one) for one in row] for row in wanted
    ]
    assert max(map(len, lines)) <= 90


def test_where_there_is_no_room_for_a_code_the_link_is_there_whole() -> None:
    lines = drawn(heard(LINK), columns=60)
    assert LINK in "".join(line.strip() for line in lines)
    assert "   A larger window shows a code for your phone." in lines
    assert len(lines) <= 24


def test_a_link_that_no_phone_can_open_is_no_code() -> None:
    lines = drawn(heard("http://127.0.0.1:8000/api/auth/link/x"), columns=90, rows=40)
    assert "█▀▀▀▀▀█" not in "\n".join(lines)
    assert any("[server] url" in line for line in lines)


def test_a_plugins_words_cannot_move_the_cursor_or_be_markup() -> None:
    lines = drawn(heard(message="\x1b[2J[bold]gone[/bold]"))
    assert lines[2] == " [2J[bold]gone[/bold]"

"""The signed links: whose, until when, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from agent.model import Action
from agent.runtime.login_links import LIFE, LoginLinks, Refusal, Ticket, read, write
from agent.testing import ManualClock

URL = "https://desk.example:8443/openbell"
KEY, OTHER_KEY = b"k" * 32, b"o" * 32


class Values(dict[str, str]):
    def put(self, key: str, value: str) -> None:
        self[key] = value


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def links(clock: ManualClock) -> LoginLinks:
    return LoginLinks(clock, Values(), URL)


def ticket_of(href: str) -> str:
    assert href.startswith(f"{URL}/api/auth/link/")
    return href.rpartition("/")[2]


def test_a_ticket_reads_as_it_was_written_and_by_its_own_key_only(clock: ManualClock) -> None:
    ticket = Ticket("auth-é", clock.now().replace(microsecond=0), "nonce")
    text = write(ticket, KEY)
    assert read(text, KEY) == ticket
    assert read(text, OTHER_KEY) is None
    assert "nonce" not in repr(ticket)


def test_no_letter_of_a_ticket_can_be_changed(clock: ManualClock) -> None:
    text = write(Ticket("auth", clock.now(), "nonce"), KEY)
    for place in range(len(text) - 1):  # the last letter has bits that mean nothing
        for letter in {"A", "B", ".", "é"} - {text[place]}:
            assert read(text[:place] + letter + text[place + 1 :], KEY) is None


@pytest.mark.parametrize(
    ("age", "taken"),
    [pytest.param(LIFE - timedelta(seconds=2), True, id="in time"), pytest.param(LIFE, False, id="too late")],
)
async def test_a_link_lives_for_ten_minutes(links, clock, age, taken) -> None:
    text = ticket_of(links.make("auth"))
    await clock.advance(age)
    assert isinstance(links.judge(text), Ticket) is taken
    assert links.spend(text) == links.judge(text) or taken


def test_a_link_is_spent_once_and_judging_it_spends_nothing(links) -> None:
    text, other = ticket_of(links.make("auth")), ticket_of(links.make("auth"))
    assert [type(links.judge(text)) for _ in range(3)] == [Ticket] * 3
    assert links.spend(text).machine == "auth"
    assert (links.spend(text), links.judge(text)) == (Refusal.SPENT, Refusal.SPENT)
    assert isinstance(links.spend(other), Ticket)


async def test_what_was_spent_is_forgotten_once_it_is_too_old_anyway(links, clock) -> None:
    text = ticket_of(links.make("auth"))
    links.spend(text)
    await clock.advance(LIFE)
    assert links.spend(text) is Refusal.EXPIRED
    links.spend(ticket_of(links.make("auth")))
    assert len(links._spent()) == 1


def test_each_link_is_another(links) -> None:
    assert len({links.make("auth") for _ in range(100)}) == 100


def test_a_login_gets_a_link_and_any_other_action_stays_as_it_is(links) -> None:
    login = Action(kind="login", label="Log in", href="/api/auth/login?machine=auth-2")
    put = links.put_into(login)
    assert links.judge(ticket_of(put.href)).machine == "auth-2"
    assert (put.kind, put.label, put.method) == ("login", "Log in", "GET")
    verify = Action(kind="verify", label="Ask", href="/api/system/health/auth/verify?machine=auth")
    nobodys = Action(kind="login", label="Log in", href="/api/auth/login")
    assert (links.put_into(verify), links.put_into(nobodys)) == (verify, nobodys)

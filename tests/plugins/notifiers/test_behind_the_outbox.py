"""Receivers that misbehave, behind the outbox: what becomes of each letter, and nothing is lost.

A real journal, real senders, the real webhook and e-mail notifiers, a real HTTP and a real SMTP server.
"""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from agent.alerts.letters import Letter
from agent.api import NotifierContext
from agent.delivery.sender import Sender
from agent.runtime.posting import Posting
from agent.store.journal import Entry, Journal
from agent.testing import ManualClock
from plugins.notifiers import email as email_notifier
from plugins.notifiers import webhook
from plugins.notifiers.email.settings import EmailSettings
from plugins.notifiers.webhook.settings import WebhookSettings

TIMEOUT = timedelta(seconds=10)
DESK, RISK = "desk@example.com", "risk@example.com"


class Office:
    """One notifier and its letters, on disk and on their way."""

    def __init__(self, folder: Path, clock: ManualClock, notifier: Any) -> None:
        self.clock = clock
        self.journal = Journal(folder / "journal.sqlite")
        self.journal.open()
        self.journal.start()
        self.posting = Posting(clock, self.journal, lambda error: None)
        self.sender = Sender("desk", "test", notifier, clock=clock, timeout=TIMEOUT, keep=self.posting.keep)
        self.posting.senders = {"desk": self.sender}
        self._sending = asyncio.ensure_future(self.sender.run())

    async def tell(self, notice: Any) -> None:
        letters = self.posting.address(notice, frozenset({"desk"}))
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.journal.append(Entry(letters=letters, written=done.set_result))
        self.posting.post(letters, await done)

    async def letters(self) -> list[Letter]:
        await self.journal.flush()
        return list(reversed(await self.journal.letters()))

    async def until(
        self, holds: Callable[[list[Letter]], bool], *, at_most: timedelta | None = None
    ) -> list[Letter]:
        """Let time pass, but not while an attempt is under way or about to begin, until the letters hold."""
        passed, patience = timedelta(0), 100
        async with asyncio.timeout(30):
            while not holds(letters := await self.letters()):
                is_due = any(one.is_open and one.next_at <= self.clock.now() for one in letters)
                patience = patience - 1 if is_due else 100
                is_still = not any(one.state == "sending" for one in letters) and (not is_due or patience < 0)
                if is_still and passed != at_most:
                    await self.clock.advance(1)
                    passed += timedelta(seconds=1)
                else:
                    await asyncio.wait([self._sending], timeout=0.002)
        return letters

    async def end(self) -> None:
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        await self.journal.close()


@pytest.fixture
async def open_office(tmp_path, clock) -> AsyncIterator[Callable[[Any], Office]]:
    offices: list[Office] = []

    def begin(notifier: Any) -> Office:
        offices.append(Office(tmp_path, clock, notifier))
        return offices[-1]

    yield begin
    for office in offices:
        await office.end()


def tried(times: int) -> Callable[[list[Letter]], bool]:
    """The first attempts have failed, and the next is yet to come."""
    return lambda letters: all(one.attempts >= times and one.state != "sending" for one in letters)


def ended(letters: list[Letter]) -> bool:
    return all(not one.is_open for one in letters)


def hook(receiver: Any, context: NotifierContext, **changes: object) -> Any:
    return webhook(
        WebhookSettings.model_validate({"url": f"{receiver.url}/hook", "allow_private": True, **changes}),
        context,
    )


# -- HTTP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        pytest.param(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "answered 500", id="500"),
        pytest.param(b"HTTP/1.1 503 Oh\r\nContent-Length: 99\r\n\r\nhalf", "answered 503", id="503, cut"),
        pytest.param(
            b"HTTP/1.1 307 Go\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
            "not followed",
            id="a redirect",
        ),
        pytest.param(b"HTTP/1.1 20", "", id="cut in its status"),
        pytest.param(b"", "the connection broke", id="no answer"),
        pytest.param(b"\x00\xff garbage\r\n\r\n", "", id="garbage"),
        pytest.param(
            b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n", "answered 401", id="a secret to be mended"
        ),
    ],
)
async def test_what_was_not_taken_waits_and_is_sent_again_as_it_was(
    open_office, receiver, context, notice_of, reply: bytes, said: str
) -> None:
    looked_at = asyncio.Event()

    async def accept(writer: asyncio.StreamWriter) -> None:
        await looked_at.wait()
        writer.write(receiver.answer("202 Accepted"))
        await writer.drain()

    receiver.replies = [reply, accept]
    office = open_office(hook(receiver, context))
    await office.tell(notice_of())
    [waits] = await office.until(lambda letters: all(one.last_error is not None for one in letters))
    assert waits.is_open
    assert said in (waits.last_error or "")
    assert office.sender.is_failing
    looked_at.set()
    [letter] = await office.until(ended)
    assert (letter.state, letter.attempts, letter.receipt) == ("delivered", 2, "202")
    assert not office.sender.is_failing
    first, second = receiver.requests
    assert (first.body, first.headers["webhook-id"]) == (second.body, second.headers["webhook-id"])
    assert first.headers["webhook-id"] == letter.notice


@pytest.mark.parametrize(
    ("wish", "least", "most"),
    [
        pytest.param("30", 30, 31, id="half a minute"),
        pytest.param("-1", 0, 3, id="in the past"),
        pytest.param("1e9", 3600, 3601, id="in thirty years"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 3600, 3601, id="at the end of time"),
        pytest.param("soon; \x1b[31m" + "9" * 400, 0, 3, id="garbage"),
    ],
)
async def test_a_receivers_wish_for_a_pause_is_followed_within_reason(
    open_office, receiver, context, notice_of, clock, wish: str, least: float, most: float
) -> None:
    receiver.replies = [receiver.answer("429 Slowly", b"", Retry_After=wish), receiver.answer()]
    office = open_office(hook(receiver, context))
    await office.tell(notice_of())
    await office.until(tried(1))
    asked = clock.now()
    [letter] = await office.until(ended)
    assert (letter.state, letter.attempts) == ("delivered", 2)
    assert least - 1 <= (clock.now() - asked).total_seconds() <= most + 1


async def test_a_receiver_that_is_gone_leaves_a_dead_letter_that_a_person_sends_again(
    open_office, receiver, context, notice_of, recovery_of
) -> None:
    receiver.replies = [receiver.answer("410 Gone"), receiver.answer()]
    office = open_office(hook(receiver, context))
    await office.tell(notice_of())
    [dead] = await office.until(ended)
    assert (dead.state, dead.attempts) == ("dead", 1)
    assert "410 Gone" in (dead.last_error or "")
    await office.tell(recovery_of())
    _, recovery = await office.until(ended)
    assert recovery.state == "delivered"
    assert "could not be told" in receiver.requests[-1].json["message"]
    await office.posting.retry(dead.id)
    again = next(one for one in await office.until(ended) if one.id == dead.id)
    assert (again.state, again.attempts) == ("delivered", 2)
    assert receiver.requests[0].body == receiver.requests[-1].body


async def test_a_receiver_that_never_answers_is_left_in_time_and_asked_again(
    open_office, receiver, context, notice_of, clock
) -> None:
    receiver.replies = [receiver.hang, receiver.answer()]
    office = open_office(hook(receiver, context))
    await office.tell(notice_of())
    await receiver.got_request.wait()
    await clock.advance(TIMEOUT)
    [waits] = await office.until(tried(1))
    assert waits.last_error == "no answer within 10 s"
    [letter] = await office.until(ended)
    assert (letter.state, letter.attempts) == ("delivered", 2)
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


async def test_an_answer_without_end_and_one_cut_off_count_by_their_status(
    open_office, receiver, context, notice_of
) -> None:
    async def flood(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
            await writer.drain()

    receiver.replies = [flood, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"]
    office = open_office(hook(receiver, context))
    await office.tell(notice_of())
    await office.until(ended)
    await office.tell(notice_of(id="b" * 32))
    assert [(one.state, one.attempts, one.receipt) for one in await office.until(ended)] == [
        ("delivered", 1, "200"), ("delivered", 1, "200"),
    ]  # fmt: skip


async def test_a_certificate_that_cannot_be_trusted_is_told_nothing_and_nothing_is_lost(
    open_office, tls_receiver, certificates, context, notice_of
) -> None:
    wary = hook(tls_receiver, context)
    office = open_office(wary)
    await office.tell(notice_of())
    [waits] = await office.until(tried(3))
    assert (waits.state, tls_receiver.requests) == ("pending", [])
    assert "certificate" in (waits.last_error or "")
    await office.end()
    again = open_office(hook(tls_receiver, context, ca_file=str(certificates.ca_file)))
    again.posting.restore()
    [letter] = await again.until(ended)
    assert letter.state == "delivered"
    assert [request.headers["webhook-id"] for request in tls_receiver.requests] == [letter.notice]


# -- SMTP --------------------------------------------------------------------------------------------


@dataclass
class Mail:
    """A mail server and how it answers, a first time; later it takes everything. `taken` has each
    message's recipient and id.
    """

    on_recipient: dict[str, list[str]] = field(default_factory=dict)
    on_text: list[str] = field(default_factory=list)
    taken: list[tuple[str, str]] = field(default_factory=list)
    cuts: int = 0
    silences: int = 0
    port: int = 0
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_recipient.get(address):
            return self.on_recipient[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.on_text:
            return self.on_text.pop(0)
        read = email.message_from_bytes(envelope.content)  # type: ignore[arg-type]
        self.taken += [(address, read["Message-ID"]) for address in envelope.rcpt_tos]
        self._heard.set()
        if self.silences > 0:
            self.silences -= 1
            await asyncio.Event().wait()
        if self.cuts > 0:
            self.cuts -= 1
            assert server.transport is not None
            server.transport.abort()
        return "250 queued as 17"


@pytest.fixture
async def mail() -> AsyncIterator[Mail]:
    one, loop = Mail(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(one, hostname="mail.test", loop=loop), "127.0.0.1", 0)
    one.port = server.sockets[0].getsockname()[1]
    async with server:
        yield one
        server.close()


def post_to(port: int, context: NotifierContext, **changes: object) -> Any:
    values = {
        "host": "127.0.0.1", "port": port, "tls": "none", "sender": "openbell@example.com",
        "recipients": [DESK, RISK], **changes,
    }  # fmt: skip
    return email_notifier(EmailSettings.model_validate(values), context)


def by_recipient(letters: list[Letter]) -> dict[str | None, tuple[str, int]]:
    return {one.address.recipient: (str(one.state), one.attempts) for one in letters}


@pytest.mark.parametrize("code", ["451 greylisted", "421 going down", "450 busy"])
async def test_a_recipient_that_is_put_off_is_told_later_and_the_other_at_once(
    open_office, mail, context, notice_of, code: str
) -> None:
    mail.on_recipient = {RISK: [code]}
    office = open_office(post_to(mail.port, context))
    await office.tell(notice_of())
    waits = await office.until(tried(1))
    assert by_recipient(waits) == {DESK: ("delivered", 1), RISK: ("pending", 1)}
    assert code[:3] in str(waits[1].last_error)
    assert by_recipient(await office.until(ended)) == {DESK: ("delivered", 1), RISK: ("delivered", 2)}
    assert sorted(address for address, _ in mail.taken) == [DESK, RISK]


async def test_a_recipient_that_is_refused_is_dead_alone(open_office, mail, context, notice_of) -> None:
    mail.on_recipient = {RISK: ["550 no such person"] * 9}
    office = open_office(post_to(mail.port, context))
    await office.tell(notice_of())
    letters = await office.until(ended)
    assert by_recipient(letters) == {DESK: ("delivered", 1), RISK: ("dead", 1)}
    assert "550 no such person" in str(letters[1].last_error)
    assert "accepted" in str(letters[0].receipt)


async def test_a_text_that_is_put_off_is_sent_again(open_office, mail, context, notice_of) -> None:
    mail.on_text = ["451 not now"]
    office = open_office(post_to(mail.port, context, recipients=[DESK]))
    await office.tell(notice_of())
    assert by_recipient(await office.until(ended)) == {DESK: ("delivered", 2)}


async def test_a_connection_cut_after_the_text_makes_a_second_message_with_the_same_id(
    open_office, mail, context, notice_of
) -> None:
    mail.cuts = 1
    office = open_office(post_to(mail.port, context, recipients=[DESK]))
    await office.tell(notice_of())
    assert by_recipient(await office.until(ended)) == {DESK: ("delivered", 2)}
    assert len(mail.taken) == 2
    assert len(set(mail.taken)) == 1


async def test_a_server_that_falls_silent_after_the_text_is_left_in_time(
    open_office, mail, context, notice_of, clock
) -> None:
    mail.silences = 1
    office = open_office(post_to(mail.port, context, recipients=[DESK]))
    await office.tell(notice_of())
    await mail._heard.wait()
    await clock.advance(TIMEOUT)
    [waits] = await office.until(tried(1))
    assert (waits.state, waits.last_error) == ("pending", "no answer within 10 s")
    assert by_recipient(await office.until(ended)) == {DESK: ("delivered", 2)}
    assert len(set(mail.taken)) == 1


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"\xff\x00 garbage\r\n", id="garbage"),
        pytest.param(b"421 busy\r\n", id="turned away"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="another protocol"),
    ],
)
async def test_a_server_that_greets_with_nonsense_gets_the_letter_once_it_is_well(
    open_office, context, notice_of, clock, mail, greeting: bytes
) -> None:
    greeted = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal greeted
        greeted += 1
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        office = open_office(post_to(server.sockets[0].getsockname()[1], context, recipients=[DESK]))
        await office.tell(notice_of())
        [waits] = await office.until(tried(2))
        server.close()
    assert (waits.state, greeted >= 2) == ("pending", True)
    await office.end()
    again = open_office(post_to(mail.port, context, recipients=[DESK]))
    again.posting.restore()
    assert [one.state for one in await again.until(ended)] == ["delivered"]


async def test_a_server_without_starttls_is_told_nothing_and_nothing_is_lost(
    open_office, mail, context, notice_of
) -> None:
    office = open_office(post_to(mail.port, context, recipients=[DESK], tls="starttls"))
    await office.tell(notice_of())
    [waits] = await office.until(tried(2))
    assert (waits.state, mail.taken) == ("pending", [])
    assert "offers no STARTTLS" in str(waits.last_error)

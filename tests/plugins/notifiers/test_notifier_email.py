from __future__ import annotations

import asyncio
import email
import email.policy
import logging
import re
import ssl
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.api import Action, DeliveryError, Incident, Notice, Severity
from plugins.notifiers import email as email_notifier
from plugins.notifiers.email.message import message, message_id
from plugins.notifiers.email.settings import EmailSettings
from plugins.notifiers.wording import word

BASE = "http://127.0.0.1:8000"
SENDER = "openbell@example.com"
DESK, RISK, BOSS = "desk@example.com", "risk@example.com", "boss@example.com"
PASSWORD = "canary-7f3a9e"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
HOSTILE = st.lists(
    st.sampled_from(["\r\nBcc: a@b.example", "\n\n", "\u2028X: y", "\x85", "=?utf-8?q?x?=", "<b>", "'", ","])
).map("".join)


@dataclass
class Mailbox:
    """What the server took, and how it answers: by recipient, by sender, or for the text as a whole."""

    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    logins: int = 0
    refuse: dict[str, str] = field(default_factory=dict)
    on_text: str = ""
    port: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.asked.append(address)
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.on_text:
            return self.on_text
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)  # type: ignore[arg-type]
        self.taken += [(address, parsed) for address in envelope.rcpt_tos]  # type: ignore[misc]
        return "250 queued as 17"

    def authenticate(self, *_: object) -> AuthResult:
        self.logins += 1
        (_, _, _, _, told) = _
        good = getattr(told, "password", b"") == PASSWORD.encode()
        return AuthResult(success=good, handled=good)


@asynccontextmanager
async def serving(
    box: Mailbox, *, tls: ssl.SSLContext | None = None, **changes: object
) -> AsyncIterator[None]:
    """The mailbox behind a real SMTP server; with `tls` it speaks TLS from the start."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(box, authenticator=box.authenticate, hostname="mail.test", loop=loop, **changes),  # type: ignore[arg-type]
        "127.0.0.1",
        0,
        ssl=tls,
    )
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """A mailbox on a server that speaks in clear."""
    one = Mailbox()
    async with serving(one):
        yield one


def settings(box: Mailbox, *recipients: str, **changes: object) -> EmailSettings:
    values = {
        "host": "127.0.0.1",
        "port": box.port,
        "tls": "none",
        "sender": SENDER,
        "recipients": list(recipients or (DESK,)),
        **changes,
    }
    return EmailSettings.model_validate(values)


async def test_everyone_is_told_in_text_and_html(box: Mailbox, context, notice_of) -> None:
    receipt = await email_notifier(settings(box, DESK, RISK), context).send(notice_of())
    assert receipt.status == "accepted for 2 of 2"
    assert [address for address, _ in box.taken] == [DESK, RISK]
    mail = box.taken[0][1]
    assert mail["Subject"] == "AUTH_REQUIRED (critical): Kite login needed, since 06:00 IST"
    assert mail["To"] == DESK
    assert mail["From"] == f"openbell my-desk <{SENDER}>"
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = (part.get_content() for part in mail.iter_parts())
    assert f"Log in to Kite: {BASE}/api/auth/login" in text
    assert f"<a href='{BASE}/api/auth/login'>Log in to Kite</a>" in html


async def test_the_desk_may_be_in_another_zone(box: Mailbox, context, notice_of) -> None:
    await email_notifier(settings(box, zone="Europe/London"), context).send(notice_of())
    assert box.taken[0][1]["Subject"].endswith("since 00:30 GMT")


async def test_text_beyond_ascii_arrives_as_it_is(box: Mailbox, context, notice_of) -> None:
    await email_notifier(settings(box), context).send(notice_of(message="Börse geschlossen – ₹ 📉"))
    mail = box.taken[0][1]
    assert "Börse geschlossen – ₹ 📉" in mail["Subject"]
    assert all("₹ 📉" in part.get_content() for part in mail.iter_parts())


async def test_starttls_is_used_before_anything_is_said(certificates, context, notice_of) -> None:
    box = Mailbox()
    async with serving(box, tls_context=certificates.server(), require_starttls=True, auth_required=True):
        private = settings(
            box, tls="starttls", ca_file=str(certificates.ca_file), username="desk", password=PASSWORD
        )
        await email_notifier(private, context).send(notice_of())
    assert (box.logins, len(box.taken)) == (1, 1)


async def test_implicit_tls_is_spoken_from_the_start(certificates, context, notice_of) -> None:
    box = Mailbox()
    async with serving(box, tls=certificates.server()):
        private = settings(box, tls="implicit", ca_file=str(certificates.ca_file))
        await email_notifier(private, context).send(notice_of())
    assert len(box.taken) == 1


async def test_without_starttls_neither_the_password_nor_the_notice_is_said(
    box: Mailbox, context, notice_of
) -> None:
    wary = settings(box, tls="starttls", username="desk", password=PASSWORD)
    with pytest.raises(DeliveryError, match="offers no STARTTLS") as caught:
        await email_notifier(wary, context).send(notice_of())
    assert not caught.value.permanent
    assert (box.logins, box.asked, box.taken) == (0, [], [])


async def test_a_certificate_of_an_unknown_authority_is_refused(certificates, context, notice_of) -> None:
    box = Mailbox()
    async with serving(box, tls_context=certificates.server()):
        with pytest.raises(DeliveryError, match=r"no TLS with .*issuer"):
            await email_notifier(settings(box, tls="starttls"), context).send(notice_of())
    async with serving(box, tls=certificates.server()):
        with pytest.raises(DeliveryError, match=r"no TLS with .*issuer"):
            await email_notifier(settings(box, tls="implicit"), context).send(notice_of())
    assert box.taken == []


async def test_a_certificate_for_another_name_is_refused(certificates, context, notice_of) -> None:
    box = Mailbox()
    async with serving(box, tls_context=certificates.server(certificates.wrong_name_file)):
        wrong = settings(box, tls="starttls", ca_file=str(certificates.ca_file))
        with pytest.raises(DeliveryError, match=r"no TLS with .*mismatch"):
            await email_notifier(wrong, context).send(notice_of())
    assert box.taken == []


async def test_a_wrong_password_is_permanent_and_not_shown(
    certificates, context, notice_of, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    box = Mailbox()
    wrong_password = f"{PASSWORD}-wrong"
    async with serving(box, tls_context=certificates.server()):
        wrong = settings(
            box, tls="starttls", ca_file=str(certificates.ca_file), username="desk", password=wrong_password
        )
        notifier = email_notifier(wrong, context)
        with pytest.raises(DeliveryError, match="refused the login") as caught:
            await notifier.send(notice_of())
    assert caught.value.needs_person
    shown = [repr(caught.value), *traceback.format_exception(caught.value), repr(notifier), repr(wrong)]
    assert PASSWORD not in "\n".join([*shown, caplog.text])


async def test_some_are_refused_and_the_others_are_told_once(box: Mailbox, context, notice_of) -> None:
    box.refuse = {RISK: "451 try later", BOSS: "550 no such person"}
    notifier = email_notifier(settings(box, DESK, RISK, BOSS), context)
    with pytest.raises(DeliveryError) as caught:
        await notifier.send(notice_of())
    assert str(caught.value) == (
        "accepted for 1 of 3; r***@example.com: 451 try later; b***@example.com: 550 no such person"
    )
    assert not caught.value.permanent

    box.refuse.pop(RISK)
    with pytest.raises(DeliveryError, match="accepted for 2 of 3; b") as caught:
        await notifier.send(notice_of())
    assert caught.value.permanent
    assert box.asked == [DESK, RISK, BOSS, RISK]
    assert [address for address, _ in box.taken] == [DESK, RISK]


async def test_another_notice_asks_everyone_again(box: Mailbox, context, notice_of) -> None:
    notifier = email_notifier(settings(box, DESK), context)
    await notifier.send(notice_of())
    await notifier.send(notice_of(id="another"))
    await notifier.send(notice_of())
    assert box.asked == [DESK, DESK]


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [
        ("452 disk full", False),
        ("554 no such text", True),
        ("552 too large", True),
        ("421 going down", False),
    ],
)
async def test_a_refused_text_is_judged_by_its_code(
    box: Mailbox, context, notice_of, answer: str, permanent: bool
) -> None:
    box.on_text = answer
    with pytest.raises(DeliveryError, match=answer[:3]) as caught:
        await email_notifier(settings(box, DESK, RISK), context).send(notice_of())
    assert caught.value.permanent is permanent


async def test_a_server_that_shuts_down_in_between_is_asked_for_the_rest_later(
    box: Mailbox, context, notice_of
) -> None:
    box.refuse = {RISK: "421 going down"}
    notifier = email_notifier(settings(box, DESK, RISK, BOSS), context)
    with pytest.raises(DeliveryError, match="accepted for 1 of 3") as caught:
        await notifier.send(notice_of())
    assert not caught.value.permanent
    box.refuse = {}
    assert (await notifier.send(notice_of())).status == "accepted for 3 of 3"
    assert [address for address, _ in box.taken] == [DESK, RISK, BOSS]


async def scripted(script: list[bytes], context, notice: Notice) -> DeliveryError:
    """The error of a notifier whose server greets with the first of these, then answers each line
    that it hears with the next, and closes after the last.
    """
    ended: asyncio.Queue[None] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for index, reply in enumerate(script):
                if index:
                    await reader.readline()
                writer.write(reply)
                await writer.drain()
            writer.close()
            await writer.wait_closed()
        except ConnectionError:
            writer.close()
        finally:
            ended.put_nowait(None)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    box = Mailbox(port=server.sockets[0].getsockname()[1])
    async with server:
        with pytest.raises(DeliveryError) as caught:
            await email_notifier(settings(box), context).send(notice)
        await ended.get()
    return caught.value


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([b""], id="nothing"),
        pytest.param([b"HTTP/1.1 400 Bad Request\r\n\r\n"], id="another protocol"),
        pytest.param([b"\xff\x00\xfe\r\n"], id="garbage"),
        pytest.param([b"2" * 2_000_000], id="an endless line"),
        pytest.param([b"421 busy\r\n"], id="turned away for now"),
        pytest.param([b"554 not you\r\n"], id="turned away"),
        pytest.param([b"220 hello\r\n", b"250-mail.test\r\n250"], id="cut in its middle"),
        pytest.param([b"220 hello\r\n", b"500 what\r\n", b"502 what\r\n"], id="knows no greeting"),
        pytest.param([b"220 hello\r\n", b"250 mail.test\r\n", b"250 OK\r\n"], id="gone before the end"),
    ],
)
async def test_a_server_that_makes_no_sense_is_a_passing_failure(
    context, notice_of, script: list[bytes]
) -> None:
    error = await scripted(script, context, notice_of())
    assert not error.permanent
    assert "127.0.0.1:" in str(error) or "the connection broke" in str(error)


async def test_a_server_that_is_down_is_a_passing_failure(context, notice_of) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    box = Mailbox(port=server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    with pytest.raises(DeliveryError, match="no connection to 127") as caught:
        await email_notifier(settings(box), context).send(notice_of())
    assert not caught.value.permanent


async def test_a_server_that_hangs_is_left_at_once_when_the_agent_gives_up(context, notice_of) -> None:
    connected, left = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.readline()
        connected.set()
        await reader.read()
        left.set()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    box = Mailbox(port=server.sockets[0].getsockname()[1])
    async with server, asyncio.timeout(5):
        sending = asyncio.ensure_future(email_notifier(settings(box), context).send(notice_of()))
        await connected.wait()
        sending.cancel()
        await asyncio.wait([sending])
        await left.wait()
    assert sending.cancelled()


async def test_what_a_server_repeats_of_ours_is_not_shown(context, notice_of) -> None:
    """Its answer has escape sequences and an address, and is long."""
    refusal = f"550-\x1b[31m no {DESK}\r\n550 {'x' * 400}\r\n".encode()
    script = [b"220 hello\r\n", b"250 mail.test\r\n", b"250 OK\r\n", refusal, b"250 OK\r\n", b"221 bye\r\n"]
    error = await scripted(script, context, notice_of())
    assert error.permanent
    assert str(error).startswith("d***@example.com: 550 [31m no d***@example.com xxx")
    assert len(str(error)) <= 300


async def test_a_server_that_repeats_the_password_is_not_quoted(certificates, context, notice_of) -> None:
    class Echo(Mailbox):
        def authenticate(self, *_: object) -> AuthResult:
            return AuthResult(success=False, handled=False, message=f"535 {PASSWORD} is wrong")

    box = Echo()
    async with serving(box, tls_context=certificates.server()):
        told = settings(
            box, tls="starttls", ca_file=str(certificates.ca_file), username="desk", password=PASSWORD
        )
        with pytest.raises(DeliveryError, match=r"535 \*\*\* is wrong") as caught:
            await email_notifier(told, context).send(notice_of())
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tls": "none", "username": "a", "password": PASSWORD}, "never sent in clear"),
        ({"username": "a"}, "together"),
        ({"password": PASSWORD}, "together"),
        ({"recipients": []}, "at least 1"),
        ({"recipients": [DESK, DESK.upper()]}, "named twice"),
        ({"recipients": [f"Desk <{DESK}>"]}, "expected a"),
        ({"recipients": [f"{DESK}\r\nRCPT TO:<{BOSS}>"]}, "expected a"),
        ({"recipients": [f"{DESK}\n"]}, "expected a"),
        ({"sender": "a b@example.com"}, "expected a"),
        ({"sender": "börse@example.com"}, "expected a"),
        ({"host": "smtp.example.com\r\nQUIT"}, "expected a"),
        ({"tls": "maybe"}, "starttls"),
        ({"port": 0}, "greater than"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(changes: dict[str, object], said: str) -> None:
    values = {"host": "smtp.example.com", "sender": SENDER, "recipients": [DESK], **changes}
    with pytest.raises(ValidationError, match=said) as caught:
        EmailSettings.model_validate(values)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("implicit", 465), ("none", 25)])
def test_the_port_follows_from_the_kind_of_tls(tls: str, port: int) -> None:
    values = {"host": "smtp.example.com", "sender": SENDER, "recipients": [DESK], "tls": tls}
    assert EmailSettings.model_validate(values).reached_port == port


def mail(notice: Notice, recipient: str = DESK) -> EmailMessage:
    return message(
        notice, word(notice, zone="Asia/Kolkata", base_url=BASE), sender=SENDER, recipient=recipient
    )


def test_every_attempt_makes_the_same_bytes(notice_of) -> None:
    assert mail(notice_of()).as_bytes() == mail(notice_of()).as_bytes()


def test_an_incidents_messages_are_one_thread_for_each_recipient(notice_of, recovery_of) -> None:
    first, last = mail(notice_of()), mail(recovery_of())
    assert first["References"] is None
    assert last["References"] == last["In-Reply-To"] == first["Message-ID"]
    assert last["Message-ID"] != first["Message-ID"]
    assert mail(notice_of(), RISK)["Message-ID"] != first["Message-ID"]


def test_a_thread_needs_no_first_notice_of_the_same_id(notice_of) -> None:
    incident = Incident(id="the-incident", opened_at=notice_of().since)
    one, two = mail(notice_of(id="a", incident=incident)), mail(notice_of(id="b", incident=incident))
    assert one["References"] == two["References"] == message_id("the-incident", sender=SENDER, recipient=DESK)


def test_only_what_is_critical_is_marked_important(notice_of) -> None:
    assert mail(notice_of())["Importance"] == "high"
    assert mail(notice_of(severity=Severity.WARNING))["Importance"] is None


@given(text=ANY_TEXT | HOSTILE)
def test_whatever_a_notice_says_it_adds_no_header_and_no_markup(
    notice_of: Callable[..., Notice], text: str
) -> None:
    machines = ({"name": text, "state": text, "reason": text, "message": text},)
    action = Action(kind="x", label=text, href=text)
    notice = notice_of(message=text, agent=text, code=text, machines=machines, action=action)
    parsed = email.message_from_bytes(mail(notice).as_bytes(), policy=email.policy.default)
    assert sorted(set(parsed.keys())) == sorted(set(mail(notice_of()).keys()))
    assert parsed["To"] == DESK
    assert parsed["From"].addresses[0].addr_spec == SENDER
    html = list(parsed.iter_parts())[1].get_content()
    tags = set(re.findall(r"<(/?\w+|!doctype)", html))
    assert tags <= {f"{close}{tag}" for tag in TAGS for close in ("", "/")}


TAGS = ("!doctype", "html", "body", "h2", "p", "table", "tr", "td", "a", "ul", "li")


async def test_one_recipient_is_told_by_a_letter_of_their_own(box: Mailbox, context, notice_of) -> None:
    box.refuse = {RISK: "451 try later", BOSS: "550 no such person"}
    notifier = email_notifier(settings(box, DESK, RISK, BOSS), context)
    assert tuple(notifier.recipients) == (DESK, RISK, BOSS)
    assert (await notifier.send_to(DESK, notice_of())).status == "accepted"
    for recipient, permanent in ((RISK, False), (BOSS, True)):
        with pytest.raises(DeliveryError) as caught:
            await notifier.send_to(recipient, notice_of())
        assert caught.value.permanent is permanent
    box.refuse.pop(RISK)
    await notifier.send_to(RISK, notice_of())
    assert [address for address, _ in box.taken] == [DESK, RISK]
    assert len({mail["Message-ID"] for _, mail in box.taken}) == 2

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import traceback
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from agent.api import DeliveryError, Notice, NotifierContext
from agent.clock import SystemClock
from agent.testing import ManualClock, notifier_context
from plugins.notifiers import webhook
from plugins.notifiers.webhook.settings import WebhookSettings
from plugins.notifiers.webhook.signature import LONGEST, SHORTEST, parse_key, sign

KEY = "whsec_" + b64encode(b"k" * 32).decode()
FORMER_KEY = "whsec_" + b64encode(b"f" * 32).decode()
CANARY = "canary-7f3a9e"


def settings(receiver, path: str = "/hook", **changes: object) -> WebhookSettings:
    values = {"url": receiver.url + path, "secret": KEY, "allow_private": True, **changes}
    return WebhookSettings.model_validate(values)


def now_notices(clock: SystemClock) -> NotifierContext:
    return notifier_context("desk", lambda: None, clock)  # type: ignore[arg-type, return-value]


async def test_a_notice_is_posted_and_the_status_is_the_receipt(receiver, context, notice_of) -> None:
    receiver.replies = [receiver.answer("202 Accepted", b"")]
    receipt = await webhook(settings(receiver), context).send(notice_of())
    assert receipt.status == "202"
    (request,) = receiver.requests
    assert request.path == "/hook"
    assert request.headers["content-type"] == "application/json"
    assert request.json["code"] == "AUTH_REQUIRED"


async def test_the_real_verifier_takes_the_signature(receiver, notice_of) -> None:
    await webhook(settings(receiver), now_notices(SystemClock())).send(notice_of())
    (request,) = receiver.requests
    assert Webhook(KEY).verify(request.body, request.headers)["id"] == notice_of().id
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(request.body.replace(b"critical", b"ok"), request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(FORMER_KEY).verify(request.body, request.headers)


async def test_while_the_key_changes_both_are_good(receiver, notice_of) -> None:
    both = settings(receiver, previous_secret=FORMER_KEY)
    await webhook(both, now_notices(SystemClock())).send(notice_of())
    (request,) = receiver.requests
    assert Webhook(KEY).verify(request.body, request.headers)
    assert Webhook(FORMER_KEY).verify(request.body, request.headers)


async def test_every_attempt_has_the_same_id_and_body_and_its_own_time(
    receiver, context, clock: ManualClock, notice_of
) -> None:
    receiver.replies = [receiver.answer("503 Service Unavailable"), receiver.answer()]
    notifier = webhook(settings(receiver), context)
    with pytest.raises(DeliveryError):
        await notifier.send(notice_of())
    await clock.advance(timedelta(seconds=7))
    await notifier.send(notice_of())
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == notice_of().id
    assert first.body == second.body
    assert int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) == 7


async def test_without_a_key_there_is_no_signature_but_an_id(receiver, context, notice_of) -> None:
    await webhook(settings(receiver, secret=None), context).send(notice_of())
    (request,) = receiver.requests
    assert "webhook-signature" not in request.headers
    assert request.headers["webhook-id"] == notice_of().id


async def test_a_cloud_event_carries_the_same_payload(receiver, context, notice_of) -> None:
    await webhook(settings(receiver), context).send(notice_of())
    await webhook(settings(receiver, format="cloudevents"), context).send(notice_of())
    plain, event = receiver.requests
    assert event.headers["content-type"] == "application/cloudevents+json"
    assert event.json["data"] == plain.json
    assert event.json["specversion"] == "1.0"
    assert event.json["id"] == notice_of().id
    assert event.json["type"] == "openbell.notice.problem"
    assert event.json["source"] == "urn:openbell:my-desk"


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        ("7", timedelta(seconds=7)),
        ("-1", timedelta(0)),
        ("1e9", timedelta(hours=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(hours=1)),
        ("Mon, 23 Nov 2026 04:00:20 GMT", timedelta(seconds=20)),
        ("soon", None),
    ],
)
async def test_429_passes_on_the_receivers_wish(receiver, context, notice_of, retry_after, pause) -> None:
    receiver.replies = [receiver.answer("429 Too Many Requests", Retry_After=retry_after)]
    with pytest.raises(DeliveryError, match="429") as caught:
        await webhook(settings(receiver), context).send(notice_of())
    assert caught.value.retry_after == pause
    assert not caught.value.permanent


async def test_a_receiver_that_is_gone_is_not_tried_again(receiver, context, notice_of) -> None:
    receiver.replies = [receiver.answer("410 Gone")]
    with pytest.raises(DeliveryError, match="410 Gone") as caught:
        await webhook(settings(receiver), context).send(notice_of())
    assert caught.value.permanent


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(receiver, context, notice_of, status: str) -> None:
    receiver.replies = [receiver.answer(status, Location=f"{receiver.url}/elsewhere"), receiver.answer()]
    with pytest.raises(DeliveryError, match="not followed"):
        await webhook(settings(receiver), context).send(notice_of())
    assert [request.path for request in receiver.requests] == ["/hook"]


async def test_a_slow_receiver_is_given_up(receiver, context, clock: ManualClock, notice_of) -> None:
    receiver.replies = [receiver.hang]
    sending = asyncio.ensure_future(webhook(settings(receiver), context).send(notice_of()))
    await receiver.got_request.wait()
    await clock.advance(timedelta(minutes=2))
    with pytest.raises(DeliveryError, match="in time"):
        await sending


async def test_a_status_counts_even_if_the_rest_of_the_answer_never_comes(
    receiver, context, clock: ManualClock, notice_of
) -> None:
    headed = asyncio.Event()

    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
        await writer.drain()
        headed.set()
        await receiver.hang(writer)

    receiver.replies = [drip]
    sending = asyncio.ensure_future(webhook(settings(receiver), context).send(notice_of()))
    await headed.wait()
    async with asyncio.timeout(10):
        while not sending.done():
            await clock.advance(timedelta(seconds=2))
            await asyncio.wait([sending], timeout=0.01)
    assert (await sending).status == "200"


async def test_an_answer_cut_in_its_middle_counts_by_its_status(receiver, context, notice_of) -> None:
    receiver.replies = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf an ans"]
    assert (await webhook(settings(receiver), context).send(notice_of())).status == "200"
    receiver.replies = [b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 100\r\n\r\nhalf"]
    with pytest.raises(DeliveryError, match="500"):
        await webhook(settings(receiver), context).send(notice_of())


async def test_an_endless_answer_is_read_no_further_than_the_limit(receiver, context, notice_of) -> None:
    written = 0
    cut = asyncio.Event()

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                await writer.drain()
                written += 65536
        except ConnectionError:
            cut.set()

    receiver.replies = [flood]
    async with asyncio.timeout(10):
        assert (await webhook(settings(receiver), context).send(notice_of())).status == "200"
        await cut.wait()
    assert written < 20_000_000


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 2", id="half a status line"),
        pytest.param(b"\x00\xff\xfe garbage \r\n\r\n", id="garbage"),
        pytest.param(b"HTTP/1.1 OK 200\r\n\r\n", id="status line turned round"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 100_000, id="endless headers"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000, id="a flood of 1xx"),
        pytest.param(b"220 smtp.example.com ESMTP\r\n", id="another protocol"),
    ],
)
async def test_what_is_no_answer_is_a_passing_failure(receiver, context, notice_of, reply: bytes) -> None:
    receiver.replies = [reply]
    with pytest.raises(DeliveryError) as caught:
        await webhook(settings(receiver), context).send(notice_of())
    assert not caught.value.permanent


async def test_a_reset_is_a_passing_failure(receiver, context, notice_of) -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        writer.transport.abort()

    receiver.replies = [reset]
    with pytest.raises(DeliveryError, match="broke before an answer") as caught:
        await webhook(settings(receiver), context).send(notice_of())
    assert not caught.value.permanent


async def test_a_receiver_that_is_down_is_a_passing_failure(context, notice_of) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = WebhookSettings(url=f"http://127.0.0.1:{port}/{CANARY}", allow_private=True)  # type: ignore[arg-type]
    with pytest.raises(DeliveryError, match=r"no connection to 127\.0\.0\.1") as caught:
        await webhook(down, context).send(notice_of())
    assert not caught.value.permanent


async def test_a_certificate_of_a_known_authority_is_trusted(
    tls_receiver, certificates, context, notice_of
) -> None:
    known = settings(tls_receiver, ca_file=str(certificates.ca_file))
    assert (await webhook(known, context).send(notice_of())).status == "200"


async def test_a_certificate_of_an_unknown_authority_is_refused(tls_receiver, context, notice_of) -> None:
    with pytest.raises(DeliveryError, match=r"TLS certificate of 127\.0\.0\.1 is not trusted"):
        await webhook(settings(tls_receiver), context).send(notice_of())
    assert tls_receiver.requests == []


async def test_a_certificate_for_another_name_is_refused(certificates, context, notice_of, receiver) -> None:
    server = await asyncio.start_server(
        receiver.serve, "127.0.0.1", 0, ssl=certificates.server(certificates.wrong_name_file)
    )
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        wrong = WebhookSettings.model_validate(
            {"url": url, "allow_private": True, "ca_file": str(certificates.ca_file)}
        )
        with pytest.raises(DeliveryError, match=r"not trusted.*mismatch"):
            await webhook(wrong, context).send(notice_of())
    assert receiver.requests == []


async def test_a_receiver_that_speaks_no_tls_is_a_failure(context, notice_of) -> None:
    async def answer_in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer_in_clear, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        with pytest.raises(DeliveryError, match="no TLS connection"):
            await webhook(WebhookSettings.model_validate({"url": url, "allow_private": True}), context).send(
                notice_of()
            )


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("localhost", "allow_private"),
        ("0x7f.1", "allow_private"),
        ("127.1", "cannot be used"),
        ("2130706433", "cannot be used"),
    ],
)
async def test_a_name_that_leads_to_loopback_is_not_connected_to(
    receiver, context, notice_of, host: str, said: str
) -> None:
    hidden = WebhookSettings.model_validate({"url": f"https://{host}:{receiver.port}/"})
    with pytest.raises(DeliveryError, match=said):
        await webhook(hidden, context).send(notice_of())
    assert receiver.connections == 0


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/hook", "expected https"),
        ("https://127.0.0.1/hook", "public address"),
        ("https://[::1]/hook", "public address"),
        ("https://[::ffff:127.0.0.1]/hook", "public address"),
        ("https://169.254.169.254/latest", "public address"),
        ("https://10.1.2.3/hook", "public address"),
        (f"https://user:{CANARY}@example.com/", "no user name"),
        (f"https://{CANARY}@example.com/", "no user name"),
        ("https://example.com./hook", "without a dot"),
        ("file:///etc/passwd", "expected an address"),
        ("ftp://example.com/", "expected an address"),
        ("example.com/hook", "expected an address"),
        ("https://", "expected an address"),
        ("https://exa mple.com/", "expected an address"),
        ("https://example.com/\r\nX: y", "expected an address"),
        ("https://example.com:99999/", "expected an address"),
        ("https://[::1", "expected an address"),
        ("", "expected an address"),
    ],
)
def test_an_address_that_may_not_be_posted_to_is_refused_at_the_start(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        WebhookSettings.model_validate({"url": url})
    assert CANARY not in str(caught.value)


def test_metadata_addresses_are_refused_even_where_private_ones_are_allowed() -> None:
    with pytest.raises(ValidationError, match="never reached"):
        WebhookSettings.model_validate({"url": "http://169.254.169.254/", "allow_private": True})


@pytest.mark.parametrize(
    "secret",
    [
        "",
        CANARY,
        "whsec_",
        "whsec_" + CANARY + "!",
        "whsec_" + b64encode(b"k" * (SHORTEST - 1)).decode(),
        "whsec_" + b64encode(b"k" * (LONGEST + 1)).decode(),
        b64encode(b"k" * 32).decode(),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValidationError, match="expected whsec_") as caught:
        WebhookSettings.model_validate({"url": "https://example.com/", "secret": secret})
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("length", [SHORTEST, LONGEST])
def test_keys_of_the_shortest_and_longest_length_are_taken(length: int) -> None:
    assert parse_key("whsec_" + b64encode(b"k" * length).decode()) == b"k" * length


def test_a_former_key_alone_is_refused() -> None:
    with pytest.raises(ValidationError, match="without secret"):
        WebhookSettings.model_validate({"url": "https://example.com/", "previous_secret": KEY})


def test_the_signature_is_that_of_the_published_vector() -> None:
    """From the tests of https://github.com/standard-webhooks/standard-webhooks."""
    headers = sign(
        [parse_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_no_failure_shows_the_address_or_the_key(
    receiver, context, notice_of: Callable[..., Notice], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    path = f"/services/{CANARY}?token={CANARY}"
    echo = path.encode() + KEY.encode()
    for reply in (
        receiver.answer("500 " + CANARY, echo),
        receiver.answer("404 Not Found", echo),
        receiver.answer("302 Found", Location=path),
        receiver.answer("410 Gone"),
        receiver.answer("429 Too Many Requests", Retry_After=CANARY),
        b"\x00garbage " + echo,
        b"",
    ):
        receiver.replies = [reply]
        notifier = webhook(settings(receiver, path), context)
        with pytest.raises(DeliveryError) as caught:
            await notifier.send(notice_of())
        shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(notifier)]
    shown += [repr(settings(receiver, path)), str(settings(receiver, path)), caplog.text]
    shown.append(json.dumps(settings(receiver, path).model_dump(mode="json")))
    everything = "\n".join(shown)
    assert CANARY not in everything
    assert KEY not in everything
    assert KEY.removeprefix("whsec_") not in everything

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import traceback
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from slack_sdk.models.blocks import Block

from agent.api import Action, DeliveryError, Notice, NoticeReason, Severity
from agent.testing import ManualClock, MemoryStore, notifier_context
from plugins.notifiers import slack
from plugins.notifiers.slack.blocks import escape, message
from plugins.notifiers.slack.notifier import EDIT_S
from plugins.notifiers.slack.places import KEPT, Place, Places
from plugins.notifiers.slack.settings import SlackSettings
from plugins.notifiers.slack.troubles import FOR_A_PERSON, FOR_GOOD
from plugins.notifiers.wording import word

CANARY = "canary-7f3a9e"
BASE = "http://127.0.0.1:8000"
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=1500)
HOSTILE = st.lists(
    st.sampled_from(
        ["<!channel>", "<@U1>", "@here", "@channel", "<https://evil|x>", "&lt;", "*", "`", "\n", "é"]
    )
).map("".join)


def by_webhook(receiver, path: str = "/services/T/B/x", **changes: object) -> SlackSettings:
    return SlackSettings.model_validate(
        {"webhook_url": receiver.url + path, "allow_private": True, **changes}
    )


def as_bot(receiver, token: str = "xoxb-1", channel: str = "#desk") -> SlackSettings:
    return SlackSettings.model_validate(
        {"bot_token": token, "channel": channel, "api_url": receiver.url + "/api/", "allow_private": True}
    )


def said(receiver, ts: str = "1.0", **changes: object) -> bytes:
    return receiver.answer(body=json.dumps({"ok": True, "channel": "C1", "ts": ts, **changes}).encode())


def refused(receiver, word_: str, status: str = "200 OK", **headers: str) -> bytes:
    return receiver.answer(status, json.dumps({"ok": False, "error": word_}).encode(), **headers)


async def test_a_webhook_that_says_ok_took_the_notice(receiver, context, notice_of) -> None:
    receipt = await slack(by_webhook(receiver), context).send(notice_of())
    assert receipt.status == "ok"
    (request,) = receiver.requests
    assert request.path == "/services/T/B/x"
    text = json.dumps(request.json)
    assert "AUTH_REQUIRED (critical): Kite login needed, since 06:00 IST" in text
    assert "90abcdef" in request.json["text"]


async def test_the_login_button_leads_to_the_agents_page(receiver, context, notice_of) -> None:
    await slack(by_webhook(receiver), context).send(notice_of())
    (actions,) = [block for block in receiver.requests[0].json["blocks"] if block["type"] == "actions"]
    (button,) = actions["elements"]
    assert button["url"] == f"{BASE}/api/auth/login"
    assert button["text"]["text"] == "Log in to Kite"
    assert button["style"] == "primary"


async def test_a_link_is_never_opened_for_a_preview(receiver, context, notice_of) -> None:
    await slack(by_webhook(receiver), context).send(notice_of())
    assert receiver.requests[0].json["unfurl_links"] is False
    assert receiver.requests[0].json["unfurl_media"] is False


@pytest.mark.parametrize("body", [b"", b"OK!", b"<html>please sign in</html>", b"ok" * 40_000])
async def test_200_without_ok_is_a_passing_failure(receiver, context, notice_of, body: bytes) -> None:
    receiver.replies = [receiver.answer(body=body)]
    with pytest.raises(DeliveryError, match="not that it took the message") as caught:
        await slack(by_webhook(receiver), context).send(notice_of())
    assert not caught.value.permanent


async def test_a_compressed_answer_is_not_unpacked(receiver, context, notice_of) -> None:
    bomb = gzip.compress(b"ok" * 10_000_000)
    receiver.replies = [receiver.answer(body=bomb, Content_Encoding="gzip")]
    with pytest.raises(DeliveryError, match="not that it took the message"):
        await slack(by_webhook(receiver), context).send(notice_of())
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


async def test_an_ok_cut_short_is_a_failure(receiver, context, notice_of) -> None:
    receiver.replies = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"]
    with pytest.raises(DeliveryError):
        await slack(by_webhook(receiver), context).send(notice_of())


async def test_429_passes_on_slacks_wish(receiver, context, notice_of) -> None:
    for reply, settings in (
        (receiver.answer("429 Too Many Requests", b"", Retry_After="17"), by_webhook(receiver)),
        (refused(receiver, "ratelimited", "429 Too Many Requests", Retry_After="17"), as_bot(receiver)),
        (refused(receiver, "ratelimited", Retry_After="17"), as_bot(receiver)),
    ):
        receiver.replies = [reply]
        with pytest.raises(DeliveryError) as caught:
            await slack(settings, context).send(notice_of())
        assert caught.value.retry_after == timedelta(seconds=17)
        assert not caught.value.permanent


@pytest.mark.parametrize("word_", sorted(FOR_GOOD))
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
async def test_what_slack_refuses_for_good_is_permanent(
    receiver, context, notice_of, word_: str, status: str
) -> None:
    receiver.replies = [receiver.answer(status, word_.encode())]
    with pytest.raises(DeliveryError, match=word_) as caught:
        await slack(by_webhook(receiver), context).send(notice_of())
    assert caught.value.permanent
    receiver.replies = [refused(receiver, word_)]
    with pytest.raises(DeliveryError, match=word_) as caught:
        await slack(as_bot(receiver), context).send(notice_of())
    assert caught.value.permanent


@pytest.mark.parametrize("word_", sorted(FOR_A_PERSON))
async def test_what_a_person_can_mend_is_tried_again_slowly(receiver, context, notice_of, word_: str) -> None:
    receiver.replies = [refused(receiver, word_)]
    with pytest.raises(DeliveryError, match=re.escape(FOR_A_PERSON[word_])) as caught:
        await slack(as_bot(receiver), context).send(notice_of())
    assert not caught.value.permanent
    assert caught.value.needs_person


@pytest.mark.parametrize("word_", ["internal_error", "fatal_error", "service_unavailable", "a_new_word"])
async def test_any_other_word_is_a_passing_failure(receiver, context, notice_of, word_: str) -> None:
    receiver.replies = [refused(receiver, word_)]
    with pytest.raises(DeliveryError, match=word_) as caught:
        await slack(as_bot(receiver), context).send(notice_of())
    assert not caught.value.permanent


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'{"ok": 1}', b'{"ok": "true"}', b"[" * 50_000, b"\xff"],
)
async def test_an_answer_of_the_api_that_makes_no_sense_is_a_failure(
    receiver, context, notice_of, body: bytes
) -> None:
    receiver.replies = [receiver.answer(body=body)]
    with pytest.raises(DeliveryError) as caught:
        await slack(as_bot(receiver), context).send(notice_of())
    assert not caught.value.permanent


async def test_a_bot_tells_a_recovery_in_the_thread_and_edits_the_first_message(
    receiver, context, notice_of, recovery_of
) -> None:
    receiver.replies = [said(receiver, "1.0"), said(receiver, "2.0"), said(receiver, "1.0")]
    notifier = slack(as_bot(receiver), context)
    assert (await notifier.send(notice_of())).id == "1.0"
    assert (await notifier.send(recovery_of())).id == "2.0"
    first, reply, edit = receiver.requests
    assert first.path == "/api/chat.postMessage"
    assert first.headers["authorization"] == "Bearer xoxb-1"
    assert (first.json["channel"], "thread_ts" in first.json) == ("#desk", False)
    assert (reply.path, reply.json["channel"], reply.json["thread_ts"]) == (first.path, "C1", "1.0")
    assert "reply_broadcast" not in reply.json
    assert (edit.path, edit.json["channel"], edit.json["ts"]) == ("/api/chat.update", "C1", "1.0")
    assert "RECOVERED" in edit.json["text"]


@pytest.mark.parametrize(
    ("reason", "mark"),
    [(NoticeReason.RECOVERED, ":white_check_mark: "), (NoticeReason.UNWATCHED, ":grey_question: ")],
)
def test_the_sign_of_a_recovery_is_for_what_is_known_to_be_over(recovery_of, reason, mark) -> None:
    told = recovery_of(reason=reason)
    assert message(told, word(told, zone="UTC", base_url=BASE))["blocks"][0]["text"]["text"].startswith(mark)


async def test_what_is_worse_is_shown_in_the_channel_too(receiver, context, notice_of) -> None:
    receiver.replies = [said(receiver, "1.0"), said(receiver, "2.0")]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of())
    await notifier.send(notice_of(id="worse", reason=NoticeReason.WORSE))
    assert receiver.requests[1].json["reply_broadcast"] is True


async def test_another_incident_begins_a_message_of_its_own(receiver, context, notice_of) -> None:
    from agent.api import Incident

    receiver.replies = [said(receiver)]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of())
    await notifier.send(notice_of(id="other", incident=Incident(id="other", opened_at=notice_of().since)))
    await notifier.send(notice_of(id="none", incident=None))
    assert ["thread_ts" in request.json for request in receiver.requests] == [False, False, False]


async def test_each_account_of_an_incident_has_a_thread_and_a_first_message_of_its_own(
    receiver, context, notice_of, recovery_of
) -> None:
    receiver.replies = [said(receiver, f"{number}.0") for number in (1, 2, 3, 1)]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of(id="a", group="alpha"))
    await notifier.send(notice_of(id="b", group="beta"))
    await notifier.send(recovery_of(id="c", group="alpha"))
    alpha, beta, reply, edit = receiver.requests
    assert ["thread_ts" in one.json for one in (alpha, beta)] == [False, False]
    assert (reply.json["thread_ts"], edit.json["ts"]) == ("1.0", "1.0")


async def test_a_deleted_thread_costs_no_notice(receiver, context, notice_of, recovery_of) -> None:
    receiver.replies = [said(receiver, "1.0"), refused(receiver, "thread_not_found"), said(receiver, "3.0")]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of())
    assert (await notifier.send(recovery_of())).id == "3.0"
    assert "thread_ts" not in receiver.requests[2].json


async def test_an_edit_that_fails_does_not_make_the_notice_fail(
    receiver, context, notice_of, recovery_of
) -> None:
    receiver.replies = [
        said(receiver, "1.0"),
        said(receiver, "2.0"),
        refused(receiver, "edit_window_closed"),
        receiver.answer("500 Oh"),
    ]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of())
    assert (await notifier.send(recovery_of())).id == "2.0"


async def test_an_edit_that_hangs_does_not_make_the_notice_fail(
    receiver, context, clock: ManualClock, notice_of, recovery_of
) -> None:
    receiver.replies = [said(receiver, "1.0"), said(receiver, "2.0"), receiver.hang]
    notifier = slack(as_bot(receiver), context)
    await notifier.send(notice_of())
    sending = asyncio.ensure_future(notifier.send(recovery_of()))
    async with asyncio.timeout(10):
        while len(receiver.requests) < 3:
            receiver.got_request.clear()
            await receiver.got_request.wait()
    await clock.advance(EDIT_S)
    assert (await sending).id == "2.0"


async def test_the_same_notice_is_not_posted_twice_once_slack_has_it(receiver, context, notice_of) -> None:
    receiver.replies = [said(receiver, "1.0")]
    notifier = slack(as_bot(receiver), context)
    assert await notifier.send(notice_of()) == await notifier.send(notice_of())
    assert len(receiver.requests) == 1


async def test_after_a_restart_a_recovery_is_told_in_the_thread_and_nothing_is_posted_twice(
    receiver, clock, notice_of, recovery_of
) -> None:
    receiver.replies = [said(receiver, "1.0"), said(receiver, "2.0"), said(receiver, "1.0")]
    store = MemoryStore()

    def restarted(channel: str = "#desk") -> object:
        context = notifier_context("desk", lambda: None, clock, store)  # type: ignore[arg-type, return-value]
        return slack(as_bot(receiver, channel=channel), context)

    await restarted().send(notice_of())
    assert (await restarted().send(notice_of())).id == "1.0"
    await restarted().send(recovery_of())
    first, reply, edit = receiver.requests
    assert (reply.json["channel"], reply.json["thread_ts"]) == ("C1", "1.0")
    assert (edit.path, edit.json["ts"]) == ("/api/chat.update", "1.0")
    assert "RECOVERED" in edit.json["text"]
    assert first.json["text"] != edit.json["text"]
    await restarted("#elsewhere").send(recovery_of(id="later"))
    assert (receiver.requests[-1].json["channel"], "thread_ts" in receiver.requests[-1].json) == (
        "#elsewhere",
        False,
    )


@pytest.mark.parametrize("kept", ["", "{", "[]", "null", '{"channel": "#desk", "threads": 3}'])
async def test_what_a_former_run_left_and_nobody_can_read_costs_no_notice(
    receiver, clock, recovery_of, kept: str
) -> None:
    receiver.replies = [said(receiver, "9.0")]
    store = MemoryStore()
    store.put("places", kept)
    context = notifier_context("desk", lambda: None, clock, store)  # type: ignore[arg-type, return-value]
    await slack(as_bot(receiver), context).send(recovery_of())
    assert "thread_ts" not in receiver.requests[0].json


def test_what_is_kept_of_slack_fits_the_store_however_long_the_agent_lives(notice_of) -> None:
    store = MemoryStore()
    places = Places(store, "#desk")
    for number in range(3 * KEPT):
        places.note(f"{number:032}", f"{number:032}", Place("C0123456789", f"{number:010}.{number:06}"))
    assert len(store.values["places"]) < 32_000
    again = Places(store, "#desk")
    assert again.of_notice(f"{3 * KEPT - 1:032}") is not None
    assert again.of_notice(f"{0:032}") is None


async def test_slacks_client_neither_follows_nor_takes_a_proxy_nor_asks_twice(
    receiver, context, notice_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    for settings in (by_webhook(receiver), as_bot(receiver)):
        receiver.requests.clear()
        receiver.replies = [receiver.answer("307 Temporary Redirect", Location=receiver.url + "/elsewhere")]
        with pytest.raises(DeliveryError, match="redirects are not followed"):
            await slack(settings, context).send(notice_of())
        assert len(receiver.requests) == 1
        receiver.replies = [receiver.answer("500 Oh")]
        with pytest.raises(DeliveryError, match="500"):
            await slack(settings, context).send(notice_of())
        assert len(receiver.requests) == 2


async def test_slacks_client_reaches_no_private_address_unless_told(receiver, context, notice_of) -> None:
    settings = SlackSettings.model_validate(
        {"bot_token": "xoxb-1", "channel": "#desk", "api_url": "https://localhost/api"}
    )
    with pytest.raises(DeliveryError, match="allow_private"):
        await slack(settings, context).send(notice_of())


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"bot_token": "xoxb-1"},
        {"channel": "#desk"},
        {"webhook_url": "https://hooks.slack.com/services/x", "channel": "#desk"},
        {"webhook_url": "https://hooks.slack.com/services/x", "bot_token": "xoxb-1", "channel": "#desk"},
        {"webhook_url": f"http://hooks.slack.com/services/{CANARY}"},
        {"bot_token": f"xoxb {CANARY}", "channel": "#desk"},
        {"bot_token": f"xoxb\r\n{CANARY}", "channel": "#desk"},
        {"bot_token": "xoxb-1", "channel": "#desk", "api_url": "http://slack.com/api"},
        {"webhook_url": "https://hooks.slack.com/services/x", "zone": "Mars/Olympus"},
        {"webhook_url": "https://hooks.slack.com/services/x", "zone": "../../etc/passwd"},
    ],
)
def test_settings_that_do_not_fit_together_are_refused(values: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="expected") as caught:
        SlackSettings.model_validate(values)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<@U123>", "&lt;@\u2060U123&gt;"),
        ("@here", "@\u2060here"),
        ("a & b", "a &amp; b"),
        ("&lt;", "&amp;lt;"),
        ("a@", "a@"),
    ],
)
def test_nobody_is_mentioned_by_a_text(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize("severity", list(Severity))
def test_slacks_own_models_take_every_block(notice_of, severity: Severity) -> None:
    notice = notice_of(severity=severity)
    for block in message(notice, word(notice, zone="UTC", base_url=BASE))["blocks"]:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()


@given(text=ANY_TEXT | HOSTILE)
def test_whatever_a_notice_says_the_message_is_within_limits_and_mentions_nobody(
    notice_of: Callable[..., Notice], text: str
) -> None:
    machines = tuple({"name": text, "state": text, "reason": text, "message": text} for _ in range(30))
    action = Action(kind="x", label=text, href=text)
    notice = notice_of(message=text, agent=text, machines=machines, action=action)
    made = message(notice, word(notice, zone="UTC", base_url=BASE))
    assert len(json.dumps(made)) < 100_000
    assert len(made["blocks"]) <= 50
    for shown in _texts(made):
        assert len(shown) <= 3000
        assert "<" not in shown
        assert ">" not in shown
        assert not re.search(r"@(here|channel|everyone)", shown)
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)


def _texts(made: dict) -> list[str]:
    found = [made["text"]]
    for block in made["blocks"]:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        found += [part["text"] for part in parts if part and part["type"] == "mrkdwn"]
    return found


async def test_no_failure_shows_the_address_or_the_token(
    receiver, context, notice_of, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    shown: list[str] = []
    ways = (by_webhook(receiver, f"/services/T/B/{CANARY}"), as_bot(receiver, f"xoxb-{CANARY}"))
    for settings in ways:
        for reply in (
            receiver.answer("500 " + CANARY, CANARY.encode()),
            receiver.answer("404 Not Found", f"cannot POST /services/T/B/{CANARY}".encode()),
            receiver.answer(body=json.dumps({"ok": False, "error": f"no xoxb-{CANARY}"}).encode()),
            receiver.answer("302 Found", Location=f"/services/T/B/{CANARY}"),
            b"garbage",
            b"",
        ):
            receiver.replies = [reply]
            notifier = slack(settings, context)
            with pytest.raises(DeliveryError) as caught:
                await notifier.send(notice_of())
            shown += [repr(caught.value), *traceback.format_exception(caught.value), repr(notifier)]
        shown.append(repr(settings))
    assert CANARY not in "\n".join([*shown, caplog.text])

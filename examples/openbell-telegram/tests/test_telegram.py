"""The notifier keeps openbell's contract, and meets what Telegram's bot API says of itself."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from openbell_telegram.notifier import Telegram, TelegramSettings
from openbell_telegram.wording import LIMIT, text_of
from pydantic import ValidationError

from agent.api import Action, DeliveryError, NoticeReason, NoticeType
from agent.testing import CANARY, MemoryStore, NotifierContract, Trouble, make_notice, notifier_context

TOKEN = f"12345:{CANARY}"


class TestTelegramContract(NotifierContract):
    plugin = "openbell_telegram"
    kind = "telegram"

    def settings(self, url):
        return {"token": TOKEN, "chat_id": "-100200", "api_url": url}

    async def answer(self, request):
        return web.json_response({"ok": True, "result": {"message_id": 7, "text": TOKEN}})

    def words(self, trouble):
        refusal = {"ok": False, "error_code": 0, "description": f"{trouble} of {TOKEN}"}
        return refusal | ({"parameters": {"retry_after": 9}} if trouble is Trouble.RATE_LIMITED else {})

    def key_of(self, request):
        return request.body


class Chat:
    """A stand-in for Telegram's server: gives the answers it was told to, and then takes every message."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict]] = []
        self.asked: list[tuple[str, dict]] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.json()))
        if self.answers:
            status, said = self.answers.pop(0)
            return web.json_response(said, status=status)
        return web.json_response({"ok": True, "result": {"message_id": len(self.asked)}})

    def refuse(self, status: int, description: str = "", **parameters: object) -> None:
        said = {"ok": False, "error_code": status, "description": description, "parameters": parameters}
        self.answers.append((status, said))

    @property
    def told(self) -> list[dict]:
        return [content for _, content in self.asked]


@asynccontextmanager
async def reached(chat: Chat, store: MemoryStore | None = None, **more: object):
    """A notifier that reaches the stand-in; give two of them one store to see a restart."""
    application = web.Application()
    application.router.add_post("/{path:.*}", chat.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = TelegramSettings(
        token=TOKEN, chat_id="-100", api_url=f"http://127.0.0.1:{runner.addresses[0][1]}", **more
    )
    try:
        async with aiohttp.ClientSession() as session:
            yield Telegram(settings, notifier_context("telegram", lambda: session, store=store))
    finally:
        await runner.cleanup()


async def test_a_message_goes_to_the_chat_and_topic_without_a_preview_of_its_link() -> None:
    chat = Chat()
    async with reached(chat, topic=5) as notifier:
        receipt = await notifier.send(make_notice())
    [(path, content)] = chat.asked
    assert path == f"/bot{TOKEN}/sendMessage"
    assert (content["chat_id"], content["message_thread_id"], receipt.id) == ("-100", 5, "1")
    assert content["link_preview_options"] == {"is_disabled": True}


async def test_the_pause_that_telegram_wishes_is_handed_on() -> None:
    chat = Chat()
    chat.refuse(429, "Too Many Requests: retry after 42", retry_after=42)
    async with reached(chat) as notifier:
        with pytest.raises(DeliveryError) as raised:
            await notifier.send(make_notice())
        assert (raised.value.retry_after, raised.value.permanent) == (timedelta(seconds=42), False)
        assert (await notifier.send(make_notice())).status == "sent"


@pytest.mark.parametrize("wish", [-1, True, "soon", None, 10**12])
async def test_a_wish_that_is_none_does_not_hold_up_a_notice(wish) -> None:
    chat = Chat()
    chat.refuse(429, retry_after=wish)
    async with reached(chat) as notifier:
        with pytest.raises(DeliveryError) as raised:
            await notifier.send(make_notice())
    pause = raised.value.retry_after
    assert pause is None or timedelta(0) <= pause <= timedelta(days=1)


@pytest.mark.parametrize(
    ("status", "description", "permanent", "needs_person"),
    [
        pytest.param(401, "Unauthorized", False, True, id="the token was revoked"),
        pytest.param(403, "Forbidden: bot was blocked by the user", False, True, id="blocked"),
        pytest.param(400, "Bad Request: chat not found", False, True, id="no such chat"),
        pytest.param(400, "Bad Request: message text is empty", True, False, id="a message of no use"),
        pytest.param(502, "Bad Gateway", False, False, id="Telegram's own trouble"),
    ],
)
async def test_a_refusal_is_passing_final_or_for_a_person(
    status, description, permanent, needs_person
) -> None:
    chat = Chat()
    chat.refuse(status, f"{description} {TOKEN}")
    async with reached(chat) as notifier:
        with pytest.raises(DeliveryError) as raised:
            await notifier.send(make_notice())
    assert (raised.value.permanent, raised.value.needs_person) == (permanent, needs_person)
    assert CANARY not in str(raised.value)


async def test_what_follows_answers_the_first_message_of_its_incident_after_a_restart_too() -> None:
    chat, store = Chat(), MemoryStore()
    for type_ in (NoticeType.PROBLEM, NoticeType.REMINDER, NoticeType.RECOVERY):
        async with reached(chat, store) as notifier:
            await notifier.send(make_notice(type_))
    answered = [content.get("reply_parameters", {}).get("message_id") for content in chat.told]
    assert answered == [None, 1, 1]
    assert [content["disable_notification"] for content in chat.told] == [False, False, True]


async def test_a_notice_that_was_sent_is_not_sent_again_after_a_restart() -> None:
    chat, store = Chat(), MemoryStore()
    for _ in range(2):
        async with reached(chat, store) as notifier:
            assert (await notifier.send(make_notice())).id == "1"
    assert len(chat.asked) == 1


async def test_a_group_that_moved_is_followed_and_the_operator_told_where_to() -> None:
    chat, store = Chat(), MemoryStore()
    chat.refuse(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-1009)
    async with reached(chat, store) as notifier:
        receipt = await notifier.send(make_notice())
    assert receipt.remark == "the group has moved: set chat_id to -1009"
    async with reached(chat, store) as notifier:
        await notifier.send(make_notice(NoticeType.RECOVERY))
    assert [content["chat_id"] for content in chat.told] == ["-100", "-1009", "-1009"]


async def test_a_group_that_moves_without_end_is_no_endless_loop() -> None:
    chat = Chat()
    for target in (-1, -2):
        chat.refuse(400, migrate_to_chat_id=target)
    async with reached(chat) as notifier:
        with pytest.raises(DeliveryError):
            await notifier.send(make_notice())
    assert len(chat.asked) == 2


async def test_reach_asks_for_the_chat_and_posts_nothing() -> None:
    chat = Chat()
    chat.refuse(400, "Bad Request: chat not found")
    async with reached(chat) as notifier:
        with pytest.raises(DeliveryError, match="check chat_id"):
            await notifier.reach()
        assert await notifier.reach() == "the bot is known, and sees the chat"
    assert {path.rpartition("/")[2] for path, _ in chat.asked} == {"getChat"}


def test_the_text_fits_as_telegram_counts_and_keeps_the_link() -> None:
    action = Action(kind="login", label="Log in", href="https://desk.example.com/l/once")
    text = text_of(make_notice(message="🔔" * 5000, action=action))
    assert len(text.encode("utf-16-le")) // 2 <= LIMIT
    assert text.endswith("Log in: https://desk.example.com/l/once")
    assert "🔔…\n" in text


def test_what_nobody_looks_at_any_more_is_not_said_to_be_over() -> None:
    notice = replace(make_notice(NoticeType.RECOVERY), reason=NoticeReason.UNWATCHED)
    assert text_of(notice).splitlines()[0] == "⚪ Not watched: AUTH_REQUIRED · test"


def test_a_recovery_says_what_is_over_and_how_long_it_lasted() -> None:
    lines = text_of(make_notice(NoticeType.RECOVERY)).splitlines()
    assert lines[0] == "✅ Over: AUTH_REQUIRED · test"
    assert "It lasted 10 min 0 s" in lines


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"token": f"{CANARY}/../x"}, id="a token that would lead elsewhere"),
        pytest.param({"api_url": "http://api.example.com"}, id="a way that anybody can read"),
        pytest.param({"chat_id": "the desk"}, id="a name that is no id"),
    ],
)
def test_settings_of_no_use_are_refused_and_show_no_secret(wrong) -> None:
    with pytest.raises(ValidationError) as raised:
        TelegramSettings.model_validate({"token": TOKEN, "chat_id": "@desk", **wrong})
    assert CANARY not in str(raised.value)

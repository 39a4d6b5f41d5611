"""What an answer of the bot API means for a notice, and what a person does about it. Pure.

The answers: https://core.telegram.org/bots/api#making-requests and #responseparameters
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from agent.api import DeliveryError

from .bot import Answer

LONGEST_PAUSE_S = 24 * 3600

REMEDIES = {
    401: "the token is not valid: get it anew from @BotFather",
    403: "the bot was blocked or removed: have it in the chat, and let somebody there press Start",
    404: "the token is not whole: get it anew from @BotFather",
}
FOR_A_PERSON = {
    "chat not found": "check chat_id; the bot must be in the chat, or have been started by the person",
    "group chat was deactivated": "check chat_id",
    "not enough rights": "let the bot post in the chat",
    "thread not found": "check topic",
    "topic_closed": "open the topic",
}
"""What a 400 says where somebody may be setting it right at this moment; any other 400 is for good."""


def judge(answer: Answer) -> DeliveryError | None:
    """The error in an answer; `None` where the message was taken.

    The description is not quoted: it is a stranger's text, and may repeat what it was asked.
    """
    if answer.status == 200 and answer.said.get("ok") is True:
        return None
    if answer.status == 400:
        return _bad_request(str(answer.said.get("description", "")).lower())
    if answer.status in REMEDIES:
        return DeliveryError(
            f"Telegram answered {answer.status}: {REMEDIES[answer.status]}", needs_person=True
        )
    if answer.status == 429:
        return DeliveryError("Telegram wants to be left alone for a while (429)", retry_after=_pause(answer))
    return DeliveryError(f"Telegram answered {answer.status}")


def moved_to(answer: Answer) -> str | None:
    """The chat's new id, where a group has become a supergroup: a 400 that says where to."""
    chat = _parameters(answer).get("migrate_to_chat_id")
    is_id = answer.status == 400 and isinstance(chat, int) and not isinstance(chat, bool)
    return str(chat) if is_id else None


def message_id(answer: Answer) -> int:
    """The id of the message that was sent; 0 where the answer has none, though it was taken."""
    result = answer.said.get("result")
    number = result.get("message_id") if isinstance(result, dict) else None
    return number if isinstance(number, int) else 0


def _bad_request(description: str) -> DeliveryError:
    for words, remedy in FOR_A_PERSON.items():
        if words in description:
            return DeliveryError(f"Telegram answered 400 ({words}): {remedy}", needs_person=True)
    return DeliveryError("Telegram does not take this message (400)", permanent=True)


def _pause(answer: Answer) -> timedelta | None:
    """The wish in the body, in seconds; without one, the header's."""
    wish = _parameters(answer).get("retry_after")
    if not isinstance(wish, int) or isinstance(wish, bool):
        wish = int(answer.retry_after) if answer.retry_after.isdecimal() else None
    return None if wish is None else timedelta(seconds=min(max(wish, 0), LONGEST_PAUSE_S))


def _parameters(answer: Answer) -> Mapping[str, object]:
    found = answer.said.get("parameters")
    return found if isinstance(found, dict) else {}

"""What Slack's error words mean for a notice, and what a person does about them. Pure.

The words: https://docs.slack.dev/reference/methods/chat.postMessage#errors and
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors
"""

from __future__ import annotations

import json
import re
from datetime import datetime

from agent.api import DeliveryError
from plugins.notifiers.answers import pause_wished, refusal
from plugins.notifiers.outbound import Answer

FOR_GOOD = {
    "no_service": "the webhook is gone: make a new one",
    "no_service_id": "the webhook's address is not whole",
    "no_team": "the webhook's address names no workspace",
    "no_active_hooks": "the webhook is disabled: make a new one",
    "invalid_token": "the webhook's address or the token is not valid",
    "team_disabled": "the workspace is disabled",
    "channel_is_archived": "choose a channel that is not archived",
    "is_archived": "choose a channel that is not archived",
    "invalid_auth": "the bot token is not valid",
    "not_authed": "the bot token is missing",
    "account_inactive": "the bot was removed from the workspace",
    "token_revoked": "make a new bot token",
    "token_expired": "make a new bot token",
    "missing_scope": "give the bot the scope chat:write and install it again",
    "invalid_payload": "",
    "invalid_blocks": "",
    "invalid_blocks_format": "",
    "msg_too_long": "",
    "msg_blocks_too_long": "",
    "no_text": "",
}
"""Trying again cannot help."""

FOR_A_PERSON = {
    "channel_not_found": "check the channel; a private one must have the bot as a member",
    "not_in_channel": "invite the bot to the channel",
    "action_prohibited": "an administrator has restricted posting",
    "restricted_action": "an administrator has restricted posting",
    "posting_to_general_channel_denied": "choose another channel",
    "user_not_found": "check the channel",
}
"""Somebody may be setting it right at this moment."""

LOST_THREAD = frozenset({"thread_not_found", "cannot_reply_to_message", "message_not_found"})

_WORD = re.compile(r"[a-z][a-z_]{1,60}")


class SlackError(DeliveryError):
    """Slack did not take the message; `word` is its own name for the reason."""

    def __init__(self, error: DeliveryError, word: str) -> None:
        super().__init__(
            str(error),
            permanent=error.permanent,
            needs_person=error.needs_person,
            retry_after=error.retry_after,
        )
        self.word = word


def judge_webhook(answer: Answer, now: datetime) -> DeliveryError | None:
    """The error in the answer of an incoming webhook, which says `ok` when it took the message."""
    text = answer.body.decode(errors="replace").strip()
    if answer.status == 200 and text == "ok":
        return None
    return _refused(answer, text, now)


def judge_api(answer: Answer, now: datetime) -> tuple[dict[str, object], DeliveryError | None]:
    """The Web API's answer, and the error in it; only `"ok": true` is success."""
    said = parsed(answer)
    if answer.status == 200 and said.get("ok") is True:
        return said, None
    return said, _refused(answer, str(said.get("error", "")), now)


def parsed(answer: Answer) -> dict[str, object]:
    """The object in an answer; empty where it holds none, or not all of it came."""
    try:
        said = json.loads(answer.body) if answer.is_whole else None
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _refused(answer: Answer, text: str, now: datetime) -> DeliveryError:
    word = text if _WORD.fullmatch(text) else ""
    if word in FOR_GOOD:
        return SlackError(DeliveryError(_text(word, FOR_GOOD[word]), permanent=True), word)
    if word in FOR_A_PERSON:
        return SlackError(DeliveryError(_text(word, FOR_A_PERSON[word]), needs_person=True), word)
    error = refusal(answer.status, answer.retry_after, now, who="Slack")
    if error is None:
        said = _text(word, "") if word else "Slack answered 200, but not that it took the message"
        error = DeliveryError(said, retry_after=pause_wished(answer.retry_after, now))
    return SlackError(error, word)


def _text(word: str, remedy: str) -> str:
    return f"Slack refused: {word}" + (f" ({remedy})" if remedy else "")

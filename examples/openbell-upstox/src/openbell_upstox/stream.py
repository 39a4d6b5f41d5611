"""The way to an open stream: Upstox is asked for an address that opens once, and told what to send."""

from __future__ import annotations

import json
import uuid
from urllib.parse import urlsplit

import aiohttp

from agent.api import Context

from . import rest
from .pulse import Reason
from .rest import Answer, Reply

AUTHORIZE = "/v3/feed/market-data-feed/authorize"
CONNECT_S = 5.0
PING_S = 10.0
LARGEST = 2**24

REFUSALS = {
    Answer.REFUSED: Reason.REFUSED,
    Answer.FORBIDDEN: Reason.REFUSED,
    Answer.LIMITED: Reason.RATE_LIMITED,
}
SECURE = {"https": {"wss"}, "http": {"ws", "wss"}}


class Refusal(Exception):  # noqa: N818 - says what it is
    """No stream, and why; `is_token` if Upstox may have meant the token."""

    def __init__(self, reason: Reason, *, is_token: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_token = is_token
        self.retry_after_s = retry_after_s


async def open_stream(context: Context, url: str, token: str) -> aiohttp.ClientWebSocketResponse:
    """An open stream, to which nothing is subscribed yet. Raises `Refusal`."""
    reply = await rest.ask(context, "GET", url + AUTHORIZE, token)
    address = address_in(reply, urlsplit(url).scheme)
    try:
        async with context.clock.timeout(CONNECT_S):
            return await context.http.ws_connect(
                address, heartbeat=PING_S, max_msg_size=LARGEST, timeout=aiohttp.ClientWSTimeout(ws_close=1.0)
            )
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
        # The address's own code was refused, not the token: another address is asked for.
        raise Refusal(Reason.NETWORK) from None


def address_in(reply: Reply, scheme: str) -> str:
    """The address in an answer: never an open one where Upstox itself is asked over TLS.

    It opens the stream by itself, so that it is as secret as the token, and in no error.
    """
    if reply.answer is not Answer.ACCEPTED:
        reason = REFUSALS.get(reply.answer, Reason.NETWORK)
        raise Refusal(reason, is_token=reason is Reason.REFUSED, retry_after_s=reply.retry_after_s)
    held = reply.said.get("data")
    held = held if isinstance(held, dict) else {}
    address = held.get("authorized_redirect_uri") or held.get("authorizedRedirectUri")
    if not isinstance(address, str) or address.partition(":")[0] not in SECURE.get(scheme, set()):
        raise Refusal(Reason.NETWORK)
    return address


def subscription(keys: tuple[str, ...]) -> bytes:
    """What asks for the last trades of these instruments; Upstox wants it as a binary frame."""
    wish = {"mode": "ltpc", "instrumentKeys": list(keys)}
    return json.dumps({"guid": uuid.uuid4().hex, "method": "sub", "data": wish}).encode()

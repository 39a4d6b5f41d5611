"""Asks the broker, through its own client: blocking calls, to be made in a thread, that never raise."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from agent.api import Clock
from plugins.auth.answers import Answer, Reply, classify
from plugins.auth.client import load_client

CONNECT_TIMEOUT_S = 4.0
READ_TIMEOUT_S = 6.0
TOTAL_S = 7.0
LARGEST_ANSWER = 256 * 1024
"""A profile has less than 1 kB."""


class TooLargeError(Exception):
    """The answer is larger than any answer needs to be."""


class TooSlowError(Exception):
    """The answer drips: each read is in time, and the whole is not."""


class KiteBroker:
    """One app at one broker."""

    def __init__(self, api_key: str, root: str, clock: Clock) -> None:
        self._api_key = api_key
        self._root = root
        self._clock = clock

    def profile(self, access_token: str) -> Reply:
        """Whose token it is, if the broker takes it."""
        return self._ask(access_token, lambda kite: kite.profile(), "user_id")

    def exchange(self, request_token: str, api_secret: str) -> Reply:
        """The session that a request token stands for; it can be exchanged once."""
        return self._ask(None, lambda kite: _session(kite, request_token, api_secret), "access_token")

    def _ask(self, access_token: str | None, ask: Callable[[Any], Any], must_have: str) -> Reply:
        # Costs 17 MiB and a quarter second: loaded by the first request, in its thread.
        kite = load_client()(
            api_key=self._api_key,
            access_token=access_token,
            root=self._root,
            debug=False,  # it would log the token
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
        )
        receiver = _Receiver(self._clock)
        session = kite.reqsession
        session.trust_env = False  # a .netrc entry would replace the token, a proxy would see it
        session.max_redirects = 0
        session.headers["Accept-Encoding"] = "identity"
        session.hooks["response"].append(receiver)
        try:
            reply = _whole(ask(kite), must_have, receiver.status)
        except Exception as error:  # noqa: BLE001 - the client raises whatever an odd answer makes it trip over
            reply = classify(error, receiver.status)
        finally:
            session.close()
        return replace(reply, clock_offset=receiver.clock_offset, retry_after_s=receiver.retry_after_s)


def _session(kite: Any, request_token: str, api_secret: str) -> Any:
    """The session; one whose `login_time` the client cannot read is not lost."""
    try:
        return kite.generate_session(request_token, api_secret)
    except (KeyError, ValueError, TypeError, OverflowError):
        if not kite.access_token:
            raise
        return {**kite.profile(), "access_token": kite.access_token}


def _whole(value: Any, must_have: str, status: int) -> Reply:
    """An acceptance, if the answer has what it must: any page at all may come with a 200."""
    if isinstance(value, Mapping) and isinstance(value.get(must_have), str) and value[must_have]:
        return Reply(answer=Answer.ACCEPTED, value=value)
    return classify(ValueError("an answer of another shape"), status)


class _Receiver:
    """A hook of `requests` that bounds the answer in size and time, and reads the broker's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sent_at = clock.now()
        self._until_s = clock.monotonic() + TOTAL_S
        self.status = 0
        self.clock_offset: timedelta | None = None
        self.retry_after_s = 0.0

    def __call__(self, response: Any, **_: object) -> None:
        self.status = response.status_code
        self.clock_offset = offset(self._sent_at, self._clock.now(), response.headers.get("Date", ""))
        self.retry_after_s = seconds(response.headers.get("Retry-After", ""))
        raw = response.raw
        try:
            response.raw = io.BytesIO(self._read(raw))
        finally:
            raw.close()

    def _read(self, raw: Any) -> bytes:
        read = getattr(raw, "read1", raw.read)
        body = bytearray()
        while chunk := read(16 * 1024):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise TooLargeError
            if self._clock.monotonic() > self._until_s:
                raise TooSlowError
        return bytes(body)


def offset(sent_at: datetime, received_at: datetime, date: str) -> timedelta | None:
    """How far our clock is at least ahead of the broker's (behind, if negative); `None` for no date.

    The date was cut to the second and written at some moment between our two readings, so that
    only a span is known; a slow answer widens it, and is not mistaken for a wrong clock.
    """
    try:
        said = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    said = said.replace(tzinfo=said.tzinfo or UTC)
    least, most = sent_at - said - timedelta(seconds=1), received_at - said
    return min(max(least, timedelta(0)), most)


def seconds(retry_after: str) -> float:
    """A `Retry-After` in seconds; 0 for a date or anything else."""
    text = retry_after.strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0

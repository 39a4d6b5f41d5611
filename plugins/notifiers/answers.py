"""What a receiver's HTTP answer means for the notice: taken, to be tried again, or never. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from agent.api import DeliveryError

LONGEST_PAUSE = timedelta(hours=1)
"""A wish for a pause counts no further than this."""

SLOWLY = timedelta(minutes=3)
"""The pause where hurry does not help."""

NEEDS_PERSON = frozenset({401, 402, 403, 404, 407})
"""A wrong key, a receiver that is not there: somebody may be at it."""

REFUSED_FOR_GOOD = frozenset({400, 405, 406, 410, 411, 413, 414, 415, 422, 431})
"""The same notice would get the same answer again."""

SOON = frozenset({408, 425, 429})


def refusal(status: int, retry_after: str | None, now: datetime, *, who: str) -> DeliveryError | None:
    """The error that this status makes, or `None` if the notice was taken.

    Only 2xx is success, so also says https://www.standardwebhooks.com. A redirect is none: what
    a notice says, and its signature, are for the configured receiver alone.
    """
    if 200 <= status <= 299:
        return None
    text = f"{who} answered {status} {_phrase(status)}".rstrip()
    if 300 <= status <= 399:
        return DeliveryError(f"{text}; redirects are not followed: configure the final address")
    if status in REFUSED_FOR_GOOD:
        return DeliveryError(text, permanent=True)
    wish = pause_wished(retry_after, now)
    if status in NEEDS_PERSON:
        return DeliveryError(text, needs_person=True, retry_after=wish)
    if wish is None and 400 <= status <= 499 and status not in SOON:
        wish = SLOWLY
    return DeliveryError(text, retry_after=wish)


def pause_wished(text: str | None, now: datetime) -> timedelta | None:
    """The pause that a `Retry-After` wishes, seconds or a date; clamped, `None` if it says nothing."""
    if text is None:
        return None
    seconds = _seconds(text.strip(), now)
    if seconds is None or math.isnan(seconds):
        return None
    return timedelta(seconds=min(max(seconds, 0.0), LONGEST_PAUSE.total_seconds()))


def _seconds(text: str, now: datetime) -> float | None:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return (date - now).total_seconds()


def _phrase(status: int) -> str:
    """Our own word for a status: the receiver's could say anything."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""

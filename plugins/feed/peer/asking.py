"""Asks another agent for its document, and reads what comes back."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from plugins.feed.peer.hearing import Fault, Reason, Session, Word

if TYPE_CHECKING:
    import aiohttp

PATH = "/api/system/health"
PATIENCE_S = 4.0
LARGEST = 1024 * 1024
"""The most bytes of an answer that are read."""

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(minutes=10)
"""Between these lies the span for which a document may claim to hold."""

_IN_BETWEEN = {429, *range(500, 600)}
"""What a proxy says for an agent that does not answer."""


class _Market(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    state: str
    next_open_at: AwareDatetime | None = None
    next_close_at: AwareDatetime | None = None


class _Document(BaseModel):
    """What we need of it; whatever else a later version has is let be."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    form: Annotated[str, Field(alias="schema", pattern=r"^openbell\.health/")]
    generated_at: AwareDatetime
    valid_until: AwareDatetime
    code: str
    market: _Market | None = None


async def ask(http: aiohttp.ClientSession, url: str, token: str | None) -> tuple[int, bytes] | Fault:
    """The status and body of the answer, or that there is none; the token is shown to nobody else."""
    import aiohttp

    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with http.get(url + PATH, headers=headers, timeout=timeout, allow_redirects=False) as answer:
            body = await answer.content.read(LARGEST)
            while len(body) < LARGEST and (more := await answer.content.read(LARGEST - len(body))):
                body += more
            return answer.status, body
    except TimeoutError:
        return Fault(Reason.NO_ANSWER, f"no answer within {PATIENCE_S:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Fault(Reason.NO_ANSWER, _why(error))


def _why(error: Exception) -> str:
    """The system's word where there is one: that of the client repeats the address."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number is not None and number > 0 else type(error).__name__


def _standing_by(body: bytes) -> str:
    """What one that stands by says of it; empty from any other."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict) or said.get("code") != "STANDBY":
        return ""
    owner = said.get("owner")
    return f"it stands by, and {owner} has the desk" if isinstance(owner, str) else "it stands by"


def read(status: int, body: bytes, now: datetime) -> Word | Fault:
    """A document as a word seen now, or what the answer is instead. Pure."""
    if status in (401, 403):
        return Fault(Reason.REFUSED, f"it answers {status}; give its read token")
    if status == 503 and (owner := _standing_by(body)):
        return Fault(Reason.NO_ANSWER, owner)
    if status in _IN_BETWEEN:
        return Fault(Reason.NO_ANSWER, f"what answers for it says {status}")
    if status != 200:
        return Fault(Reason.NOT_OPENBELL, f"what answers there says {status}, which openbell does not")
    try:
        document = _Document.model_validate(json.loads(body))
    except (ValidationError, ValueError, RecursionError):
        return Fault(Reason.NOT_OPENBELL, "what answers there is not the document of an openbell agent")
    market = document.market
    return Word(
        stamp=document.generated_at,
        seen_at=now,
        lasts=min(max(document.valid_until - document.generated_at, SHORTEST), LONGEST),
        code=document.code,
        session=Session(market.state, market.next_open_at, market.next_close_at) if market else None,
    )

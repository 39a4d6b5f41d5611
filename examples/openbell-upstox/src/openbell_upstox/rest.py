"""Upstox's REST: one request, and what came of it in one word."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import aiohttp

from agent.api import Context

LIVE = "https://api.upstox.com"
PATIENCE_S = 5.0
LONGEST_WISH_S = 300.0
"""A broker that wishes to be left alone for longer is asked again all the same."""

ERROR_CODE = re.compile(r"UDAPI\d{1,9}")
DIGITS = re.compile(r"[0-9]{1,9}")
CLOSED_CODES = {"UDAPI100072", "UDAPI100074"}
"""The services are closed from midnight until half past five in the morning."""


class Answer(StrEnum):
    """What came of asking the broker."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    FORBIDDEN = "FORBIDDEN"
    LIMITED = "LIMITED"
    CLOSED = "CLOSED"
    BROKEN = "BROKEN"
    SILENT = "SILENT"
    UNREACHABLE = "UNREACHABLE"


ANSWERS = {200: Answer.ACCEPTED, 401: Answer.REFUSED, 403: Answer.FORBIDDEN, 429: Answer.LIMITED}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `said` may hold a secret; `code` is Upstox's own word for an error, or empty."""

    answer: Answer
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)
    code: str = ""
    retry_after_s: float | None = None


async def ask(context: Context, method: str, url: str, token: str = "", **more: Any) -> Reply:
    """Ask, and never raise for bad weather. No text of the client's errors is used: it may quote a secret."""
    headers = {"Accept": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = context.http.request(method, url, headers=headers, allow_redirects=False, **more)
    try:
        async with context.clock.timeout(PATIENCE_S), request as answer:
            return read(answer.status, await _json(answer), answer.headers.get("Retry-After", ""))
    except TimeoutError:
        return Reply(Answer.SILENT)
    except (aiohttp.ClientError, OSError, ValueError):
        return Reply(Answer.UNREACHABLE)


def read(status: int, said: Mapping[str, Any], retry_after: str = "") -> Reply:
    """What a status and a body mean; an answer that says 200 and holds nothing is broken."""
    code = error_code(said)
    answer = Answer.CLOSED if code in CLOSED_CODES else ANSWERS.get(status, Answer.BROKEN)
    if answer is Answer.ACCEPTED and not said:
        answer = Answer.BROKEN
    wished_s = min(float(retry_after), LONGEST_WISH_S) if DIGITS.fullmatch(retry_after) else None
    return Reply(answer, said, code, wished_s)


def error_code(said: Mapping[str, Any]) -> str:
    """The first error's code, if it looks like one: `{"errors": [{"errorCode": "UDAPI100050"}]}`."""
    errors = said.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    code = first.get("errorCode") or first.get("error_code") if isinstance(first, dict) else None
    return code if isinstance(code, str) and ERROR_CODE.fullmatch(code) else ""


async def _json(answer: aiohttp.ClientResponse) -> Mapping[str, Any]:
    """The body, if it is an object; a page of somebody in between is none."""
    try:
        said = await answer.json(content_type=None)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}

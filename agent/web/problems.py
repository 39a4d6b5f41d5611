"""Errors as `application/problem+json` (RFC 9457): what went wrong, and what would do."""

from __future__ import annotations

import json
import math
from http import HTTPStatus

from aiohttp import web

MEDIA_TYPE = "application/problem+json"

_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    413: "The body is too large.",
    417: "Expectations other than 100-continue are not met.",
}


def problem(status: int, detail: str, **members: object) -> web.Response:
    """A problem answer; `detail` is a sentence for people and holds nothing secret."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error",
        "status": status,
        "detail": detail,
        **members,
    }
    return web.Response(status=status, body=json.dumps(body).encode(), content_type=MEDIA_TYPE)


def too_many(wait_s: float, detail: str) -> web.Response:
    """429, with the time after which it is worth another try."""
    answer = problem(429, detail)
    answer.headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return answer


def as_problem(error: web.HTTPException) -> web.StreamResponse:
    """What aiohttp raised, as a problem; a redirect stays as it is."""
    if error.status < 400:
        return error
    answer = problem(error.status, _DETAILS.get(error.status, error.reason))
    if "Allow" in error.headers:
        answer.headers["Allow"] = error.headers["Allow"]
    return answer

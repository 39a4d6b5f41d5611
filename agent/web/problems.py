"""Errors as `application/problem+json` (RFC 9457): what went wrong, and what would do."""

from __future__ import annotations

import json
from http import HTTPStatus

from aiohttp import web


def problem(status: int, detail: str, **members: object) -> web.Response:
    """A problem answer; `detail` is a sentence for people and holds nothing secret."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase if status in set(HTTPStatus) else "Error",
        "status": status,
        "detail": detail,
        **members,
    }
    return web.Response(
        status=status, body=json.dumps(body).encode(), content_type="application/problem+json"
    )

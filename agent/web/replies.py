"""Answers that are well: a body as JSON."""

from __future__ import annotations

from aiohttp import web

from agent.runtime.publishing import as_json


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer; instants in ISO form."""
    return web.Response(status=status, body=as_json(body), content_type="application/json")

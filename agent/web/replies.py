"""Answers that are well: a body as JSON, and nothing again for who has it already."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from aiohttp import web

from agent.runtime.publishing import as_json


def reply(body: object, status: int = 200) -> web.Response:
    """A JSON answer; instants in ISO form."""
    return web.Response(status=status, body=as_json(body), content_type="application/json")


def reply_once(request: web.Request, body: object) -> web.Response:
    """A JSON answer with an ETag of its bytes; 304 for who has them."""
    return tagged(request, as_json(body), "application/json")


def tagged(
    request: web.Request,
    body: bytes,
    content_type: str,
    *,
    etag: str | None = None,
    status: int = 200,
    zipped: Callable[[], bytes] | None = None,
) -> web.Response:
    """An answer that may be kept and asked about; its ETag is of its bytes, unless that is known.

    Only what is well is not said again. `zipped` gives the body compressed, for who takes it so.
    """
    tag = etag or etag_of(body)
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if zipped is not None:
        headers["Vary"] = "Accept-Encoding"
    if status == 200 and is_known(request.headers.get("If-None-Match", ""), tag):
        return web.Response(status=304, headers=headers)
    if zipped is not None and takes_gzip(request):
        body, headers["Content-Encoding"] = zipped(), "gzip"
    answer = web.Response(status=status, body=body, content_type=content_type, headers=headers)
    if content_type.startswith("text/"):
        answer.charset = "utf-8"
    return answer


def takes_gzip(request: web.Request) -> bool:
    """Whether the header `Accept-Encoding` allows it; one with `q=0` does not."""
    for one in request.headers.get("Accept-Encoding", "").split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name in ("gzip", "*"):
            return weight.strip("0.") != "" or not weight
    return False


def etag_of(body: bytes) -> str:
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def is_known(if_none_match: str, etag: str) -> bool:
    """Whether the header `If-None-Match` names an ETag, weakly compared, as RFC 9110 has it."""
    known = (one.strip().removeprefix("W/") for one in if_none_match.split(","))
    return any(one in (etag.removeprefix("W/"), "*") for one in known)

"""The login at Upstox, OAuth's code flow: the page's address, the code that comes back, the token for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from agent.api import LoginError

from .rest import Answer, Reply

DIALOG, TOKEN = "/v2/login/authorization/dialog", "/v2/login/authorization/token"
CODE = re.compile(r"[A-Za-z0-9._-]{1,256}")


def page(url: str, client_id: str, return_url: str, state: str) -> str:
    """Where a person logs in."""
    query = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": return_url,
        "state": state,
    }
    return f"{url}{DIALOG}?{urlencode(query)}"


def code_in(query: Mapping[str, str]) -> str:
    """The code that a person came back with. Raises `LoginError`."""
    code = query.get("code", "")
    if not CODE.fullmatch(code):
        raise LoginError("The login was cancelled at Upstox. Nothing has changed; log in again.")
    return code


def token_in(reply: Reply, user_id: str | None) -> str:
    """The token that a code was exchanged for. Raises `LoginError`."""
    token = reply.said.get("access_token")
    if reply.answer is not Answer.ACCEPTED or not isinstance(token, str) or not token:
        why = " ".join(filter(None, (reply.answer, reply.code)))
        raise LoginError(f"Upstox gave no token ({why}). Nothing has changed; log in again.")
    if user_id is not None and reply.said.get("user_id") != user_id:
        raise LoginError("This is another user's account. Nothing has changed; log in as `user_id`.")
    return token

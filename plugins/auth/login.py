"""The login's two ends: the address that a person is sent to, and what they come back with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from agent.api import LoginError
from plugins.auth.answers import Answer, Reply

_REQUEST_TOKEN = re.compile(r"[A-Za-z0-9]{1,128}")
_ACCESS_TOKEN = re.compile(r"[A-Za-z0-9]{1,256}")

_REFUSALS = {
    Answer.REFUSED: "The broker says that this login is used up or too old: it holds for a few minutes and "
    "for one use. Nothing has changed; log in again.",
    Answer.WRONG_CHECKSUM: "The broker refuses the app's signature: `api_secret` in agent.toml is not that "
    "of `api_key`. Set the secret that the developer console shows, then log in again.",
    Answer.MISCONFIGURED: "The broker does not know the app: check `api_key` and `root` in agent.toml.",
    Answer.FORBIDDEN: "The broker does not permit this app to log in: look at it in the developer console.",
    Answer.RATE_LIMITED: "The broker limits the rate of requests just now. Log in again in a minute.",
    Answer.BROKEN: "The broker answered with an error of its own. Log in again in a minute.",
    Answer.UNREACHABLE: "The broker could not be reached to complete the login. Log in again.",
}


@dataclass(frozen=True, slots=True)
class Session:
    """What a completed login gives."""

    access_token: str = field(repr=False)
    user_id: str


def address(login_url: str, api_key: str, state: str) -> str:
    """The broker's login page. It has no `state` of its own, but hands `redirect_params` through.

    https://kite.trade/docs/connect/v3/user/
    """
    query = {"v": "3", "api_key": api_key, "redirect_params": urlencode({"state": state})}
    return f"{login_url}?{urlencode(query)}"


def request_token(query: Mapping[str, str]) -> str:
    """What the person came back with. Raises `LoginError`; nothing was asked of the broker then."""
    if query.get("status", "success") != "success":
        raise LoginError("The login was cancelled at the broker. Nothing has changed.")
    token = query.get("request_token", "")
    if not token:
        raise LoginError("The broker sent no request token along. Nothing has changed; log in again.")
    if not _REQUEST_TOKEN.fullmatch(token):
        raise LoginError("What came back is not a request token of the broker. Nothing has changed.")
    return token


def session(reply: Reply, user_id: str | None) -> Session:
    """The session of a reply to the exchange. Raises `LoginError`, whose text says what would do."""
    if reply.answer is not Answer.ACCEPTED:
        raise LoginError(_REFUSALS[reply.answer])
    token, who = reply.value["access_token"], reply.value.get("user_id")
    if not _ACCESS_TOKEN.fullmatch(token):
        raise LoginError("The broker's access token is of an unknown form, and was not stored. Log in again.")
    if user_id is not None and not is_user(who, user_id):
        raise LoginError(
            "This is another user's account than `user_id` in agent.toml. The token was not stored; "
            "log out at the broker, and log in as that user."
        )
    return Session(token, str(who or ""))


def is_user(found: object, wanted: str) -> bool:
    """Whether the broker's `user_id` is the one that was configured; case does not matter."""
    return isinstance(found, str) and found.strip().upper() == wanted.upper()

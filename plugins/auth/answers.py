"""Tells what an answer of the broker, or the lack of one, says about the token: by kind, not by status.

A 403 may be a missing permission or a proxy's page, and a malformed token is answered by a 400, so
only `error_type` and message count. Kinds are told by the names of exceptions, as the client that
defines them is heavy and not loaded where this is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any


class Answer(StrEnum):
    """What the broker's answer means."""

    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    OTHER_USER = "OTHER_USER"
    WRONG_CHECKSUM = "WRONG_CHECKSUM"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    BROKEN = "BROKEN"
    UNREACHABLE = "UNREACHABLE"
    MISCONFIGURED = "MISCONFIGURED"

    @property
    def is_verdict(self) -> bool:
        """Whether it says something about the token; all others change no state."""
        return self in _VERDICTS


_VERDICTS = frozenset({Answer.ACCEPTED, Answer.REFUSED, Answer.OTHER_USER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, what was found in words, and what came with it.

    `clock_offset` is how far our clock is ahead of the broker's `Date`, to half a second.
    """

    answer: Answer
    finding: str = ""
    value: Any = field(default=None, repr=False)
    clock_offset: timedelta | None = None
    retry_after_s: float = 0.0


_BY_WORD: tuple[tuple[str, str, Answer, str], ...] = (
    ("KiteException", "checksum", Answer.WRONG_CHECKSUM, "wrong checksum"),
    ("TokenException", "", Answer.REFUSED, "it refuses the token"),
    ("InputException", "token", Answer.REFUSED, "it takes the token for malformed"),
    ("InputException", "api_key", Answer.MISCONFIGURED, "it does not know the `api_key`"),
    ("PermissionException", "", Answer.FORBIDDEN, "it does not permit the app to ask"),
)
"""What the broker itself says, by `error_type` and a word of its message."""

_BY_KIND: tuple[tuple[str, Answer, str], ...] = (
    ("TooLargeError", Answer.BROKEN, "it answers with more than any answer needs"),
    ("TooSlowError", Answer.UNREACHABLE, "it answers too slowly"),
    ("SSLError", Answer.UNREACHABLE, "its certificate is not to be trusted"),
    ("Timeout", Answer.UNREACHABLE, "no answer in time"),
    ("TooManyRedirects", Answer.BROKEN, "it redirects elsewhere"),
    ("ChunkedEncodingError", Answer.UNREACHABLE, "the connection broke"),
    ("ConnectionError", Answer.UNREACHABLE, "no connection"),
    ("InvalidURL", Answer.MISCONFIGURED, "its address cannot be used; see `root`"),
    ("InvalidSchema", Answer.MISCONFIGURED, "its address cannot be used; see `root`"),
    ("MissingSchema", Answer.MISCONFIGURED, "its address cannot be used; see `root`"),
    ("RequestException", Answer.UNREACHABLE, "the request failed"),
)
"""What happened on the way."""


def classify(error: BaseException, status: int = 0) -> Reply:
    """What an exception of the client says. `status` is that of the answer, if there was one."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if status == 429 or getattr(error, "code", None) == 429:
        return Reply(answer=Answer.RATE_LIMITED, finding="it limits the rate of requests")
    if "KiteException" in kinds:
        return _classify_kite(kinds, str(error).lower(), status)
    for kind, answer, finding in _BY_KIND:
        if kind in kinds:
            return Reply(answer=answer, finding=finding)
    # KeyError, TypeError, RecursionError: the client trips over answers of an unknown shape.
    return Reply(answer=Answer.BROKEN, finding=f"its answer makes no sense{_with(status)}")


def _classify_kite(kinds: set[str], message: str, status: int) -> Reply:
    for kind, word, answer, finding in _BY_WORD:
        if kind in kinds and word in message:
            return Reply(answer=answer, finding=finding)
    if status == 404:
        return Reply(answer=Answer.MISCONFIGURED, finding="it does not know the request; see `root`")
    return Reply(answer=Answer.BROKEN, finding=f"it answers with an error{_with(status)}")


def _with(status: int) -> str:
    return f" (HTTP {status})" if status else ""

"""The one way in which long lists are read: `limit`, `before`, and `next_before` of the page before."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from aiohttp import web

from agent.web.problems import problem

C = TypeVar("C")
R = TypeVar("R")

USUAL = 100
MOST = 1_000
_WHOLE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Page(Generic[C]):
    """How many are wanted, newest first, and from below what."""

    limit: int
    before: C | None

    def next_before(self, rows: Sequence[R], cursor: Callable[[R], object]) -> object | None:
        """The `before` of the next page; `None` when this one is the last."""
        return cursor(rows[-1]) if len(rows) == self.limit else None


def number(text: str) -> int:
    """The id below which a page begins. Raises `ValueError`."""
    if not _WHOLE.fullmatch(text):
        raise ValueError("before is a whole number, the next_before of the page before")
    return int(text)


def instant(text: str) -> datetime:
    """The instant before which a page begins, in UTC. Raises `ValueError`.

    A `+` that was not written as `%2B` arrives as a space.
    """
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("before is an instant with its zone, such as 2026-11-23T09:14:00+05:30")


def page(request: web.Request, cursor: Callable[[str], C]) -> Page[C] | web.Response:
    """The page that is asked for, or the answer that says what is wrong with the question."""
    query = request.query
    limit = query.get("limit", str(USUAL))
    if not _WHOLE.fullmatch(limit) or not 1 <= int(limit) <= MOST:
        return problem(400, f"limit is a whole number from 1 to {MOST}.")
    try:
        return Page(int(limit), cursor(query["before"]) if "before" in query else None)
    except ValueError as error:
        return problem(400, f"{str(error)[:1].upper()}{str(error)[1:]}.")

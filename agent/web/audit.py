"""The audit: a line for each thing that somebody had done over HTTP, in the log and in the journal."""

from __future__ import annotations

import logging
import re

from aiohttp import web

from agent.clock import Clock
from agent.store.entry import Entry
from agent.store.journal import Door
from agent.store.rows import Deed
from agent.text import plain
from agent.web.access import Caller, Scope
from agent.web.limits import peer_of
from agent.web.routes import Route

log = logging.getLogger(__name__)

PERSON: web.RequestKey[str] = web.RequestKey("person", str)
"""Who a body says that they are."""

_SECRET_PARTS = frozenset({"ticket"})
"""Parts of a path that are themselves a right."""

_LONGEST = 200
_NO_RIGHT = (401, 403, 429)


class Audit:
    """Writes the lines. Attempts of those who had no right are not kept: anybody can make many."""

    def __init__(self, journal: Door, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def note(self, request: web.Request, route: Route, caller: Caller, status: int) -> None:
        """Tell what came of a request: who, what, when, with what outcome.

        A GET has done something only where it sent its person on.
        """
        has_right = route.scope is not Scope.PUBLIC and status not in _NO_RIGHT
        is_show = route.method == "GET" and status < 300
        if is_show or (status >= 400 and not has_right):
            return
        deed = Deed(
            at=self._clock.now(),
            who=caller.name,
            person=plain(request.get(PERSON, ""), _LONGEST) or None,
            peer=peer_of(request),
            what=f"{route.method} {what(route, request)}",
            status=status,
        )
        log.info("%s", told(deed))
        self._journal.append(Entry(deeds=(deed,)))


def what(route: Route, request: web.Request) -> str:
    """The address that was asked for, without its query and without what is a right by itself."""

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        return "…" if name in _SECRET_PARTS else request.match_info.get(name, "")

    return plain(re.sub(r"\{(\w+)\}", fill, route.path), _LONGEST)


def told(deed: Deed) -> str:
    """The line as the log has it."""
    person = f" ({deed.person})" if deed.person else ""
    return f"audit: {deed.who}{person} at {deed.peer}: {deed.what}: {deed.status}"

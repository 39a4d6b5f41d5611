"""What became of letters that this agent left open when another took over. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from agent.alerts import letters as post
from agent.alerts.letters import Letter

SUPERSEDED = "superseded: another agent owned the desk, and told what was true then"


def settled(waiting: Iterable[Letter], known: Iterable[Letter], now: datetime) -> list[Letter]:
    """The letters that wait here and need not: as the shared store knows them, which has them all by now.

    One that it did not take was decided too late, by one who was not the owner any more.
    """
    by_id = {letter.id: letter for letter in known}
    found = []
    for letter in waiting:
        there = by_id.get(letter.id)
        if there is None:
            found.append(post.bury(letter, SUPERSEDED, now))
        elif not there.is_open:
            found.append(there)
    return found

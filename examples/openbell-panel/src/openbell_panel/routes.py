"""The addresses below `/plugins/panel`: who may control the agent may tick."""

from __future__ import annotations

from agent.api import ActionError, RouteAnswer, RouteRequest

from .machine import Checklist


async def show(request: RouteRequest) -> RouteAnswer:
    """Who has ticked what today."""
    return _told(_checklist(request))


async def tick(request: RouteRequest) -> RouteAnswer:
    """Tick an item, in the name of `by`, if the body has one."""
    by = (request.body or {}).get("by", "ticked")
    if not isinstance(by, str) or not by.strip():
        raise ActionError('"by": expected a name')
    checklist = _checklist(request)
    checklist.tick(request.parts["item"], by.strip())
    return _told(checklist)


async def untick(request: RouteRequest) -> RouteAnswer:
    """Take a tick back."""
    checklist = _checklist(request)
    checklist.untick(request.parts["item"])
    return _told(checklist)


def _checklist(request: RouteRequest) -> Checklist:
    name = request.parts["machine"]
    found = request.machines.get(name)
    if not isinstance(found, Checklist):
        known = ", ".join(request.machines) or "none"
        raise ActionError(f"no checklist {name!r} in the agent's own process; there are: {known}")
    return found


def _told(checklist: Checklist) -> RouteAnswer:
    ticks = checklist.ticks()
    return RouteAnswer({"day": ticks.day.isoformat(), "ticked": dict(ticks.by)})

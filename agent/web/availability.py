"""`/api/system/availability`: how much of the market's time was seen, by day or by month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from aiohttp import web

from agent.errors import ActionError, StoreError
from agent.health.availability import Count, Period
from agent.runtime.agent import Agent
from agent.runtime.review import Review, Reviewing, Wish
from agent.store.keeping import SIGHT
from agent.web.access import Scope
from agent.web.problems import problem
from agent.web.replies import reply
from agent.web.routes import Route

DAY = timedelta(days=1)
LONGEST = SIGHT
USUAL = {Period.DAY: timedelta(days=29), Period.MONTH: timedelta(days=364)}
RESPONSE = timedelta(minutes=15)
LONGEST_RESPONSE = timedelta(hours=24)


class Availability:
    """The handlers; the journal is read and counted in threads."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/system/availability", Scope.READ, self.availability),
            Route("GET", "/api/system/runs", Scope.READ, self.runs),
        ]

    async def runs(self, request: web.Request) -> web.StreamResponse:
        """When the agent ran, the last day by default."""
        now = self._agent.clock.now()
        since = _instant(request.query.get("since")) or now - DAY
        if since.tzinfo is None or now - since > LONGEST:
            return problem(400, f"since is an instant with its zone, at most {LONGEST.days} days ago.")
        try:
            runs = await self._reviewing().runs(since, now)
        except StoreError as error:
            return problem(503, str(error))
        return reply({"runs": [{"since": start, "until": end} for start, end in runs]})

    def _reviewing(self) -> Reviewing:
        agent = self._agent
        return Reviewing(agent.blueprint.ruleset, agent.machines, agent.journal)

    async def availability(self, request: web.Request) -> web.StreamResponse:
        reviewing = self._reviewing()
        feeds, now = reviewing.feeds, self._agent.clock.now()
        name = request.query.get("machine", feeds[0] if feeds else "")
        if name not in feeds:
            return problem(404, "There is no such feed.", known=sorted(feeds))
        try:
            wish = _wish(request, name, now)
        except ValueError as error:
            return problem(400, str(error))
        try:
            review = await reviewing.review(wish, now)
        except ActionError as error:
            return problem(409, f"{error}.")
        except StoreError as error:
            return problem(503, str(error))
        return reply(_body(wish, review, feeds))


def _instant(text: str | None) -> datetime | None:
    """The instant of a text; one that is none is without a zone, and so is refused."""
    try:
        return datetime.fromisoformat(text) if text is not None else None
    except ValueError:
        return datetime.min  # noqa: DTZ901 - it is to be refused


def _wish(request: web.Request, machine: str, now: datetime) -> Wish:
    """What is asked for. Raises `ValueError` with what would do."""
    query = request.query
    try:
        by = Period(query.get("by", Period.DAY))
        last = date.fromisoformat(query["to"]) if "to" in query else (now + timedelta(days=1)).date()
        first = date.fromisoformat(query["from"]) if "from" in query else last - USUAL[by]
        response = timedelta(seconds=float(query["response_s"])) if "response_s" in query else RESPONSE
    except (ValueError, OverflowError):
        raise ValueError(
            "from and to are days such as 2026-11-23, by is day or month, response_s is a number of seconds."
        ) from None
    if not timedelta(0) <= last - first <= LONGEST:
        raise ValueError(f"from is not after to, and at most {LONGEST.days} days before it.")
    if not timedelta(0) <= response <= LONGEST_RESPONSE:
        raise ValueError(f"response_s is from 0 to {LONGEST_RESPONSE.total_seconds():g}.")
    if not date(2000, 1, 1) <= first <= last <= date(2100, 1, 1):
        raise ValueError("from and to are days of this century.")
    return Wish(machine=machine, first=first, last=last, by=by, response=response)


def _body(wish: Wish, review: Review, feeds: tuple[str, ...]) -> dict[str, object]:
    return {
        "machine": wish.machine,
        "machines": feeds,
        "market": review.market,
        "from": wish.first.isoformat(),
        "to": wish.last.isoformat(),
        "by": wish.by,
        "known_since": review.known_since,
        "response_s": wish.response.total_seconds(),
        "total": _count(sum(review.rows.values(), Count())),
        "rows": [{"period": period, **_count(one)} for period, one in review.rows.items()],
    }


def _count(one: Count) -> dict[str, object]:
    """A count as JSON has it."""
    parts = dict(_shares(one))
    seen = parts.pop("seen")
    blind = sum(parts.values())
    return {
        "sessions": one.sessions,
        "open_s": _seconds(one.open),
        "seen_s": seen,
        "blind_s": round(blind, 3),
        "blind": {f"{name}_s": value for name, value in parts.items()},
        "availability": round(one.availability, 6) if one.availability is not None else None,
        "outages": one.outages,
        "healed": one.healed,
        "saved_s": _seconds(one.saved),
        "late_logins": one.late_logins,
        "late_s": _seconds(one.late),
    }


def _shares(one: Count) -> Iterator[tuple[str, float]]:
    """What the open time is made of, in seconds of whole milliseconds that make up its own.

    Each ends where the sum so far does, rounded: parts that are rounded by themselves may be a
    millisecond more together, or less.
    """
    total, before = timedelta(0), 0
    for name in ("seen", "login", "feed", "unknown", "away"):
        total += getattr(one, name)
        end = round(total / timedelta(milliseconds=1))
        yield name, (end - before) / 1000
        before = end


def _seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 3)

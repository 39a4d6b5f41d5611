"""`/api/system`: the document and its parts, from ready values; and what machines can be told to do."""

from __future__ import annotations

from aiohttp import web

from agent.errors import ActionError, StoreError
from agent.health.document import HealthDocument, Outcome
from agent.runtime.agent import Agent
from agent.runtime.publishing import Published, as_json, summary
from agent.web.access import Scope
from agent.web.badge import badge
from agent.web.guard import CALLER
from agent.web.health_json import MEDIA_TYPE, health_json
from agent.web.paging import number, page
from agent.web.problems import problem
from agent.web.replies import reply, reply_once, tagged
from agent.web.routes import Route

READ_ACTIONS = frozenset({"verify"})
"""Actions that change nothing by themselves, so that whoever may read may have them done."""


RELEASE = "release"
"""The core's own action of every machine: what is held against it is forgotten, and it is tried now."""


class System:
    """The handlers; they read what is published and never probe."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        at = "/api/system"
        return [
            Route("GET", f"{at}/health", Scope.READ, self.health),
            Route("GET", f"{at}/health/summary", Scope.PUBLIC, self.summary),
            Route("GET", f"{at}/health/{{machine}}", Scope.READ, self.machine),
            Route("POST", f"{at}/health/{{machine}}/{{action}}", Scope.READ, self.act),
            Route("GET", f"{at}/badge.svg", Scope.PUBLIC, self.badge),
            Route("GET", f"{at}/ready", Scope.PUBLIC, self.ready),
            Route("GET", f"{at}/tradable", Scope.PUBLIC, self.tradable),
            Route("GET", f"{at}/history", Scope.READ, self.history),
            Route("GET", "/livez", Scope.PUBLIC, self.livez),
            Route("GET", "/readyz", Scope.PUBLIC, self.readyz),
        ]

    async def health(self, request: web.Request) -> web.StreamResponse:
        published = self._published()
        document = published.document
        if MEDIA_TYPE in request.headers.get("Accept", ""):
            status, body = health_json(document)
            return _varying(tagged(request, as_json(body), MEDIA_TYPE, status=status))
        strict = request.query.get("strict", "0")
        if strict not in ("0", "1"):
            return problem(400, "strict is 0, or 1 for 503 while failing.")
        status = 503 if document.status is Outcome.FAIL and strict == "1" else 200
        answer = tagged(request, published.body, "application/json", etag=published.etag, status=status)
        return _varying(answer)

    async def summary(self, request: web.Request) -> web.StreamResponse:
        document = self._document()
        return reply(summary(document), 503 if document.status is Outcome.FAIL else 200)

    async def badge(self, request: web.Request) -> web.StreamResponse:
        """Not of the last document but of now: one that is past its time is no contact."""
        published = self._agent.publisher.latest
        drawn = badge(published.document if published is not None else None, self._agent.clock.now())
        return tagged(request, drawn.encode(), "image/svg+xml")

    async def machine(self, request: web.Request) -> web.StreamResponse:
        document = self._document()
        name = request.match_info["machine"]
        part = document.machines.get(name)
        if part is None:
            return _no_machine(document)
        return reply({"name": name, **part.model_dump(mode="json")})

    async def act(self, request: web.Request) -> web.StreamResponse:
        name, action = request.match_info["machine"], request.match_info["action"]
        if action not in READ_ACTIONS and Scope.CONTROL not in request[CALLER].scopes:
            return problem(401, "This needs a token of the scope control, or a session of the page.")
        if name not in self._agent.machines.mounted:
            return _no_machine(self._document())
        if action == RELEASE:
            self._agent.machines.release(name)
            self._agent.core.note_action(name, action, "It is tried again now.")
            return self._done(name, "It is tried again now.")
        known = sorted({*self._agent.machines.mounted[name].plan.machine.actions, RELEASE})
        if action not in known:
            return problem(404, f"{name} has no such action.", known=known)
        try:
            done = await self._agent.machines.act(name, action)
        except ActionError as error:
            return problem(409, str(error))
        if action not in READ_ACTIONS:
            self._agent.core.note_action(name, action, done)
        return self._done(name, done)

    def _done(self, name: str, done: str) -> web.StreamResponse:
        part = self._document().machines[name]
        return reply({"done": done, "machine": {"name": name, **part.model_dump(mode="json")}})

    async def ready(self, request: web.Request) -> web.StreamResponse:
        document = self._document()
        return self._answer("ready", document.ready, document)

    async def tradable(self, request: web.Request) -> web.StreamResponse:
        document = self._document()
        return self._answer("tradable", document.tradable, document)

    async def history(self, request: web.Request) -> web.StreamResponse:
        wanted = page(request, number)
        if isinstance(wanted, web.Response):
            return wanted
        try:
            rows = await self._agent.journal.history(limit=wanted.limit, before=wanted.before)
        except StoreError as error:
            return problem(503, str(error))
        following = wanted.next_before(rows, lambda row: row["id"])
        return reply_once(request, {"transitions": rows, "next_before": following})

    async def livez(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        starting = self._agent.core.evaluation is None or self._agent.core.evaluation.is_starting
        return web.Response(text="starting\n" if starting else "ok\n", status=503 if starting else 200)

    def _answer(self, word: str, holds: bool, document: HealthDocument) -> web.StreamResponse:
        body = {
            word: holds,
            "code": document.code,
            "blockers": [blocker.model_dump(mode="json") for blocker in document.blockers],
            "market": document.market.state if document.market is not None else None,
            "valid_until": document.valid_until,
        }
        return reply(body, 200 if holds else 503)

    def _published(self) -> Published:
        published = self._agent.publisher.latest
        if published is None:
            raise web.HTTPServiceUnavailable(reason="The agent has not published anything yet.")
        return published

    def _document(self) -> HealthDocument:
        return self._published().document


def _varying(answer: web.Response) -> web.Response:
    """Two shapes at one address: a cache must not give one for the other."""
    answer.headers["Vary"] = "Accept"
    return answer


def _no_machine(document: HealthDocument) -> web.StreamResponse:
    return problem(404, "There is no such machine.", known=sorted(document.machines))

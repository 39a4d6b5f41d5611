"""A login by a signed link: opening it shows a button, and only the button spends it."""

from __future__ import annotations

from aiohttp import web

from agent.runtime.agent import Agent
from agent.runtime.login_links import PATH, Refusal, Ticket
from agent.web.access import Scope
from agent.web.login import Login
from agent.web.login_pages import Button, is_prefetch, page
from agent.web.problems import problem
from agent.web.routes import Route

_REFUSALS = {
    Refusal.FORGED: "This is not a whole link of this agent.",
    Refusal.EXPIRED: "A link holds for ten minutes, and this one is older.",
    Refusal.SPENT: "This link was used already: it begins one login.",
}

_REMEDY = "Log in from the status page, or have `openbell login` print a new link."


class LoginLink:
    """`/api/auth/link/TICKET`. Previews and scanners open links, and press no buttons."""

    def __init__(self, agent: Agent, login: Login) -> None:
        self._agent = agent
        self._login = login

    def routes(self) -> list[Route]:
        return [
            Route("GET", f"{PATH}/{{ticket}}", Scope.PUBLIC, self.show),
            Route("POST", f"{PATH}/{{ticket}}", Scope.PUBLIC, self.press),
            Route("POST", PATH, Scope.CONTROL, self.make),
        ]

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The button; nothing is spent, however often this is asked for."""
        ticket = self._agent.login_links.judge(request.match_info["ticket"])
        if isinstance(ticket, Refusal):
            return _refused(request, ticket)
        desk = self._agent.blueprint.settings.name
        text = f"This begins the login of {ticket.machine} at {desk}."
        button = Button("Log in", request.path, method="post")
        return page(request, 200, "Log in to the broker", text, button=button)

    async def press(self, request: web.Request) -> web.StreamResponse:
        """Off to the broker. The link is spent if the login can begin, and then on disk at once."""
        text = request.match_info["ticket"]
        ticket = self._agent.login_links.judge(text)
        if isinstance(ticket, Ticket) and ticket.machine not in self._agent.machines.logins:
            ticket = Refusal.FORGED
        if isinstance(ticket, Refusal):
            return _refused(request, ticket)
        if is_prefetch(request):
            return page(request, 400, "Not taken", "This was asked for ahead of a person's wish.")
        answer = await self._login.leave(request, ticket.machine)
        if answer.status != 303:
            return answer
        ticket = self._agent.login_links.spend(text)
        if isinstance(ticket, Refusal):
            return _refused(request, ticket)
        await self._agent.journal.flush()
        return answer

    async def make(self, request: web.Request) -> web.StreamResponse:
        """A fresh link, for a terminal."""
        name = self._login.machine(request.query.get("machine"))
        if name is None:
            return problem(404, "There is no machine of this name with a login.")
        return web.json_response({"machine": name, "href": self._agent.login_links.make(name)})


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    status = 404 if refusal is Refusal.FORGED else 410
    return page(request, status, "This link is not taken", f"{_REFUSALS[refusal]} {_REMEDY}")

"""The login at the broker: out with a one-time state, back with what the broker gave."""

from __future__ import annotations

import logging

from aiohttp import web

from agent.errors import LoginError
from agent.runtime.agent import Agent
from agent.web.access import Access, Hosts, Scope
from agent.web.guard import CALLER, give_session
from agent.web.login_pages import is_prefetch, login_button, page
from agent.web.login_states import LIFE_S, LoginStates
from agent.web.routes import Route

log = logging.getLogger(__name__)

STATE_COOKIE = "openbell_login"
COOKIE_PATH = "/api/auth"
QUERY_LIMIT = 4_096


class Login:
    """`/api/auth/login` sends a person to the broker, `/api/auth/callback` takes them back."""

    def __init__(self, agent: Agent, access: Access, hosts: Hosts, base_url: str) -> None:
        self._agent = agent
        self._access = access
        self._hosts = hosts
        self._base_url = base_url
        self._states = LoginStates(agent.clock)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/auth/login", Scope.READ, self.begin, steers=True),
            Route("GET", "/api/auth/callback", Scope.PUBLIC, self.complete, steers=True),
            Route("GET", "/api/auth/done", Scope.PUBLIC, self.done),
        ]

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Off to the broker; whoever comes from elsewhere is shown a button first.

        The button is for links in mails and chats: a preview that opens one spends nothing.
        """
        name = self.machine(request.query.get("machine"))
        if name is None:
            known = ", ".join(sorted(self._agent.machines.logins)) or "none"
            return page(request, 404, "No such login", f"The machines with a login are: {known}.")
        if Scope.CONTROL not in request[CALLER].scopes or is_prefetch(request):
            text = f"This begins the login of {name}."
            shown = page(request, 200, "Log in to the broker", text, button=login_button(name, "Log in"))
            give_session(request, shown, self._access, self._hosts)
            return shown
        return await self.leave(request, name)

    async def leave(self, request: web.Request, name: str) -> web.Response:
        """To the broker's page, with a state that only this browser can bring back."""
        begun = self._states.begin(name)
        try:
            callback = f"{self._base_url}/api/auth/callback"
            target = await self._agent.machines.begin_login(name, begun.state, callback)
        except LoginError as error:
            text = str(error)
            return page(request, 502, "The login cannot begin", text)
        answer = web.Response(status=303, headers={"Location": target})
        answer.set_cookie(
            STATE_COOKIE,
            begun.cookie,
            max_age=int(LIFE_S),
            httponly=True,
            samesite="Lax",
            path=COOKIE_PATH,
            secure=self._hosts.is_behind_tls(request.host),
        )
        return answer

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Back from the broker: only what this browser began, and once."""
        if is_prefetch(request) or len(request.query_string) > QUERY_LIMIT:
            return page(request, 400, "Not taken", "This is not a return from the broker.")
        state, cookie = request.query.get("state", ""), request.cookies.get(STATE_COOKIE, "")
        name = self._states.take(state, cookie)
        if name is None or name not in self._agent.machines.logins:
            return self._not_begun_here(request)
        try:
            said = await self._agent.machines.complete_login(name, dict(request.query))
        except LoginError as error:
            return self._failed(request, name, str(error))
        log.info("%s: a person has logged in: %s", name, said)
        may_read = Scope.READ in request[CALLER].scopes
        answer = web.Response(status=303, headers={"Location": "/" if may_read else "/api/auth/done"})
        answer.del_cookie(STATE_COOKIE, path=COOKIE_PATH)
        return answer

    async def done(self, request: web.Request) -> web.StreamResponse:
        """Where a login by a link ends for who may not see the status page."""
        text = "The broker has accepted the login. You can close this page; the next notice tells the rest."
        return page(request, 200, "Logged in", text)

    def machine(self, wanted: str | None) -> str | None:
        """The machine that is meant: the named one, or the first if none is named."""
        logins = self._agent.machines.logins
        if wanted:
            return wanted if wanted in logins else None
        return next(iter(logins), None)

    def _not_begun_here(self, request: web.Request) -> web.StreamResponse:
        text = (
            "It was begun in another browser, used already, or more than ten minutes ago. "
            "Nothing has changed."
        )
        return self._again(request, 403, "This login was not begun here", text, self.machine(None))

    def _failed(self, request: web.Request, name: str, text: str) -> web.StreamResponse:
        log.warning("%s: a login was not completed: %s", name, text)
        return self._again(request, 400, "Not logged in", text, name)

    @staticmethod
    def _again(
        request: web.Request, status: int, title: str, text: str, name: str | None
    ) -> web.StreamResponse:
        may_begin = name is not None and Scope.READ in request[CALLER].scopes
        button = login_button(name, "Log in again") if name is not None and may_begin else None
        return page(request, status, title, text, button=button)

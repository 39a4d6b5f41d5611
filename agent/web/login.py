"""The login at the broker: out with a one-time state, back with what the broker gave."""

from __future__ import annotations

import logging
from html import escape

from aiohttp import web

from agent.errors import LoginError
from agent.runtime.agent import Agent
from agent.text import plain
from agent.web.access import Access, Scope
from agent.web.guard import CALLER, give_session
from agent.web.login_states import LoginStates
from agent.web.routes import Route

log = logging.getLogger(__name__)

STATE_COOKIE = "openbell_login"
COOKIE_PATH = "/api/auth"
TIMEOUT_S = 30.0
QUERY_LIMIT = 4_096

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · openbell</title>
<link rel="icon" href="/icon.svg">
<link rel="stylesheet" href="/page.css">
<main class="plain">
<h1>{title}</h1>
<p>{text}</p>
{button}
<p><a href="/">To the status page</a></p>
</main>
</html>
"""

_BUTTON = '<form action="/api/auth/login" method="get">{field}<button>{label}</button></form>'


class Login:
    """`/api/auth/login` sends a person to the broker, `/api/auth/callback` takes them back."""

    def __init__(self, agent: Agent, access: Access, base_url: str) -> None:
        self._agent = agent
        self._access = access
        self._base_url = base_url
        self._states = LoginStates(agent.clock)

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/api/auth/login", Scope.READ, self.begin),
            Route("GET", "/api/auth/callback", Scope.PUBLIC, self.complete),
        ]

    async def begin(self, request: web.Request) -> web.StreamResponse:
        """Off to the broker; whoever comes from elsewhere is shown a button first.

        The button is for links in mails and chats: a preview that opens one spends nothing.
        """
        name = self._machine(request.query.get("machine"))
        if name is None:
            known = ", ".join(sorted(self._agent.logins())) or "none"
            return _page(404, "No such login", f"The machines with a login are: {known}.")
        if Scope.CONTROL not in request[CALLER].scopes or _is_prefetch(request):
            page = _page(200, "Log in to the broker", f"This begins the login of {name}.", machine=name)
            give_session(request, page, self._access)
            return page
        login = self._agent.logins()[name]
        begun = self._states.begin(name)
        try:
            async with self._agent.clock.timeout(TIMEOUT_S):
                target = await login.begin(begun.state, f"{self._base_url}/api/auth/callback")
        except (LoginError, TimeoutError) as error:
            return _page(502, "The login cannot begin", str(error) or "The broker did not answer in time.")
        answer = web.Response(status=303, headers={"Location": target})
        answer.set_cookie(
            STATE_COOKIE,
            begun.cookie,
            max_age=600,
            httponly=True,
            samesite="Lax",
            path=COOKIE_PATH,
            secure=request.secure,
        )
        return answer

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Back from the broker: only what this browser began, and once."""
        if _is_prefetch(request) or len(request.query_string) > QUERY_LIMIT:
            return _page(400, "Not taken", "This is not a return from the broker.")
        state, cookie = request.query.get("state", ""), request.cookies.get(STATE_COOKIE, "")
        name = self._states.take(state, cookie)
        login = self._agent.logins().get(name) if name is not None else None
        if name is None or login is None:
            return _page(
                403,
                "This login was not begun here",
                "It was begun in another browser, used already, or more than ten minutes ago. "
                "Nothing has changed.",
                machine=self._machine(None),
            )
        try:
            async with self._agent.clock.timeout(TIMEOUT_S):
                said = await login.complete(dict(request.query))
        except LoginError as error:
            return self._failed(name, str(error))
        except TimeoutError:
            return self._failed(name, "The broker did not answer in time. Nothing has changed.")
        except Exception:
            log.exception("the login of %s failed", name)
            return self._failed(name, "The login failed inside the agent; its log says why.")
        log.info("%s: a person has logged in: %s", name, plain(said))
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.del_cookie(STATE_COOKIE, path=COOKIE_PATH)
        return answer

    def _failed(self, name: str, text: str) -> web.StreamResponse:
        log.warning("%s: a login was not completed: %s", name, text)
        return _page(400, "Not logged in", text, machine=name)

    def _machine(self, wanted: str | None) -> str | None:
        """The machine that is meant: the named one, or the only one, or the first."""
        logins = self._agent.logins()
        if wanted:
            return wanted if wanted in logins else None
        return next(iter(logins), None)


def _is_prefetch(request: web.Request) -> bool:
    """Whether a browser fetches ahead of a person's wish."""
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return "prefetch" in purpose


def _page(status: int, title: str, text: str, *, machine: str | None = None) -> web.Response:
    button = ""
    if machine is not None:
        field = f'<input type="hidden" name="machine" value="{escape(machine)}">'
        button = _BUTTON.format(field=field, label="Log in" if status == 200 else "Log in again")
    html = _PAGE.format(title=escape(title), text=escape(text), button=button)
    return web.Response(status=status, text=html, content_type="text/html")

"""The login page and its way back: one button to say yes, one to say no.

The broker keeps the redirect address to itself, knows no `state`, and hands `redirect_params` on
(https://kite.trade/docs/connect/v3/user/). A visit alone approves nothing, so that a link preview does
not log anyone in; `approve=1` and `deny=1` are for scripts.
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from yarl import URL

from agent.simulator.broker import Broker
from agent.simulator.forms import fields

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
_OWN: Final = frozenset({"request_token", "action", "type", "status"})
"""What the broker itself says in the redirect; nothing handed through may say it."""


class LoginPage:
    """The two ways to ask for the page, and what comes of the answer."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/connect/login", self.show), web.post("/connect/login", self.answer)]

    async def show(self, request: web.Request) -> web.Response:
        """The page; or, with `approve=1` or `deny=1`, its outcome at once."""
        self._check(request)
        if request.query.get("approve") == "1":
            raise self._approved(request)
        if request.query.get("deny") == "1":
            raise self._cancelled(request)
        mint = self._broker.mint
        return _page(
            f"<p><b>{escape(mint.api_key)}</b> would like to use your account.</p>"
            '<form method="post">'
            f'<button name="answer" value="approve" autofocus>Log in as {escape(mint.user_id)}'
            " (simulated broker)</button>"
            '<button name="answer" value="deny" class="quiet">Cancel</button>'
            "</form>"
        )

    async def answer(self, request: web.Request) -> web.Response:
        """A button was pressed."""
        self._check(request)
        pressed = (await fields(request)).get("answer")
        raise self._approved(request) if pressed == "approve" else self._cancelled(request)

    def _check(self, request: web.Request) -> None:
        if request.query.get("api_key") != self._broker.mint.api_key:
            raise _Unacceptable("Invalid <code>api_key</code>.")
        if request.query.get("v") != "3":
            raise _Unacceptable("Expected <code>v=3</code>.")

    def _approved(self, request: web.Request) -> web.HTTPSeeOther:
        token = self._broker.sessions.approve(self._broker.now())
        return self._back(request, request_token=token, status="success")

    def _cancelled(self, request: web.Request) -> web.HTTPSeeOther:
        return self._back(request, status="cancelled")

    def _back(self, request: web.Request, **said: str) -> web.HTTPSeeOther:
        handed_on = parse_qsl(request.query.get("redirect_params", ""))
        target = (
            URL(self._broker.redirect_url)
            .extend_query([(name, value) for name, value in handed_on if name not in _OWN])
            .extend_query({"action": "login", "type": "login", **said})
        )
        return web.HTTPSeeOther(
            target, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        )


class _Unacceptable(web.HTTPBadRequest):
    """The broker's error page, to be seen as it is."""

    def __init__(self, html: str) -> None:
        page = _page(f"<p>{html}</p>")
        super().__init__(text=page.text, content_type="text/html", headers=_HEADERS)


def _page(html: str) -> web.Response:
    text = _PAGE.replace("CONTENT", html)
    return web.Response(text=text, content_type="text/html", headers=_HEADERS)


_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Log in · simulated broker</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { display: grid; place-items: center; min-height: 100vh; margin: 0; background: Canvas }
main { width: min(22rem, 90vw); padding: 2rem; border: 1px solid #8884; border-radius: 12px }
h1 { font-size: 1.1rem; margin: 0 0 .5rem }
small { opacity: .7 }
form { display: grid; gap: .6rem; margin: 1.2rem 0 }
button { font: inherit; padding: .7rem; border: 0; border-radius: 8px; cursor: pointer;
  background: #2563eb; color: #fff }
button.quiet { background: transparent; color: inherit; border: 1px solid #8888 }
button:focus-visible { outline: 3px solid #93c5fd; outline-offset: 2px }
</style>
<main>
<h1>Simulated broker</h1>
CONTENT
<small>No real account and no real money are behind this page.</small>
</main>
</html>
"""

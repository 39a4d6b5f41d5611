"""The plain pages of the login: a title, a sentence, and a button where there is a next step."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from aiohttp import web

from agent.web.access import Scope
from agent.web.guard import CALLER

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
{way_out}
</main>
</html>
"""

_WAY_OUT = '<p><a href="/">To the status page</a></p>'

HEADERS = {
    # The button leads to the broker by way of a redirect, and browsers hold `form-action` against
    # every step of it. Nothing on these pages comes from elsewhere.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # With `no-referrer` a browser posts a form with `Origin: null`, which the gate refuses.
    "Referrer-Policy": "same-origin",
}


@dataclass(frozen=True, slots=True)
class Button:
    """A form of one button; `fields` are sent along."""

    label: str
    action: str
    method: str = "get"
    fields: dict[str, str] = field(default_factory=dict)


def login_button(machine: str, label: str) -> Button:
    """The button that begins the login of a machine, for whoever may see the status page."""
    return Button(label, "/api/auth/login", fields={"machine": machine})


def page(
    request: web.Request, status: int, title: str, text: str, *, button: Button | None = None
) -> web.Response:
    """A page; only who may see the status page is shown the way there."""
    may_read = Scope.READ in request[CALLER].scopes
    html = _PAGE.format(
        title=escape(title),
        text=escape(text),
        button=_form(button) if button is not None else "",
        way_out=_WAY_OUT if may_read else "",
    )
    return web.Response(status=status, text=html, content_type="text/html", headers=HEADERS)


def is_prefetch(request: web.Request) -> bool:
    """Whether a browser fetches ahead of a person's wish."""
    purpose = request.headers.get("Sec-Purpose", "") + request.headers.get("Purpose", "")
    return "prefetch" in purpose


def _form(button: Button) -> str:
    fields = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in button.fields.items()
    )
    return (
        f'<form action="{escape(button.action)}" method="{button.method}">{fields}'
        f"<button>{escape(button.label)}</button></form>"
    )

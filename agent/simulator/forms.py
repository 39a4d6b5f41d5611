"""The fields of a submitted form, whatever was submitted."""

from __future__ import annotations

from aiohttp import web

from agent.simulator.envelope import RefusalError


async def fields(request: web.Request) -> dict[str, str]:
    """The text fields of the body; what can't be read as a form is refused."""
    try:
        form = await request.post()
    except (ValueError, LookupError) as error:
        raise RefusalError(400, "InputException", "The request is no form.") from error
    return {name: value for name, value in form.items() if isinstance(value, str)}


def required(form: dict[str, str], name: str) -> str:
    """The field, which must not be missing."""
    if value := form.get(name):
        return value
    raise RefusalError(400, "InputException", f"Missing or empty field `{name}`")

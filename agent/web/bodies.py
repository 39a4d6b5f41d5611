"""What people send: JSON bodies, checked, with a problem answer that names every fault."""

from __future__ import annotations

import json
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from agent.config.wording import remedy
from agent.web.audit import PERSON
from agent.web.problems import problem

B = TypeVar("B", bound=BaseModel)

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
]
"""A line of text from a person."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Signed(Body):
    """A body in which a person says who they are, and why they do it."""

    who: Line
    why: Line


async def read(request: web.Request, model: type[B]) -> B | web.Response:
    """The body as the model has it, or the answer that says what is wrong with it."""
    try:
        body = model.model_validate(json.loads(await request.read() or b"{}"))
    except ValidationError as error:
        found = error.errors(include_url=False)
        faults = [{"at": ".".join(map(str, one["loc"])), "what": remedy(one, one["input"])} for one in found]
        return problem(422, "The body cannot be used.", faults=faults)
    except (ValueError, RecursionError):
        return problem(400, "The body is not JSON.")
    if isinstance(body, Signed):
        request[PERSON] = body.who
    return body

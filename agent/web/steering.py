"""Incidents, silences and the explanation of the rules: what people do about problems."""

from __future__ import annotations

import logging
import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field, WithJsonSchema, model_validator

from agent.errors import StoreError
from agent.model import Incident, Silence
from agent.runtime.agent import Agent
from agent.settings import Duration
from agent.store.silences import silence_body
from agent.web.access import Scope
from agent.web.bodies import Line, Signed, read
from agent.web.notices import as_listed
from agent.web.paging import instant, page
from agent.web.problems import problem
from agent.web.replies import reply, reply_once
from agent.web.routes import Route

log = logging.getLogger(__name__)

LONGEST_SILENCE = timedelta(hours=24)
DURATION_SCHEMA = {
    "type": "string",
    "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$",
    "examples": ["2h", "1h30m"],
    "description": "At most 24h.",
}
NAMED = ("rule", "code", "machine", "group")


class Acknowledge(Signed):
    """`POST /incidents/{id}/ack`."""


class AskForQuiet(Signed):
    """`POST /silences`: what it names must all be so of a problem."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": [name]} for name in NAMED]})

    duration: Annotated[Duration, Field(gt=timedelta(0), le=LONGEST_SILENCE), WithJsonSchema(DURATION_SCHEMA)]
    rule: Line | None = None
    code: Line | None = None
    machine: Line | None = None
    group: Line | None = None

    @model_validator(mode="after")
    def _names_something(self) -> AskForQuiet:
        if not any(getattr(self, name) for name in NAMED):
            raise ValueError("name a rule, a code, a machine or a group: not everything can be silenced")
        return self


class Steering:
    """The handlers; each change is journaled with who and why."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        at = "/api/system"
        return [
            Route("GET", f"{at}/explain", Scope.READ, self.explain),
            Route("GET", f"{at}/incidents", Scope.READ, self.incidents),
            Route("GET", f"{at}/incidents/{{id}}", Scope.READ, self.incident),
            Route("POST", f"{at}/incidents/{{id}}/ack", Scope.CONTROL, self.acknowledge),
            Route("GET", f"{at}/silences", Scope.READ, self.silences),
            Route("POST", f"{at}/silences", Scope.CONTROL, self.silence),
            Route("DELETE", f"{at}/silences/{{id}}", Scope.CONTROL, self.end_silence),
        ]

    async def explain(self, request: web.Request) -> web.StreamResponse:
        return reply({"rules": [asdict(one) for one in self._agent.core.explain()]})

    async def incidents(self, request: web.Request) -> web.StreamResponse:
        wanted = page(request, instant)
        if isinstance(wanted, web.Response):
            return wanted
        try:
            found = await self._agent.journal.incidents(limit=wanted.limit, before=wanted.before)
        except StoreError as error:
            return problem(503, str(error))
        following = wanted.next_before(found, lambda incident: incident.opened_at)
        body = {"incidents": [incident_body(one) for one in found], "next_before": following}
        return reply_once(request, body)

    async def incident(self, request: web.Request) -> web.StreamResponse:
        try:
            found = await self._agent.journal.incident(request.match_info["id"])
            letters = await self._agent.journal.letters_of(request.match_info["id"])
        except StoreError as error:
            return problem(503, str(error))
        if found is None:
            return problem(404, "There is no such incident.")
        notices = [as_listed(letter) for letter in letters]
        return reply_once(request, {**incident_body(found[0]), "timeline": found[1], "notices": notices})

    async def acknowledge(self, request: web.Request) -> web.StreamResponse:
        body = await read(request, Acknowledge)
        if isinstance(body, web.Response):
            return body
        try:
            incident = self._agent.core.acknowledge(request.match_info["id"], body.who, body.why)
        except LookupError:
            present = self._agent.core.incident
            hint = f"The open one is {present.id}." if present is not None else "None is open."
            return problem(404, f"That incident is not open. {hint}")
        log.info("incident %s is acknowledged by %s: %s", incident.id, body.who, body.why)
        return reply(incident_body(incident))

    async def silences(self, request: web.Request) -> web.StreamResponse:
        return reply_once(request, {"silences": [self._silence_body(one) for one in self._agent.core.quiet]})

    async def silence(self, request: web.Request) -> web.StreamResponse:
        body = await read(request, AskForQuiet)
        if isinstance(body, web.Response):
            return body
        unknown = self._unknown(body)
        if unknown is not None:
            return unknown
        now = self._agent.clock.now()
        silence = Silence(
            id=uuid.uuid4().hex[:12],
            starts_at=now,
            ends_at=now + body.duration,
            **body.model_dump(exclude={"duration"}),
        )
        self._agent.core.silence(silence)
        log.info("silence %s until %s by %s: %s", silence.id, silence.ends_at, body.who, body.why)
        return reply(self._silence_body(silence), 201)

    async def end_silence(self, request: web.Request) -> web.StreamResponse:
        try:
            ended = self._agent.core.end_silence(request.match_info["id"])
        except LookupError:
            return problem(404, "There is no such silence, or it has ended.")
        log.info("silence %s is ended", ended.id)
        return reply(self._silence_body(ended))

    def _unknown(self, body: AskForQuiet) -> web.Response | None:
        """A silence of something that is not there would silence nothing, and nobody would know."""
        blueprint = self._agent.blueprint
        known = {
            "rule": {rule.id for rule in blueprint.rules},
            "code": {rule.code for rule in blueprint.rules},
            "machine": {machine.name for machine in blueprint.ruleset.machines},
            "group": {machine.group for machine in blueprint.ruleset.machines if machine.group},
        }
        for name, words in known.items():
            word = getattr(body, name)
            if word is not None and word not in words:
                return problem(422, f"There is no {name} {word!r}.", known=sorted(words))
        return None

    def _silence_body(self, silence: Silence) -> dict[str, object]:
        now = self._agent.clock.now()
        return {**silence_body(silence), "active": silence.starts_at <= now < silence.ends_at}


def incident_body(incident: Incident) -> dict[str, object]:
    """An incident as JSON has it."""
    return asdict(incident)

"""What each route takes and answers, in one table; who may ask is the routes' own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.alerts.letters import LetterState
from agent.fleet.document import FleetDocument
from agent.health.document import HealthDocument
from agent.model import Incident
from agent.web import health_json, steering
from agent.web.openapi import shapes
from agent.web.openapi.operation import HTML, JSON, Answer, Operation
from agent.web.paging import MOST, USUAL


def _json(shape: Any, text: str = "Well.") -> Answer:
    return Answer(text, {JSON: shape})


def _tagged(shape: Any, text: str = "Well.") -> dict[int, Answer]:
    return {200: Answer(text, {JSON: shape}, ("ETag",)), 304: Answer("As it was.", headers=("ETag",))}


def _file(media: str) -> dict[int, Answer]:
    return {200: Answer("The file.", {media: None}), 304: Answer("As it was.", headers=("ETag",))}


_UNPUBLISHED = {503: "Nothing is published yet."}
_STORE = {503: "The journal cannot be read."}
_TEXT = {"type": "string"}
_DAY = {"type": "string", "format": "date"}
_WHICH = {"machine": {"type": "string", "description": "Which, where several have a login."}}
_BEFORE = "The next_before of the page before."
_PAGE = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
    "before": {
        "type": "integer",
        "minimum": 0,
        "maximum": 10**18 - 1,
        "description": "The next_before of the page before.",
    },
}
_PAGE_OF_INSTANTS = _PAGE | {"before": {"type": "string", "format": "date-time", "description": _BEFORE}}
_NO_FLEET = {404: "This agent shares no store with others."}
_NOT_FOUND = {404: "There is nothing of this name; `known` has what there is."}

HEALTH = {
    200: Answer(
        "The document.", {JSON: HealthDocument, health_json.MEDIA_TYPE: shapes.HealthCheck}, ("ETag", "Vary")
    ),
    304: Answer("As it was.", headers=("ETag",)),
    503: Answer(
        "Failing, where `strict=1` or the health-check format was asked for; or nothing is published yet.",
        {JSON: HealthDocument, health_json.MEDIA_TYPE: shapes.HealthCheck},
    ),
}

OPERATIONS: Mapping[str, Operation] = {
    "GET /api/system/health": Operation(
        "The health document",
        HEALTH,
        query={"strict": {"enum": ["0", "1"], "description": "1: answer 503 while failing."}},
        problems=_UNPUBLISHED,
    ),
    "GET /api/system/health/summary": Operation(
        "The document in six lines",
        {200: _json(shapes.Summary), 503: _json(shapes.Summary, "Failing; or nothing is published yet.")},
        problems=_UNPUBLISHED,
    ),
    "GET /api/system/health/{machine}": Operation(
        "One machine", {200: _json(shapes.Machine)}, problems=_NOT_FOUND | _UNPUBLISHED
    ),
    "POST /api/system/health/{machine}/{action}": Operation(
        "Have a machine do one of its actions; all but `verify` need control",
        {200: _json(shapes.Done, "Done.")},
        problems={401: "All but `verify` need control.", 409: "It could not be done."}
        | _NOT_FOUND
        | _UNPUBLISHED,
    ),
    "GET /api/system/badge.svg": Operation("A badge", _file("image/svg+xml")),
    "GET /api/system/ready": Operation(
        "Whether the desk is ready",
        {200: _json(shapes.Readiness, "Yes."), 503: _json(shapes.Readiness, "No.")},
        problems=_UNPUBLISHED,
    ),
    "GET /api/system/tradable": Operation(
        "Whether it is safe to trade",
        {200: _json(shapes.Tradability, "Yes."), 503: _json(shapes.Tradability, "No.")},
        problems=_UNPUBLISHED,
    ),
    "GET /api/system/events": Operation(
        "The documents as they come", {200: Answer("Server-sent events.", {"text/event-stream": _TEXT})}
    ),
    "GET /api/system/explain": Operation("Why the answer is what it is", {200: _json(shapes.Explanations)}),
    "GET /api/system/history": Operation(
        "Transitions", _tagged(shapes.History), query=_PAGE, problems=_STORE
    ),
    "GET /api/system/availability": Operation(
        "How much of the market's time was seen",
        {200: _json(shapes.Availability)},
        query={
            "machine": _TEXT,
            "from": _DAY,
            "to": _DAY,
            "by": {"enum": ["day", "month"]},
            "response_s": {"type": "number", "minimum": 0, "maximum": 86_400},
        },
        problems={409: "No calendar tells the sessions."} | _NOT_FOUND | _STORE,
    ),
    "GET /api/system/runs": Operation(
        "When the agent ran",
        {200: _json(shapes.Runs)},
        query={"since": {"type": "string", "format": "date-time"}},
        problems=_STORE,
    ),
    "GET /api/system/access": Operation("What the caller may do", {200: _json(shapes.Rights)}),
    "GET /api/system/incidents": Operation(
        "Incidents", _tagged(shapes.Incidents), query=_PAGE_OF_INSTANTS, problems=_STORE
    ),
    "GET /api/system/incidents/{id}": Operation(
        "One incident", _tagged(shapes.WholeIncident), problems={404: "There is no such incident."} | _STORE
    ),
    "POST /api/system/incidents/{id}/ack": Operation(
        "Say that somebody is at it",
        {200: _json(Incident, "Acknowledged.")},
        body=steering.Acknowledge,
        problems={404: "It is not open."},
    ),
    "GET /api/system/silences": Operation("Silences", _tagged(shapes.Silences)),
    "POST /api/system/silences": Operation(
        "Ask for quiet about some problems",
        {201: _json(shapes.ListedSilence, "Silenced.")},
        body=steering.AskForQuiet,
    ),
    "DELETE /api/system/silences/{id}": Operation(
        "End a silence",
        {200: _json(shapes.ListedSilence, "Ended.")},
        problems={404: "There is none, or it has ended."},
    ),
    "GET /api/system/notices": Operation(
        "Notices",
        _tagged(shapes.Notices),
        query=_PAGE | {"state": {"enum": [str(state) for state in LetterState]}},
        problems=_STORE,
    ),
    "POST /api/system/notices/{id}/retry": Operation(
        "Send a dead notice again",
        {200: _json(shapes.Line, "It waits again.")},
        problems={404: "There is no such notice.", 409: "It is not sent again."} | _STORE,
    ),
    "POST /api/system/notifiers/{name}/test": Operation(
        "Send a test notice", {200: _json(shapes.Test, "What came back.")}, problems=_NOT_FOUND
    ),
    "GET /api/system/audit": Operation(
        "Who had what done", _tagged(shapes.Audit), query=_PAGE, problems=_STORE
    ),
    "POST /api/system/push/{machine}": Operation(
        "What a trading process reports",
        {200: _json(shapes.Command, "Taken.")},
        body=shapes.Pushed,
        problems={409: "It could not be used."} | _NOT_FOUND,
    ),
    "GET /api/auth/login": Operation(
        "Begin the broker's login",
        {
            200: Answer("A page with one button, for who has no control.", {HTML: None}),
            303: Answer("To the broker's page.", headers=("Location", "Set-Cookie")),
        },
        query=_WHICH,
        pages=(404, 502),
    ),
    "GET /api/auth/callback": Operation(
        "Where the broker sends a person back",
        {303: Answer("Logged in.", headers=("Location",))},
        query={
            "state": {"type": "string"},
            "status": {"type": "string"},
            "request_token": {"type": "string"},
        },
        pages=(400, 403),
    ),
    "GET /api/auth/done": Operation("Where a login ends", {200: Answer("A page.", {HTML: None})}),
    "GET /api/auth/link/{ticket}": Operation(
        "A login link's button", {200: Answer("A page with one button.", {HTML: None})}, pages=(404, 410)
    ),
    "POST /api/auth/link/{ticket}": Operation(
        "Spend a login link",
        {303: Answer("To the broker's page.", headers=("Location", "Set-Cookie"))},
        pages=(400, 404, 410, 502),
    ),
    "POST /api/auth/link": Operation(
        "Make a login link", {200: _json(shapes.Link)}, query=_WHICH, problems=_NOT_FOUND
    ),
    "DELETE /api/auth/session": Operation("Log out", {204: Answer("There is no session any more.")}),
    "GET /api/fleet/health": Operation(
        "All desks that share a store",
        _tagged(FleetDocument, "The document, or that of the desks which are asked for."),
        query={
            "group": _TEXT | {"description": "Desks with a machine in it; may be given several times."},
            "desk": _TEXT | {"description": "This desk; may be given several times."},
        },
        problems=_NO_FLEET,
    ),
    "GET /api/fleet/events": Operation(
        "The fleet's document, then what is new",
        {200: Answer("Server-sent events.", {"text/event-stream": _TEXT})},
        problems=_NO_FLEET,
    ),
    "DELETE /api/fleet/agents/{name}": Operation(
        "Forget an agent that is not heard of, or was stopped",
        {200: _json(shapes.Forgotten, "It is off the list.")},
        problems={
            404: "There is no such agent, or this one shares no store with others.",
            409: "It is heard of.",
            503: "The shared store cannot be reached.",
        },
    ),
    "GET /fleet": Operation("The fleet's page", _file(HTML), problems=_NO_FLEET),
    "GET /fleet.css": Operation("Its style", _file("text/css")),
    "GET /fleet.js": Operation("Its script", _file("text/javascript")),
    "GET /fleet/{module}": Operation("A module of it", _file("text/javascript"), problems=_NOT_FOUND),
    "GET /": Operation("The status page", _file(HTML)),
    "GET /page.css": Operation("Its style", _file("text/css")),
    "GET /page.js": Operation("Its script", _file("text/javascript")),
    "GET /page/{module}": Operation("A module of it", _file("text/javascript"), problems=_NOT_FOUND),
    "GET /icon.svg": Operation("Its icon", _file("image/svg+xml")),
    "GET /banner.js": Operation("The banner for any front end", _file("text/javascript")),
    "GET /banner.d.ts": Operation("Its types", _file("text/plain")),
    "GET /docs": Operation("This reference", _file(HTML)),
    "GET /docs.css": Operation("Its style", _file("text/css")),
    "GET /docs.js": Operation("Its script", _file("text/javascript")),
    "GET /openapi.json": Operation("This description", _tagged({"type": "object"})),
    "GET /schemas/{name}": Operation(
        "The JSON Schema of the document, of the fleet's, or of a webhook's notice",
        {
            200: Answer("The schema.", {"application/schema+json": {"type": "object"}}, ("ETag",)),
            304: Answer("As it was.", headers=("ETag",)),
        },
        problems=_NOT_FOUND,
    ),
    "GET /metrics": Operation(
        "For Prometheus",
        {200: Answer("The metrics.", {"text/plain": _TEXT, "application/openmetrics-text": _TEXT})},
        problems=_UNPUBLISHED,
    ),
    "GET /livez": Operation("Whether the process turns", {200: Answer("It does.", {"text/plain": _TEXT})}),
    "GET /readyz": Operation(
        "Whether the agent has started",
        {200: Answer("It has.", {"text/plain": _TEXT}), 503: Answer("Not yet.", {"text/plain": _TEXT})},
    ),
}

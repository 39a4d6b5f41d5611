"""Makes the OpenAPI document of the routes that are served. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from agent.web.access import SESSION_COOKIE, Scope
from agent.web.openapi.operation import HTML, Answer, Operation
from agent.web.openapi.operations import OPERATIONS
from agent.web.openapi.shapes import Problem
from agent.web.problems import MEDIA_TYPE
from agent.web.routes import SAFE_METHODS, Route

UNDESCRIBED = Operation("A plugin's own", {200: Answer("Well.", {"*/*": {}})})

_REF = "#/components/schemas/{model}"

_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer"},
    "password": {"type": "http", "scheme": "basic", "description": "Any name, a token as password."},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE},
}
_BROUGHT = {
    Scope.PUBLIC: (),
    Scope.READ: ("token", "password", "session"),
    Scope.CONTROL: ("token", "password", "session"),
    Scope.PUSH: ("token", "password"),
}
_HEADERS = {
    "WWW-Authenticate": "How to ask again.",
    "Retry-After": "Seconds after which it is worth another try.",
    "ETag": "For `If-None-Match`.",
    "Vary": "What the answer depends on.",
    "Location": "Where to go.",
    "Set-Cookie": "Ties the way back to this browser.",
}


_REFUSALS = {
    400: "The request cannot be understood.",
    401: "A token of the route's scope is wanted.",
    403: "It comes from a page of another origin.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON, or compressed.",
    421: "Its host is not ours.",
    422: "The body cannot be used; `faults` or `known` has why.",
    429: "Too many wrong tokens, or too much at once.",
    500: "A defect of ours; the log says which.",
}
_REFUSAL_HEADERS = {401: ("WWW-Authenticate",), 429: ("Retry-After",)}


def openapi(
    routes: Iterable[Route], open_to_all: frozenset[Scope], *, version: str, url: str
) -> dict[str, Any]:
    """The whole document; `open_to_all` are the scopes for which nothing need be brought."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for route in sorted(routes, key=lambda one: (one.path, one.method)):
        operation = OPERATIONS.get(f"{route.method} {route.path}", UNDESCRIBED)
        described = _describe(route, operation, open_to_all, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = described
        if route.takes_head:
            paths[route.path]["head"] = _head(described)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "openbell",
            "version": version,
            "description": "Is the desk ready when the bell rings?",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "securitySchemes": _SCHEMES,
            "responses": _refusals(schemas),
            "schemas": schemas.components(),
        },
    }


def _describe(
    route: Route, operation: Operation, open_to_all: frozenset[Scope], schemas: _Schemas
) -> dict[str, Any]:
    brought: list[dict[str, list[str]]] = [{scheme: []} for scheme in _BROUGHT[route.scope]]
    described: dict[str, Any] = {
        "operationId": _name(route),
        "summary": operation.summary,
        "tags": [_tag(route.path)],
        "x-scope": str(route.scope),
        "security": [{}, *brought] if brought and route.scope in open_to_all else brought,
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
              for name in re.findall(r"\{(\w+)\}", route.path)),
            *({"name": name, "in": "query", "schema": dict(schema)}
              for name, schema in operation.query.items()),
        ],
        "responses": _responses(route, operation, open_to_all, schemas),
    }  # fmt: skip
    if operation.body is not None:
        content = {"application/json": {"schema": schemas.of(operation.body, "validation")}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _head(described: Mapping[str, Any]) -> dict[str, Any]:
    """The same without bodies."""
    responses = {
        status: {"description": answer.get("description", "Refused.")}
        for status, answer in described["responses"].items()
    }
    return {**described, "operationId": f"head_{described['operationId']}", "responses": responses}


def _responses(
    route: Route, operation: Operation, open_to_all: frozenset[Scope], schemas: _Schemas
) -> dict[str, Any]:
    own = sorted({*operation.answers, *operation.problems, *operation.pages})
    refused = {
        status: {"$ref": f"#/components/responses/{status}"}
        for status in _of_the_gate(route, operation, open_to_all)
    }
    said = refused | {status: _response(status, operation, schemas) for status in own}
    return {str(status): said[status] for status in sorted(said)}


def _response(status: int, operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    answer = operation.answers.get(status, Answer("A page that says why."))
    content: dict[str, Any] = {
        media: {"schema": schemas.of(shape, "serialization")} if shape is not None else {}
        for media, shape in answer.shapes.items()
    }
    if status in operation.pages:
        content |= {HTML: {}, **_problem(schemas)}
    if status in operation.problems:
        content |= _problem(schemas)
    text = answer.text if status in operation.answers else operation.problems.get(status, answer.text)
    return _whole(text, content, answer.headers)


def _problem(schemas: _Schemas) -> dict[str, Any]:
    return {MEDIA_TYPE: {"schema": schemas.of(Problem, "serialization")}}


def _whole(text: str, content: Mapping[str, Any], headers: Iterable[str]) -> dict[str, Any]:
    named = {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in headers}
    parts = {"headers": named, "content": content}
    return {"description": text, **{key: part for key, part in parts.items() if part}}


def _refusals(schemas: _Schemas) -> dict[str, Any]:
    """What the gate says on any route, by status."""
    return {
        str(status): _whole(text, _problem(schemas), _REFUSAL_HEADERS.get(status, ()))
        for status, text in _REFUSALS.items()
    }


def _of_the_gate(route: Route, operation: Operation, open_to_all: frozenset[Scope]) -> Iterator[int]:
    """The refusals that any request to such a route may meet."""
    needs_token = route.scope not in open_to_all
    yield from (400, 421, 500)
    if route.method not in SAFE_METHODS:
        yield from (403, 408, 413, 415)
    if operation.body is not None:
        yield 422
    if needs_token:
        yield 401
    if needs_token or (route.is_steering and route.scope is not Scope.PUBLIC):
        yield 429


def _name(route: Route) -> str:
    words = re.findall(r"[a-z]+", route.path.removeprefix("/api"))
    return "_".join([route.method.lower(), *words])


def _tag(path: str) -> str:
    parts = path.split("/")
    return parts[2] if path.startswith(("/api/", "/plugins/")) else "pages and process"


class _Whole(GenerateJsonSchema):
    """An answer has all its fields, also those that have a default inside."""

    def field_is_required(self, field: Any, *args: Any, **more: Any) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, *args, **more)


class _Schemas:
    """Collects the shapes that are mentioned, so that all are made together and share their parts."""

    def __init__(self) -> None:
        self._adapters: dict[tuple[str, str], TypeAdapter[Any]] = {}
        self._waiting: list[tuple[dict[str, Any], tuple[str, str]]] = []

    def of(self, shape: Any, mode: str) -> dict[str, Any]:
        """Where the schema of a shape will be; a schema that is written out is taken as it is."""
        if isinstance(shape, Mapping):
            return dict(shape)
        key = (f"{shape.__module__}.{shape.__qualname__}", mode)
        self._adapters.setdefault(key, TypeAdapter(shape))
        place: dict[str, Any] = {}
        self._waiting.append((place, key))
        return place

    def components(self) -> dict[str, Any]:
        """All schemas; fills the places that were given out."""
        inputs: list[Any] = [(name, mode, adapter) for (name, mode), adapter in self._adapters.items()]
        made, shared = TypeAdapter.json_schemas(inputs, ref_template=_REF, schema_generator=_Whole)
        for place, key in self._waiting:
            place.update(made[key])  # type: ignore[index]
        components: dict[str, Any] = shared["$defs"]
        return components

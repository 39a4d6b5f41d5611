"""The description of the API is of the routes that are served, and can be read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from agent.health.document import HealthDocument
from agent.web.access import Scope
from agent.web.openapi.build import openapi
from agent.web.openapi.operations import OPERATIONS
from agent.web.routes import ROUTES, Route

from .conftest import OpenWebDesk, built

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "agent" / "web" / "static" / "schemas"


@pytest.fixture
def routes(tmp_path: Path) -> dict[str, Route]:
    """Every route of the real server."""
    with built(tmp_path) as app:
        return {f"{method} {path}": route for (method, path), route in app[ROUTES].items()}


def described(routes: dict[str, Route], scopes: tuple[Scope, ...] = (Scope.PUBLIC,)) -> dict[str, dict]:
    document = openapi(routes.values(), frozenset(scopes), version="1", url="http://127.0.0.1:8000")
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_route_has_its_description_and_no_description_is_of_none(routes) -> None:
    assert set(OPERATIONS) == set(routes), "describe new routes in agent/web/openapi/operations.py"


def test_the_description_has_each_route_with_its_method_and_scope(routes) -> None:
    said = described(routes)
    heads = {f"HEAD {route.path}" for route in routes.values() if route.takes_head}
    assert set(said) == set(routes) | heads
    for name, route in routes.items():
        assert said[name]["x-scope"] == route.scope
        assert re.findall(r"\{(\w+)\}", name) == [
            one["name"] for one in said[name]["parameters"] if one["in"] == "path"
        ]


def test_what_needs_a_token_says_so_and_reading_on_loopback_does_not(routes) -> None:
    closed, open_ = described(routes), described(routes, (Scope.PUBLIC, Scope.READ))
    for name, route in routes.items():
        assert (closed[name]["security"] == []) is (route.scope is Scope.PUBLIC)
        assert ("401" in closed[name]["responses"]) is (
            route.scope is not Scope.PUBLIC or 401 in OPERATIONS[name].problems
        )
        assert ({} in open_[name]["security"]) is (route.scope is Scope.READ)


def test_names_of_operations_are_each_their_own(routes) -> None:
    names = [operation["operationId"] for operation in described(routes).values()]
    assert len(names) == len(set(names))


def test_a_route_that_nobody_has_described_is_listed_all_the_same() -> None:
    async def answer(request: object) -> None: ...

    route = Route("GET", "/plugins/positions/{book}", Scope.READ, answer)  # type: ignore[arg-type]
    document = openapi([route], frozenset({Scope.PUBLIC}), version="1", url="http://127.0.0.1:8000")
    validate(document)
    assert document["paths"]["/plugins/positions/{book}"]["get"]["tags"] == ["positions"]


async def test_it_is_served_as_openapi_3_1_and_kept_by_its_tag(open_web_desk: OpenWebDesk) -> None:
    async with open_web_desk() as desk:
        answer = await desk.browser.get(f"{desk.url}/openapi.json")
        tag = answer.headers["ETag"]
        again = await desk.browser.get(f"{desk.url}/openapi.json", headers={"If-None-Match": tag})
        assert again.status == 304
    document = json.loads(answer.text)
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": desk.url}]
    validate(document)


async def test_the_real_document_is_as_its_published_schema_has_it(open_web_desk: OpenWebDesk) -> None:
    async with open_web_desk() as desk:
        schema = json.loads((await desk.browser.get(f"{desk.url}/schemas/health-document.json")).text)
        document = json.loads((await desk.browser.get(f"{desk.url}/api/system/health")).text)
        notice = json.loads((await desk.browser.get(f"{desk.url}/schemas/notice.json")).text)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator.check_schema(notice)
    assert list(Draft202012Validator(schema).iter_errors(document)) == []
    assert list(Draft202012Validator(schema).iter_errors({**document, "status": "fine"})) != []


def test_the_published_schema_is_the_one_of_the_model() -> None:
    published = json.loads((SCHEMAS / "health-document.json").read_text())
    made = HealthDocument.model_json_schema(mode="serialization")
    assert published == {
        "$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "openbell health document"
    }  # fmt: skip


def test_the_published_schema_of_a_notice_is_the_webhook_s() -> None:
    webhook = ROOT / "plugins" / "notifiers" / "webhook" / "notice.schema.json"
    assert (SCHEMAS / "notice.json").read_bytes() == webhook.read_bytes()


async def test_a_machine_that_is_asked_for_by_its_type_gets_the_health_check_format(
    open_web_desk: OpenWebDesk,
) -> None:
    async with open_web_desk() as desk:
        at = f"{desk.url}/api/system/health"
        answer = await desk.browser.get(at, headers={"Accept": "application/health+json"})
        assert answer.headers["Content-Type"].startswith("application/health+json")
        assert answer.headers["Vary"] == "Accept"
        body = json.loads(answer.text)
        assert body["status"] == "fail"
        assert answer.status == 503
        tag = {"Accept": "application/health+json", "If-None-Match": answer.headers["ETag"]}
        assert (await desk.browser.get(at, headers=tag)).status == 503, "failing is told again each time"

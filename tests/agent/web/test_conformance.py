"""The API keeps what its description promises: schemathesis asks a running agent, well and badly."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from requests.adapters import HTTPAdapter
from schemathesis import GenerationMode, checks
from schemathesis.config import GenerationConfig

from .conftest import CONTROL, OpenWebDesk

TIMEOUT_S = 20
A_PLACE = 25
"""So many requests come from one address."""

BY_CHANCE = settings(
    max_examples=3, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck)
)
BEAT = {"process": "p1", "connected": True, "opened": 1, "frames": 9, "heard_s": 0.1}
ENDLESS = "/api/system/events"

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
    checks.allow_header_conformance,
]
"""Not `not_a_server_error`: of a desk that is not ready 503 is the answer. A 500 is looked for instead."""


class FromManyPlaces:
    """Sessions from ever other addresses of this machine, since one alone may not do much in a minute."""

    def __init__(self) -> None:
        self._numbers = itertools.count(2)

    def session(self) -> requests.Session:
        number = next(self._numbers)
        session = requests.Session()
        session.mount("http://", _From(f"127.0.{number // 250}.{number % 250 + 1}"))
        return session


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more, source_address=(self.address, 0))


class Questions:
    """Asks an agent; what it answers must be as described, and never that it has a defect."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._schema = schemathesis.openapi.from_url(f"{url}/openapi.json", headers=CONTROL)
        self._places = FromManyPlaces()
        self._session = requests.Session()
        self.count = 0

    def ask_well(self, method: str, path: str, *, body: Any = None, **parts: str) -> tuple[int, Any]:
        """One request for something that there is."""
        more = {"body": body, "media_type": "application/json"} if body is not None else {}
        answer = self._ask(self._schema[path][method].Case(path_parameters=parts, **more))
        return answer.status_code, answer.json()

    def ask_all(self) -> None:
        """Every route at every boundary that its description has, and by chance, the same each time."""
        for found in self._schema.get_all_operations():
            operation = found.ok()
            if operation.path == ENDLESS or operation.method == "head":
                continue
            for case in self._schema.iter_coverage_cases(
                operation, generation_modes=list(GenerationMode), generation_config=GenerationConfig()
            ):
                self._ask(case)
            if any(operation.iter_parameters()) or operation.body:
                self._ask_by_chance(operation)

    def _ask_by_chance(self, operation: Any) -> None:
        @BY_CHANCE
        @given(operation.as_strategy(GenerationMode.POSITIVE))
        def by_chance(case: Any) -> None:
            self._ask(case)

        by_chance()

    def _ask(self, case: Any) -> Any:
        if self.count % A_PLACE == 0:
            self._session.close()
            self._session = self._places.session()
        self.count += 1
        answer = case.call(
            base_url=self._url,
            session=self._session,
            headers=CONTROL,
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )
        assert answer.status_code not in (429, 500), case.as_curl_command()
        case.validate_response(answer, checks=CHECKS)
        return answer


async def test_whatever_is_asked_the_answer_is_as_described(open_web_desk: OpenWebDesk) -> None:
    async with open_web_desk() as desk:
        questions = await asyncio.to_thread(Questions, desk.url)
        await asyncio.to_thread(questions.ask_all)
    assert questions.count > 500


async def test_what_there_is_is_answered_as_described(open_web_desk: OpenWebDesk) -> None:
    async with open_web_desk(machines__strategy={"kind": "pushed-feed"}) as desk:
        ask = (await asyncio.to_thread(Questions, desk.url)).ask_well

        def through_a_morning() -> list[int]:
            at = "/api/system"
            opened: list[Any] = []
            while not opened:
                opened = ask("GET", f"{at}/incidents")[1]["incidents"]
            incident = opened[0]["id"]
            asha = {"who": "asha", "why": "a test"}
            quiet = {**asha, "rule": "feed-stale", "duration": "1h30m"}
            made, silence = ask("POST", f"{at}/silences", body=quiet)
            return [
                made,
                ask("DELETE", f"{at}/silences/{{id}}", id=silence["id"])[0],
                ask("POST", f"{at}/incidents/{{id}}/ack", body=asha, id=incident)[0],
                ask("GET", f"{at}/incidents/{{id}}", id=incident)[0],
                ask("GET", f"{at}/health/{{machine}}", machine="market")[0],
                ask("POST", f"{at}/health/{{machine}}/{{action}}", machine="auth", action="verify")[0],
                ask("POST", f"{at}/health/{{machine}}/{{action}}", machine="feed", action="reconnect")[0],
                ask("POST", f"{at}/push/{{machine}}", machine="strategy", body=BEAT)[0],
                ask("POST", f"{at}/push/{{machine}}", machine="strategy", body={})[0],
                ask("POST", "/api/auth/link")[0],
                ask("GET", f"{at}/silences")[0],
                ask("GET", f"{at}/audit")[0],
                ask("GET", f"{at}/history")[0],
                ask("GET", "/schemas/{name}", name="health-document.json")[0],
            ]

        statuses = await asyncio.to_thread(through_a_morning)
    assert statuses == [201, 200, 200, 200, 200, 409, 409, 200, 409, 200, 200, 200, 200, 200]

"""Traces of the real program at a real collector: from a machine's report to the receiver's receipt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SHIPPED = (Path(__file__).parents[2] / "agent.toml").read_text()
TABLES = """
[notifiers.hook]
kind = "webhook"
allow_private = true
url = "http://127.0.0.1:{port}/hook"
[telemetry]
otlp_endpoint = "http://127.0.0.1:{collector}"
"""


@dataclass(frozen=True)
class Span:
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    began: int
    ended: int
    is_error: bool
    said: dict[str, Any]


@dataclass
class Elsewhere:
    """A collector and a receiver of webhooks, which first turns a notice away."""

    port: int = 0
    spans: list[Span] = field(default_factory=list)
    service: dict[str, Any] = field(default_factory=dict)
    answers: list[int] = field(default_factory=lambda: [503])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def collect(self, request: web.Request) -> web.Response:
        message = ExportTraceServiceRequest.FromString(await request.read())
        async with self.changed:
            for resource in message.resource_spans:
                self.service |= _said(resource.resource.attributes)
                self.spans += [_span(one) for scope in resource.scope_spans for one in scope.spans]
            self.changed.notify_all()
        return web.Response()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=self.answers.pop(0) if self.answers else 204)

    async def until(self, holds: Callable[[list[Span]], Any]) -> None:
        async with asyncio.timeout(60), self.changed:
            await self.changed.wait_for(lambda: holds(self.spans))


def _said(attributes: Any) -> dict[str, Any]:
    return {
        one.key.removeprefix("openbell."): getattr(one.value, one.value.WhichOneof("value"))
        for one in attributes
    }


def _span(one: Any) -> Span:
    return Span(
        one.name,
        one.trace_id,
        one.span_id,
        one.parent_span_id,
        one.start_time_unix_nano,
        one.end_time_unix_nano,
        one.status.code == one.status.STATUS_CODE_ERROR,
        _said(one.attributes),
    )


@pytest.fixture
async def elsewhere() -> AsyncIterator[Elsewhere]:
    one = Elsewhere()
    app = web.Application()
    app.add_routes([web.post("/v1/traces", one.collect), web.post("/hook", one.take)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    one.port = runner.addresses[0][1]
    yield one
    await runner.cleanup()


@pytest.fixture
def traced(open_desk: Any, tmp_path: Path) -> Callable[..., Any]:
    async def begin(port: int, collector: int) -> Any:
        folder = tmp_path / "traced"
        folder.mkdir()
        (folder / "agent.toml").write_text(SHIPPED + TABLES.format(port=port, collector=collector))
        return await open_desk(data=folder)

    return begin


async def test_a_trace_leads_from_a_report_to_its_receipt(traced: Any, elsewhere: Elsewhere) -> None:
    desk = await traced(elsewhere.port, elsewhere.port)
    incident = await desk.open_incident("AUTH_REQUIRED")
    await elsewhere.until(lambda spans: any(one.said.get("state") == "delivered" for one in spans))
    assert await desk.program.stop() == 0

    spans = {one.id: one for one in elsewhere.spans}
    arrived = next(one for one in spans.values() if one.said.get("state") == "delivered")
    letter = spans[arrived.parent]
    cause = spans[letter.parent]
    beside = [one.name for one in spans.values() if one.parent == cause.id]
    assert (cause.name, letter.name, arrived.name) == ("report", "letter", "attempt")
    assert beside[:2] == ["evaluate", "publish"]
    assert {one.trace for one in (cause, letter, arrived)} == {cause.trace}
    assert {one.said["incident"] for one in (cause, letter, arrived)} == {incident["id"]}
    assert (letter.said["notifier"], letter.said["code"]) == ("hook", "AUTH_REQUIRED")
    assert arrived.said["receipt"].startswith("204")
    assert cause.began <= letter.began <= letter.ended <= arrived.began <= arrived.ended

    refused = next(one for one in spans.values() if one.parent == letter.id and one.is_error)
    assert (refused.said["number"], arrived.said["number"]) == (1, 2)
    assert elsewhere.service["service.name"] == "openbell"
    assert all(one.parent == b"" or one.parent in spans for one in spans.values())


async def test_a_collector_that_is_away_costs_one_line_of_log(
    traced: Any, elsewhere: Elsewhere, unused_tcp_port: int
) -> None:
    desk = await traced(elsewhere.port, unused_tcp_port)
    assert (await desk.open_incident("AUTH_REQUIRED"))["code"] == "AUTH_REQUIRED"
    await desk.program.says(r"takes no traces")
    assert (await desk.login()).status == 303
    await desk.live()
    assert await desk.program.stop() == 0
    said = "".join(desk.program.output)
    assert said.count("takes no traces") == 1
    assert "Traceback" not in said
    assert "opentelemetry" not in said

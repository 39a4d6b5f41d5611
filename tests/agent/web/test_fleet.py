"""The fleet over HTTP: who may see it, what is sent again, what its events say, and who is forgotten."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator
from prometheus_client.core import CollectorRegistry
from prometheus_client.exposition import generate_latest

from agent.config.schema import Server
from agent.errors import StoreError
from agent.fleet.document import FleetDocument
from agent.fleet.rows import FleetRows, Forgotten, Role
from agent.fleet.word import Backlog
from agent.model import Severity
from agent.runtime.fleet_watch import FleetView
from agent.store.journal import Journal
from agent.testing import ManualClock
from agent.testing.clocks import settle
from agent.web.fleet import Fleet
from agent.web.fleet_metrics import fleet_metrics
from agent.web.page import PageFiles
from agent.web.site import Site
from tests.agent.fleet.conftest import PaperFleet, machine, said

from .conftest import OpenWebDesk
from .test_events import event

READ = "a-token-that-reads-and-no-more"
STEER = "a-token-that-may-do-everything"
STALE = said("FEED_STALE", Severity.CRITICAL, machines=(machine("feed", "kite-1", Severity.CRITICAL),))
SCHEMA = Path(__file__).parents[3] / "agent/web/static/schemas/fleet-document.json"


class Standby:
    """What an agent that stands by serves of the fleet, behind the real gate, with no agent that runs."""

    def __init__(self, folder: Path, host: str) -> None:
        self.clock = ManualClock()
        self.fleet = PaperFleet()
        self.fleet.enter("pune-1", word=said(machines=(machine("feed", "kite-2"),)))
        self.fleet.enter("pune-2", word=STALE)
        self.fleet.enter("pune-3", "pune-2", None, role=Role.STANDBY)
        self.error: StoreError | None = None
        self.view = FleetView(self._read, clock=self.clock, me="pune-3")
        self.handlers = Fleet(self.clock, self.view, self._forget)
        self.journal = Journal(folder / "journal.sqlite")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        server = Server(host=host, read_token=READ, control_token=STEER, allowed_hosts=[self.url[7:]])
        self.site = Site(
            server,
            folder=folder,
            journal=self.journal,
            clock=self.clock,
            listener=self.listener,
            base_url=self.url,
        )
        self.site.add((self.handlers, PageFiles()))

    async def _read(self, since: Any) -> FleetRows:
        if self.error is not None:
            raise self.error
        return self.fleet.rows

    async def _forget(self, name: str) -> Forgotten:
        if self.error is not None:
            raise self.error
        agent = self.fleet.agents.get(name)
        if agent is None:
            return Forgotten.NOT_KNOWN
        if self.fleet.now - self.fleet.beats[name].seen_at < timedelta(seconds=10):
            return Forgotten.HERE
        del self.fleet.agents[name], self.fleet.beats[name]
        return Forgotten.GONE

    async def pass_time(self, seconds: float) -> None:
        """All who are there go on to be seen."""
        self.fleet.now += timedelta(seconds=seconds)
        for name in self.fleet.agents:
            self.fleet.seen(name, 0.4)
        await self.clock.advance(seconds)

    def silence(self, name: str) -> None:
        self.fleet.seen(name, 60)


async def served(folder: Path, host: str) -> AsyncIterator[Standby]:
    one = Standby(folder, host)
    one.journal.open()
    one.journal.start()
    await one.site.start()
    running = asyncio.create_task(one.view.run())
    yield one
    running.cancel()
    one.site.close()
    one.handlers.close()
    await one.site.stop()
    await one.journal.close()


@pytest.fixture
async def standby(tmp_path: Path) -> AsyncIterator[Standby]:
    async for one in served(tmp_path, "127.0.0.1"):
        yield one


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Standby]:
    """One that other machines can reach: nothing is open on it."""
    async for one in served(tmp_path, "0.0.0.0"):
        yield one


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(http: aiohttp.ClientSession, url: str, *, method: str = "GET", **headers: str) -> Any:
    async with http.request(method, url, headers=headers, allow_redirects=False) as answer:
        text = await answer.text()
        return answer.status, json.loads(text) if "json" in answer.content_type else text, answer.headers


# -- the document ----------------------------------------------------------------------------


async def test_an_agent_that_stands_by_shows_the_fleet(standby: Standby, http: Any) -> None:
    status, body, headers = await ask(http, f"{standby.url}/api/fleet/health")
    assert status == 200
    assert (body["schema"], body["told_by"], body["severity"]) == ("openbell.fleet/1", "pune-3", "critical")
    assert [one["desk"] for one in body["desks"]] == ["pune-2", "pune-1"]
    assert headers["Cache-Control"] == "no-cache"


async def test_it_is_as_its_published_schema_has_it_which_is_the_models(standby: Standby, http: Any) -> None:
    published = json.loads(SCHEMA.read_text())
    made = FleetDocument.model_json_schema(mode="serialization")
    assert published == {
        "$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "openbell fleet document"
    }  # fmt: skip
    _, body, _ = await ask(http, f"{standby.url}/api/fleet/health")
    Draft202012Validator.check_schema(published)
    assert list(Draft202012Validator(published).iter_errors(body)) == []


async def test_it_is_compressed_for_who_takes_it_so(standby: Standby, http: Any) -> None:
    url = f"{standby.url}/api/fleet/health"
    _, body, headers = await ask(http, url, **{"Accept-Encoding": "gzip"})
    assert (headers["Content-Encoding"], headers["Vary"]) == ("gzip", "Accept-Encoding")
    _, plain, headers = await ask(http, url, **{"Accept-Encoding": "identity"})
    assert ("Content-Encoding" in headers, headers["Vary"]) == (False, "Accept-Encoding")
    assert body == plain


async def test_nothing_is_sent_again_while_it_merely_ages(standby: Standby, http: Any) -> None:
    url = f"{standby.url}/api/fleet/health"
    _, _, headers = await ask(http, url)
    tag = headers["ETag"]
    await standby.pass_time(3)
    assert (await ask(http, url, **{"If-None-Match": tag}))[0] == 304
    assert (await ask(http, url, **{"If-None-Match": tag.removeprefix("W/")}))[0] == 304
    standby.fleet.enter("pune-1", word=STALE)
    await standby.clock.advance(3)
    status, body, headers = await ask(http, url, **{"If-None-Match": tag})
    assert (status, body["counts"]["desks"]["critical"], headers["ETag"] != tag) == (200, 2, True)


@pytest.mark.parametrize(
    ("query", "desks"),
    [
        ("group=kite-1", ["pune-2"]),
        ("group=kite-1&group=kite-2", ["pune-2", "pune-1"]),
        ("desk=pune-1", ["pune-1"]),
        ("desk=pune-1&group=kite-1", []),
        ("desk=%00%22", []),
    ],
)
async def test_it_is_narrowed_by_its_query(standby: Standby, http: Any, query: str, desks: list[str]) -> None:
    status, body, _ = await ask(http, f"{standby.url}/api/fleet/health?{query}")
    assert (status, [one["desk"] for one in body["desks"]]) == (200, desks)
    assert sum(body["counts"]["desks"].values()) == len(desks)


async def test_without_the_store_it_says_so_and_is_no_error(standby: Standby, http: Any) -> None:
    standby.error = StoreError("db: away")
    status, body, _ = await ask(http, f"{standby.url}/api/fleet/health")
    assert (status, body["agents"]) == (200, [])
    assert body["stale_since"] is not None


# -- events ----------------------------------------------------------------------------------


async def test_the_whole_comes_first_then_what_is_new_then_that_nothing_is(
    standby: Standby, http: Any
) -> None:
    async with http.get(f"{standby.url}/api/fleet/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        name, document = await event(answer)
        assert (name, len(document["agents"])) == ("document", 3)
        assert (await event(answer))[0] == "refresh"
        standby.fleet.enter("pune-1", word=STALE)
        standby.view.wake()
        await standby.clock.advance(1)
        name, changes = await event(answer)
        while name == "refresh":
            name, changes = await event(answer)
        assert (name, changes["after"], changes["revision"]) == (
            "changes", document["revision"], document["revision"] + 1,
        )  # fmt: skip
        assert [one["name"] for one in changes["agents"]] == ["pune-1"]
        assert [one["desk"] for one in changes["desks"]] == ["pune-1"]
        assert changes["counts"]["desks"]["critical"] == 2
        await standby.pass_time(2)
        name, stamps = await event(answer)
        assert (name, set(stamps)) == ("refresh", {"revision", "generated_at", "valid_until"})


async def test_a_stream_keeps_the_rows_fresh_and_its_end_lets_them_rest(standby: Standby, http: Any) -> None:
    async with http.get(f"{standby.url}/api/fleet/events") as answer:
        await event(answer)
        assert standby.view.readers() == 1
    async with asyncio.timeout(20):
        while standby.view.readers():
            await standby.pass_time(1)


# -- who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "needs"),
    [
        ("GET", "/api/fleet/health", READ),
        ("GET", "/fleet", READ),
        ("DELETE", "/api/fleet/agents/pune-2", STEER),
    ],
)
async def test_it_is_for_those_who_may(
    closed: Standby, http: Any, method: str, path: str, needs: str
) -> None:
    url = closed.url + path
    assert (await ask(http, url, method=method))[0] == 401
    assert (await ask(http, url, method=method, Authorization="Bearer no"))[0] == 401
    if needs == STEER:
        assert (await ask(http, url, method=method, Authorization=f"Bearer {READ}"))[0] == 401
    assert (await ask(http, url, method=method, Authorization=f"Bearer {needs}"))[0] in (200, 409)


async def test_what_the_page_is_made_of_is_public_and_its_policy_is_strict(
    closed: Standby, http: Any
) -> None:
    for path in ("/fleet.css", "/fleet.js", "/fleet/cards.js", "/page.css", "/page/parts.js", "/icon.svg"):
        assert (await ask(http, closed.url + path))[0] == 200, path
    assert (await ask(http, f"{closed.url}/fleet/nothing.js"))[0] == 404
    _, page, headers = await ask(http, f"{closed.url}/fleet", Authorization=f"Bearer {READ}")
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    named = [one.split('"')[0] for one in page.split('href="/fleet/')[1:]]
    folder = Path(__file__).parents[3] / "agent/web/static/fleet"
    assert sorted(named) == sorted(one.name for one in folder.iterdir())


# -- forgetting --------------------------------------------------------------------------------


async def test_who_is_not_heard_of_is_forgotten_and_who_is_stays(
    standby: Standby, http: Any, caplog: pytest.LogCaptureFixture
) -> None:
    control = {"Authorization": f"Bearer {STEER}"}
    at = f"{standby.url}/api/fleet/agents"
    standby.silence("pune-1")
    with caplog.at_level("INFO"):
        assert (await ask(http, f"{at}/pune-1", method="DELETE", **control))[:2] == (
            200, {"forgotten": "pune-1"},
        )  # fmt: skip
    assert any(
        "audit:" in text and "DELETE /api/fleet/agents/pune-1: 200" in text for text in caplog.messages
    )
    status, body, _ = await ask(http, f"{at}/pune-2", method="DELETE", **control)
    assert (status, body["detail"]) == (409, "It is heard of; stop it first.")
    status, body, _ = await ask(http, f"{at}/pune-1", method="DELETE", **control)
    assert (status, body["known"]) == (404, ["pune-2", "pune-3"])
    standby.error = StoreError("db: away")
    assert (await ask(http, f"{at}/pune-2", method="DELETE", **control))[0] == 503
    await settle()


# -- an agent that is alone ----------------------------------------------------------------------


async def test_without_a_shared_store_there_is_none_and_what_would_do_is_said(
    open_web_desk: OpenWebDesk,
) -> None:
    async with open_web_desk() as desk:
        control = {"Authorization": "Bearer the-control-token-of-this-test"}
        for method, path in (
            ("GET", "/api/fleet/health"),
            ("GET", "/api/fleet/events"),
            ("GET", "/fleet"),
            ("DELETE", "/api/fleet/agents/x"),
        ):
            answer = await desk.browser.get(desk.url + path, method=method, headers=control)
            assert answer.status == 404, path
            assert "set [store] url" in json.loads(answer.text)["detail"]
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        told = json.loads((await desk.browser.get(f"{desk.url}/api/system/access")).text)
        assert told["fleet"] is False
        metrics = (await desk.browser.get(f"{desk.url}/metrics")).text
        assert "openbell_fleet" not in metrics


# -- metrics -------------------------------------------------------------------------------------


async def test_metrics_count_agents_desks_and_what_waits() -> None:
    fleet = PaperFleet()
    late = fleet.now - timedelta(minutes=2)
    fleet.enter("pune-1", word=said(backlog=Backlog(waiting=3, oldest_at=late)))
    fleet.enter("pune-2", word=STALE)
    fleet.enter("pune-3", word=said())
    fleet.seen("pune-3", 30)

    class Collector:
        def collect(self) -> Any:
            return fleet_metrics(fleet.view())

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    text = generate_latest(registry).decode()
    for line in (
        'openbell_fleet_agents{state="here"} 2.0',
        'openbell_fleet_agents{state="silent"} 1.0',
        'openbell_fleet_agents{state="ended"} 0.0',
        'openbell_fleet_desks{severity="critical"} 1.0',
        'openbell_fleet_desks{severity="unknown"} 1.0',
        "openbell_fleet_notices_waiting 3.0",
        "openbell_fleet_notices_oldest_seconds 120.0",
        "openbell_fleet_seen 1.0",
    ):
        assert line in text, line

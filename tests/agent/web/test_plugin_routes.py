"""Addresses of plugins' own: behind the same gate, bounded, and no page of a stranger's."""

from __future__ import annotations

import sys

import pytest

from agent.registry import load_plugins

from .conftest import CONTROL

PLUGIN = """
from agent.api import ActionError, Report, RouteAnswer, Settings, hookimpl

class Blank(Settings):
    pass

class Positions:
    def __init__(self, settings, context):
        self.held, self.context = {"INFY": 5}, context
    async def probe(self):
        panel = {"title": "Positions", "values": dict(self.held)}
        return Report(state="OPEN", reason="HELD", observed_at=self.context.clock.now(),
                      attributes={"panel": panel})

async def one(request):
    [machine] = request.machines.values()
    return RouteAnswer({"symbol": request.parts["symbol"], "held": machine.held[request.parts["symbol"]]})

async def put(request):
    [machine] = request.machines.values()
    machine.held |= request.body
    machine.context.probe_soon()
    return RouteAnswer({"held": machine.held}, 201)

async def page(request):
    return RouteAnswer("<script>alert(1)</script>")

async def leak(request):
    return RouteAnswer({"the secret": "demo-secret"})

async def refuse(request):
    raise ActionError("not while demo-secret is open")

async def leave(request):
    raise SystemExit(1)

async def lie(request):
    return "hello"

async def grow(request):
    return RouteAnswer("x" * (2 << 20))

@hookimpl
def openbell_state_machines(register):
    register("held", Positions, settings=Blank, role="held", states=["OPEN"], reasons=["HELD"])

@hookimpl
def openbell_routes(register):
    register("GET", "/held/{symbol}", one)
    register("POST", "/held", put, scope="control")
    register("GET", "/hello", page, scope="public")
    for handler in (leak, refuse, leave, lie, grow):
        register("GET", f"/{handler.__name__}", handler)
"""

BAD = """
from agent.api import hookimpl

@hookimpl
def openbell_routes(register):
    register({arguments}, lambda request: None{more})
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    modules: list[str] = []

    def put(name: str, source: str) -> None:
        modules.append(f"routes_{name}")
        (site / f"routes_{name}.py").write_text(source)
        info = site / f"openbell_{name}-0.1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: openbell-{name}\nVersion: 0.1\n")
        (info / "entry_points.txt").write_text(f"[openbell]\n{name} = routes_{name}\n")

    yield put
    for module in modules:
        sys.modules.pop(module, None)


async def test_a_plugin_answers_at_addresses_of_its_own_to_those_who_may_ask(open_web_desk, install) -> None:
    install("desk", PLUGIN)
    async with open_web_desk(plugins__enable=["desk"], machines__positions__kind="held") as desk:
        at, ask = f"{desk.url}/plugins/desk", desk.browser.get
        found = await ask(f"{at}/held/INFY")
        assert (found.status, found.text) == (200, '{"symbol":"INFY","held":5}')
        assert (await ask(f"{at}/held", method="POST", json={"TCS": 7})).status == 401
        put = await ask(f"{at}/held", method="POST", json={"TCS": 7}, headers=CONTROL)
        assert (put.status, put.text) == (201, '{"held":{"INFY":5,"TCS":7}}')
        assert (await ask(f"{at}/held", method="POST", data="x", headers=CONTROL)).status == 415
        text = await ask(f"{at}/hello")
        assert text.headers["Content-Type"].startswith("text/plain")
        assert text.headers["X-Content-Type-Options"] == "nosniff"
        assert (await ask(f"{at}/nothing")).status == 404
        assert "demo-secret" not in (await ask(f"{at}/leak")).text
        refused = await ask(f"{at}/refuse")
        assert (refused.status, "demo-secret" in refused.text, "while ***" in refused.text) == (
            409, False, True
        )  # fmt: skip


async def test_routes_that_keep_failing_are_set_aside_and_nobody_else_is(open_web_desk, install) -> None:
    install("desk", PLUGIN)
    async with open_web_desk(plugins__enable=["desk"], machines__positions__kind="held") as desk:
        at, ask = f"{desk.url}/plugins/desk", desk.browser.get
        for path, word in (("leave", "SystemExit: 1"), ("lie", "RouteAnswer"), ("grow", "too large")):
            answer = await ask(f"{at}/{path}")
            assert (answer.status, word in answer.text) == (502, True)
        assert (await ask(f"{at}/hello")).status == 200
        for _ in range(5):
            assert (await ask(f"{at}/leave")).status == 502
        held = await ask(f"{at}/hello")
        assert (held.status, held.headers["Retry-After"]) == (503, "30")
        document = await ask(f"{desk.url}/api/system/health")
        assert document.status == 200
        assert "desk: its routes: set aside after 5 failures in a row" in document.text
        assert '"panel":{"title":"Positions","values":{"INFY":5}}' in document.text


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        pytest.param('"PATCH", "/x"', "", id="a method"),
        pytest.param('"GET", "x"', "", id="a path without a slash"),
        pytest.param('"GET", "/../api"', "", id="a path that climbs"),
        pytest.param('"GET", "/{a:.*}"', "", id="a pattern"),
        pytest.param('"GET", "/x"', ', scope="all"', id="a scope"),
    ],
)
def test_a_route_that_cannot_be_costs_its_plugin(install, arguments, more) -> None:
    install("bad", BAD.format(arguments=arguments, more=more))
    listed = load_plugins(["bad"]).plugins["bad"]
    assert listed.state == "failed"
    assert "expected a method of" in (listed.error or "")

"""What a Prometheus reads: real output of a real agent, held to Prometheus' own tools and to the docs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read

from tests.agent.web.conftest import OpenWebDesk, WebDesk

ROOT = Path(__file__).parents[3]
RULES = ROOT / "deploy/prometheus/openbell.rules.yml"
BOARD = ROOT / "deploy/grafana/openbell.json"

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is missing (Debian's package prometheus)"
)


OF_THE_FLEET = ("agents", "desks", "notices_waiting", "notices_oldest_seconds", "seen")
OPTIONAL = {"openbell_clock_offset_seconds", *(f"openbell_fleet_{name}" for name in OF_THE_FLEET)}
"""There once a broker has told the time, and where agents share a store."""


@pytest.fixture
async def desk(open_web_desk: OpenWebDesk) -> AsyncIterator[WebDesk]:
    async with open_web_desk() as one:
        yield one


@pytest.fixture
async def scraped(desk: WebDesk) -> str:
    page = await desk.browser.get(f"{desk.url}/metrics")
    assert page.status == 200
    return page.text


def names_of(text: str) -> set[str]:
    """The names as they are asked for: a counter's ends in `_total`."""
    return {f"{one.name}_total" if one.type == "counter" else one.name for one in read(text)}


@promtool
async def test_promtool_has_nothing_against_it(scraped) -> None:
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped, capture_output=True, text=True, check=False
    )
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


@promtool
def test_the_alert_rules_do_what_they_say() -> None:
    judged = subprocess.run(
        ["promtool", "test", "rules", RULES.with_name("openbell.rules.test.yml").name],
        cwd=RULES.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr


async def test_it_says_what_the_document_says(desk: WebDesk) -> None:
    document = json.loads((await desk.browser.get(f"{desk.url}/api/system/health")).text)
    page = await desk.browser.get(f"{desk.url}/metrics")
    samples = [one for family in read(page.text) for one in family.samples]
    values = {one.name: one.value for one in samples}
    assert values["openbell_ready"] == document["ready"]
    assert values["openbell_tradable"] == document["tradable"]
    [leading] = [one.labels for one in samples if one.name == "openbell_leading"]
    assert (leading["code"], leading["severity"]) == (document["code"], document["severity"])
    for name, machine in document["machines"].items():
        states = {
            one.labels["state"]: one.value
            for one in samples
            if one.name == "openbell_machine_state" and one.labels["machine"] == name
        }
        assert {state for state, value in states.items() if value == 1} == {machine["state"]}
        assert len(states) > 1


async def test_it_speaks_openmetrics_to_whoever_asks(desk: WebDesk) -> None:
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    page = await desk.browser.get(f"{desk.url}/metrics", headers=accept)
    assert page.headers["Content-Type"].startswith("application/openmetrics-text")
    assert "openbell_ready" in {family.name for family in read_openmetrics(page.text)}


async def test_each_name_is_documented_and_nothing_else(scraped) -> None:
    documented = set(
        re.findall(r"^\| `(openbell_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE)
    )
    served = {name for name in names_of(scraped) if name.startswith("openbell_")}
    assert documented | OPTIONAL == served | OPTIONAL


@pytest.mark.parametrize("path", [RULES, BOARD], ids=["rules", "dashboard"])
async def test_rules_and_dashboard_ask_for_what_there_is(scraped, path) -> None:
    text = path.read_text()
    if path is BOARD:
        panels = json.loads(text)["panels"]
        text = "\n".join(target["expr"] for panel in panels for target in panel["targets"])
    asked = set(re.findall(r"\b(?:openbell|process)_[a-z_]+[a-z]", text))
    assert len(asked) > 4
    assert asked <= names_of(scraped) | OPTIONAL

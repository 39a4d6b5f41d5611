"""The strangers' packages in `examples/` are whole, import `agent.api` alone, and are graded A."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config.loading import load
from agent.registry import load_plugins
from agent.testing.finding import contracts_of, open_package

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted((ROOT / "examples").glob("openbell-*"))
PATIENCE_S = 120

by_name = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@pytest.fixture
def installed(tmp_path, monkeypatch) -> None:
    """All of them named as an installer names them; their code is on the tests' own path."""
    for package in PACKAGES:
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        points = [f"{name} = {module}\n" for name, module in project["entry-points"]["openbell"].items()]
        (info / "entry_points.txt").write_text("".join(["[openbell]\n", *points]))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("TELEGRAM_TOKEN", "12345:not-a-real-one")


def imports_of(package: Path) -> Iterator[str]:
    for path in package.glob("src/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (one.name for one in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module


@by_name
def test_a_package_imports_agent_api_and_nothing_else_of_ours(package) -> None:
    ours = {name for name in imports_of(package) if name.split(".")[0] in {"agent", "plugins"}}
    assert ours == {"agent.api"}


@by_name
def test_every_kind_of_a_package_has_a_contract_in_its_tests(package) -> None:
    contracts = contracts_of(open_package(str(package)))
    assert contracts
    assert [one.kind for one in contracts if one.__name__ == "Offered"] == []


@by_name
def test_the_sample_of_a_package_is_a_part_of_agent_toml(package, installed, tmp_path) -> None:
    sample = (package / "sample.toml").read_text()
    config = tmp_path / "agent.toml"
    config.write_text((ROOT / "agent.toml").read_text() + sample)
    loaded = load(config, dict(os.environ))
    wanted = {
        (table, name) for table in ("machines", "notifiers") for name in tomllib.loads(sample).get(table, {})
    }
    plans = {("machines", one.machine.name) for one in loaded.machines}
    assert wanted <= plans | {("notifiers", one.name) for one in loaded.notifiers}


def test_the_exchange_needs_no_other_market(installed, tmp_path) -> None:
    sample = (ROOT / "examples" / "openbell-crypto" / "sample.toml").read_text()
    config = tmp_path / "agent.toml"
    config.write_text(
        "\n".join(line for line in sample.splitlines() if not line.startswith("group"))
        + '\n[readiness]\nrequire = { feed = ["CONNECTED"] }\n'
    )
    assert {one.machine.kind for one in load(config, {}).machines} == {"crypto-market", "crypto-feed"}


def test_positions_are_blind_in_every_state_of_a_feed_that_brings_no_data(installed) -> None:
    registry = load_plugins(enable=["positions"])
    [blind] = [one.rule for one in registry.rules if one.rule["code"] == "POSITIONS_BLIND"]
    assert set(blind["when"]["feed"]) == registry.machines["kite-feed"].states - {"CONNECTED", "UNKNOWN"}


@by_name
def test_the_page_of_a_package_names_each_state_reason_and_setting(package, installed) -> None:
    said = (package / "README.md").read_text()
    told = said + (package / "sample.toml").read_text()
    for contract in contracts_of(open_package(str(package))):
        offers = contract().offers()
        machine, notifier = offers.machines.get(contract.kind), offers.notifiers.get(contract.kind)
        words = {"PRE_OPEN", "CLOSED", "HOLIDAY", "WEEKEND"} if contract.kind == "crypto-market" else set()
        named = machine.states | machine.reasons if machine is not None else set()
        assert [word for word in named - words - {"UNKNOWN"} if f"`{word}`" not in said] == []
        settings = (machine or notifier).settings
        assert [name for name in settings.model_fields if name not in told] == []


async def test_every_package_is_graded_a() -> None:
    grades = await asyncio.gather(*map(grade_of, PACKAGES))
    assert grades == ["A"] * len(PACKAGES)


async def grade_of(package: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent.cli", "plugins", "test", str(package), "--json",
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        told, _ = await process.communicate()
    said = json.loads(told)
    assert said["grade"] == "A", [one for one in said["checks"] if one["outcome"] in ("failed", "not shown")]
    return str(said["grade"])

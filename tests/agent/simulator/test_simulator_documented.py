"""The simulator's README says everything that can be ordered, and its imports keep it apart."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import agent.simulator
from agent.simulator import Simulator
from agent.simulator.control import ALLOWED
from agent.simulator.faults import FEED_FAULTS, REST_FAULTS, Breakage, Garbage

FOLDER = Path(agent.simulator.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")
ROWS = {line.split("`")[1]: line for line in README.splitlines() if line.startswith("| `")}


def section(title: str) -> str:
    return README.split(title)[1].split("\n#")[0]


@pytest.mark.parametrize("table", [FEED_FAULTS, REST_FAULTS], ids=["feed", "rest"])
def test_every_fault_and_parameter_is_documented(table: dict[str, dict[str, object]]) -> None:
    text = section("### `POST /sim/feed`" if table is FEED_FAULTS else "### `POST /sim/rest`")
    for fault, parameters in table.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{fault}` |")]
        for name in parameters.keys() - {"path", "times"}:
            assert f"`{name}`" in row, f"{fault}: {name}"


def test_every_kind_setting_and_order_is_documented() -> None:
    names = [*Breakage, *Garbage, *ALLOWED, *inspect.signature(Simulator).parameters]
    assert [name for name in names if name not in README] == []


@pytest.mark.parametrize("module", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_the_simulator_imports_nothing_of_the_agent(module: Path) -> None:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            assert name.startswith("agent.simulator") or not name.startswith(("agent", "plugins")), name

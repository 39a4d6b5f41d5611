"""The tutorial's code, copied from the page as it stands, is a plugin that keeps its contracts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from agent.config.loading import load

from .pages import ROOT, page, sections

TUTORIAL = sections(page("plugins.md"))["A first plugin in ten minutes"].text
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(TUTORIAL) if kind == language]


def test_the_plugin_of_the_tutorial_is_graded_a(tmp_path: Path) -> None:
    for path, text in zip(
        ("src/openbell_positions/__init__.py", "tests/test_positions.py"), blocks("python"), strict=True
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "pyproject.toml").write_text(blocks("toml")[0])
    told = subprocess.run(
        [sys.executable, "-m", "agent.cli", "plugins", "test", str(tmp_path), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=120,
    )
    assert json.loads(told.stdout)["grade"] == "A", told.stdout


def test_the_tables_of_the_tutorial_are_a_part_of_agent_toml(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples" / "openbell-positions" / "src"))
    monkeypatch.syspath_prepend(str(tmp_path))
    info = tmp_path / "openbell_positions-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-positions\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[openbell]\npositions = openbell_positions\n")
    config = tmp_path / "agent.toml"
    config.write_text((ROOT / "agent.toml").read_text() + blocks("toml")[1])
    plans = load(config, {}).machines
    assert "positions-file" in {plan.machine.kind for plan in plans}

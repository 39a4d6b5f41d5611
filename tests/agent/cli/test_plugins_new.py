"""What `openbell plugins new` writes passes its own tests, is graded A, and overwrites nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.cli.program import program
from agent.skeleton import Names, Shape, write


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        timeout=120,
    )


def test_the_tests_of_a_new_package_pass_at_once(tmp_path: Path) -> None:
    written = CliRunner().invoke(program, ["plugins", "new", "my-margin", "--into", str(tmp_path)])
    assert written.exit_code == 0, written.output
    folder = tmp_path / "openbell-my-margin"
    tested = run("pytest", "-q", "-p", "no:asyncio", "-p", "no:cacheprovider", folder=folder)
    assert tested.returncode == 0, tested.stdout
    assert "does not apply: it is no feed" in tested.stdout


@pytest.mark.parametrize("shape", ["notifier", "broker"])
def test_a_new_package_is_graded_a(shape: str, tmp_path: Path) -> None:
    write(Names("my-desk"), Shape(shape), tmp_path)
    graded = run("agent.cli", "plugins", "test", "openbell-my-desk", "--json", folder=tmp_path)
    told = json.loads(graded.stdout)
    failed = [one for one in told["checks"] if one["outcome"] in ("failed", "not shown")]
    assert (told["grade"], failed, graded.returncode) == ("A", [], 0)


@pytest.mark.parametrize("shape", Shape)
def test_the_sample_of_a_new_package_is_toml_that_enables_it(shape: Shape, tmp_path: Path) -> None:
    write(Names("desk"), shape, tmp_path)
    sample = tomllib.loads((tmp_path / "openbell-desk" / "sample.toml").read_text())
    assert sample["plugins"] == {"enable": ["desk"]}


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    mine = tmp_path / "openbell-margin" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    refused = CliRunner().invoke(program, ["plugins", "new", "margin", "--into", str(tmp_path)])
    assert (refused.exit_code, list(mine.parent.iterdir())) == (2, [mine])
    assert "exists already" in refused.output


@pytest.mark.parametrize("name", ["Margin", "my_margin", "9", "", "a/b", "-x-"])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(program, ["plugins", "new", "--into", str(tmp_path), "--", name])
    assert refused.exit_code == 2
    assert "expected lower-case words" in refused.output
    assert list(tmp_path.iterdir()) == []

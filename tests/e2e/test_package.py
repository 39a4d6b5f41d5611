"""What is shipped is whole: the agent runs from its wheel alone, without this checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True)
    [made] = folder.glob("*.whl")
    return made


def test_it_holds_the_program_and_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0].split("-")[0] for name in names}
    assert tops == {"agent", "plugins", "openbell"}
    data = {
        path.relative_to(ROOT).as_posix()
        for top in ("agent", "plugins")
        for path in (ROOT / top).rglob("*.*")
    }
    shipped = {name for name in data if "__pycache__" not in name and (ROOT / name).is_file()}
    assert shipped <= set(names)
    assert "agent/agent.toml" in names


async def test_the_agent_runs_from_it(wheel: Path, tmp_path: Path, start, reach_desk) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    where = [sys.executable, "-c", "import agent, plugins; print(agent.__file__, plugins.__file__)"]
    found = subprocess.run(
        where, env={"PYTHONPATH": str(site)}, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert found.stdout.count(str(site)) >= 1
    program = await start(
        "demo", "--port", "0", "--broker-port", "0", "--data-dir", str(tmp_path / "desk"),
        environment={"PYTHONPATH": str(site)},
    )  # fmt: skip
    desk = await reach_desk(program, tmp_path / "desk")
    await desk.until(lambda document: document["code"] == "AUTH_REQUIRED")
    async with desk.session.get(f"{desk.url}/") as page:
        assert (page.status, "openbell" in await page.text()) == (200, True)

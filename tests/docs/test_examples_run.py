"""What a stranger copies from a page and runs does what the page says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from .pages import DOCS, ROOT

PAGES = (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
CURL = re.compile(r"(?<=[$`])\s?curl ([^`\n]+)")
ANSWERS = {"200", "201", "409", "503"}
"""Nobody is logged in: 503 is the answer *no*, and 409 that a feed cannot reconnect."""


@dataclass(frozen=True)
class Demo:
    """A demo that runs, its two addresses, and the folder of its data."""

    page: str
    broker: str
    folder: Path

    def here(self, command: str) -> str:
        """A command of the docs, with the addresses of this demo."""
        moved = command.replace("http://127.0.0.1:8000", self.page)
        return moved.replace("http://127.0.0.1:9000", self.broker)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("desk")
    arguments = ["demo", "--port", "0", "--broker-port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(
        [sys.executable, "-m", "agent.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        page, broker = re.findall(r"http://[\d.:]+\d", process.stdout.readline())
        yield Demo(page, broker, folder)
        process.terminate()


def requests() -> list[object]:
    """Every `curl` of the pages, without the pipe and the comment behind it."""
    found = dict.fromkeys(
        re.split(r" +#| \| ", line)[0].strip()
        for page in PAGES
        for line in CURL.findall(page.read_text(encoding="utf-8"))
    )
    return [pytest.param(line, id=line[:60]) for line in found]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", requests())
def test_every_request_of_the_docs_is_answered(line: str, demo: Demo) -> None:
    token = (demo.folder / "data" / "control-token").read_text(encoding="ascii")
    arguments = shlex.split(demo.here(line).replace("$(cat data/control-token)", token))
    told = subprocess.run(
        ["curl", "-s", "--max-time", "1", *arguments, "-o", "/dev/null", "-w", "\n%{http_code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout.split()[-1] in ANSWERS


def test_the_docs_have_requests_to_copy() -> None:
    assert len(requests()) > 5

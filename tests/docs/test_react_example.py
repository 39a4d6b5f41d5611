"""The React example has the agent's own types, and is right by them."""

from __future__ import annotations

import subprocess

import pytest

from .pages import ROOT

EXAMPLE = ROOT / "examples" / "react-banner"
COMPILER = EXAMPLE / "node_modules" / ".bin" / "tsc"


def test_the_example_has_the_types_that_the_agent_serves() -> None:
    served = ROOT / "agent" / "web" / "static" / "banner.d.ts"
    assert (EXAMPLE / "src" / "banner.d.ts").read_text() == served.read_text()


@pytest.mark.skipif(not COMPILER.exists(), reason="its types are checked after `npm install` there")
def test_the_example_is_right_by_its_types() -> None:
    done = subprocess.run([COMPILER], cwd=EXAMPLE, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout

"""The log as whoever reads it finds it, from a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROGRAM = """
import logging
from agent.cli.logs import set_up_logs
set_up_logs(["a-canary-secret"], form={form!r})
log = logging.getLogger("openbell.test")
log.info("LIVE → AUTH_REQUIRED: a-canary-secret is dead", extra={{"incident": "i-1"}})
log.debug("too much")
try:
    raise ValueError("two\\nlines with a-canary-secret")
except ValueError:
    log.exception("it failed")
"""


@pytest.fixture
def said(request):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=request.param)], capture_output=True, text=True, check=True
    )
    assert (done.stdout, "a-canary-secret" in done.stderr) == ("", False)
    return done.stderr.splitlines()


@pytest.mark.parametrize("said", ["json"], indirect=True)
def test_json_is_one_object_a_line_with_what_is_known_by_name(said) -> None:
    edge, failed = map(json.loads, said)
    assert (edge["level"], edge["logger"], edge["incident"]) == ("info", "openbell.test", "i-1")
    assert edge["message"].startswith("LIVE → AUTH_REQUIRED: ")
    assert edge["at"].endswith("+00:00")
    assert failed["message"] == "it failed"
    assert failed["error"].startswith("Traceback")
    assert "ValueError: two\nlines" in failed["error"]
    assert "incident" not in failed


@pytest.mark.parametrize("said", ["text"], indirect=True)
def test_text_is_for_people_and_names_the_incident(said) -> None:
    assert said[0].endswith("is dead  (incident i-1)")
    assert "INFO" in said[0]
    assert said[-1].startswith("ValueError") or "lines with" in said[-1]

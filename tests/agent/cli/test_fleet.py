"""`openbell fleet`: an account of many desks, and its exit code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import click
import pytest
from click.testing import CliRunner

from agent.cli.fleet import describe, exit_code, fleet
from agent.cli.reach import Unreachable, reach
from agent.fleet.document import FleetDocument
from agent.fleet.rows import Role
from agent.fleet.word import IncidentWord, Word
from agent.model import Severity
from tests.agent.fleet.conftest import NOON, PaperFleet, said

STALE = said(
    "FEED_STALE",
    Severity.CRITICAL,
    incident=IncidentWord(id="i", opened_at=NOON, code="FEED_STALE", acknowledged_by="asha"),
)
WARNED = said("BROKER_UNREACHABLE", Severity.WARNING)


def as_json(document: FleetDocument) -> dict[str, object]:
    told: dict[str, object] = json.loads(document.model_dump_json(by_alias=True))
    return told


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param([], 0, id="nobody"),
        pytest.param([said()], 0, id="well"),
        pytest.param([said(), WARNED], 1, id="a warning"),
        pytest.param([said(), WARNED, None], 3, id="one that is unknown"),
        pytest.param([said(), WARNED, None, STALE], 2, id="critical counts more"),
    ],
)
def test_the_exit_code_is_that_of_the_worst(words: list[object], code: int) -> None:
    paper = PaperFleet()
    for number, word in enumerate(words):
        paper.enter(f"pune-{number}", word=word)  # type: ignore[arg-type]
    assert exit_code(as_json(paper.view())) == code


def told(paper: PaperFleet, *, everything: bool = False) -> str:
    return click.unstyle(describe(as_json(paper.view()), everything=everything))


def test_those_in_trouble_have_a_line_and_the_others_are_counted() -> None:
    paper = PaperFleet()
    paper.enter("mumbai-1", "mumbai", STALE)
    paper.enter("mumbai-2", "mumbai", None, role=Role.STANDBY, config_hash="other")
    paper.lease("mumbai", "mumbai-1")
    for number in range(3):
        paper.enter(f"pune-{number}", word=said())
    paper.enter("delhi", word=said("CLOSED"))
    paper.enter("goa", word=said())
    paper.seen("goa", 75)
    text = told(paper)
    head, first, second, rest = text.splitlines()
    assert head == "✘ 2 of 6 desks in trouble: 1 critical, 1 unknown"
    assert re.fullmatch(
        r"  ✘ mumbai  FEED_STALE +5 min 0 s  it is FEED_STALE  \[configurations differ; asha is at it\]",
        first,
    )
    assert re.fullmatch(
        r"  \? goa +AGENT_LOST +1 min 15 s  goa has not been heard of for 1 min 15 s .*", second
    )
    assert rest == "  ✔ 3 LIVE, 1 CLOSED"
    assert len(told(paper, everything=True).splitlines()) == 7


def test_all_well_is_one_line() -> None:
    paper = PaperFleet()
    paper.enter("pune-1", word=said())
    assert told(paper).splitlines() == ["✔ the one desk is well", "  ✔ 1 LIVE"]


def test_without_the_store_it_says_since_when() -> None:
    paper = PaperFleet()
    paper.enter("pune-1", word=said())
    document = paper.view(me="pune-1", stale_since=paper.now - timedelta(minutes=2))
    assert "pune-1 has not seen the others for 2 min 0 s" in describe(as_json(document))


# -- the command -----------------------------------------------------------------------------


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[str, list[str]]]]:
    """An agent that gives one answer; its address, and what it was asked."""
    servers = []

    def begin(status: int, body: object) -> tuple[str, list[str]]:
        asked: list[str] = []

        class Agent(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(f"{self.command} {self.path}")
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_DELETE = answer  # noqa: N815 - the names that the server looks for

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}", asked

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    found = CliRunner().invoke(fleet, [*arguments, "-c", str(Path("nowhere/agent.toml"))])
    return found.exit_code, found.output, found.exception


def test_it_asks_for_groups_and_desks_and_prints_json(serve: Callable[..., tuple[str, list[str]]]) -> None:
    paper = PaperFleet()
    paper.enter("pune-1", word=WARNED)
    url, asked = serve(200, as_json(paper.view()))
    code, text, _ = run("--url", url, "--group", "kite 1", "--group", "kite-2", "--desk", "pune-1", "--json")
    assert asked == ["GET /api/fleet/health?group=kite+1&group=kite-2&desk=pune-1"]
    assert (code, json.loads(text)["severity"]) == (1, "warning")


@pytest.mark.parametrize(
    ("word", "asked", "code", "lines"),
    [
        pytest.param(None, ["--desk", "goa"], 3, ["UNKNOWN: there is no desk goa"], id="the only one"),
        pytest.param(
            None, ["--group", "k"], 3, ["UNKNOWN: there is no desk with a machine in k"], id="a group"
        ),
        pytest.param(
            said(),
            ["--desk", "pune-1", "--desk", "goa"],
            3,
            ["✔ the one desk is well", "  ✔ 1 LIVE", "UNKNOWN: there is no desk goa"],
            id="one of two",
        ),
        pytest.param(STALE, ["--desk", "pune-1", "--desk", "goa"], 2, None, id="critical counts more"),
    ],
)
def test_a_desk_that_is_named_and_not_there_is_unknown(
    serve: Callable[..., tuple[str, list[str]]],
    word: Word | None,
    asked: list[str],
    code: int,
    lines: list[str] | None,
) -> None:
    paper = PaperFleet()
    if word is not None:
        paper.enter("pune-1", word=word)
    url, _ = serve(200, as_json(paper.view()))
    exit_, text, _ = run("--url", url, *asked)
    assert exit_ == code
    assert lines is None or text.splitlines() == lines


def test_without_an_agent_it_is_unknown() -> None:
    code, text, _ = run("--url", "http://127.0.0.1:9")
    assert (code, text.startswith("UNKNOWN: http://127.0.0.1:9")) == (3, True)


def test_a_file_that_cannot_be_read_is_said_to_be_why_the_default_address_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    file.write_text("[server]\nport = 9\nhost =\n")
    with pytest.raises(Unreachable, match=r"agent\.toml cannot be read, so this is the default address"):
        raise reach(file, None).unreachable(OSError("refused"))
    file.write_text("[server]\nport = 9\n")
    assert "cannot be read" not in str(reach(file, None).unreachable(OSError("refused")))


def test_an_agent_that_shares_nothing_says_what_would_do(
    serve: Callable[..., tuple[str, list[str]]],
) -> None:
    url, _ = serve(404, {"detail": "set [store] url"})
    _, _, error = run("--url", url)
    assert "set [store] url" in str(error)


def test_forgetting_asks_the_agent(serve: Callable[..., tuple[str, list[str]]]) -> None:
    url, asked = serve(200, {"forgotten": "pune/1"})
    found = CliRunner().invoke(fleet, ["forget", "pune/1", "--url", url])
    assert (found.exit_code, found.output) == (0, "pune/1 is forgotten\n")
    assert asked == ["DELETE /api/fleet/agents/pune%2F1"]
    url, _ = serve(409, {"detail": "It is heard of; stop it first."})
    found = CliRunner().invoke(fleet, ["forget", "pune-1", "--url", url])
    assert "stop it first" in str(found.exception)

"""Bad input gives one clear line a problem and exit code 2, never a traceback."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SHIPPED = (Path(__file__).parents[3] / "agent.toml").read_text()


@pytest.fixture
def openbell(tmp_path):
    """Run the program in a folder of its own; returns its code and what it said."""

    def call(*arguments: str, **environment: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "agent.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        return done.returncode, said.strip()

    return call


def change(before: str, after: str) -> str:
    assert before in SHIPPED
    return SHIPPED.replace(before, after, 1)


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


@pytest.mark.parametrize(
    ("text", "part", "words"),
    [
        pytest.param(
            change("stale_after =", "stale_aftr ="), "stale_aftr",
            ["machines.feed.stale_aftr", "stale_after"],
            id="an unknown key",
        ),
        pytest.param(
            change('stale_after = "10s"', 'stale_after = "10"'), "stale_after", ['"10"', "10s"],
            id="a number that is no duration",
        ),
        pytest.param(
            change('kind = "kite-feed"', 'kind = "kite-fed"'), "kite-fed",
            ["machines.feed.kind", "kite-feed"],
            id="an unknown kind",
        ),
        pytest.param(
            change('feed = ["STALE"]', 'feed = ["STAEL"]'), "STAEL", ["rule[2].when.feed", "STALE"],
            id="an unknown state",
        ),
        pytest.param(
            change('api_secret = "demo-secret"', 'api_secret = "${KITE_API_SECRET}"'), "api_secret",
            ["KITE_API_SECRET", "not set"], id="a missing variable",
        ),
        pytest.param(
            change('[credentials.kite]', '[credentials.other]'), 'credential = "kite"',
            ["machines.auth.credential", "credentials.kite"], id="a credential that is not there",
        ),
        pytest.param(change("port = 8000", "port = 80000"), "port = 80000", ["server.port"], id="no port"),
        pytest.param(
            change('host = "127.0.0.1"', 'host = "0.0.0.0"'), "[server]", ["read_token", "control_token"],
            id="open to others without tokens",
        ),
        pytest.param(
            change("[readiness]", '[plugins]\nenable = ["upstox"]\n\n[readiness]'), "enable",
            ["upstox", "installed"],
            id="a plugin that is not installed",
        ),
        pytest.param(change("name = ", "name = = "), "name = =", [], id="no TOML"),
    ],
)  # fmt: skip
def test_a_fault_in_the_file_is_named_with_its_line(openbell, tmp_path, text, part, words) -> None:
    (tmp_path / "agent.toml").write_text(text)
    code, said = openbell("check")
    assert code == 2
    found = re.match(r"agent\.toml:(\d+): ", said)
    assert found is not None, said
    assert int(found[1]) == line_of(text, part)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("content", "word"),
    [
        pytest.param(None, "agent.toml", id="missing"),
        pytest.param(b"\xff\xfename", "UTF-16", id="UTF-16"),
        pytest.param("name = 'é'".encode("latin-1"), "UTF-8", id="Latin-1"),
        pytest.param(b'name = "a\x00b"', "agent.toml", id="a NUL"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(openbell, tmp_path, content, word) -> None:
    if content is not None:
        (tmp_path / "agent.toml").write_bytes(content)
    code, said = openbell("run")
    assert (code, word in said) == (2, True), said
    assert len(said.splitlines()) == 1


def test_several_faults_are_told_at_once(openbell, tmp_path) -> None:
    text = change("stale_after =", "stale_aftr =").replace('feed = ["STALE"]', 'feed = ["STAEL"]')
    (tmp_path / "agent.toml").write_text(text)
    code, said = openbell("check")
    assert code == 2
    assert len(said.splitlines()) == 2


def test_the_shipped_file_is_good(openbell, tmp_path) -> None:
    (tmp_path / "agent.toml").write_text(SHIPPED)
    (tmp_path / "agent.toml").chmod(0o600)
    code, said = openbell("check")
    assert code == 0, said
    assert said.startswith("agent.toml: good")


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        pytest.param("port = 8000", "server", id="ours"),
        pytest.param("port = 9000", "simulator", id="the broker's"),
    ],
)
def test_a_port_in_use_is_named(openbell, tmp_path, wanted, place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = SHIPPED.replace("port = 8000", "port = 0").replace("port = 9000", "port = 0")
        section = f"[{place}]"
        head, _, tail = text.partition(section)
        (tmp_path / "agent.toml").write_text(head + section + tail.replace("port = 0", f"port = {port}", 1))
        code, said = openbell("run")
    assert code == 2
    assert f"{place}" in said
    assert str(port) in said
    assert wanted.split()[0] in said
    assert len([line for line in said.splitlines() if not line.startswith("warning")]) == 1


def test_a_data_folder_that_another_agent_uses_is_named(openbell, tmp_path) -> None:
    text = SHIPPED.replace("port = 8000", "port = 0").replace("port = 9000", "port = 0")
    (tmp_path / "agent.toml").write_text(text)
    from agent.runtime.lock import FolderLock

    lock = FolderLock(tmp_path / "data")
    lock.acquire()
    code, said = openbell("run")
    lock.release()
    assert code == 2
    assert f"process {os.getpid()}" in said


def test_an_instant_needs_a_zone_and_a_simulated_broker(openbell, tmp_path) -> None:
    (tmp_path / "agent.toml").write_text(SHIPPED)
    assert openbell("run", "--at", "2026-11-23T09:14:00")[0] == 2
    live = change('environment = "simulated"', 'environment = "live"')
    (tmp_path / "agent.toml").write_text(live)
    code, said = openbell("run", "--at", "2026-11-23T09:14:00+05:30")
    assert (code, "simulated" in said) == (2, True)


def test_an_agent_that_is_not_there_is_unknown(openbell) -> None:
    code, said = openbell("status", "--url", "http://127.0.0.1:9")
    assert code == 3
    assert said.startswith("UNKNOWN: http://127.0.0.1:9")


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://"])
def test_an_address_that_is_none_is_named(openbell, url) -> None:
    assert openbell("status", "--url", url)[0] == 2


def test_an_unknown_command_is_a_plain_line(openbell) -> None:
    code, said = openbell("statsu")
    assert (code, "statsu" in said) == (2, True)

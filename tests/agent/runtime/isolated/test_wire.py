"""Messages between the agent and a machine's process."""

from __future__ import annotations

import json
import socket
import struct
from datetime import timedelta
from pathlib import Path

import pytest

from agent.abilities import VALUE_LIMIT, VALUES_LIMIT
from agent.errors import PluginError
from agent.runtime.isolated.handed import HandedValues
from agent.runtime.isolated.process import in_words
from agent.runtime.isolated.wire import LARGEST, Wire, WireError, written
from agent.settings import Duration, SecretText, Settings


@pytest.fixture
async def ends():
    """Our end of a conversation, and the bare socket at the other."""
    ours, theirs = socket.socketpair()
    wire = await Wire.over(ours)
    yield wire, theirs
    wire.close()
    theirs.close()


async def test_a_message_goes_over_whole() -> None:
    one, other = socket.socketpair()
    here, there = await Wire.over(one), await Wire.over(other)
    here.send(say="report", text="é" * 100_000)
    assert await there.receive() == {"say": "report", "text": "é" * 100_000}
    here.close()
    assert await there.receive() is None
    there.close()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"{", id="half of it"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 200_000, id="too deep"),
    ],
)
async def test_what_is_no_message_is_refused(ends, body) -> None:
    wire, theirs = ends
    theirs.sendall(struct.pack(">I", len(body)) + body)
    with pytest.raises(WireError):
        await wire.receive()


async def test_a_message_that_is_too_large_is_refused_at_either_end(ends) -> None:
    wire, theirs = ends
    with pytest.raises(WireError, match="too large"):
        wire.send(text="x" * LARGEST)
    theirs.sendall(struct.pack(">I", LARGEST + 1))
    with pytest.raises(WireError, match="too large"):
        await wire.receive()


async def test_an_end_in_the_middle_of_a_message_is_an_end(ends) -> None:
    wire, theirs = ends
    theirs.sendall(struct.pack(">I", 100) + b"{")
    theirs.close()
    assert await wire.receive() is None


class Own(Settings):
    every: Duration = timedelta(seconds=1)
    path: Path = Path("/")
    password: SecretText | None = None
    words: tuple[str, ...] = ()


def test_settings_are_read_again_as_they_were() -> None:
    own = Own.model_validate({"every": "1m30s", "path": "/x", "password": "p", "words": ("a", "b")})
    assert Own.model_validate(json.loads(json.dumps(written(own)))) == own
    assert written(Own()) == {}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param(0, "it ended with the code 0", id="by itself"),
        pytest.param(-11, "it was killed by SIGSEGV", id="by a signal"),
        pytest.param(-63, "it was killed by the signal 63", id="by a signal without a name"),
    ],
)
def test_how_a_process_ended_is_told_in_words(code, words) -> None:
    assert in_words(code) == words


async def test_a_machines_store_has_the_same_bounds_in_its_own_process(ends) -> None:
    wire, _ = ends
    values = HandedValues({f"key {n}": "" for n in range(VALUES_LIMIT)}, wire)
    values.put("key 1", "x")
    assert values.get("key 1") == "x"
    with pytest.raises(PluginError, match="256 values already"):
        values.put("one more", "x")
    with pytest.raises(PluginError, match="larger than"):
        values.put("key 1", "x" * (VALUE_LIMIT + 1))

"""Machines in processes of their own: they hang, crash, eat and chatter, and the agent goes on."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.config.loading import load
from agent.errors import ActionError
from agent.runtime.agent import Agent
from agent.runtime.redaction import Redactor, install

DEADLINE_S = 40.0

PLUGIN = """
import asyncio, ctypes, os, subprocess, sys, time
from agent.api import ActionError, Report, SecretText, Settings, hookimpl

class Own(Settings):
    credential: str | None = None
    password: SecretText | None = None

class Machine:
    def __init__(self, settings, context):
        self.settings, self.context, self.beats = settings, context, 0
    def fine(self, message="", **attributes):
        return Report(state="FINE", reason="FINE", observed_at=self.context.clock.now(),
                      message=message, attributes={"pid": os.getpid(), **attributes})
    def first(self):
        seen, _ = self.context.store.get("seen"), self.context.store.put("seen", "yes")
        return seen is None
    async def probe(self):
        return self.fine()

class Whole(Machine):
    async def probe(self):
        context = self.context
        secret = context.credential(self.settings.credential).state.value.secret
        return self.fine("first" if self.first() else "again", expected=context.expectation.value,
                         token=secret is not None, beats=self.beats, argv=sys.argv,
                         environment=dict(os.environ))
    async def run(self):
        self.beats += 1
        await asyncio.Event().wait()
    async def act(self, action):
        if action == "refuse":
            raise ActionError("not in this weather")
        secret = await self.context.credential(self.settings.credential).write("abcdef0123456789")
        self.context.probe_soon()
        return f"wrote {len(secret.value)} letters"
    async def take(self, body):
        self.context.report(self.fine(body["word"]))
        return {"echo": body}

class Segfaults(Machine):
    async def probe(self):
        if self.first():
            ctypes.string_at(0)
        return self.fine()

class Hangs(Machine):
    async def probe(self):
        if self.first():
            time.sleep(3600)
        return self.fine()

class HangsInAThread(Machine):
    def probe(self):
        if self.first():
            time.sleep(3600)
        return self.fine()

class Waits(Machine):
    async def probe(self):
        if self.first():
            await asyncio.Event().wait()
        return self.fine()

class Leaves(Machine):
    async def run(self):
        if self.first():
            os._exit(3)
        await asyncio.Event().wait()

class Eats(Machine):
    async def probe(self):
        return self.fine(eaten=len(bytearray(1 << 30)))

class Chatters(Machine):
    async def probe(self):
        print("the password is", self.settings.password.get_secret_value(), flush=True)
        for _ in range(5000):
            print("chatter", file=sys.stderr)
        return self.fine()

class Unbuildable(Machine):
    def __init__(self, settings, context):
        raise RuntimeError("no such device")

@hookimpl
def openbell_state_machines(register):
    for kind in (Whole, Segfaults, Hangs, HangsInAThread, Waits, Leaves, Eats, Chatters, Unbuildable):
        register(kind.__name__.lower(), kind, settings=Own, role="apart", states=["FINE"],
                 reasons=["FINE"], actions=["write", "refuse"])
"""

Holds = Callable[[Any], bool]


class Bench:
    """A running agent, and its document as it comes to hold something."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent

    def part(self, name: str) -> Any:
        latest = self.agent.publisher.latest
        assert latest is not None
        return latest.document.machines[name]

    async def until(self, name: str, holds: Holds) -> Any:
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self.agent.publisher.revised.until(lambda _: holds(self.part(name)))
        except TimeoutError:
            raise AssertionError(f"{name} is {self.part(name)}") from None
        return self.part(name)

    async def fine(self, name: str) -> Any:
        return await self.until(name, lambda part: part.state == "FINE")


@pytest.fixture
def run_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run an agent with machines of these kinds, each in its own process."""
    site = tmp_path / "site"
    info = site / "openbell_apart-0.1.dist-info"
    info.mkdir(parents=True)
    (site / "plugin_apart.py").write_text(PLUGIN)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-apart\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("[openbell]\napart = plugin_apart\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("A_SECRET_OF_THE_AGENT", "not-for-plugins")

    @asynccontextmanager
    async def running(*kinds: str, more: str = "") -> AsyncIterator[Bench]:
        tables = "".join(
            f'[machines.{kind}]\nkind = "{kind}"\nisolation = "process"\nevery = "300ms"\n'
            f'timeout = "1s"\n{more}'
            for kind in kinds
        )
        config = tmp_path / "agent.toml"
        config.write_text(
            '[plugins]\nenable = ["apart"]\n[readiness]\nrequire = {}\n'
            '[credentials.desk]\nsource = "env-file"\npath = ".env"\nkey = "TOKEN"\n'
            f'{tables}[[rule]]\nid = "all"\ncode = "ALL"\nwhen = {{ apart = "*" }}\nseverity = "ok"\n'
        )
        config.chmod(0o600)
        agent = Agent(load(config, {}), clock=SystemClock(), base_url="http://127.0.0.1:8000")
        await agent.start()
        try:
            yield Bench(agent)
        finally:
            await agent.stop()

    return running


class Heard(logging.Handler):
    """Sets `it` when a text is logged."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        self.it = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.it.set()


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_all_that_a_machine_can_do_it_can_do_from_its_own_process(run_apart, tmp_path) -> None:
    (tmp_path / ".env").write_text("TOKEN=0123456789abcdef\n")
    (tmp_path / ".env").chmod(0o600)
    async with run_apart("whole", more='credential = "desk"\n') as bench:
        part = await bench.until("whole", lambda p: p.message == "again")
        found = part.attributes
        assert found["pid"] != os.getpid()
        assert (found["expected"], found["token"], found["beats"]) == ("data", True, 1)
        assert "A_SECRET_OF_THE_AGENT" not in found["environment"]
        assert "0123456789abcdef" not in str(found)
        assert await bench.agent.machines.act("whole", "write") == "wrote 16 letters"
        assert (tmp_path / ".env").read_text() == "TOKEN=abcdef0123456789\n"
        with pytest.raises(ActionError, match="not in this weather"):
            await bench.agent.machines.act("whole", "refuse")
        told = asyncio.ensure_future(bench.until("whole", lambda p: p.message == "hello"))
        assert await bench.agent.machines.take("whole", {"word": "hello"}) == {"echo": {"word": "hello"}}
        await told
    assert not lives(found["pid"])


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        pytest.param(["segfaults", "leaves"], ["SIGSEGV", "ended with the code 3"], id="crashes"),
        pytest.param(
            ["hangs", "hangsinathread"], ["its probe hung, and did not end when cancelled"] * 2, id="hangs"
        ),
    ],
)
async def test_a_process_that_crashes_or_hangs_is_made_anew_and_its_machine_is_unknown_meanwhile(
    run_apart, kinds, words
) -> None:
    async with run_apart(*kinds) as bench:
        fallen = await asyncio.gather(
            *(
                bench.until(kind, lambda p, w=word: p.state == "UNKNOWN" and w in p.message)
                for kind, word in zip(kinds, words, strict=True)
            )
        )
        assert {part.reason for part in fallen} <= {"PLUGIN_ERROR", "PROBE_FAILED"}
        parts = [await bench.fine(kind) for kind in kinds]
    assert not any(lives(part.attributes["pid"]) for part in parts)


async def test_a_call_that_ends_when_cancelled_leaves_its_process_alone(run_apart) -> None:
    async with run_apart("waits", "unbuildable") as bench:
        waited = await bench.until("waits", lambda p: p.reason == "PROBE_TIMEOUT")
        assert waited.state == "UNKNOWN"
        await bench.fine("waits")
        part = await bench.until("unbuildable", lambda p: "no such device" in p.message)
        assert part.reason == "PLUGIN_ERROR"


async def test_memory_is_bounded_and_what_is_printed_is_cleaned_and_not_a_flood(run_apart, caplog) -> None:
    undo = install(logging.getLogger(), Redactor(["hunter2-hunter2"]))
    caplog.set_level(logging.INFO)
    heard = Heard("the password is ***")
    logging.getLogger("openbell.chatters").addHandler(heard)
    try:
        more = 'process_memory_mb = 700\npassword = "hunter2-hunter2"\n'
        async with run_apart("eats", "chatters", more=more) as bench:
            part = await bench.until("eats", lambda p: "MemoryError" in p.message)
            assert part.reason == "PROBE_FAILED"
            await bench.fine("chatters")
            async with asyncio.timeout(DEADLINE_S):
                await heard.it.wait()
    finally:
        undo()
        logging.getLogger("openbell.chatters").removeHandler(heard)
    assert "hunter2" not in caplog.text
    assert caplog.text.count("chatter") < 1000

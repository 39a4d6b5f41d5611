"""Plugins that misbehave, each in one way; the source of each is a module of a stranger's package."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

HEAD = """
import asyncio, time
from agent.api import ActionError, Receipt, Report, Settings, hookimpl

class Blank(Settings):
    pass

class Machine:
    def __init__(self, settings, context):
        self.context, self.count = context, 0
    def fine(self):
        self.count += 1
        return Report(state="FINE", reason="FINE", observed_at=self.context.clock.now(),
                      measures={"probes": float(self.count)})
    async def probe(self):
        return self.fine()

class Bad(Machine):
"""

TAIL = """
@hookimpl
def openbell_state_machines(register):
    register("NAME", Bad, settings=Blank, role="vice", states=["FINE"], reasons=["FINE"], actions=["poke"])
"""

MACHINES = {
    "steady": "pass",
    "hangs": """
        async def probe(self):
            await asyncio.Event().wait()
    """,
    "ignores": """
        async def probe(self):
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    pass
    """,
    "sleeps": """
        def probe(self):
            time.sleep(3600)
    """,
    "raises": """
        async def probe(self):
            raise ValueError("broken inside")
    """,
    "exits": """
        async def probe(self):
            raise SystemExit(3)
    """,
    "interrupts": """
        async def run(self):
            raise KeyboardInterrupt
    """,
    "cancels": """
        async def run(self):
            raise asyncio.CancelledError
    """,
    "unspeakable": """
        async def probe(self):
            class Silent(BaseException):
                def __str__(self):
                    raise ValueError
            raise Silent
    """,
    "blocks": """
        async def probe(self):
            if self.count == 0:
                time.sleep(1.8)
            return self.fine()
    """,
    "floods": """
        async def run(self):
            for _ in range(20_000):
                self.context.report(self.fine())
                self.context.probe_soon()
                await asyncio.sleep(0)
            await asyncio.Event().wait()
    """,
    "lies": """
        async def probe(self):
            return {"state": "FINE"}
    """,
    "leaks": """
        async def probe(self):
            self.kept = [asyncio.create_task(asyncio.Event().wait()) for _ in range(300)]
            return self.fine()
    """,
    "bombs": """
        async def probe(self):
            async def leave():
                raise SystemExit(4)
            def drop():
                raise SystemExit(5)
            if self.count == 0:
                self.left = asyncio.create_task(leave())
                asyncio.get_running_loop().call_soon(drop)
            return self.fine()
        async def act(self, action):
            raise KeyboardInterrupt
    """,
    "subscribes": """
        def __init__(self, settings, context):
            super().__init__(settings, context)
            context.expectation.subscribe(self.leave)
        def leave(self, expectation):
            raise SystemExit(6)
    """,
    "unbuildable": """
        def __init__(self, settings, context):
            raise SystemExit("no such device")
    """,
    "bristles": """
        @property
        def run(self):
            raise ValueError("do not look at me")
    """,
}
"""The body of each one's machine; `steady` has no vice."""

OTHERS = {
    "unloadable": "import sys\nsys.exit('not today')",
    "unhooked": (
        "from agent.api import hookimpl\n@hookimpl\ndef openbell_rules(register):\n    raise GeneratorExit"
    ),
    "watches": """
        from agent.api import hookimpl

        class Watcher:
            async def observe(self, document):
                document.clear()
                raise SystemExit(6)

        @hookimpl
        def openbell_observers(register):
            register("watcher", Watcher())
    """,
    "tells": """
        import asyncio
        from agent.api import Settings, hookimpl

        class Blank(Settings):
            pass

        class Mute:
            def __init__(self, settings, context):
                pass
            async def send(self, notice):
                while True:
                    try:
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        pass

        @hookimpl
        def openbell_notifiers(register):
            register("mute", Mute, settings=Blank)
    """,
    "told": """
        import json
        from pathlib import Path
        from agent.api import Receipt, Settings, hookimpl

        class Where(Settings):
            path: Path

        class File:
            def __init__(self, settings, context):
                self.path = settings.path
            async def send(self, notice):
                with self.path.open("a") as file:
                    file.write(json.dumps({"code": notice.code, "type": notice.type}) + "\\n")
                return Receipt(status="written")

        @hookimpl
        def openbell_notifiers(register):
            register("told", File, settings=Where)
    """,
}


def install(folder: Path) -> list[str]:
    """Put them into a folder as an installer does, a plugin each; returns their names."""
    sources = {
        name: HEAD + indent(dedent(body).strip(), "    ") + "\n" + TAIL.replace("NAME", name)
        for name, body in MACHINES.items()
    } | {name: dedent(body) for name, body in OTHERS.items()}
    points = ["[openbell]"]
    for name, source in sources.items():
        (folder / f"vice_{name}.py").write_text(source)
        points.append(f"{name} = vice_{name}")
    info = folder / "openbell_vices-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: openbell-vices\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text("\n".join(points) + "\n")
    return list(sources)

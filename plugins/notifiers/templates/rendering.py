"""Has templates checked and rendered in a process of their own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from agent.api import Clock

SCRIPT = Path(__file__).with_name("process.py")
PATIENCE_S = 8.0
"""Time enough on a machine that is busy; a second of computing is all that the process may use."""

LARGEST = 256 * 1024
"""Bytes of an answer."""


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values; each sign in `escapes` is put in by what stands for it."""

    text: str
    escapes: Mapping[str, str] = field(default_factory=dict)


class TemplateError(Exception):
    """A template that cannot be used, or not for this notice; the text says why."""


def check(template: Template, known: Iterable[str]) -> None:
    """Raises `TemplateError` for one that is not well formed, or names what is not among `known`."""
    work = _work({"it": template}, values=None, known=known)
    try:
        run = subprocess.run(  # noqa: S603 - our own script
            _command(), input=work, capture_output=True, env={}, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TemplateError(f"it cannot be checked ({type(error).__name__})") from None
    _text(run.returncode, run.stdout, "it")


async def render(
    templates: Mapping[str, Template], values: Mapping[str, object], clock: Clock
) -> dict[str, str]:
    """The texts, by the templates' names. Raises `TemplateError` if any of them fails."""
    code, answer = await _run(_work(templates, values=values), clock)
    return {name: _text(code, answer, name) for name in templates}


async def _run(work: bytes, clock: Clock) -> tuple[int, bytes]:
    """The process's exit code, and what it said."""
    try:
        process = await asyncio.create_subprocess_exec(
            *_command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
        )
    except OSError as error:
        raise TemplateError(f"no process can be started for it ({error.strerror})") from None
    try:
        async with clock.timeout(PATIENCE_S):
            answer = await _converse(process, work)
            return await process.wait(), answer
    except TimeoutError:
        raise TemplateError(f"it took longer than {PATIENCE_S:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _converse(process: asyncio.subprocess.Process, work: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        return b""
    with suppress(ConnectionError):
        process.stdin.write(work)
        await process.stdin.drain()
        process.stdin.close()
    answer = b""
    while piece := await process.stdout.read(LARGEST):
        answer += piece
        if len(answer) > LARGEST:
            raise TemplateError("its answer has no end")
    return answer


def _command() -> tuple[str, ...]:
    """`-I`: no settings of the environment, and no module of the current folder."""
    found = find_spec("jinja2")
    if found is None or found.origin is None:
        raise TemplateError("jinja2 is not installed")
    return sys.executable, "-I", str(SCRIPT), str(Path(found.origin).parents[1])


def _work(
    templates: Mapping[str, Template],
    *,
    values: Mapping[str, object] | None,
    known: Iterable[str] = (),
) -> bytes:
    sources = {name: {"text": one.text, "escapes": dict(one.escapes)} for name, one in templates.items()}
    return json.dumps({"templates": sources, "values": values, "known": sorted(known)}).encode()


def _text(code: int, answer: bytes, name: str) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        raise TemplateError("it computes for more than a second")
    try:
        outcome = json.loads(answer)[name]
    except (ValueError, KeyError, TypeError):
        raise TemplateError(f"its process ended with {code} and no answer") from None
    if "error" in outcome:
        raise TemplateError(str(outcome["error"]))
    return str(outcome["text"])

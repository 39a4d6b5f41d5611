"""What all contracts share: checks that stand alone, and an author's word on those that do not apply."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from agent.clock import SystemClock
from agent.registry import Registry
from agent.testing.alone import run_alone
from agent.testing.canary import CANARY
from agent.testing.clocks import FastClock
from agent.testing.server import Exchange, serving
from agent.testing.troubles import Trouble, refusing, trouble_at, words_of_none

TROUBLES = "troubles"
"""In `does_not_apply`: all that can go wrong at the other end."""

C = TypeVar("C", bound="Contract")


class DoesNotApply(unittest.SkipTest):
    """A check that a plugin has no part in, and why; pytest shows it as skipped, with the reason."""


class NotShown(AssertionError):  # noqa: N818 - it is no error of the plugin's
    """A check that could not be tried, because the contract does not say how."""


@dataclass(frozen=True, slots=True)
class Check:
    """One promise. A `vital` one costs more than the plugin itself when it is broken."""

    name: str
    title: str
    vital: bool


def check(*, vital: bool = False) -> Callable[[Callable[[C], Awaitable[None]]], Callable[[C], None]]:
    """Make a plain test of a coroutine, so that neither a plugin of pytest nor pytest itself is needed."""

    def mark(body: Callable[[C], Awaitable[None]]) -> Callable[[C], None]:
        name = body.__name__.removeprefix("test_")
        title = (body.__doc__ or name).splitlines()[0].rstrip(".")

        def test(contract: C) -> None:
            contract.perform(name, body)

        test.__name__, test.__doc__ = body.__name__, body.__doc__
        test.check = Check(name, title, vital)  # type: ignore[attr-defined]
        return test

    return mark


def checks_of(contract: type[Contract]) -> dict[str, Check]:
    """The checks of a contract by the names of their methods, in order."""
    found: dict[str, Check] = {}
    for kind in reversed(contract.__mro__):
        found |= {name: one.check for name, one in vars(kind).items() if hasattr(one, "check")}
    return found


class Contract:
    """Says which plugin is held to it, and how its other side behaves.

    Every check has a loop, a folder, a clock and a server of its own.
    """

    plugin: ClassVar[str] = ""
    """The module with the hooks, as its entry point names it."""
    kind: ClassVar[str] = ""
    """The kind that is held to the contract."""
    does_not_apply: ClassVar[Mapping[str, str]] = {}
    """Checks that this kind has no part in, each with the reason; `troubles` is all of them."""
    pace: ClassVar[float] = 20.0
    """How many times as fast as the real one the plugin's clock runs."""
    patience_s: ClassVar[float] = 10.0
    """How long, in real time, a check waits for what must happen."""

    refuses_canary: ClassVar[bool] = False
    """Whether the canary is no good credential at the other side."""

    folder: Path
    clock: FastClock

    def __init_subclass__(cls, **more: object) -> None:
        super().__init_subclass__(**more)
        checks = {one.name: one for one in checks_of(cls).values()}
        for name, why in cls.does_not_apply.items():
            if name not in checks and name != TROUBLES:
                raise TypeError(f"{cls.__name__}: there is no check {name!r}; there are: {', '.join(checks)}")
            if name in checks and checks[name].vital:
                raise TypeError(f"{cls.__name__}: {name!r} applies to every plugin")
            if not why.strip():
                raise TypeError(f"{cls.__name__}: {name!r} does not apply, but why? Give the reason")

    # -- what an author says ------------------------------------------------------------------

    def settings(self, url: str) -> Mapping[str, object]:
        """The keys of the kind's own table in `agent.toml`, so that it talks to `url`."""
        return {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """What the other side answers while all is well; also a WebSocket, for a feed.

        Called in the server's thread.
        """
        return web.json_response({})

    def words(self, trouble: Trouble) -> Mapping[str, object]:
        """The JSON body in which the other side words a trouble."""
        return words_of_none(trouble)

    @asynccontextmanager
    async def well(self) -> AsyncIterator[Exchange]:
        """The other side while all is well: by default a server that gives `answer`.

        A credential that is the canary gets a 401; a canary in the settings is as good as any.
        """
        answer = refusing(CANARY, self.answer, self.words) if self.refuses_canary else self.answer
        async with serving(answer) as exchange:
            yield exchange

    def trouble(self, trouble: Trouble) -> AbstractAsyncContextManager[Exchange]:
        """The other side in trouble; one that speaks no HTTP is given here."""
        return trouble_at(trouble, self.words, patience_s=self.patience_s)

    async def meet(self, trouble: Trouble) -> None:
        """See the trouble told for what it is; each contract has its own way."""
        raise NotImplementedError

    # -- what the checks use ------------------------------------------------------------------

    def perform(self, name: str, body: Callable[[Any], Awaitable[None]]) -> None:
        """Run one check to its end, and whatever it leaves to its own."""
        self._respect_exception(name)
        with tempfile.TemporaryDirectory(prefix="openbell-", ignore_cleanup_errors=True) as folder:
            self.folder = Path(folder)
            self.clock = FastClock(pace=self.pace)
            run_alone(body(self), longest_s=6 * self.patience_s)

    def _respect_exception(self, name: str) -> None:
        why = self.does_not_apply.get(name)
        if why is None and name.startswith("classes_"):
            why = self.does_not_apply.get(TROUBLES)
        if why is not None:
            raise DoesNotApply(f"does not apply: {why}")

    def applies(self, trouble: Trouble) -> bool:
        """Whether the author has not ruled this trouble out."""
        return not {TROUBLES, f"classes_{trouble}"} & self.does_not_apply.keys()

    def offers(self) -> Registry:
        """All that the plugin registers, taken in as the agent does."""
        if not self.plugin or not self.kind:
            raise NotShown(f"{type(self).__name__}: say `plugin` (the module) and `kind`")
        registry = Registry()
        registry.load(self.plugin, lambda: importlib.import_module(self.plugin), origin="", version=None)
        error = registry.plugins[self.plugin].error
        if error is not None:
            raise AssertionError(f"{self.plugin} cannot be loaded: {error}")
        return registry

    def read(self, model: type[BaseModel], url: str) -> BaseModel:
        """The settings as the agent reads them from `agent.toml`."""
        try:
            return model.model_validate(self.settings(url))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
                for one in error.errors(include_url=False, include_input=False)
            )
            raise NotShown(f"`settings(url)` gives no usable table for {self.kind!r}: {wrong}") from None

    async def pause(self, seconds: float) -> None:
        """Wait in real time."""
        await SystemClock().sleep(seconds)

    async def let_it_wait(self, attempt: asyncio.Future[Any], exchange: Exchange) -> None:
        """Until an attempt waits for its answer, or has ended."""
        for _ in range(20):
            if attempt.done() or exchange.requests:
                break
            await self.pause(0.01)
        await self.pause(0.02)

    async def until(self, holds: Callable[[], object], otherwise: Callable[[], str]) -> None:
        """Wait for a condition for as long as the patience lasts; `otherwise` says what was instead."""
        try:
            async with asyncio.timeout(self.patience_s):
                while not holds():
                    await self.pause(0.01)
        except TimeoutError:
            raise AssertionError(otherwise()) from None

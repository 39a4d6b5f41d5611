"""The contract of a notifier: derive a test class from it, and say how its receiver is reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from agent.abilities import Notifier
from agent.errors import DeliveryError
from agent.model import Notice, NoticeType, Receipt
from agent.registry import NotifierKind
from agent.runtime.outbound import Outbound
from agent.testing.alone import ends_when_cancelled, watched_loop
from agent.testing.canary import CANARY, find_leaks, holds_secret, listening, secrets_in, words_of
from agent.testing.contract import Contract, DoesNotApply, NotShown, check
from agent.testing.footprint import Footprint
from agent.testing.notices import make_notice, notifier_context
from agent.testing.server import Exchange, Request
from agent.testing.troubles import RETRY_AFTER_S, Trouble
from agent.testing.weather import telling

PASSING = (Trouble.RATE_LIMITED, Trouble.SERVER_ERROR, Trouble.TIMEOUT, Trouble.DNS, Trouble.TLS)
"""What may be over at the next attempt, so that a notice must not be given up for it."""

ODD: Mapping[str, Mapping[str, object]] = {
    "without incident, machines or action": {"incident": None, "machines": (), "action": None},
    "with a message of 20,000 characters": {"message": "long " * 4_000},
    "with line breaks, markup and signs": {"message": "a\r\nb <b>&amp;</b> *c* @here \u202e \U0001f514 \x00"},
}


AGENTS_TIMEOUT_S = 15.0
"""After this an agent cancels an attempt, unless `timeout` says otherwise, and tries again."""


class OutOfTimeError(Exception):
    """The attempt lasted longer than the agent allows."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """What came in at the receiver: the key by which it knows a notice again, and the text."""

    key: str
    text: str


class NotifierContract(Contract):
    """Holds one kind of notifier to what the agent relies on."""

    permanent: ClassVar[frozenset[Trouble]] = frozenset()
    """The troubles after which it says that trying again cannot help."""
    wishes_pauses: ClassVar[bool] = True
    """Whether a receiver can say for how long it wants to be left alone, as by `Retry-After`."""

    # -- what an author says ------------------------------------------------------------------

    def key_of(self, request: Request) -> str:
        """By what the receiver knows that it has this notice already."""
        raise NotShown("say by what a receiver knows a notice again: override `key_of`")

    def arrivals(self, exchange: Exchange) -> Sequence[Arrival]:
        """What came in at the receiver; one that is no web server is asked here."""
        return [Arrival(self.key_of(one), one.body) for one in exchange.requests]

    # -- the checks ---------------------------------------------------------------------------

    @check()
    async def test_tells_every_type(self) -> None:
        """A problem, a recovery, a reminder and a test each arrive, and give a receipt."""
        async with self.well() as exchange, self._built(exchange) as notifier:
            for count, type_ in enumerate(NoticeType, start=1):
                receipt = await notifier.send(make_notice(type_))
                assert isinstance(receipt, Receipt), f"expected a Receipt for a {type_}, got {receipt!r}"
                arrived = len(self.arrivals(exchange))
                assert arrived >= count, f"a receipt was given for a {type_}, and nothing arrived"

    @check(vital=True)
    async def test_tells_any_notice(self) -> None:
        """A notice of an odd shape is sent, or refused as a DeliveryError; it is no crash."""
        async with self.well() as exchange, self._built(exchange) as notifier:
            for shape, changes in ODD.items():
                error = await _outcome(notifier, make_notice(NoticeType.PROBLEM, **changes))
                sound = error is None or isinstance(error, DeliveryError)
                assert sound, f"a notice {shape}: expected a receipt or DeliveryError, got {error!r}"

    @check()
    async def test_has_one_key_for_one_notice(self) -> None:
        """A notice that is sent twice is known again by its receiver, and another one is another."""
        async with self.well() as exchange, self._built(exchange) as notifier:
            for notice in (make_notice(), make_notice(), make_notice(NoticeType.REMINDER)):
                await notifier.send(notice)
            keys = [one.key for one in self.arrivals(exchange)]
            assert all(keys), "what arrived has no key"
            assert len(set(keys)) == 2, f"expected two keys for two notices, got {keys}"

    @check(vital=True)
    async def test_send_obeys_cancel(self) -> None:
        """An attempt that gets no answer ends when it is cancelled."""
        async with self._silence() as exchange, self._built(exchange) as notifier:
            attempt = asyncio.ensure_future(_outcome(notifier, make_notice()))
            await self.let_it_wait(attempt, exchange)
            obeys = await ends_when_cancelled(attempt, self.patience_s)
            assert obeys, "the attempt goes on after it was cancelled: let CancelledError pass"

    @check(vital=True)
    async def test_holds_up_nobody(self) -> None:
        """An attempt that gets no answer does not block the event loop."""
        async with (
            watched_loop() as longest_gap,
            self._silence() as exchange,
            self._built(exchange) as notifier,
        ):
            attempt = asyncio.ensure_future(_outcome(notifier, make_notice()))
            await self.let_it_wait(attempt, exchange)
            await ends_when_cancelled(attempt, self.patience_s)
            gap = longest_gap()
            assert gap < self.patience_s / 2, f"the attempt held up everybody for {gap:.1f} s"

    @check(vital=True)
    async def test_leaves_nothing_behind(self) -> None:
        """No task, thread or socket is left after an attempt."""
        async with self.well() as exchange:
            before = Footprint.now()
            async with self._built(exchange) as notifier:
                await notifier.send(make_notice())
            await self.until(
                lambda: not Footprint.left(before),
                lambda: f"left behind: {', '.join(Footprint.left(before))}",
            )

    @check(vital=True)
    async def test_keeps_secrets(self) -> None:
        """A canary secret is in no receipt, log or error, though the receiver repeats it."""
        if not holds_secret(self.kind_offered().settings):
            raise DoesNotApply("does not apply: it is given no secret")
        texts: list[str] = []
        holds_canary = False
        with listening() as ear:
            for trouble in (None, *filter(self.applies, Trouble)):
                weather = self.well() if trouble is None else self.trouble(trouble)
                async with weather as exchange, self._built(exchange) as notifier:
                    error = await self._attempted(notifier, trouble, texts)
                    texts += [words_of(error)] if error is not None else []
                    holds_canary |= any(CANARY in secret for secret in secrets_in(self._settings(exchange)))
        if not holds_canary:
            raise NotShown("put agent.testing.CANARY where `settings(url)` has a secret")
        leaks = find_leaks([*texts, *ear.lines])
        assert not leaks, f"a secret shows: {leaks[0]}"

    test_classes_401 = telling(Trouble.UNAUTHORIZED)
    test_classes_403 = telling(Trouble.FORBIDDEN)
    test_classes_429 = telling(Trouble.RATE_LIMITED)
    test_classes_5xx = telling(Trouble.SERVER_ERROR)
    test_classes_timeout = telling(Trouble.TIMEOUT)
    test_classes_dns = telling(Trouble.DNS)
    test_classes_tls = telling(Trouble.TLS)

    # -- how they are done --------------------------------------------------------------------

    async def meet(self, trouble: Trouble) -> None:
        """See the trouble become a DeliveryError that is right about whether to try again."""
        async with self.trouble(trouble) as exchange, self._built(exchange) as notifier:
            error = await self._attempted(notifier, trouble)
        if isinstance(error, OutOfTimeError):
            assert trouble is Trouble.TIMEOUT, f"it gives no answer within {AGENTS_TIMEOUT_S:g} s"
            return
        assert isinstance(error, DeliveryError), f"expected DeliveryError, got {error!r}"
        if trouble in PASSING:
            assert not error.permanent, "it gives the notice up, and this may be over at the next attempt"
        else:
            said, wanted = error.permanent, trouble in self.permanent
            assert said == wanted, f"permanent is {said}; `permanent` of the contract says {wanted}"
        if trouble is Trouble.RATE_LIMITED and self.wishes_pauses:
            self._judge_pause(error.retry_after)

    async def _attempted(
        self, notifier: Notifier, trouble: Trouble | None, receipts: list[str] | None = None
    ) -> Exception | None:
        """What an attempt raises within the time that the agent gives it; `None` for a receipt."""
        silent = trouble is Trouble.TIMEOUT
        limit = self.clock.timeout(AGENTS_TIMEOUT_S) if silent else asyncio.timeout(self.patience_s)
        try:
            async with limit:
                return await _outcome(notifier, make_notice(), receipts)
        except TimeoutError:
            return OutOfTimeError("the agent cancelled the attempt, and will try again")

    def _judge_pause(self, pause: timedelta | None) -> None:
        wished = timedelta(seconds=RETRY_AFTER_S)
        assert pause is not None, "the receiver wished for a pause, and retry_after has none"
        assert pause >= wished, f"the receiver wished for {wished}, and retry_after is {pause}"

    def kind_offered(self) -> NotifierKind:
        """The kind as the plugin registers it."""
        registry = self.offers()
        if self.kind not in registry.notifiers:
            known = ", ".join(sorted(registry.notifiers)) or "none"
            raise AssertionError(f"{self.plugin} offers no notifier {self.kind!r}; it offers: {known}")
        return registry.notifiers[self.kind]

    def _settings(self, exchange: Exchange) -> Any:
        return self.read(self.kind_offered().settings, exchange.url)

    @asynccontextmanager
    async def _built(self, exchange: Exchange) -> AsyncIterator[Notifier]:
        outbound = Outbound("openbell-contract")
        context = notifier_context(self.kind, outbound.open, self.clock)
        try:
            yield self.kind_offered().factory(self._settings(exchange), context)
        finally:
            await outbound.close()

    def _silence(self) -> Any:
        return self.trouble(Trouble.TIMEOUT) if self.applies(Trouble.TIMEOUT) else self.well()


async def _outcome(notifier: Notifier, notice: Notice, receipts: list[str] | None = None) -> Exception | None:
    """What an attempt raises; `None` for a receipt, which is kept."""
    try:
        receipt = await notifier.send(notice)
    except Exception as error:  # noqa: BLE001 - the fence around a plugin's notifier
        return error
    if receipts is not None:
        receipts.append(repr(receipt))
    return None

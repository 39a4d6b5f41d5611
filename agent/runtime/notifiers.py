"""The notifiers in place: built, their letters sent, changed for others, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from agent.abilities import Notifier
from agent.clock import Clock
from agent.config.blueprint import NotifierPlan
from agent.delivery.sender import Sender
from agent.errors import PluginError
from agent.runtime.context import Services
from agent.runtime.mounting import build_notifier
from agent.runtime.posting import Posting
from agent.runtime.supervision import Supervisor
from agent.runtime.wellbeing import Wellbeing

DRAIN_S = 3.0

Built = Notifier | PluginError
"""A notifier, or why it cannot be built."""


class Notifiers:
    """All notifiers of one agent. `changed` hears when one begins or ceases to fail."""

    def __init__(
        self,
        *,
        clock: Clock,
        supervisor: Supervisor,
        posting: Posting,
        wellbeing: Wellbeing,
        changed: Callable[[], None],
        clean: Callable[[str], str],
        permit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._permit = permit
        self._clock = clock
        self._supervisor = supervisor
        self._posting = posting
        self._wellbeing = wellbeing
        self._changed = changed
        self._clean = clean
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.senders: dict[str, Sender] = {}
        posting.senders = wellbeing.senders = self.senders

    @property
    def unbuilt(self) -> frozenset[str]:
        return self._posting.unbuilt

    def stage(self, plans: Iterable[NotifierPlan], services: Services) -> dict[str, Built]:
        """Build notifiers, without putting them in place."""
        return {plan.name: _built(plan, services) for plan in plans}

    def adopt(self, plans: Iterable[NotifierPlan], staged: Mapping[str, Built]) -> None:
        """Put notifiers in place; where there is one of the name, its letters go on by the new one."""
        for plan in plans:
            built = staged.get(plan.name)
            if built is None:
                if plan.name in self.senders:
                    self.senders[plan.name].allow(plan.timeout)
            elif isinstance(built, PluginError):
                self._wellbeing.notifier_unbuilt(plan.name, plan.kind_name, self._clean(str(built)))
                self._posting.unbuilt |= {plan.name}
            else:
                self._place(plan, built)

    def _place(self, plan: NotifierPlan, notifier: Notifier) -> None:
        self._wellbeing.notifier_built(plan.name)
        self._posting.unbuilt -= {plan.name}
        if plan.name in self.senders:
            self.senders[plan.name].adopt(notifier, kind=plan.kind_name, timeout=plan.timeout)
            return
        self.senders[plan.name] = Sender(
            plan.name,
            plan.kind_name,
            notifier,
            clock=self._clock,
            timeout=plan.timeout,
            keep=self._posting.keep,
            changed=self._changed,
            clean=self._clean,
            number=self._posting.number,
            permit=self._permit,
        )

    def set_going(self) -> None:
        """Have the letters sent of those that are new in their places."""
        for name, sender in self.senders.items():
            if name not in self._tasks:
                self._tasks[name] = self._supervisor.keep(f"notifier {name}", sender.run)

    async def end(self, names: Iterable[str]) -> None:
        """Take notifiers out of their places; what waits for them is dead."""
        gone = [*names]
        await self._supervisor.end([self._tasks.pop(name) for name in gone if name in self._tasks])
        for name in gone:
            self._wellbeing.notifier_built(name)
            self._posting.unbuilt -= {name}
            if name in self.senders:
                self.senders.pop(name).close()

    def wake(self) -> None:
        """Have every sender look again whether it may send."""
        for sender in self.senders.values():
            sender.wake()

    async def drain(self) -> None:
        """Deliver what waits, for a short while."""
        await asyncio.gather(*(sender.drain(DRAIN_S) for sender in self.senders.values()))


def _built(plan: NotifierPlan, services: Services) -> Built:
    try:
        return build_notifier(plan, services)
    except PluginError as error:
        return error

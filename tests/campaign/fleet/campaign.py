"""Three members of one desk through kills, freezes and cuts, while what they watch falls ill and recovers."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.campaign.fleet import chaos, witness
from tests.campaign.fleet.chaos import Blow, Kind
from tests.campaign.fleet.judge import Case, judge, told_by_two
from tests.campaign.fleet.members import DESK, UNSHIPPED, Member, Surroundings, members
from tests.campaign.fleet.receiver import Receiver, read_log, receiving
from tests.campaign.fleet.thing import Thing, read_phases, under_watch
from tests.postgres import Database

NAMES = ("a", "b", "c")
NEEDED_S = 8.0
"""So long must one member have been whole, at a stretch, in each phase: time enough for it to take over
and to tell. Without that nobody could have, and the phase goes on."""
SETTLE_S = 150.0
PACE_S = 0.1

OPEN = "SELECT count(*) FROM openbell.outbox WHERE state IN ('pending', 'sending')"
OPEN_HERE = "SELECT count(*) FROM outbox WHERE state IN ('pending', 'sending')"
OWNER = f"SELECT agent FROM openbell.lease WHERE resource = 'desk/{DESK}' AND ends_at > clock_timestamp()"


@dataclass
class Campaign:
    """The members, what hurts them, and who has been whole since when."""

    folder: Path
    database: Database
    thing: Thing
    receiver: Receiver
    members: list[Member]
    dice: random.Random
    done: Counter[str] = field(default_factory=Counter)
    _whole_since: dict[str, float] = field(default_factory=dict)
    _hurting: set[tuple[object, ...]] = field(default_factory=set)
    _has_fallen: bool = False

    async def begin(self) -> None:
        """Start the first alone, which makes the schema, and the others beside it."""
        await self.members[0].start()
        await self._eventually(lambda: self._ask(OWNER) == self.members[0].name, 30.0)
        witness.watch(self.database)
        await asyncio.gather(*(member.start() for member in self.members[1:]))
        self._look()

    async def run(self, lasts_s: float, *, longest_s: float = 40.0) -> None:
        """Phases and blows side by side, then peace; ends with a recovery."""
        began = time.monotonic()
        plan = list(chaos.plan(self.dice, lasts_s, len(self.members), longest_s=longest_s))
        blows = [asyncio.ensure_future(self._deal(blow, began)) for blow in plan]
        try:
            while time.monotonic() - began < lasts_s or not all(blow.done() for blow in blows):
                await self._phase("ILL")
                await self._phase("WELL")
            for blow in blows:
                blow.result()
        finally:
            for blow in blows:
                blow.cancel()
            await asyncio.gather(*blows, return_exceptions=True)

    async def settle(self) -> None:
        """Peace: wait until nothing waits any more, as far as it comes to that, then stop all in order."""
        self.receiver.calm = True
        try:
            await self._eventually(lambda: not any(count for _, count in self.left()), SETTLE_S)
        except TimeoutError:
            self.done["not settled"] += 1
        for member in self.members:
            self.done["stopped with an error"] += await member.stop() != 0

    def left(self) -> list[tuple[str, int]]:
        """What waits, and where."""
        found = [("letters in the database", int(str(self._ask(OPEN))))]
        for member in self.members:
            found.append((f"letters at {member.name}", member.count(OPEN_HERE)))
            found.append((f"shipments at {member.name}", member.count(UNSHIPPED)))
        return found

    def case(self) -> Case:
        """All that is known of the run, for the judge."""
        return Case(
            phases=read_phases(self.folder / "phases"),
            seen=read_log(self.folder / "received"),
            evidence=witness.evidence(self.database),
            left=self.left(),
        )

    def figures(self, case: Case, wrong: list[str]) -> str:
        """One line on what was done and what came of it."""
        ids = {one.id for one in case.seen}
        takeovers = sum(one.resource == f"desk/{DESK}" for one in case.evidence.held)
        done = ", ".join(f"{what} {count}" for what, count in sorted(self.done.items()) if count)
        return (
            f"fleet: {done}; phases {len(case.phases)}, owners in turn {takeovers + 1}; "
            f"notices {len(ids)}, requests {len(case.seen)}, by two agents {told_by_two(case.seen)}; "
            f"writes witnessed {len(case.evidence.written)}; wrong {len(wrong)}"
        )

    async def _phase(self, state: str) -> None:
        """Until somebody who was whole for long enough could tell it."""
        began = time.monotonic()
        self.thing.become(state)
        while True:
            self._look()
            since = min((max(began, at) for at in self._whole_since.values()), default=None)
            if since is not None and time.monotonic() - since >= NEEDED_S:
                return
            await asyncio.sleep(PACE_S)

    def _look(self) -> None:
        """Note since when each member runs, can reach the database, and the database is there."""
        for member in self.members:
            is_whole = member.is_whole and not self._has_fallen
            if not is_whole:
                self._whole_since.pop(member.name, None)
            else:
                self._whole_since.setdefault(member.name, time.monotonic())

    async def _deal(self, blow: Blow, began: float) -> None:
        """One blow, unless what it would do is being done to its target already."""
        await asyncio.sleep(max(0.0, began + blow.at_s - time.monotonic()))
        if blow.kind is Kind.FALLEN:
            mark, act = (Kind.FALLEN,), self._let_fall
        else:
            member = self._target(blow)
            kind = "cut" if blow.kind in CUTS else "process"
            mark, act = (kind, member.name), lambda lasts_s: ACTS[blow.kind](member, lasts_s)
        if mark in self._hurting:
            return
        self._hurting.add(mark)
        self.done[blow.kind] += 1
        try:
            await act(blow.lasts_s)
        finally:
            self._hurting.discard(mark)

    def _target(self, blow: Blow) -> Member:
        if blow.target is not None:
            return self.members[blow.target]
        try:
            owner = self._ask(OWNER)
        except psycopg.Error:
            owner = None  # while the database is down nobody is known
        return next((one for one in self.members if one.name == owner), self.members[0])

    async def _let_fall(self, lasts_s: float) -> None:
        self._has_fallen = True
        self._look()
        await asyncio.to_thread(self.database.cluster.stop_immediately)
        await asyncio.sleep(lasts_s)
        await asyncio.to_thread(self.database.cluster.start)
        self._has_fallen = False

    def _ask(self, query: str) -> object:
        with self.database.admin() as connection:
            row = connection.execute(query).fetchone()
            return row[0] if row is not None else None

    async def _eventually(self, holds: Callable[[], bool], within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while not await asyncio.to_thread(_is_so, holds):
                await asyncio.sleep(PACE_S)


async def _kill(member: Member, lasts_s: float) -> None:
    await member.kill()
    await asyncio.sleep(lasts_s)
    await member.start()


async def _freeze(member: Member, lasts_s: float) -> None:
    member.freeze()
    await asyncio.sleep(lasts_s)
    member.thaw()


async def _refuse(member: Member, lasts_s: float) -> None:
    member.is_cut, member.proxy.refusing = True, True
    member.proxy.reset()
    await asyncio.sleep(lasts_s)
    member.proxy.heal()
    member.is_cut = False


async def _hold(member: Member, lasts_s: float) -> None:
    member.is_cut, member.proxy.stalled = True, True
    await asyncio.sleep(lasts_s)
    member.proxy.heal()
    member.is_cut = False


async def _lose(member: Member, lasts_s: float) -> None:
    member.is_cut, member.proxy.stalled = True, True
    await asyncio.sleep(lasts_s)
    member.proxy.sever()
    member.proxy.heal()
    member.is_cut = False


ACTS = {
    Kind.KILLED: _kill,
    Kind.FROZEN: _freeze,
    Kind.REFUSED: _refuse,
    Kind.HELD: _hold,
    Kind.LOST: _lose,
}
CUTS = frozenset({Kind.REFUSED, Kind.HELD, Kind.LOST})


def _is_so(holds: Callable[[], bool]) -> bool:
    """Not yet, while the database cannot be asked."""
    try:
        return holds()
    except psycopg.Error:
        return False


@asynccontextmanager
async def campaigning(folder: Path, database: Database, dice: random.Random) -> AsyncIterator[Campaign]:
    """A desk of three, begun, with its thing and its receiver."""
    async with AsyncExitStack() as stack:
        thing = await stack.enter_async_context(under_watch(folder / "phases"))
        receiver = await stack.enter_async_context(
            receiving(folder / "received", random.Random(dice.random()))
        )
        around = Surroundings(database.url, thing.url, receiver.url)
        those = await stack.enter_async_context(members(folder, NAMES, around))
        campaign = Campaign(folder, database, thing, receiver, those, dice)
        await campaign.begin()
        yield campaign


def verdict(campaign: Campaign) -> tuple[list[str], str]:
    """The findings, and the line of figures."""
    case = campaign.case()
    wrong = judge(case)
    return wrong, campaign.figures(case, wrong)

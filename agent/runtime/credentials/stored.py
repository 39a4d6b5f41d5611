"""One credential as it stands, and how it comes to change: by its source, by a write, by a verdict."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from agent.abilities import CredentialState, Secret, Verdict
from agent.clock import Clock
from agent.config.credential_text import LONGEST_VALUE, is_writable
from agent.runtime.credentials.files import SourceError
from agent.runtime.credentials.memory import Memory
from agent.runtime.credentials.settling import Candidate, Reading, consider
from agent.runtime.credentials.sources import Source
from agent.runtime.credentials.verdicts import VERDICTS, Word
from agent.runtime.threads import Threads
from agent.watched import Watched

log = logging.getLogger(__name__)


class StoredCredential:
    """A `Credential` with a source that others may write as well.

    Only what the source says anew changes the secret. So a token that could not be stored stays
    in use, over the older one that the source still holds.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        *,
        clock: Clock,
        memory: Memory,
        threads: Threads,
        writing: asyncio.Lock,
    ) -> None:
        self.name = name
        self.state: Watched[CredentialState] = Watched(CredentialState())
        self._source = source
        self._clock = clock
        self._memory = memory
        self._threads = threads
        self._writing = writing
        self._stirred = asyncio.Event()
        self._candidate: Candidate | None = None
        self._taken: Reading | None = None
        self._said: str | None = None

    async def load(self) -> None:
        """Take what the source says now, as it is."""
        self._take(await self._look())

    def stir(self) -> None:
        """The source may have changed: have a look."""
        self._stirred.set()

    async def follow(self) -> None:
        """Look whenever stirred, and again until what is there counts."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            wait_s = self._consider(await self._look())
            if wait_s > 0:
                self._clock.call_later(wait_s, self.stir)

    async def _look(self) -> Reading:
        try:
            return Reading(await self._threads.run(self._source.read))
        except SourceError as error:
            return Reading(trouble=str(error))

    def _consider(self, reading: Reading) -> float:
        """Take the reading if it counts; else how long until it may, in seconds."""
        if reading == self._taken:
            self._candidate = None
            return 0.0
        now_s = self._clock.monotonic()
        self._candidate = consider(self._candidate, reading, now_s)
        wait_s = self._candidate.wait_s(now_s)
        if wait_s <= 0:
            self._take(reading)
        return wait_s

    def _take(self, reading: Reading) -> None:
        self._taken, self._candidate = reading, None
        if reading.trouble:
            log.warning("credential %s: %s", self.name, reading.trouble)
            self.state.set(replace(self.state.value, trouble=reading.trouble))
        elif reading.value == self._said:
            self._clear_trouble()
        elif reading.value is None:
            self._said = None
            log.warning("credential %s: its value is gone", self.name)
            self.state.set(CredentialState())
        else:
            self._said = reading.value
            self._hold(reading.value)

    def _clear_trouble(self) -> None:
        if self.state.value.trouble:
            log.info("credential %s: its source can be read again", self.name)
            self.state.set(replace(self.state.value, trouble=""))

    def _hold(self, value: str, trouble: str = "") -> Secret:
        """Make a value the secret; a value that is known keeps its verdict."""
        generation = self._memory.generation_of(value)
        present = self.state.value
        if present.secret is not None and present.secret.generation == generation:
            self.state.set(replace(present, trouble=trouble))
            return present.secret
        known = self._memory.meet(generation, self._clock.now())
        secret = Secret(value, generation, known.first_seen)
        verdict = Verdict.UNPROVEN if known.refused_at is None else Verdict.REFUSED
        self.state.set(CredentialState(secret, verdict, known.refused_at, known.refused_by, trouble))
        return secret

    async def write(self, value: str) -> Secret:
        """Store a new value at its source, mode 0600, other lines kept; the state has it at once.

        Raises `AgentError` if it cannot be stored; a value that could be a token is then in the
        state all the same, and lasts as long as the agent runs.
        """
        if not is_writable(value):
            raise SourceError(
                f"credential {self.name}: the new value is not 1 to {LONGEST_VALUE} letters, digits, "
                "'_', '.' or '-'; nothing was written"
            )
        async with self._writing:
            try:
                await self._threads.run(self._source.write, value)
            except SourceError as error:
                log.error("credential %s: not stored: %s", self.name, error)  # noqa: TRY400 - bad weather
                self._hold(value, trouble=f"not stored: {error}")
                raise
            self._said, self._taken, self._candidate = value, Reading(value), None
            return self._hold(value)

    def accept(self, generation: str, by: str) -> None:
        """The broker took it: proof."""
        self._judge(generation, Word.ACCEPT, by)

    def refuse(self, generation: str, by: str) -> None:
        """The broker said that it is dead: it is never tried again, nor after a restart."""
        self._judge(generation, Word.REFUSE, by)

    def doubt(self, generation: str, by: str) -> None:
        """It was turned away for a reason unknown; whoever can ask the broker should."""
        self._judge(generation, Word.DOUBT, by)

    def _judge(self, generation: str, word: Word, by: str) -> None:
        present = self.state.value
        if present.secret is None or present.secret.generation != generation:
            return
        verdict = VERDICTS[present.verdict, word]
        if verdict is present.verdict and word is not Word.ACCEPT:
            return
        now = self._clock.now()
        refused = verdict is Verdict.REFUSED
        self._memory.refused(generation, now if refused else None, by if refused else "")
        self.state.set(replace(present, verdict=verdict, judged_at=now, judged_by=by))

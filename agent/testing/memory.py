"""What a plugin keeps things in, without a disk: a store, and a credential that the test writes."""

from __future__ import annotations

import hashlib

from agent.abilities import CredentialState, Secret, Verdict
from agent.clock import Clock
from agent.watched import Watched


class MemoryStore:
    """A `KeyValue` that forgets at the end."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> str | None:
        return self.values.get(key)

    def put(self, key: str, value: str) -> None:
        self.values[key] = value


class MemoryCredential:
    """A `Credential` without a file: the test writes it, and reads the verdicts."""

    def __init__(self, name: str, clock: Clock, value: str | None = None) -> None:
        self.name = name
        self._clock = clock
        self.state: Watched[CredentialState] = Watched(CredentialState())
        if value is not None:
            self.put(value)

    def put(self, value: str | None) -> None:
        """As if another process had written the source; `None` takes the value away."""
        if value is None:
            self.state.set(CredentialState())
            return
        generation = hashlib.sha256(value.encode()).hexdigest()[:12]
        present = self.state.value.secret
        if present is None or present.generation != generation:
            self.state.set(CredentialState(Secret(value, generation, self._clock.now())))

    async def write(self, value: str) -> Secret:
        self.put(value)
        secret = self.state.value.secret
        assert secret is not None
        return secret

    def accept(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.ACCEPTED, by)

    def refuse(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.REFUSED, by)

    def doubt(self, generation: str, by: str) -> None:
        self._judge(generation, Verdict.DOUBTED, by)

    def _judge(self, generation: str, verdict: Verdict, by: str) -> None:
        secret = self.state.value.secret
        if secret is not None and secret.generation == generation:
            self.state.set(CredentialState(secret, verdict, self._clock.now(), by))

"""The machine of the kind `openbell`: asks, judges, and remembers across restarts what it heard."""

from __future__ import annotations

from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from agent.api import Context, Report
from plugins.feed.peer.asking import ask, read
from plugins.feed.peer.hearing import Fault, Hearing, Judgement, Patience, State, Word, hear, judge
from plugins.feed.peer.settings import PeerSettings

KEY = "hearing"
_KEPT = TypeAdapter(Hearing)


class Peer:
    """One other agent."""

    def __init__(self, settings: PeerSettings, context: Context) -> None:
        self._settings = settings
        self._context = context
        self._patience = Patience(settings.after, settings.before_open)
        self._speaker = settings.url
        self._hearing: Hearing | None = None
        self._told: State | None = None

    async def probe(self) -> Report:
        """Ask once."""
        answer, now = await self._ask(), self._context.clock.now()
        known = self._hearing or self._kept() or Hearing(since=now, tried_at=now)
        self._hearing = hear(known, answer, now, self._patience)
        self._context.store.put(KEY, _KEPT.dump_json(self._hearing).decode())
        return self._report(self._hearing, judge(self._hearing, now, self._patience), now)

    async def _ask(self) -> Word | Fault:
        """The word of whoever has the desk, first of the one that had it last."""
        token = self._settings.token.get_secret_value() if self._settings.token else None
        addresses = (self._settings.url, *self._settings.others)
        faults: dict[str, Fault] = {}
        for url in sorted(addresses, key=lambda one: one != self._speaker):
            said = await ask(self._context.http, url, token)
            answer = said if isinstance(said, Fault) else read(*said, self._context.clock.now())
            if isinstance(answer, Word):
                self._speaker = url
                return answer
            faults[url] = answer
        first = faults[self._speaker]
        if len(faults) == 1:
            return first
        return Fault(first.reason, "; ".join(f"{url}: {fault.text}" for url, fault in faults.items()))

    def _log_edge(self, state: State, message: str) -> None:
        if state is not self._told:
            self._context.log.info("%s: %s", state, message)
        self._told = state

    def _kept(self) -> Hearing | None:
        text = self._context.store.get(KEY)
        if text is None:
            return None
        try:
            return _KEPT.validate_json(text)
        except ValidationError:
            self._context.log.warning("what a former run heard cannot be read; listening anew")
            return None

    def _report(self, hearing: Hearing, judged: Judgement, now: datetime) -> Report:
        word = hearing.word
        said = {"code": word.code, "stamp": word.stamp.isoformat()} if word is not None else {}
        message = _message(self._speaker, hearing, judged)
        self._log_edge(judged.state, message)
        return Report(
            state=judged.state,
            reason=judged.reason,
            observed_at=now,
            message=message,
            next_change_at=judged.next_at,
            attributes={"url": self._speaker, **said},
        )


def _message(url: str, hearing: Hearing, judged: Judgement) -> str:
    word, fault = hearing.word, hearing.fault
    if judged.state is State.HEARD and word is not None:
        doubt = f"; now {fault.text}" if fault is not None else ""
        return f"{url} says {word.code}{doubt}"
    why = fault.text if fault is not None else "its document is served and not renewed"
    last = f"; it said {word.code} last" if word is not None else "; it was never heard"
    if judged.state is State.LISTENING:
        return f"Listening for {url}: {why}"
    since = f"{judged.silent_since:%H:%M:%S} UTC" if judged.silent_since is not None else "the start"
    calm = ", while no session needs it" if judged.state is State.RESTING else ""
    return f"{url} is silent since {since}{calm}: {why}{last}"

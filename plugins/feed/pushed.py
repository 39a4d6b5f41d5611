"""The machine of a feed that lives in a trading process: judges its beats, and answers with commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from agent.api import ActionError, Context, Credential, Report, Secret
from agent.api import Verdict as Standing
from plugins.feed import beats, events, wording
from plugins.feed.beats import STREAM, Beat, Script
from plugins.feed.canaries import make_basket
from plugins.feed.dialect import Tally
from plugins.feed.obstacles import find_obstacle
from plugins.feed.settings import PushedFeedSettings
from plugins.feed.states import Action, Reason, State
from plugins.feed.watch import Link
from plugins.feed.watchdog import Verdict
from plugins.feed.watching import Watching

JUDGE = "handshake of a trading process"

_SHORTEST_S = 0.001
_UNREAD_S = 0.1  # beats that came while the loop was held up are read first


class PushedFeed:
    """One trading process's feed.

    What the watchdog wishes is done by the process, when it next asks: the answer to a beat
    carries one command with a number, and the beats after it say which number was done.
    """

    def __init__(self, settings: PushedFeedSettings, context: Context) -> None:
        self._context = context
        self._clock = context.clock
        self._silent_after = settings.beat_after.total_seconds()
        self._credential: Credential | None = (
            context.credential(settings.credential) if settings.credential is not None else None
        )
        self._canaries = {t: n for n, t in settings.canaries.items()} or {STREAM: "the stream"}
        self._tally = Tally()
        self._script: Script | None = None
        self._beat_at = self._clock.monotonic()
        self._is_silent = False
        self._asked = False
        self._order = 0
        self._command: dict[str, object] = {}
        self._watching = Watching(
            settings.limits(),
            make_basket(self._canaries),
            context,
            self._credential,
            self._tally,
            look=lambda: self._watching.see(events.Passed()),
            amend=self._amend,
        )

    async def run(self) -> None:
        """Follow expectation and credential, and notice when the beats end; until cancelled."""
        endings = self._watching.follow()
        try:
            while True:
                left = self._left()
                await self._clock.sleep(max(left, _SHORTEST_S) if left > 0 else self._silent_after)
                if self._left() <= 0 and not self._is_silent:
                    await self._clock.sleep(_UNREAD_S)
                    if self._left() <= 0:
                        self._fall_silent()
        finally:
            for end in endings:
                end()
            self._watching.end()

    def _left(self) -> float:
        return self._beat_at + self._silent_after - self._clock.monotonic()

    async def probe(self) -> Report:
        self._watching.see(events.Passed())
        return self._watching.describe()

    async def act(self, action: str) -> str:
        """Ask for a reconnect; the process carries it out with its next beat."""
        if action != "reconnect":
            raise ActionError(f'{self._context.name}: unknown action "{action}": expected "reconnect"')
        if self._is_silent or self._script is None:
            raise ActionError(f"{self._context.name}: cannot reconnect: {wording.NO_BEATS}")
        self._watching.see(events.Told())
        obstacle = find_obstacle(self._watching.watch, self._clock.monotonic())
        if obstacle is not None:
            raise ActionError(f"{self._context.name}: cannot reconnect: {obstacle.message}")
        self._asked = True
        return f"{self._context.name}: the trading process is told to reconnect"

    async def take(self, body: Mapping[str, Any]) -> Mapping[str, object]:
        """Take in a beat; the answer has what to watch and perhaps a command."""
        beat = self._read(body)
        former, now = self._script, self._clock.monotonic()
        self._beat_at, self._is_silent = now, False
        self._script = script = beats.meet(former, beat)
        self._count(former, beat)
        for event in beats.follow_link(former, script, self._watching.watch.link):
            self._see(event, beat)
        wall = self._clock.now().timestamp()
        heard = beats.hear_frames(former, script, self._canaries, now, wall)
        self._watching.see(heard or events.Passed())
        self._command_what_is_wished()
        self._watching.tell()
        return self._answer()

    def _read(self, body: Mapping[str, Any]) -> Beat:
        try:
            beat = Beat.model_validate(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "the beat"
            raise ActionError(f"{self._context.name}: {where}: {first['msg']}") from None
        other = self._script is not None and self._script.beat.process != beat.process
        if other and not self._is_silent and self._clock.monotonic() < self._beat_at + self._silent_after:
            raise ActionError(
                f"{self._context.name}: another process reports to this machine; "
                "give each its own [machines.NAME], or wait until the other has ended"
            )
        return beat if self._credential is not None else beat.model_copy(update={"generation": ""})

    def _count(self, former: Script | None, beat: Beat) -> None:
        same = former is not None and former.beat.process == beat.process
        before = former.beat if former is not None and same else None
        self._tally.frames += max(0, beat.frames - (before.frames if before else 0))
        self._tally.total_packets += max(0, beat.packets - (before.packets if before else 0))
        names = {token: name for token, name in self._canaries.items() if token != STREAM}
        self._tally.unanswered = {token: names.get(token, str(token)) for token in beat.missing}
        if not same:
            self._command = {}

    def _see(self, event: events.Event, beat: Beat) -> None:
        """What the broker made of the token is told to others, where it was the one that we know."""
        self._watching.see(event)
        if isinstance(event, events.Opened):
            self._asked = False
        if self._credential is None or beat.generation is None:
            return
        if isinstance(event, events.Opened):
            self._credential.accept(beat.generation, JUDGE)
        elif isinstance(event, events.Refused) and self._is_doubtful():
            self._credential.doubt(beat.generation, JUDGE)

    def _is_doubtful(self) -> bool:
        """Whether the refusal was of the credential at hand, on which nobody has judged yet."""
        refused = self._watching.watch.standing.refused_at is not None
        return refused and self._watching.watch.standing.verdict in (Standing.UNPROVEN, Standing.ACCEPTED)

    def _fall_silent(self) -> None:
        """Nobody reports: whatever the feed does, it is not known to be connected."""
        self._is_silent = True
        self._command = {}
        self._watching.see(events.Closed(None))
        self._watching.tell()

    def _command_what_is_wished(self) -> None:
        """Turn the watchdog's wishes into the command that the process is given."""
        script = self._script
        if script is None or script.beat.stopped or not script.beat.begun:
            return
        if self._command.get("order") == script.beat.order:
            self._command = {}
        if script.beat.left and not self._asked:
            return
        action = self._watching.decision.action
        if action in (Action.DROP, Action.RECONNECT):
            if find_obstacle(self._watching.watch, self._clock.monotonic()) is not None:
                return  # what cannot be made again is not given up
            self._give_up(script)
            action = self._watching.decision.action
        if action is Action.CONNECT:
            self._reconnect()
        elif action is Action.RESUBSCRIBE:
            reason = self._watching.decision.verdict.reason
            self._say("resubscribe")
            self._watching.see(events.Subscribed(reason))
        elif self._should_pause(script):
            self._say("pause")

    def _give_up(self, script: Script) -> None:
        reason = None if self._watching.watch.forced else self._watching.decision.verdict.reason
        self._script = beats.give_up(script)
        self._watching.see(events.Closed(reason))

    def _reconnect(self) -> None:
        secret = self._secret()
        reason = self._watching.verdict().message
        if self._script is not None:
            self._script = beats.give_up(self._script)
        self._say("reconnect", reason=reason)
        if secret is not None:
            self._command |= {"access_token": secret.value, "generation": secret.generation}
        self._watching.see(events.Opening(secret.generation if secret is not None else ""))

    def _should_pause(self, script: Script) -> bool:
        """Whether the ticker's own retries can only do harm: no token, or too many connections."""
        if self._watching.watch.link is not Link.DOWN or script.beat.paused or self._command:
            return False
        limited = self._watching.watch.attempts.fault is Reason.RATE_LIMITED
        return limited or find_obstacle(self._watching.watch, self._clock.monotonic()) is not None

    def _say(self, command: str, **more: object) -> None:
        """Number a command anew; a former run of the agent may have given some numbers already."""
        done = self._script.beat.order if self._script is not None else 0
        self._order = max(self._order, done) + 1
        self._command = {"command": command, "order": self._order, **more}

    def _secret(self) -> Secret | None:
        return self._credential.state.value.secret if self._credential is not None else None

    def _answer(self) -> Mapping[str, object]:
        watch = [token for token in self._canaries if token != STREAM]
        return {"watch": watch, **self._command}

    def _amend(self, verdict: Verdict) -> Verdict:
        """What the watchdog cannot know: that nobody reports, or that the script is in its own way."""
        beat = self._script.beat if self._script is not None else None
        if beat is None or self._is_silent:
            waits = beat is None and not self._is_silent
            state = State.CONNECTING if waits else State.DISCONNECTED
            return Verdict(state, Reason.NO_HEARTBEAT, wording.AWAITING_BEATS if waits else wording.NO_BEATS)
        if verdict.state is State.CONNECTED:
            return verdict
        hint = wording.script_hint(beat.stopped, beat.left, beat.begun, beat.busy_s or 0.0)
        return replace(verdict, message=f"{verdict.message}; {hint}") if hint else verdict

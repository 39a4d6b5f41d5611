"""`/api/system/notices`: what was told to whom and what came of it; a dead notice sent again, a test sent."""

from __future__ import annotations

from aiohttp import web

from agent.alerts.frozen import thaw
from agent.alerts.letters import Letter, LetterState
from agent.errors import ActionError, StoreError
from agent.model import Notice
from agent.runtime.agent import Agent
from agent.text import masked
from agent.web.access import Scope
from agent.web.problems import problem
from agent.web.replies import reply
from agent.web.routes import Route

LIMIT = 1_000


class Notices:
    """The handlers; they read the journal and hand wishes to the agent's posting."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def routes(self) -> list[Route]:
        at = "/api/system"
        return [
            Route("GET", f"{at}/notices", Scope.READ, self.list),
            Route("POST", f"{at}/notices/{{id}}/retry", Scope.CONTROL, self.retry),
            Route("POST", f"{at}/notifiers/{{name}}/test", Scope.CONTROL, self.test),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        """One page, newest first; `state` chooses, `before` goes on where a page ended."""
        query = request.query
        try:
            limit = int(query.get("limit", "100"))
            before = int(query["before"]) if "before" in query else None
            state = LetterState(query["state"]) if "state" in query else None
        except ValueError:
            text = "limit and before are whole numbers, and state is one of those listed."
            return problem(400, text, states=[str(state) for state in LetterState])
        if not 1 <= limit <= LIMIT:
            return problem(400, f"limit is from 1 to {LIMIT}.")
        try:
            letters = await self._agent.journal.letters(limit=limit, before=before, state=state)
        except StoreError as error:
            return problem(503, str(error))
        following = letters[-1].seq if len(letters) == limit else None
        return reply({"notices": [as_listed(letter) for letter in letters], "next_before": following})

    async def retry(self, request: web.Request) -> web.StreamResponse:
        try:
            letter = await self._agent.posting.retry(request.match_info["id"])
        except KeyError:
            return problem(404, "There is no such notice.")
        except ActionError as error:
            return problem(409, f"It is not sent again: {error}.")
        except StoreError as error:
            return problem(503, str(error))
        return reply(as_listed(letter))

    async def test(self, request: web.Request) -> web.StreamResponse:
        try:
            letters = await self._agent.test_notifier(request.match_info["name"])
        except KeyError:
            known = sorted(self._agent.senders)
            return problem(404, "There is no such notifier, or it could not be built.", known=known)
        return reply({"notices": [as_listed(letter) for letter in letters]})


def as_listed(letter: Letter) -> dict[str, object]:
    """A letter as it is shown: a recipient's address so that its owner knows it, and no more."""
    recipient = letter.address.recipient
    notice = _notice(letter)
    incident = notice.incident if notice is not None else None
    return {
        "id": letter.id,
        "seq": letter.seq,
        "notice": letter.notice,
        "notifier": letter.address.notifier,
        "recipient": masked(recipient) if recipient is not None else None,
        "incident": incident.id if incident is not None else None,
        "type": letter.type,
        "code": letter.code,
        "severity": letter.severity,
        "reason": notice.reason if notice is not None else None,
        "state": letter.state,
        "attempts": letter.attempts,
        "receipt": letter.receipt,
        "error": letter.last_error,
        "created_at": letter.created_at,
        "next_at": letter.next_at if letter.is_open else None,
        "expires_at": letter.expires_at,
        "ended_at": letter.ended_at,
    }


def _notice(letter: Letter) -> Notice | None:
    try:
        return thaw(letter.body)
    except (ValueError, KeyError, TypeError):
        return None

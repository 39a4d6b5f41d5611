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
from agent.web.paging import number, page
from agent.web.problems import problem
from agent.web.replies import reply, reply_once
from agent.web.routes import Route


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
        wanted = page(request, number)
        if isinstance(wanted, web.Response):
            return wanted
        try:
            state = LetterState(request.query["state"]) if "state" in request.query else None
        except ValueError:
            return problem(400, "state is one of those listed.", states=[str(one) for one in LetterState])
        try:
            letters = await self._agent.journal.letters(limit=wanted.limit, before=wanted.before, state=state)
        except StoreError as error:
            return problem(503, str(error))
        following = wanted.next_before(letters, lambda letter: letter.seq)
        body = {"notices": [as_listed(letter) for letter in letters], "next_before": following}
        return reply_once(request, body)

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

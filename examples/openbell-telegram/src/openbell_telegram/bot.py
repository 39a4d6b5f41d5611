"""One call of Telegram's bot API, bounded in time and size; its address has the token, and never shows."""

from __future__ import annotations

import json
from dataclasses import dataclass

import aiohttp

from agent.api import Clock, DeliveryError

PATIENCE_S = 10.0
ANSWER_LIMIT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came, unjudged; `said` is its JSON object, empty where there is none."""

    status: int
    said: dict[str, object]
    retry_after: str = ""


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot and the server of its API."""

    url: str
    token: str
    clock: Clock

    def __repr__(self) -> str:
        return f"Bot({self.url})"

    async def call(self, http: aiohttp.ClientSession, method: str, content: dict[str, object]) -> Answer:
        """Raises `DeliveryError` in words of ours: those of the client quote the address."""
        try:
            async with (
                self.clock.timeout(PATIENCE_S),
                http.post(
                    f"{self.url}/bot{self.token}/{method}", json=content, allow_redirects=False
                ) as answer,
            ):
                said = _read(await _bounded(answer.content))
                return Answer(answer.status, said, answer.headers.get("Retry-After", ""))
        except TimeoutError:
            raise DeliveryError(f"Telegram gives no answer within {PATIENCE_S:g} s") from None
        except (aiohttp.ClientError, OSError) as trouble:
            raise DeliveryError(f"Telegram cannot be reached ({type(trouble).__name__})") from None


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    """The body, up to the limit: a longer one is cut, and then is no JSON."""
    body = b""
    async for piece in content.iter_any():
        body += piece
        if len(body) > ANSWER_LIMIT:
            break
    return body[:ANSWER_LIMIT]


def _read(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}

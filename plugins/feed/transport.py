"""One WebSocket connection: verified TLS, no compression, bounded messages, and no secret in any error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

import aiohttp

from agent.api import Clock

MAX_MESSAGE = 1024 * 1024
_CLOSE_PATIENCE_S = 0.25  # a peer that does not answer our goodbye is left all the same


class HandshakeRefusedError(Exception):
    """The server answered, but not with an upgrade."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the handshake was answered with status {status}")
        self.status = status


class UnreachableError(Exception):
    """The server did not answer; the text says why."""


class ConnectionLostError(Exception):
    """The connection ended while it was written to."""


class Connection:
    """An open WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def receive(self, hear: Callable[[bytes | str], None], ponged: Callable[[], None]) -> str:
        """Hand each frame to `hear` until the connection ends; returns how it ended."""
        receive = self._socket.receive
        binary, text = aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT
        while True:
            message = await receive()
            if message.type is binary or message.type is text:
                hear(message.data)
            elif message.type is aiohttp.WSMsgType.PING:
                await self._write(self._socket.pong(message.data))
            elif message.type is aiohttp.WSMsgType.PONG:
                ponged()
            else:
                return self._ending()

    async def send(self, texts: Sequence[str]) -> None:
        """Raises `ConnectionLostError`, as `ping` does."""
        for text in texts:
            await self._write(self._socket.send_str(text))

    async def ping(self) -> None:
        await self._write(self._socket.ping())

    async def close(self) -> None:
        await self._socket.close()

    async def _write(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except (aiohttp.ClientError, OSError):
            raise ConnectionLostError from None

    def _ending(self) -> str:
        code = self._socket.close_code
        return "without a goodbye" if code in (None, 1006) else f"code {code}"


async def connect(
    session: aiohttp.ClientSession,
    address: str,
    headers: Mapping[str, str],
    *,
    clock: Clock,
    timeout_s: float,
) -> Connection:
    """Open a connection. Raises `HandshakeRefusedError` or `UnreachableError`.

    The address holds a secret, and aiohttp's errors quote it: none of their texts is used, and
    none is chained.
    """
    straight = _without_redirects(session)
    try:
        async with clock.timeout(timeout_s):
            socket = await straight.ws_connect(
                address,
                headers=headers,
                autoping=False,
                compress=0,
                max_msg_size=MAX_MESSAGE,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_PATIENCE_S),
            )
    except HandshakeRefusedError as redirect:
        status = redirect.status
    except aiohttp.WSServerHandshakeError as error:
        status = error.status
    except TimeoutError:
        raise UnreachableError(f"no answer within {timeout_s:g} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise UnreachableError(_explain(error)) from None
    else:
        return Connection(socket)
    finally:
        straight.detach()
    raise HandshakeRefusedError(status) from None


def _without_redirects(session: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """The same session, but a redirect of the handshake is refused: `ws_connect` has no switch for it.

    A ticker never redirects; whoever does would have us speak to a server of their choice.
    """
    return aiohttp.ClientSession(
        connector=session.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers=session.headers,
        timeout=session.timeout,
        trace_configs=[_REFUSING],
    )


async def _refuse(_session: object, _context: object, redirect: aiohttp.TraceRequestRedirectParams) -> None:
    raise HandshakeRefusedError(redirect.response.status)


_REFUSING = aiohttp.TraceConfig()
_REFUSING.on_request_redirect.append(_refuse)


def _explain(error: Exception) -> str:
    for kind, words in _CAUSES:
        if isinstance(error, kind):
            return words
    strerror = getattr(getattr(error, "os_error", error), "strerror", None)
    return strerror if isinstance(strerror, str) and strerror else type(error).__name__


_CAUSES: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not valid"),
    (aiohttp.ClientSSLError, "TLS could not be agreed upon"),
    (aiohttp.ServerDisconnectedError, "it closed the connection before the handshake"),
    (aiohttp.ClientResponseError, "it does not speak HTTP"),
    (aiohttp.InvalidURL, "its address is not valid"),
)

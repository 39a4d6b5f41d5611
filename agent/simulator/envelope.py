"""How the broker answers: data in one wrapper, refusals in another (https://kite.trade/docs/connect/v3/)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web


class RefusalError(Exception):
    """A request that is refused, as the broker words it."""

    def __init__(self, status: int, error_type: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message


def success(content: object) -> web.Response:
    return web.json_response({"status": "success", "data": content})


def refusal(status: int, error_type: str, message: str) -> web.Response:
    wrapped = {"status": "error", "message": message, "data": None, "error_type": error_type}
    return web.json_response(wrapped, status=status)


_WORDS = {404: "Route not found", 405: "Method not allowed", 413: "Request too large"}


def no_such_request(status: int) -> web.Response:
    """For what never reached a route."""
    return refusal(status, "GeneralException", _WORDS.get(status) or HTTPStatus(status).phrase)

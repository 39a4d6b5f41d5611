"""The words for each trouble, and a check for each of them."""

from __future__ import annotations

from collections.abc import Callable

from agent.testing.contract import Contract, check
from agent.testing.troubles import Trouble

_TITLES = {
    Trouble.UNAUTHORIZED: "A 401",
    Trouble.FORBIDDEN: "A 403",
    Trouble.RATE_LIMITED: "A 429",
    Trouble.SERVER_ERROR: "A 503",
    Trouble.TIMEOUT: "An answer that never comes",
    Trouble.DNS: "A name that cannot be looked up",
    Trouble.TLS: "A certificate that nobody vouches for",
}


def telling(trouble: Trouble) -> Callable[[Contract], None]:
    """The check that one trouble is told for what it is; the contract's `meet` does it."""

    async def body(contract: Contract) -> None:
        await contract.meet(trouble)

    body.__name__ = f"test_classes_{trouble}"
    body.__doc__ = f"{_TITLES[trouble]} is told for what it is."
    return check()(body)

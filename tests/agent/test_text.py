from __future__ import annotations

import pytest

from agent.text import LIMIT, masked, plain


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        pytest.param("desk@example.com", "d***@example.com", id="an address"),
        pytest.param("@example.com", "***@example.com", id="an address without a name"),
        pytest.param("+4915112345678", "+4***", id="a number"),
        pytest.param("duty-phone", "duty-phone", id="an operator's own name"),
        pytest.param("tgram://12:AA/3", "tg***", id="an address of another kind"),
        pytest.param("", "***", id="nothing"),
    ],
)
def test_a_recipient_is_shown_so_that_its_owner_knows_it(recipient: str, shown: str) -> None:
    assert masked(recipient) == shown


def test_a_text_is_one_line_that_fits() -> None:
    assert plain("a\r\nb\u202ec ") == "a b c"
    assert len(plain("x" * (LIMIT + 1))) == LIMIT

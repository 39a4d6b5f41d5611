"""Nothing is sent again to who has it."""

from __future__ import annotations

import pytest

from agent.web.replies import etag_of, is_known


@pytest.mark.parametrize(
    ("header", "known"),
    [
        pytest.param("", False, id="nothing named"),
        pytest.param('"a"', True, id="the very one"),
        pytest.param('W/"a"', True, id="by way of a proxy that compressed it"),
        pytest.param('"b", "a"', True, id="one of several"),
        pytest.param("*", True, id="whichever"),
        pytest.param('"b"', False, id="another"),
        pytest.param('"aa"', False, id="one that only begins like it"),
        pytest.param("a", False, id="no tag at all"),
    ],
)
def test_a_tag_is_known_when_it_is_named(header, known) -> None:
    assert is_known(header, '"a"') is known


def test_the_tag_is_of_the_bytes() -> None:
    assert etag_of(b"a") == etag_of(b"a") != etag_of(b"b")
    assert etag_of(b"a").startswith('"')

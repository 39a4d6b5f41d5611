"""Nothing is sent again to who has it."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from agent.web.replies import etag_of, is_known, takes_gzip


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


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [
        pytest.param("gzip", True, id="alone"),
        pytest.param("br, gzip;q=0.5", True, id="after another"),
        pytest.param("*", True, id="whatever"),
        pytest.param("gzip; q=0", False, id="refused"),
        pytest.param("gzip;q=0.000", False, id="refused at length"),
        pytest.param("identity", False, id="as it is"),
        pytest.param("", False, id="nothing said"),
    ],
)
def test_who_takes_gzip_says_so(accepted: str, is_taken: bool) -> None:
    assert takes_gzip(make_mocked_request("GET", "/", {"Accept-Encoding": accepted})) is is_taken

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.credential_text import FormatError
from agent.runtime.credentials import jsonfile, wholefile


@pytest.mark.parametrize(
    ("content", "key", "value"),
    [
        pytest.param(b'{"token": "abc"}', "token", "abc", id="plain"),
        pytest.param(b'{"kite": {"token": "abc"}}', "kite.token", "abc", id="nested"),
        pytest.param(b'{"token": "old", "token": "new"}', "token", "new", id="the last one wins"),
        pytest.param(b'{"token": null}', "token", None, id="null"),
        pytest.param(b'{"token": ""}', "token", None, id="empty"),
        pytest.param(b'{"kite": 3}', "kite.token", None, id="no object on the way"),
        pytest.param(b"", "token", None, id="an empty file"),
        pytest.param(b'\xef\xbb\xbf{"token": "abc"}\r\n', "token", "abc", id="BOM"),
    ],
)
def test_a_json_member_is_found(content: bytes, key: str, value: str | None) -> None:
    assert jsonfile.read(content, key) == value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b'{\n"token": "ab', "line 2: not JSON", id="half written"),
        pytest.param(b'{"token": 3}', "expected a text, found int", id="a number"),
        pytest.param(b"{} {}", "behind the end", id="two values"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="nested"),
        pytest.param(b'{"token": "a b"}', "cannot be a token", id="a blank in it"),
    ],
)
def test_json_that_cannot_be_used_is_said_to_be_so(content: bytes, says: str) -> None:
    with pytest.raises(FormatError, match=says):
        jsonfile.read(content, "token")


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [
        pytest.param(
            b'{\r\n  "a" : 1.50,\r\n  "token":"old" }\r\n',
            "token",
            b'{\r\n  "a" : 1.50,\r\n  "token":"new" }\r\n',
            id="every other byte stays",
        ),
        pytest.param(b'{"a": 1}', "token", b'{"token": "new", "a": 1}', id="added"),
        pytest.param(b"", "kite.token", b'{"kite": {"token": "new"}}\n', id="an empty file"),
        pytest.param(b'{"kite": {}}', "kite.token", b'{"kite": {"token": "new"}}', id="added further in"),
        pytest.param(b'{"token": null}', "token", b'{"token": "new"}', id="in place of null"),
    ],
)
def test_only_that_json_member_changes(before: bytes, key: str, after: bytes) -> None:
    assert jsonfile.write(before, key, "new") == after


def test_json_that_is_no_object_is_not_written_to() -> None:
    with pytest.raises(FormatError, match="object was expected"):
        jsonfile.write(b"[1, 2]", "token", "new")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abt", max_size=2), inner),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "token"]), _JSON, max_size=3), st.sampled_from([None, 1, 3])
)
def test_a_written_json_member_is_read_back_and_the_others_stay(document: dict, indent: int | None) -> None:
    content = json.dumps(document, indent=indent, ensure_ascii=False).encode()
    written = jsonfile.write(content, "token", "new")
    assert json.loads(written) == document | {"token": "new"}
    assert jsonfile.read(written, "token") == "new"


def test_a_whole_file_is_one_line_whatever_blanks_surround_it() -> None:
    assert wholefile.read(b"\xef\xbb\xbf abc\r\n") == "abc"
    assert wholefile.read(b"\n") is None
    with pytest.raises(FormatError, match="one line was expected"):
        wholefile.read(b"abc\ndef\n")
    assert wholefile.read(wholefile.write(b"old", "new")) == "new"

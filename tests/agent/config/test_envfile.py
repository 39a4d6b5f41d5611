from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import envfile
from agent.config.credential_text import FormatError

KEY = "ZERODHA_ACCESS_TOKEN"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        pytest.param(b"ZERODHA_ACCESS_TOKEN=abc\n", "abc", id="plain"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=abc", "abc", id="without a last line end"),
        pytest.param(b"export ZERODHA_ACCESS_TOKEN=abc\n", "abc", id="export"),
        pytest.param(b"  ZERODHA_ACCESS_TOKEN = abc  \n", "abc", id="blanks around"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN='abc'\n", "abc", id="single quotes"),
        pytest.param(b'ZERODHA_ACCESS_TOKEN="abc" # mine\n', "abc", id="double quotes and a comment"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=abc #x\n", "abc", id="a comment after a blank"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=abc#x\n", "abc#x", id="a sign without a blank is no comment"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=a${X}b\n", "a${X}b", id="nothing is interpolated"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN='a${X}b'\n", "a${X}b", id="nor in single quotes"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=old\nZERODHA_ACCESS_TOKEN=new\n", "new", id="the last one wins"),
        pytest.param(b"# ZERODHA_ACCESS_TOKEN=abc\n", None, id="commented out"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=\n", None, id="empty"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN= # later\n", None, id="only a comment"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=''\n", None, id="empty quotes"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN\n", None, id="no equals sign"),
        pytest.param(b"MY_ZERODHA_ACCESS_TOKEN=abc\n", None, id="the end of another key"),
        pytest.param(b"", None, id="an empty file"),
        pytest.param(b"\xef\xbb\xbfZERODHA_ACCESS_TOKEN=abc\r\nA=b\r\n", "abc", id="BOM and CRLF"),
        pytest.param(b'PEM="-----\nZERODHA_ACCESS_TOKEN=no\n"\n', None, id="inside another key's quotes"),
        pytest.param(b'A="x\\"y"\nZERODHA_ACCESS_TOKEN=abc\n', "abc", id="after an escaped quote"),
        pytest.param(b"what is this\nZERODHA_ACCESS_TOKEN=abc\n", "abc", id="after a line that is none"),
        pytest.param("NAME=ज़ेरोधा\nZERODHA_ACCESS_TOKEN=abc\n".encode(), "abc", id="beside other scripts"),
    ],
)
def test_the_value_is_read_as_it_is_written(content: bytes, value: str | None) -> None:
    assert envfile.read(content, KEY) == value


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"A=1\nB=\0\n", "line 2: a NUL byte", id="NUL"),
        pytest.param(b"A=1\n\nB=\xff\n", "line 3: not UTF-8", id="Latin-1"),
        pytest.param("ZERODHA_ACCESS_TOKEN=a\n".encode("utf-16"), "line 1", id="UTF-16"),
        pytest.param(b'A=1\nB="never ends\nZERODHA_ACCESS_TOKEN=abc\n', "line 2: a quote", id="open quote"),
        pytest.param(
            b'A="open\nZERODHA_ACCESS_TOKEN=abc\nB="x"\n', "line 3: text behind", id="a quote that swallows"
        ),
        pytest.param(b"A=1\nZERODHA_ACCESS_TOKEN=a b\n", "line 2: the value is not", id="a blank in it"),
        pytest.param("ZERODHA_ACCESS_TOKEN=gehe\u2011im\n".encode(), "line 1: the value", id="not ASCII"),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=" + b"a" * 5000, "too long", id="longer than any token"),
    ],
)
def test_what_cannot_be_understood_is_said_with_its_line_and_without_its_text(
    content: bytes, says: str
) -> None:
    with pytest.raises(FormatError) as caught:
        envfile.read(content, KEY)
    assert says in str(caught.value)
    assert "abc" not in str(caught.value)
    assert "gehe" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", b"ZERODHA_ACCESS_TOKEN=new\n", id="an empty file"),
        pytest.param(b"A=1", b"A=1\nZERODHA_ACCESS_TOKEN=new\n", id="no last line end"),
        pytest.param(b"A=1\r\n", b"A=1\r\nZERODHA_ACCESS_TOKEN=new\r\n", id="CRLF"),
        pytest.param(b"\xef\xbb\xbf", b"\xef\xbb\xbfZERODHA_ACCESS_TOKEN=new\n", id="only a BOM"),
        pytest.param(
            b"# note\nexport ZERODHA_ACCESS_TOKEN = 'old' # mine\nB=2\n",
            b"# note\nexport ZERODHA_ACCESS_TOKEN = 'new' # mine\nB=2\n",
            id="quotes, blanks and comment stay",
        ),
        pytest.param(
            b"ZERODHA_ACCESS_TOKEN=one\nB=2\nZERODHA_ACCESS_TOKEN=two\n",
            b"ZERODHA_ACCESS_TOKEN=one\nB=2\nZERODHA_ACCESS_TOKEN=new\n",
            id="of two, the one that counts",
        ),
        pytest.param(
            b"ZERODHA_ACCESS_TOKEN= # later\n",
            b"ZERODHA_ACCESS_TOKEN=new # later\n",
            id="empty, comment",
        ),
        pytest.param(b"ZERODHA_ACCESS_TOKEN=\r\n", b"ZERODHA_ACCESS_TOKEN=new\r\n", id="empty before CRLF"),
    ],
)
def test_only_the_value_changes(before: bytes, after: bytes) -> None:
    assert envfile.write(before, KEY, "new") == after


def test_a_broken_file_is_not_written_to() -> None:
    with pytest.raises(FormatError):
        envfile.write(b'A="open\n', KEY, "new")


_VALUES = st.text("abcXYZ019_.-", min_size=1, max_size=40)
_WORDS = st.text("abc#=' \t\"$\\{}é", max_size=20).map(str.encode)
_LINES = st.one_of(
    st.just(b""),
    _WORDS.map(lambda word: b"# " + word),
    st.builds(lambda value: b"A=" + value.encode(), _VALUES),
    st.builds(lambda value: b'B = "' + value.encode() + b' x\n y" # c', _VALUES),
    st.builds(lambda value: f"{KEY}={value}".encode(), _VALUES),
    st.builds(lambda value: f"export {KEY} = '{value}'  # c".encode(), _VALUES),
    st.just(f"{KEY}=".encode()),
    st.just(f'{KEY}=""'.encode()),
)


@given(
    lines=st.lists(_LINES, max_size=8),
    end=st.sampled_from([b"\n", b"\r\n"]),
    bom=st.booleans(),
    closed=st.booleans(),
    value=_VALUES,
)
def test_whatever_the_file_a_written_value_is_read_back_and_every_other_byte_stays(
    lines: list[bytes], end: bytes, bom: bool, closed: bool, value: str
) -> None:
    content = (b"\xef\xbb\xbf" if bom else b"") + end.join(lines) + (end if closed and lines else b"")
    before = list(envfile.assignments(content))
    written = envfile.write(content, KEY, value)
    after = list(envfile.assignments(written))

    assert envfile.read(written, KEY) == value
    assert envfile.write(written, KEY, value) == written
    ours = [found for found in before if found.key == KEY.encode()]
    if ours:
        kept = ours[-1]
        grown = len(written) - len(content)
        assert written[: kept.start] == content[: kept.start]
        assert written[kept.end + grown :] == content[kept.end :]
    else:
        assert written.startswith(content)
        assert len(after) == len(before) + 1


@given(st.binary(max_size=200))
def test_no_bytes_whatever_raise_anything_but_a_format_error(content: bytes) -> None:
    try:
        envfile.read(content, KEY)
        written = envfile.write(content, KEY, "new")
    except FormatError:
        return
    assert envfile.read(written, KEY) == "new"


@pytest.mark.parametrize("value", ["abc", "a b", "x #1", "https://h/x#y", 'say "hi" now', "it's", ""])
def test_a_quoted_value_is_found_again_as_it_was(value: str) -> None:
    assert envfile.find(f"A=1\nK={envfile.quoted(value)}\nB=2\n".encode(), "K") == value


@pytest.mark.parametrize("value", ["a\nb", "it's # odd", " it's"])
def test_a_value_that_cannot_be_written_is_refused(value: str) -> None:
    with pytest.raises(FormatError, match="cannot be written"):
        envfile.quoted(value)

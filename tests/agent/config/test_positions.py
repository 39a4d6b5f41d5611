from __future__ import annotations

import itertools
import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.positions import DEEPEST, Positions, TooDeepError, dotted, place, positions

TEXT = '''\
# the desk
name = "x"
[machines.feed]
kind = "kite" # with a [comment]
"stale after" = "5"
watch = [
  1, # one
  { a.b = 2, "c d" = [3,
   4] },
  """
]x = 1
[not.a.header]""",
]
credential.'the.key'.x = "[#]"
[[rule]]
id = "a"
[rule.when]
feed = ["STALE"]
[[rule]]
id = 'b'
when = { feed = "LIVE" }
[[rule.step]]
n = 0
[[rule.step]]
n = 1
[machines]
every = 1979-05-27 07:32:00Z
"\\u0041" = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("machines", "feed"), 3),
        (("machines", "feed", "kind"), 4),
        (("machines", "feed", "stale after"), 5),
        (("machines", "feed", "watch"), 6),
        (("machines", "feed", "watch", 0), 7),
        (("machines", "feed", "watch", 1, "a", "b"), 8),
        (("machines", "feed", "watch", 1, "c d", 1), 9),
        (("machines", "feed", "watch", 2), 10),
        (("machines", "feed", "credential", "the.key", "x"), 14),
        (("rule",), 15),
        (("rule", 0, "when", "feed"), 18),
        (("rule", 1), 19),
        (("rule", 1, "id"), 20),
        (("rule", 1, "when", "feed"), 21),
        (("rule", 1, "step", 1, "n"), 25),
        (("machines",), 26),
        (("machines", "every"), 27),
        (("machines", "A"), 28),
    ],
    ids=str,
)
def test_a_key_stands_where_it_is_written(path, line):
    assert positions(TEXT).line(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        pytest.param(("machines", "feed", "stale_after"), 3, id="a key that is missing from its table"),
        pytest.param(("rule", 1, "code", "x"), 19, id="a key of a key that is missing"),
        pytest.param(("rule", 7), 15, id="an entry that is missing"),
        pytest.param(("nothing", "here"), 1, id="a table that is missing"),
        pytest.param((), 1, id="the file"),
    ],
)
def test_what_is_missing_stands_at_its_nearest_parent(path, line):
    assert positions(TEXT).line(path) == line


def test_a_table_named_in_passing_stands_at_its_own_header_once_it_has_one():
    assert positions("[a.b]\nx = 1\n[a]\n").line(("a",)) == 3


def test_windows_line_ends_count_once():
    assert positions("a = 1\r\n\r\nb = 2\r\n").line(("b",)) == 3


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("\na = " + "[" * 2000, 2, id="arrays"),
        pytest.param("a = " + "{b=" * 2000, 1, id="inline tables"),
        pytest.param("\n\n" + "a." * 100_000 + "a = 1", 3, id="a dotted key"),
        pytest.param("[" + "a." * 100_000 + "a]", 1, id="a header"),
        pytest.param("[[" + "a." * 100_000 + "a]]", 1, id="a header of an entry"),
    ],
)
def test_bottomless_nesting_is_refused_on_its_line(text, line):
    with pytest.raises(TooDeepError) as raised:
        positions(text)
    assert raised.value.line == line


def test_nesting_up_to_the_limit_is_let_through():
    depth = DEEPEST - 1
    found = positions("a = " + "[" * depth + "]" * depth)
    assert found.line(("a", *[0] * (depth - 1))) == 1


@given(st.text(st.sampled_from("ab.=[]{}\"'\\#,\n \r01"), max_size=60) | st.text(max_size=40))
def test_any_text_is_scanned_to_its_end(text):
    positions(text)


def test_a_path_reads_as_people_write_it():
    assert dotted(("rule", 0, "when", "a feed", 1)) == 'rule[0].when."a feed"[1]'


def test_a_complaint_begins_with_file_line_and_key():
    found = positions(TEXT)
    assert place(Path("agent.toml"), found, ("rule", 1, "id")) == "agent.toml:20: rule[1].id"
    assert place(Path("agent.toml"), Positions(), ()) == "agent.toml:1"


# A text is drawn in which every key and every single value is a word used nowhere else, so that
# the words of a line tell whether a path is rightly said to stand on it.


class Writer:
    """Writes TOML in whichever style is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._words = (f"w{number}" for number in itertools.count(1000))

    def key(self) -> str:
        word = next(self._words)
        styles = [word, f'"{word}"', f"'{word}'", f'"{word}#=]"', f"'{word}\\x'", json.dumps(f'{word}"')]
        return self._draw(st.sampled_from([*styles, json.dumps(f"{word}\\é")]))

    def keys(self) -> str:
        joint = self._draw(st.sampled_from([".", " . ", "\t."]))
        return joint.join(self.key() for _ in range(self._draw(st.integers(1, 3))))

    def gap(self) -> str:
        return self._draw(st.sampled_from(["", " ", "\n", "\r\n", " # w0 = [1]\n", "\n  "]))

    def scalar(self) -> str:
        word = next(self._words)
        styles = [
            f'"{word}"',
            f"'{word}\\'",
            f'"{word} \\"] #"',
            f'"""{word}\n\n]"" \\""" = 1"""',
            f"'''{word}''\n\"\"\"[x]'''",
            f'"""{word}"""""',
            f"'''{word}'''''",
            f'"""{word}\\\n  x"""',
            f"{word[1:]}",
            f"{word[1:]}-01-01 00:00:00Z",
        ]
        return self._draw(st.sampled_from(styles))

    def value(self, depth: int) -> str:
        kind = self._draw(st.sampled_from(["scalar", "array", "table"] if depth else ["scalar"]))
        if kind == "scalar":
            return self.scalar()
        count = self._draw(st.integers(0, 3))
        if kind == "table":
            return "{ " + ", ".join(self.pair(depth - 1) for _ in range(count)) + " }"
        entries = [f"{self.gap()}{self.value(depth - 1)}{self.gap()}," for _ in range(count)]
        return "[" + "".join(entries) + self.gap() + "]"

    def pair(self, depth: int) -> str:
        return f"{self.keys()} = {self.value(depth)}"

    def body(self) -> str:
        ends = st.sampled_from(["\n", "\r\n", " # x = 1\n", "\n\n"])
        return "".join(self.pair(2) + self._draw(ends) for _ in range(self._draw(st.integers(0, 3))))

    def text(self) -> str:
        text = self.body()
        for _ in range(self._draw(st.integers(0, 3))):
            table = self.keys()
            if self._draw(st.booleans()):
                text += f"[{table}]\n{self.body()}[{table} . {self.key()}]\n{self.body()}"
            else:
                for _ in range(self._draw(st.integers(1, 3))):
                    text += f"[[ {table} ]]\n{self.body()}[[{table}.{self.key()}]]\n{self.body()}"
        return text


@st.composite
def texts(draw: st.DrawFn) -> str:
    return Writer(draw).text()


def paths(value: object, path: tuple = ()):
    inner = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else [])
    for key, below in inner:
        yield (*path, key), below
        yield from paths(below, (*path, key))


@settings(max_examples=200)
@given(texts())
def test_every_path_that_the_parser_finds_stands_on_a_line_with_its_last_word(text):
    found = positions(text)
    lines = text.split("\n")
    for path, value in paths(tomllib.loads(text)):
        assert path in found.lines
        word = str(path[-1] if isinstance(path[-1], str) else value).split("-")[0][:5]
        if isinstance(path[-1], str) or not isinstance(value, dict | list):
            assert word in lines[found.line(path) - 1]


@settings(max_examples=100)
@given(texts())
def test_no_path_is_found_that_the_parser_does_not_find(text):
    assert set(positions(text).lines) == {path for path, _ in paths(tomllib.loads(text))}

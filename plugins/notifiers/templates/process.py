"""The process in which templates are checked and rendered; run as a script, it imports nothing of ours.

A template can loop for ever, ask for all the memory, or find a way out of the sandbox. Here it has
a second of computing, 256 MiB, no files to write, an empty environment, and none of the agent's
secrets. It reads one piece of work from its standard input, and answers on its standard output.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import resource
import sys
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

LIMITS = (
    (resource.RLIMIT_CPU, 1),
    (resource.RLIMIT_AS, 256 * 1024 * 1024),
    (resource.RLIMIT_FSIZE, 0),
    (resource.RLIMIT_CORE, 0),
)
LONGEST = 20_000
"""Signs of a rendered text."""

NAME = "<template>"


def main() -> None:
    """Do one piece of work; `argv[1]` is the folder in which Jinja2 is installed."""
    sys.path.append(sys.argv[1])
    for kind, limit in LIMITS:
        with contextlib.suppress(ValueError, OSError):  # not every system has each of them
            resource.setrlimit(kind, (limit, limit))
    work = json.load(sys.stdin.buffer)
    done = {name: _outcome(source, work) for name, source in work["templates"].items()}
    sys.stdout.write(json.dumps(done))


def _outcome(source: Mapping[str, Any], work: Mapping[str, Any]) -> dict[str, object]:
    try:
        return {"text": _render(source, work)}
    except Exception as error:  # noqa: BLE001 - whatever a template raises is an answer
        return {"error": _words(error)}


def _render(source: Mapping[str, Any], work: Mapping[str, Any]) -> str | None:
    """The rendered text; `None` where there are no values, and the template is only checked."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    escapes = str.maketrans(source["escapes"])
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        finalize=lambda value: _shown(value).translate(escapes),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    if work["values"] is None:
        _check(environment, source["text"], work["known"])
        return None
    code = environment.compile(source["text"], filename=NAME)
    template = environment.template_class.from_code(environment, code, environment.make_globals(None))
    return _joined(template.generate(work["values"]))


def _check(environment: Any, text: str, known: Iterable[str]) -> None:
    from jinja2 import meta

    names = {*known, *environment.globals}
    environment.compile(text, filename=NAME)
    for name in sorted(meta.find_undeclared_variables(environment.parse(text)) - names):
        near = difflib.get_close_matches(name, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(known))}"
        raise NameError(f"there is no variable {name}; {hint}")


def _joined(pieces: Iterable[str]) -> str:
    text = ""
    for piece in pieces:
        text += piece
        if len(text) > LONGEST:
            raise ValueError(f"it makes more than {LONGEST} signs")
    return text


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _words(error: Exception) -> str:
    line = getattr(error, "lineno", None) or next(
        (frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME), None
    )
    what = getattr(error, "message", None) or str(error) or type(error).__name__
    return (f"line {line}: " if line else "") + str(what)[:300]


if __name__ == "__main__":
    main()

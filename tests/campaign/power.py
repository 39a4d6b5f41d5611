"""What a power cut leaves of a life: its recorded writes and syncs, replayed as a disk would have them.

A `kill -9` keeps what the system has in memory, so it cannot show a sync that is missing. Here every
write counts only from the sync behind it on; what was written since the last one is kept, lost or torn
as it pleases the disk.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "pwrite64,write,fdatasync,fsync,ftruncate,unlink"
TRACE = ("strace", "-D", "--seccomp-bpf", "-f", "-y", "-xx", "-s", "100000", "-e", f"trace={CALLS}")
"""Every call that this reads, with its data whole, in the order in which they came."""

SECTOR = 512
_LINE = re.compile(r"^(?P<pid>\d+) +(?:<\.\.\. (?P<resumed>\w+) resumed>)?(?P<rest>.*)$")
_CALL = re.compile(r'^(?P<name>\w+)\((?:\d+<(?P<path>[^>]*)>|"(?P<text>[^"]*)")(?P<arguments>.*?)\)? += ')
_DATA = re.compile(r'^, "(?P<data>[^"]*)", \d+(?:, (?P<offset>\d+))?$')


@dataclass(frozen=True)
class Call:
    """One call: its name, the file's name, and what was written where."""

    name: str
    file: str
    data: bytes = b""
    offset: int = 0


def read(log: Path) -> Iterator[Call]:
    """The calls of a recorded life that went well, in their order."""
    cut_off: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            rest = found["rest"]
            if rest.endswith("<unfinished ...>"):
                cut_off[found["pid"]] = rest.removesuffix("<unfinished ...>").rstrip()
                continue
            call = _call(cut_off.pop(found["pid"]) + rest if found["resumed"] else rest)
            if call is not None:
                yield call


def _call(text: str) -> Call | None:
    found = _CALL.match(text)
    if found is None or "= -1" in text[-80:]:
        return None
    name, file = found["name"], Path(_bytes(found["path"] or found["text"]).decode()).name
    if name == "ftruncate":
        return Call(name, file, offset=int(found["arguments"].strip(", ")))
    written = _DATA.match(found["arguments"])
    if written is None:
        return Call(name, file)
    return Call(name, file, _bytes(written["data"]), int(written["offset"] or 0))


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@dataclass
class Platter:
    """The files of a folder: what is on the disk for certain, and what may be."""

    certain: dict[str, bytes] = field(default_factory=dict)
    pending: dict[str, list[Call]] = field(default_factory=lambda: defaultdict(list))

    def follow(self, call: Call) -> None:
        if call.name in ("pwrite64", "ftruncate"):
            self.pending[call.file].append(call)
        elif call.name in ("fdatasync", "fsync"):
            self.certain[call.file] = _laid(self.certain.get(call.file, b""), self.pending.pop(call.file, []))
        elif call.name == "unlink":
            self.certain.pop(call.file, None)
            self.pending.pop(call.file, None)

    def after_a_cut(self, dice: random.Random | None) -> dict[str, bytes]:
        """The files after it: nothing of what is pending, or as the dice have it."""
        found = dict(self.certain)
        for file, calls in self.pending.items():
            kept = [] if dice is None else [_torn(call, dice) for call in calls if dice.random() < 0.5]
            found[file] = _laid(found.get(file, b""), kept)
        return found


def _torn(call: Call, dice: random.Random) -> Call:
    """All sectors of a write, or those before some point."""
    if dice.random() < 0.5:
        return call
    return Call(call.name, call.file, call.data[: dice.randrange(0, len(call.data) + 1, SECTOR)], call.offset)


def _laid(content: bytes, calls: list[Call]) -> bytes:
    laid = bytearray(content)
    for call in calls:
        if call.name == "ftruncate":
            del laid[call.offset :]
            continue
        laid.extend(b"\0" * (call.offset - len(laid)))
        laid[call.offset : call.offset + len(call.data)] = call.data
    return bytes(laid)


def judge(log: Path, folder: Path, dice: random.Random, every: int) -> tuple[int, list[str]]:
    """How many power cuts were tried, and what was wrong after which.

    There is one at each word that something is committed, and one after every so many other calls;
    each leaves nothing of what was not synced, and once more a part of it.
    """
    platter, said, cuts, wrong = Platter(), set[str](), 0, []
    for number, call in enumerate(read(log)):
        words = call.data.decode(errors="replace").split() if call.name == "write" else []
        if words[:1] == ["committed"]:
            said.add(words[1])
        platter.follow(call)
        if words[:1] == ["committed"] or number % every == 0:
            for kind in (None, dice):
                cuts += 1
                wrong += _after(platter.after_a_cut(kind), folder, said)
    return cuts, wrong


def _after(files: dict[str, bytes], folder: Path, said: set[str]) -> list[str]:
    """What a start after the cut finds amiss."""
    for old in folder.glob("*"):
        old.unlink()
    for name, content in files.items():
        if name.startswith("journal.sqlite") and not name.endswith("-shm"):
            (folder / name).write_bytes(content)
    if not (folder / "journal.sqlite").exists():
        return [f"lost in a power cut: {id_}" for id_ in said]
    connection = sqlite3.connect(folder / "journal.sqlite")
    try:
        (whole,) = connection.execute("PRAGMA integrity_check").fetchone()
        if whole != "ok":
            return [f"damaged by a power cut: {whole}"]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}
        found = (
            {id_ for (id_,) in connection.execute("SELECT notice FROM outbox")}
            if "outbox" in tables
            else set()
        )
        return [f"lost in a power cut: {id_}" for id_ in said - found]
    except sqlite3.DatabaseError as error:
        return [f"damaged by a power cut: {error}"]
    finally:
        connection.close()

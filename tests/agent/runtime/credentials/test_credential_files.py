from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.runtime.credentials.files import SourceError, exposure, read_file, rewrite_file


def put(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


def test_a_file_that_is_not_there_has_no_content(tmp_path: Path) -> None:
    assert read_file(tmp_path / ".env") is None


def test_a_fifo_is_refused_at_once_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(SourceError, match="not a regular file"):
        read_file(tmp_path / ".env")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev"])
def test_a_device_or_a_folder_is_refused(device: str) -> None:
    with pytest.raises(SourceError, match="not a regular file"):
        read_file(Path(device))


def test_a_file_of_ten_megabytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"#" * 10_000_000)
    with pytest.raises(SourceError, match="larger than 1024 kB"):
        read_file(tmp_path / ".env")


def test_symbolic_links_are_read_through_and_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"A=1\n")
    (tmp_path / ".env").symlink_to("real")
    assert read_file(tmp_path / ".env") == b"A=1\n"
    with pytest.raises(SourceError, match="symbolic link"):
        rewrite_file(tmp_path / ".env", put(b"A=2\n"))
    assert (tmp_path / "real").read_bytes() == b"A=1\n"


def test_links_in_a_circle_are_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / ".env").symlink_to(".env")
    with pytest.raises(SourceError, match="in a circle"):
        read_file(tmp_path / ".env")


def test_a_write_is_private_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=1\n")
    path.chmod(0o644)
    former = os.umask(0)
    try:
        rewrite_file(path, lambda content: content + b"B=2\n")
    finally:
        os.umask(former)
    assert path.read_bytes() == b"A=1\nB=2\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == [".env"]


def test_a_file_that_is_missing_is_made(tmp_path: Path) -> None:
    rewrite_file(tmp_path / ".env", put(b"A=1\n"))
    assert (tmp_path / ".env").read_bytes() == b"A=1\n"


def test_a_second_name_of_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\n")
    (tmp_path / "other").hardlink_to(tmp_path / ".env")
    with pytest.raises(SourceError, match="2 names"):
        rewrite_file(tmp_path / ".env", put(b"A=2\n"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\n")
    os.chown(tmp_path / ".env", 12345, -1)
    with pytest.raises(SourceError, match="belongs to user 12345"):
        rewrite_file(tmp_path / ".env", put(b"A=2\n"))


def test_a_folder_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its folder does not exist"):
        rewrite_file(tmp_path / "gone" / ".env", put(b"A=1\n"))


def test_a_folder_that_another_agent_is_writing_to_is_left_alone(tmp_path: Path) -> None:
    def meanwhile(_: bytes) -> bytes:
        with pytest.raises(SourceError, match="another process is writing"):
            rewrite_file(tmp_path / ".env", put(b"A=2\n"))
        return b"A=1\n"

    rewrite_file(tmp_path / ".env", meanwhile)
    assert (tmp_path / ".env").read_bytes() == b"A=1\n"


def test_what_a_killed_write_has_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "..env.0123456789ab.new").write_bytes(b"SECRET=1\n")
    (tmp_path / ".env.notes.new").write_bytes(b"mine\n")
    rewrite_file(tmp_path / ".env", put(b"A=1\n"))
    assert names(tmp_path) == [".env", ".env.notes.new"]


def test_an_edit_that_fails_leaves_the_file_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\n")

    def fail(_: bytes) -> bytes:
        raise OSError(errno.ENOSPC, "no space")

    with pytest.raises(SourceError, match="the disk is full"):
        rewrite_file(tmp_path / ".env", fail)
    assert names(tmp_path) == [".env"]
    assert (tmp_path / ".env").read_bytes() == b"A=1\n"


@pytest.mark.parametrize(
    ("mode", "says"), [(0o600, None), (0o400, None), (0o640, "its group"), (0o644, "every user")]
)
def test_a_secret_that_others_can_read_is_warned_of(tmp_path: Path, mode: int, says: str | None) -> None:
    path = tmp_path / ".env"
    path.touch()
    path.chmod(mode)
    warning = exposure(path)
    assert (warning is None) if says is None else (warning is not None and says in warning)
    assert exposure(tmp_path / "gone") is None


def test_a_write_that_fails_half_way_leaves_the_file_and_no_trace(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2, hard))
    try:
        with pytest.raises(SourceError, match="cannot be written: File too large"):
            rewrite_file(tmp_path / ".env", put(b"A=2\n"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == [".env"]
    assert (tmp_path / ".env").read_bytes() == b"A=1\n"


def test_something_else_than_a_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(SourceError, match="not a regular file"):
        rewrite_file(tmp_path / ".env", put(b"A=1\n"))


IN_A_MOUNT = """
set -e
mount --bind "$1" "$2"
exec "$3" -c '
import sys
from pathlib import Path
from agent.runtime.credentials.files import SourceError, rewrite_file
try:
    rewrite_file(Path(sys.argv[1]), lambda content: b"A=2")
except SourceError as error:
    print(error)
' "$2"
"""


def mounted(*arguments: str | Path) -> str:
    """What a write says in a mount namespace of its own; skips where none can be had."""
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", IN_A_MOUNT, "sh", *map(str, arguments)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path.cwd())
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount namespace: {error}")
    return done.stdout


def test_a_file_that_is_mounted_by_itself_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "host.env").write_bytes(b"A=1\n")
    (tmp_path / ".env").touch()
    said = mounted(tmp_path / "host.env", tmp_path / ".env", sys.executable)
    assert "it is mounted by itself; mount its folder instead" in said
    assert (tmp_path / "host.env").read_bytes() == b"A=1\n"
    assert names(tmp_path) == [".env", "host.env"]


def test_a_write_that_is_killed_at_any_step_leaves_the_old_file_or_the_new(tmp_path: Path) -> None:
    """Every system call that changes the folder is the last one, once."""
    script = """
import os, sys
from pathlib import Path
from agent.runtime.credentials.files import rewrite_file
last, made = int(sys.argv[2]), 0
def fatal(call):
    def counted(*args, **kwargs):
        global made
        made += 1
        if made == last:
            os._exit(9)
        return call(*args, **kwargs)
    return counted
for name in ("open", "fchmod", "fsync", "rename"):
    setattr(os, name, fatal(getattr(os, name)))
rewrite_file(Path(sys.argv[1]), lambda content: content + b"B=2\\n")
"""
    path = tmp_path / ".env"
    seen = set()
    for last in range(1, 12):
        path.write_bytes(b"A=1\n")
        done = subprocess.run([sys.executable, "-c", script, str(path), str(last)], check=False)
        seen.add((done.returncode, path.read_bytes()))
        if done.returncode == 0:
            break
    assert seen == {(9, b"A=1\n"), (9, b"A=1\nB=2\n"), (0, b"A=1\nB=2\n")}
    assert names(tmp_path) == [".env"], "the last write took away what the killed ones had left"

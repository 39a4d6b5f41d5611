"""Small disks that a test may fill, and system calls of a running process that a test makes fail."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A disk in memory at a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """Not a byte more goes on it."""
        with (self.folder / "ballast").open("ab", buffering=0) as file:
            for size in (65536, 512, 1):
                try:
                    while file.write(b"\0" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.folder / "ballast").unlink()


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[SmallDisk]:
    """Mount it; skips the test where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["-t", "tmpfs", "-o", f"size={size},mode=0700", "none", str(folder)]
    if shutil.which("mount") is None:
        pytest.skip("a full disk needs `mount`, which is not here")
    tried = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"a full disk needs to be mounted, which is refused here: {tried.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def need_tracing() -> None:
    """Skip the test where system calls cannot be made to fail."""
    if shutil.which("strace") is None:
        pytest.skip("failing system calls need `strace`, which is not here")
    tried = subprocess.run(
        ["strace", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=1", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip(f"failing system calls need tracing, which is refused here: {tried.stderr.strip()}")


@asynccontextmanager
async def failing(pid: int, calls: str, error: str) -> AsyncIterator[None]:
    """System calls of a running process, in all of its threads, fail for as long as this lasts."""
    need_tracing()
    inject = f"inject={calls}:error={error}"
    tracer = await asyncio.create_subprocess_exec(
        "strace", "-f", "-p", str(pid), "-e", f"trace={calls}", "-e", inject, "-o", "/dev/null",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert tracer.stderr is not None
    try:
        async with asyncio.timeout(20):
            assert b"attached" in await tracer.stderr.readline()
        yield
    finally:
        tracer.terminate()
        await tracer.communicate()

"""One agent a data folder: the second one is refused, and told who the first is."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from agent.errors import StoreError


class FolderLock:
    """Held for as long as the process lives; the kernel lets go of it, whatever ends the process."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "agent.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises `StoreError` when another agent has the folder, or it cannot be written."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"{self._path.parent}: the data folder cannot be used ({error.strerror}); "
                "let this user write to it, or set `data` to another folder"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreError(
                f"{self._path.parent}: another agent (process {holder}) uses this data folder; "
                "stop it, or set `data` to another folder"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

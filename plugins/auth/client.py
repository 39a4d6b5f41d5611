"""Loads the broker's own client without the stream's client that its package brings along."""

from __future__ import annotations

import sys
import threading
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

PACKAGE = "kiteconnect"


def load_client() -> Any:
    """The class `KiteConnect`. Raises `ImportError` where the package is not installed.

    Its package imports the ticker as well, and with it Twisted: 25 MiB that nothing here uses.
    Whoever asks the package for more than its parts gets the whole of it, as ever.
    """
    if PACKAGE not in sys.modules and (spec := find_spec(PACKAGE)) is not None:
        package = module_from_spec(spec)
        package.__class__ = _Waiting
        sys.modules.setdefault(PACKAGE, package)
    from kiteconnect.connect import KiteConnect

    return KiteConnect


class _Waiting(ModuleType):
    """A package whose own code runs when somebody asks for a name that it would define."""

    def __getattr__(self, name: str) -> Any:
        if not (name.startswith("__") and name.endswith("__")):
            with _turn:
                self._execute()
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")

    def _execute(self) -> None:
        """Run the package's code, once; what it asks of itself meanwhile is not there yet."""
        if self.__name__ in _begun or self.__spec__ is None or self.__spec__.loader is None:
            return
        _begun.add(self.__name__)
        try:
            self.__spec__.loader.exec_module(self)
        except BaseException:
            _begun.discard(self.__name__)
            raise


_turn = threading.RLock()
_begun: set[str] = set()

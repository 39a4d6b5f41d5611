"""The broker's client comes without the stream's; who wants that has it. Each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(*lines: str) -> str:
    script = "\n".join(("import sys", *lines))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip() or done.stderr


LOAD = "from plugins.auth.client import load_client; client = load_client()"


def test_the_client_is_loaded_without_twisted() -> None:
    assert run(LOAD, "print(client.__name__, 'twisted' in sys.modules)") == "KiteConnect False"


def test_it_is_the_class_that_the_package_gives_whoever_came_first() -> None:
    assert run(LOAD, "from kiteconnect import KiteConnect", "print(KiteConnect is client)") == "True"
    assert run("from kiteconnect import KiteConnect", LOAD, "print(KiteConnect is client)") == "True"


def test_who_wants_the_ticker_after_us_has_it() -> None:
    told = run(LOAD, "from kiteconnect import KiteTicker, exceptions", "print(KiteTicker.__name__)")
    assert told == "KiteTicker"


def test_a_name_that_the_package_does_not_have_is_missing_as_ever() -> None:
    assert "cannot import name 'Nothing'" in run(LOAD, "from kiteconnect import Nothing")


def test_threads_that_ask_at_once_all_have_the_whole_package() -> None:
    told = run(
        LOAD,
        "import kiteconnect, threading",
        "found = []",
        "ask = lambda: found.append(kiteconnect.KiteTicker)",
        "threads = [threading.Thread(target=ask) for _ in range(8)]",
        "[one.start() for one in threads]; [one.join() for one in threads]",
        "print(len(found), len(set(found)))",
    )
    assert told == "8 1"


def test_a_missing_package_is_an_import_error() -> None:
    told = run("sys.modules['kiteconnect'] = None", LOAD)
    assert "ModuleNotFoundError" in told
    assert "kiteconnect" in told

from __future__ import annotations

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from churnml.memory import respect_address_limit

resource = pytest.importorskip("resource")
LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31)); "
POOL = "import churnml, pyarrow as pa; pa.array([1] * 9999); print(pa.default_memory_pool().backend_name)"


def pool(code: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "ARROW_DEFAULT_MEMORY_POOL"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean)
    return done.stdout.strip()


def test_without_a_limit_nothing_is_changed() -> None:
    assert not respect_address_limit()
    assert "ARROW_DEFAULT_MEMORY_POOL" not in os.environ


@pytest.mark.parametrize("first", ["", "import pyarrow; "])
def test_under_a_limit_nothing_is_reserved_beforehand(first: str) -> None:
    assert pool(first + LIMITED + POOL) == "system"


@pytest.mark.parametrize("has_mallopt", [True, False])
def test_a_limit_is_seen(has_mallopt: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    before, told = pa.default_memory_pool(), []
    library = type("Library", (), {"mallopt": lambda _, *what: told.append(what)} if has_mallopt else {})
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**31, 2**31))
    monkeypatch.setattr("ctypes.CDLL", lambda _: library())
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "mimalloc")
    try:
        assert respect_address_limit()
        assert pa.default_memory_pool().backend_name == "system"
    finally:
        pa.set_memory_pool(before)
    assert told == [(-8, 2)] * has_mallopt

"""A start without what a stage never needs: a tenth of the processor's time where everything else is fast."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["quick_start", "without_pandas"]

_NOT_NEEDED = ("scipy.linalg", "cffi", "coverage")
"""Numba imports them to multiply matrices, to call C and to be measured by, and does without where there are none."""

_PLUGINS = "PYDANTIC_DISABLE_PLUGINS"


@contextmanager
def quick_start() -> Iterator[None]:
    """Import modules, and what they load, without looking for garbage among what stays to the end.

    Nor does pydantic look through everything installed for others who would want to change what it validates.
    """
    modules: dict[str, Any] = sys.modules
    was_enabled, left_out = gc.isenabled(), [name for name in _NOT_NEEDED if name not in modules]
    gc.disable()
    modules.update(dict.fromkeys(left_out))
    others = os.environ.get(_PLUGINS)
    os.environ[_PLUGINS] = "__all__"
    try:
        yield
    finally:
        _restore(others)
        for name in left_out:
            del modules[name]
        gc.freeze()  # else the first look for garbage, right after, goes through all of it
        if was_enabled:
            gc.enable()


def _restore(value: str | None) -> None:
    if value is None:
        del os.environ[_PLUGINS]
    else:
        os.environ[_PLUGINS] = value


class _WithoutPandas(MetaPathFinder):
    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Say that there is no pandas, and leave the rest to the others."""
        if name == "pandas":
            raise ModuleNotFoundError("this process does without pandas", name=name)
        return None


def without_pandas() -> None:
    """Let Arrow do without pandas in this process: it would import it with the first array, to know its missing values.

    Nothing can be turned into a data frame afterwards, so it is for a process whose every step is known.
    """
    sys.meta_path.insert(0, _WithoutPandas())

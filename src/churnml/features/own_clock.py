"""Own features that ask what time it is now: their values change with the day of the run."""

from __future__ import annotations

import ast

__all__ = ["asks_the_clock"]

_NOW = frozenset({"now", "utcnow", "today", "time_ns", "localtime", "gmtime", "perf_counter", "monotonic"})
_TEXTS = frozenset({"now", "today"})


def asks_the_clock(code: bytes) -> int | None:
    r"""Return the first line that asks for the present time, or None.

    Two runs within one second agree, so running the function twice does not tell; its text does.

    Examples
    --------
    >>> asks_the_clock(b"import datetime\ndef f(rows, at):\n    return (datetime.date.today() - at.date()).days")
    3
    """
    tree = ast.parse(code)
    clocks = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if alias.name in _NOW | {"time"}
    }
    lines = [node.lineno for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_clock(node, clocks)]
    return min(lines, default=None)


def _is_clock(call: ast.Call, clocks: set[str]) -> bool:
    called = call.func
    if isinstance(called, ast.Name):
        return called.id in clocks
    if not isinstance(called, ast.Attribute):
        return False
    if called.attr == "time" and isinstance(called.value, ast.Name) and called.value.id == "time":
        return not call.args
    # numpy.datetime64("today"), pandas.Timestamp("now")
    texts = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    return called.attr in _NOW or (
        called.attr in {"datetime64", "Timestamp", "to_datetime"} and bool(_TEXTS & {*texts})
    )

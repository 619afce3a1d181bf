"""Child processes and what they cost: processor time, wall time, peak memory, files while they run.

This module and all the harness keep clear of Arrow and numpy: a child's peak memory cannot be below its parent's.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

REPOSITORY = Path(__file__).parents[1]


class Failed(Exception):
    """A measured process ended otherwise than it should."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process and its children used.

    Parameters
    ----------
    cpu : float
        Seconds, user and system.
    wall : float
        Seconds.
    peak : int
        Largest resident set in bytes.
    code : int
        Exit code; negative = the signal that ended it.
    said : str
        What it wrote to its standard output.
    """

    cpu: float
    wall: float
    peak: int
    code: int
    said: str = ""


def run(
    command: Sequence[str | Path],
    *,
    folder: Path,
    address_space: int | None = None,
    watch: Callable[[], None] | None = None,
    kill_after: tuple[float, signal.Signals] | None = None,
    temp: Path | None = None,
    may_fail: bool = False,
) -> Usage:
    """Run a command as a process of its own and measure it.

    Parameters
    ----------
    command : sequence of str or Path
        The first word ``python`` means this interpreter.
    folder : Path
        Where it runs.
    address_space : int, optional
        Limit of its address space in bytes.
    watch : callable, optional
        Called again and again, in a thread, while the process runs.
    kill_after : (float, signal), optional
        Seconds after which the process is sent a signal.
    temp : Path, optional
        Folder it is told to use for temporary files.
    may_fail : bool
        Whether an exit code other than 0 is a result; otherwise it raises.
    """
    words = [sys.executable if word == "python" else str(word) for word in command]

    def limit() -> None:
        if address_space is not None:
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.perf_counter()
        process = subprocess.Popen(
            words, cwd=folder, stdout=out, stderr=err, env=_environment(temp), preexec_fn=limit, close_fds=True
        )
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(watch, over), daemon=True)
        watcher.start()
        timer = threading.Timer(kill_after[0], os.kill, (process.pid, kill_after[1])) if kill_after else None
        if timer:
            timer.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        over.set()
        watcher.join()
        if timer:
            timer.cancel()
        process.returncode = code = os.waitstatus_to_exitcode(status)
        said, complained = (_text(stream) for stream in (out, err))
    if code and not may_fail:
        raise Failed(f"{' '.join(words[1:4])} ... ended with {code}:\n{complained[-2000:]}")
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * 1024, code, said)


def _text(stream) -> str:
    stream.seek(0)
    return stream.read().decode(errors="replace")


def _environment(temp: Path | None) -> Mapping[str, str]:
    """Return the environment of every child: modules found from anywhere, waiting threads asleep."""
    paths = [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": "1",
        "POLARS_MAX_THREADS": "2",
        **({"TMPDIR": str(temp)} if temp else {}),
    }


def _watch(look: Callable[[], None] | None, over: threading.Event) -> None:
    while look is not None and not over.wait(0.05):
        look()


def facts(usage: Usage) -> dict[str, object]:
    """Return the JSON object in the last line of what a process said."""
    lines = usage.said.strip().splitlines()
    return json.loads(lines[-1]) if lines else {}


def without(usage: Usage, key: str) -> Usage:
    """Return what a process used, less what it says was not part of the work."""
    return replace(usage, cpu=usage.cpu - float(str(facts(usage)[key])))


def rounds(n: int, **programs: Callable[[], Usage]) -> dict[str, list[Usage]]:
    """Run every program once a round, in turn, so that what else happens on the machine meets all of them alike."""
    used: dict[str, list[Usage]] = {name: [] for name in programs}
    for number in range(n):
        turn = list(programs) if number % 2 == 0 else list(programs)[::-1]
        for name in turn:
            used[name].append(programs[name]())
    return used


def ratio(above: Sequence[Usage], below: Sequence[Usage], *, of: str = "cpu") -> float:
    """Return the median over the rounds of one program's use relative to another's."""
    return median(getattr(a, of) / getattr(b, of) for a, b in zip(above, below, strict=True))

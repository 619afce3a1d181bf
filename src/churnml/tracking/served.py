"""A tracking server is spoken to by a child process: whatever the server does, no run waits longer than it may."""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from churnml.errors import ChurnmlError, ConfigError, DataError, EnvironmentFault, ModelError
from churnml.tracking.store import server_address, unusable

__all__ = ["WAIT_SECONDS", "allow", "ask"]

WAIT_SECONDS = 60.0
"""How long a process waits for the server, all its questions together."""

_KINDS: dict[int, type[ChurnmlError]] = {2: ConfigError, 3: DataError, 5: ModelError, 7: EnvironmentFault}
_PIECE = 1 << 16


class _Child:
    """The child and what may still be waited for it."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.address: str | None = None
        self.left = WAIT_SECONDS

    def started(self) -> subprocess.Popen[bytes]:
        """Return the running child; one for each server, started at the first question."""
        address = f"{server_address()} {os.environ.get('MLFLOW_REGISTRY_URI')}"
        if self.process is not None and (self.process.poll() is not None or address != self.address):
            self.stop()
        if self.process is None:
            # -P: a project folder may hold files that are named like libraries.
            command = [sys.executable, "-P", "-m", "churnml.tracking.helper"]
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
            self.address = address
        return self.process

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        self.process = None


_CHILD = _Child()
atexit.register(_CHILD.stop)


def allow(seconds: float) -> None:
    """Set how long this process may wait for the server from now on, all its questions together."""
    _CHILD.left = seconds


def ask(call: str, arguments: Sequence[object]) -> Any:
    """Let the child do something with the server, and return its answer.

    A server that failed is not asked again by this process: every later question fails at once.

    Parameters
    ----------
    call : str
        Name of a function of :mod:`churnml.tracking.helper`.
    arguments : sequence
        JSON-ready.

    Raises
    ------
    EnvironmentFault
        If the server does not answer within what is left of the time.
    ModelError
        If it refuses what was asked of it.
    """
    begun = time.monotonic()
    try:
        answer = _answer(json.dumps([call, *arguments]).encode() + b"\n", until=begun + _CHILD.left)
    finally:
        _CHILD.left -= time.monotonic() - begun
    if answer is None:
        _CHILD.stop()
        _CHILD.left = 0.0
        raise unusable()
    if "error" in answer:
        raise _raised(answer["error"])
    return answer["value"]


def _answer(question: bytes, *, until: float) -> dict[str, Any] | None:
    """Return the child's answer; None where there is none in time."""
    if time.monotonic() >= until:
        return None
    child = _CHILD.started()
    received = b""
    try:
        _stream(child.stdin).write(question)
        _stream(child.stdin).flush()
        while not received.endswith(b"\n"):
            left = until - time.monotonic()
            if left <= 0 or not select.select([_stream(child.stdout)], [], [], left)[0]:
                return None
            piece = os.read(_stream(child.stdout).fileno(), _PIECE)
            if not piece:
                return None
            received += piece
    except OSError:
        return None
    except BaseException:
        # Interrupted: the child is in the middle of something, so that its next line would answer another question.
        _CHILD.stop()
        raise
    found: dict[str, Any] = json.loads(received)
    return found


def _stream(stream: Any) -> Any:
    if stream is None:  # pragma: no cover - both were asked for
        raise OSError("no stream")
    return stream


def _raised(facts: Mapping[str, Any]) -> ChurnmlError:
    if str(facts["rule"]).startswith("environment.tracking"):
        _CHILD.left = 0.0
    told = {key: facts[key] for key in ("rule", "file", "line", "column", "count", "next_step")}
    return _KINDS.get(int(facts["exit_code"]), ChurnmlError)(str(facts["problem"]), **told)

"""What can be asked of a store: in this process where it is the project's own, in a child where it is a server."""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from churnml.errors import ChurnmlError
from churnml.tracking import registry, spool
from churnml.tracking.audit import registered

__all__ = ["answer", "main"]


def _champion_version(root: str, model: str) -> int | None:
    return registry.champion_version(Path(root), model)


def _set_alias(root: str, model: str, alias: str, version: int) -> None:
    registry.set_alias(Path(root), model, alias, version)


def _tags_of(root: str, model: str, alias: str | None, version: int | None) -> list[Any]:
    return list(registry.tags_of(Path(root), model, alias=alias, version=version))


def _tag_version(root: str, model: str, version: int, tags: dict[str, str]) -> None:
    registry.tag_version(Path(root), model, version, tags)


def _fetch(root: str, reference: str, destination: str) -> str:
    return str(registry.fetch(Path(root), reference, Path(destination)))


def _deliver(root: str, entry: str) -> list[Any]:
    done = spool.deliver(Path(root), entry)
    return [done.run_id, done.version]


def _registered(root: str) -> list[dict[str, Any]]:
    return registered(Path(root))


_CALLS: dict[str, Callable[..., Any]] = {
    "champion_version": _champion_version,
    "deliver": _deliver,
    "fetch": _fetch,
    "registered": _registered,
    "set_alias": _set_alias,
    "tag_version": _tag_version,
    "tags_of": _tags_of,
}


def answer(call: str, arguments: Sequence[Any]) -> Any:
    """Do what is asked; errors as the function of that name."""
    return _CALLS[call](*arguments)


def main() -> None:
    """Answer questions, a line of JSON each, until there are no more or the asking process is gone."""
    # Whatever a library prints must not come between the answers.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    asked: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_work, args=(asked, out), daemon=True).start()
    for line in sys.stdin.buffer:
        asked.put(line)
    # Also in the middle of a call: who asked is gone, and a server that hangs must not keep this process.
    os._exit(0)


def _work(asked: queue.Queue[bytes], out: Any) -> None:
    while True:
        call, *arguments = json.loads(asked.get())
        try:
            told: dict[str, Any] = {"value": answer(call, arguments)}
        except ChurnmlError as error:
            told = {"error": error.facts()}
        except Exception as error:  # noqa: BLE001 - told as a bug by who asked; its text may quote what a server said
            problem = f"a bug in churnml: {type(error).__name__} while speaking to the tracking server"
            told = {"error": ChurnmlError(problem, rule="bug").facts()}
        out.write(json.dumps(told).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main()

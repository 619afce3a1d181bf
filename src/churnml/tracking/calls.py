"""What the rest of churnml asks of store and registry; the same whether the store is a file or a server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from churnml.tracking import served
from churnml.tracking.runs import Recorded
from churnml.tracking.store import server_address

__all__ = [
    "champion_version",
    "deliver",
    "fetch",
    "gate_of",
    "registered",
    "set_alias",
    "tag_version",
    "tags_of",
]


def champion_version(root: Path, model: str) -> int | None:
    """As :func:`churnml.tracking.registry.champion_version`."""
    found: int | None = _ask("champion_version", root, [model])
    return found


def set_alias(root: Path, model: str, alias: str, version: int) -> None:
    """As :func:`churnml.tracking.registry.set_alias`."""
    _ask("set_alias", root, [model, alias, version])


def tags_of(
    root: Path, model: str, *, alias: str | None = None, version: int | None = None
) -> tuple[int, dict[str, str]]:
    """As :func:`churnml.tracking.registry.tags_of`."""
    number, tags = _ask("tags_of", root, [model, alias, version])
    return int(number), dict(tags)


def gate_of(root: Path, model: str, *, alias: str | None = None, version: int | None = None) -> tuple[int, str]:
    """Return a version's number and what its gate said: ``passed``, ``failed`` or nothing; errors as `tags_of`."""
    number, tags = tags_of(root, model, alias=alias, version=version)
    return number, tags.get("gate", "")


def tag_version(root: Path, model: str, version: int, tags: dict[str, str]) -> None:
    """As :func:`churnml.tracking.registry.tag_version`."""
    _ask("tag_version", root, [model, version, tags])


def fetch(root: Path, reference: str, destination: Path) -> Path:
    """As :func:`churnml.tracking.registry.fetch`."""
    return Path(_ask("fetch", root, [reference, str(destination.absolute())]))


def deliver(root: Path, entry: str) -> Recorded:
    """As :func:`churnml.tracking.spool.deliver`."""
    run_id, version = _ask("deliver", root, [entry])
    return Recorded(str(run_id), int(version))


def registered(root: Path) -> list[dict[str, Any]]:
    """As :func:`churnml.tracking.audit.registered`."""
    found: list[dict[str, Any]] = _ask("registered", root, [])
    return found


def _ask(call: str, root: Path, arguments: Sequence[object]) -> Any:
    if server_address() is not None:
        return served.ask(call, [str(root.absolute()), *arguments])
    # Only what opens a store imports how.
    from churnml.tracking.helper import answer

    return answer(call, [str(root), *arguments])

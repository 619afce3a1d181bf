"""The register of actions as a file: read from inside the project, its digest kept with the resolved parameters."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params
from churnml.config.small_files import MAX_BYTES, read_small
from churnml.errors import ConfigError
from churnml.relationship.assessment.actions import Action, read_actions
from churnml.storage import digest_bytes, resolve

__all__ = ["register_of", "with_actions_digest"]

_KEY = "relationship.actions"


def with_actions_digest(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of the register of actions, so that a changed file changes them."""
    block = params.relationship
    if block.actions is None:
        return params
    data = _actions_bytes(block.actions, root=root)
    read_actions(data, file=block.actions)
    return params.model_copy(update={"relationship": block.model_copy(update={"actions_digest": digest_bytes(data)})})


def _actions_bytes(name: str, *, root: Path) -> bytes:
    data = read_small(resolve(name, root=root, key=_KEY), name=name, key=_KEY)
    if len(data) > MAX_BYTES:
        raise ConfigError("larger than 1 MB", rule="config.file_size", file=name, column=_KEY)
    return data


def register_of(params: Params, *, root: Path) -> list[Action]:
    """Return the register of actions, empty where none is named.

    Raises
    ------
    ConfigError
        If the file is not there, or breaks a rule of the register.
    """
    name = params.relationship.actions
    return [] if name is None else read_actions(_actions_bytes(name, root=root), file=name)

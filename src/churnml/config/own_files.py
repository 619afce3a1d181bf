"""The files of own features: read from inside the project, their digests kept with the resolved parameters."""

from __future__ import annotations

from pathlib import Path

from churnml.config.blocks import OwnFeature
from churnml.config.params import Params
from churnml.config.small_files import MAX_BYTES, read_small
from churnml.errors import ConfigError
from churnml.storage import digest_bytes, resolve

__all__ = ["own_file", "with_own_digests"]


def own_file(own: OwnFeature, *, root: Path, key: str) -> bytes:
    """Return what the file of an own feature holds.

    Parameters
    ----------
    own : OwnFeature
    root : Path
        Project folder.
    key : str
        Key path in ``params.yaml``, for messages.

    Raises
    ------
    ConfigError
        If the file is not there, not inside the project, or larger than 1 MB.
    EnvironmentFault
        If it cannot be read.
    """
    data = read_small(resolve(own.file, root=root, key=key), name=own.file, key=key)
    if len(data) > MAX_BYTES:
        raise ConfigError("larger than 1 MB", rule="config.file_size", file=own.file, column=key)
    return data


def with_own_digests(params: Params, *, root: Path) -> Params:
    """Return the parameters with the digest of each own feature's file, so that a changed file changes them."""
    if not params.features.own:
        return params
    own = tuple(
        one.model_copy(update={"digest": digest_bytes(own_file(one, root=root, key=f"features.own[{place}]"))})
        for place, one in enumerate(params.features.own)
    )
    return params.model_copy(update={"features": params.features.model_copy(update={"own": own})})

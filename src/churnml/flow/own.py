"""Own features as the parameters name them, with the code of their files."""

from __future__ import annotations

from pathlib import Path

from churnml.config import Params, own_file
from churnml.features.own import OwnFeature

__all__ = ["read_own"]


def read_own(params: Params, *, root: Path) -> tuple[OwnFeature, ...]:
    """Read the files of ``features.own``.

    Parameters
    ----------
    params : Params
    root : Path
        Project folder.

    Raises
    ------
    ConfigError
        If a file is not there or not inside the project.
    """
    return tuple(
        OwnFeature(
            name=one.name,
            tables=one.sources,
            file=one.file,
            code=own_file(one, root=root, key=key),
            function=(one.function or "").rpartition(":")[2],
            unit=one.unit,
            meaning=one.meaning.model_dump(),
            key=key,
        )
        for key, one in ((f"features.own[{place}]", one) for place, one in enumerate(params.features.own))
    )

"""How an entry of a calendar table says whom it concerns: ``<category>=<level>``."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["scope_parts", "unknown_scopes"]


def scope_parts(scope: str) -> tuple[str, str] | None:
    """Return category and level of a scope, or None where it has another form.

    Examples
    --------
    >>> scope_parts("plan = basic")
    ('plan', 'basic')
    >>> scope_parts("basic") is None
    True
    """
    category, separator, level = (part.strip() for part in scope.partition("="))
    return (category, level) if separator else None


def unknown_scopes(scopes: pa.Array, known: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return which scopes have another form or name none of the known categories; an empty one is everybody."""
    codes = scopes.dictionary_encode()
    named = [scope_parts(scope) for scope in codes.dictionary.to_pylist()]
    is_unknown = np.array([*(parts is None or parts[0] not in known for parts in named), False])
    places = codes.indices.fill_null(len(named)).to_numpy(zero_copy_only=False)
    out: npt.NDArray[np.bool_] = is_unknown[places]
    return out
